//! How does one speak to a tenant over HTTP? Every byte that leaves for a directory, and every byte that comes back.
//!
//! | file | answers |
//! |---|---|
//! | [`transport`] | how does one request become one answer? |
//! | [`network`] | how do bytes travel over a real network? |
//! | `origin` | is this address one of the tenant's own? |
//! | [`auth`] | how does the app prove itself, and to whom may a token be shown? |
//! | `certificate`, `identity` | how does a certificate, or a machine of Azure's, prove who we are? |
//! | `claims` | what does a token say of itself? |
//! | `retry` | what is to be done about an answer, and how long is a pause? |
//! | `error` | why did a tenant not do what it was asked? |
//! | `load` | what does an answer say of the tenant's limits? |
//! | `units` | may we ask now, and what does it cost? |
//! | `wire` | what does an answer say, read strictly? |
//! | `client`, `batch` | how is one question asked, with tries, tokens and pauses? |
//! | `read`, `write` | which questions and which writes are there? |
//! | `preflight` | what does a tenant say before anything is done in it? |
//!
//! Three laws hold here and are tested against a real socket. A token is shown to no origin but the configured one.
//! A write is sent once, and an answer that got lost is never taken for a refusal. An answer is believed as a whole
//! or not at all.

pub mod auth;
mod batch;
mod certificate;
mod claims;
mod client;
mod error;
mod identity;
mod load;
pub mod network;
mod origin;
mod preflight;
mod read;
mod retry;
pub mod transport;
mod units;
mod wire;
mod write;

pub use auth::Proof;
pub use certificate::{Certificate, CertificateError};
pub use claims::Claims;
pub use client::{GraphClient, RequestIds};
pub use error::GraphError;
pub use identity::ManagedIdentity;
pub use load::{load_permille, resource_units, throttle};
pub use network::HttpTransport;
pub use origin::{Collection, GraphOrigin, GraphPath, LinkError};
pub use preflight::{Access, DirectorySize, Organization, Reach, VerifiedDomain};
pub use retry::{
    Failure, Operation, RETRY_AFTER_MILLIS_MAX, TRIES_MAX, Verdict, judge, judge_transport, pause_until, retry_after,
};
pub use transport::{Limits, RouterTransport, Transport, TransportError, TransportErrorKind};
pub use units::read_units;
pub use wire::{Page, PageError, Plan, parse_page};
pub use write::GraphWriter;

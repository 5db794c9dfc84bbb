//! How does a tenant behave, when none is at hand?
//!
//! A [`World`] holds several tenants: their users, groups, app registrations, faults and limits. The laws are plain
//! synchronous code that gets the time from an injected clock and its luck from a seed, so one seed is one history.
//! [`router`] is the HTTP face: token endpoint, Graph v1.0 as far as crosstie and its tests need it, and `/_sim/`.
//!
//! Over a socket a lost answer closes the connection. In process, [`DroppedAnswer`] stands among the response's
//! extensions instead; a transport must read it as "no answer came".

mod admin;
mod delta;
mod fault;
mod filter;
mod fixture;
mod generate;
mod group;
mod http;
mod invite;
mod ledger;
mod limits;
mod meters;
mod names;
mod patch;
mod policies;
mod property;
mod refusal;
mod settings;
mod show;
mod tenant;
mod user;
mod window;
mod world;

pub use admin::Directory;
pub use fault::{Effect, Fault};
pub use generate::{PEOPLE_MIN, school as generate_school};
pub use group::Group;
pub use http::{DroppedAnswer, router, serve};
pub use ledger::{Counts, Entry, Kind};
pub use limits::{Foreign, Limit, LimitName, Limits, RetryAfter};
pub use meters::{ForeignCounts, Peak, Throttled};
pub use policies::{Access, Partner, Policies, Reach};
pub use settings::{DeltaSettings, InvitationSettings, Lag, Settings, TokenShape};
pub use tenant::{App, Federated, Managed, TenantSpec};
pub use world::{Clock, SimError, World};

//! How does somebody hear of what happened? Signed events, posted until they are taken.
//!
//! | file | answers |
//! |---|---|
//! | [`event`] | what is told, and in which form? |
//! | [`stoppages`] | who is left alone, and who is worked on again? |
//! | [`signature`] | how does a receiver know that it was us? |
//! | [`deliver`] | when is an alert sent, to whom, and what does the answer mean? |
//!
//! Three laws hold here. An alert leaves the outbox when its receiver has confirmed it, and not before. Each receiver has
//! its own queue and its own pauses: one that hangs holds up no other, and no run. An event has one id for ever.

pub mod deliver;
pub mod event;
pub mod signature;
pub mod stoppages;

pub use deliver::{Answer, Bell, Delivery, Post, Receiver};
pub use event::{Alert, Event, Occasion};
pub use signature::Key;
pub use stoppages::{RouteStoppage, Stoppages, TenantStoppage};

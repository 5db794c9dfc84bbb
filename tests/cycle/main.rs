//! Does a whole cycle keep its promises, on the real client, a real store and simulated tenants?

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test that calls them")]

mod adopted;
mod ahead;
mod bench;
mod crashes;
mod endurance;
mod explain;
mod faults;
mod figures;
mod guard;
mod impact;
mod knife;
mod lifecycle;
mod owned;
mod ownership;
mod panics;
mod quota;
mod replan;
mod schedule;
mod small_world;
mod standing;
mod values;

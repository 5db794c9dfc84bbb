//! Does the simulator keep the laws that real tenants keep?

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]

mod bench;
mod delta;
mod gates;
mod invitations;
mod store;
mod throttling;
mod wire;
mod writes;

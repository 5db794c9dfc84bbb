//! Does the simulator keep the laws that real tenants keep?

mod bench;
mod delta;
mod gates;
mod invitations;
mod store;
mod wire;
mod writes;

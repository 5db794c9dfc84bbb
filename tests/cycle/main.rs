//! Does a whole cycle keep its promises, on the real client, a real store and simulated tenants?

mod bench;
mod faults;
mod lifecycle;
mod ownership;

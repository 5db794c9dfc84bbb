//! crosstie keeps people's accounts in step across directory tenants.
//!
//! The walk of one change: **tick → read → remember → gather → consider → guard → permit → ask → write → record →
//! again → settle** (`docs/architecture.md` tells it in full). The rooms, each on its floor, import only from lower
//! floors; `tests/architecture.rs` keeps it so:
//!
//! | floor | room | answers |
//! |---|---|---|
//! | 0 | [`model`] | which nouns do we speak in? |
//! | 1 | [`rules`] | what did the admin write? |
//! | 1 | [`quota`] | may we write now? |
//! | 2 | [`plan`] | what should change? |
//! | 2 | [`ports`] | which doors lead to the world? |
//! | 2 | [`cores`] | how is work spread over the machine? |
//! | 3 | [`config`] | which tenants and routes are there? |
//! | 3 | [`store`] | what do we remember? |
//! | 4 | [`graph`] | how does one speak to a tenant over HTTP? |
//! | 4 | [`engine`] | in which order does it all happen? |
//! | 4 | [`sim`] | how does a tenant behave, when none is at hand? |
//! | 4 | [`notify`] | how does somebody hear of what happened? |
//! | 5 | [`cli`] | what does a person type, and see? |

pub mod cli;
pub mod config;
pub mod cores;
pub mod engine;
pub mod graph;
pub mod model;
pub mod notify;
pub mod plan;
pub mod ports;
pub mod quota;
pub mod rules;
pub mod sim;
pub mod store;

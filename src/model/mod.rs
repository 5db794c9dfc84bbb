//! Which nouns does crosstie speak in? Values only: no clock, no I/O, nothing that can fail at a distance.

mod attribute;
mod change;
mod delta;
mod id;
mod link;
mod observed;
mod time;

pub use attribute::{Attribute, Attributes, Edit, Edits, Value, edited, edits_between, folded, same_value};
pub use change::{
    Action, ActionKind, Change, Held, Hold, Outcome, Person, REDACTED, Trigger, Why, WriteError, redacted,
};
pub use delta::{Cursor, DeltaItem, DeltaPage, News, Removal, Selection, Then};
pub use id::{ObjectId, RouteName, RunId, TenantName};
pub use link::{Asked, Link, Origin, Tie};
pub use observed::{Observed, Presence, Standing};
pub use time::Timestamp;

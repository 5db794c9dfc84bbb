//! Which nouns does crosstie speak in? Values only: no clock, no I/O, nothing that can fail at a distance.

mod attribute;
mod change;
mod delta;
mod file_mode;
mod group;
mod hold;
mod id;
mod link;
mod observed;
mod ownership;
mod time;

pub use attribute::{
    Attribute, Attributes, Edit, Edits, REDACTED, Value, edit_between, edited, edits_between, folded, same_value,
};
pub use change::{Action, ActionKind, Change, Outcome, Person, Trigger, Why, WriteError, redacted};
pub use delta::{Cursor, DeltaItem, DeltaPage, News, Removal, Selection, Then};
pub use file_mode::FileMode;
pub use group::NamedGroup;
pub use hold::{Former, Held, Hold};
pub use id::{ObjectId, RouteName, RunId, TenantName};
pub use link::{Asked, Link, Origin, Tie};
pub use observed::{Observed, Presence, Standing};
pub use ownership::{Ownership, Protected, Stamp, Stamping};
pub use time::Timestamp;

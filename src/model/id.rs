//! What is each thing called?

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the text as it is.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }
            /// The text as it is.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }
    };
}

name! {
    /// A tenant's key in the configuration: its name on the command line, in logs and in the change log.
    TenantName
}
name! {
    /// A directory object's `id`: a GUID in Entra, opaque text to us.
    ObjectId
}

/// An ordered pair home → target, written `home->target`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteName {
    /// The tenant whose users are read.
    pub home: TenantName,
    /// The tenant in which they get accounts.
    pub target: TenantName,
}

impl fmt::Display for RouteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}->{}", self.home, self.target)
    }
}

impl RouteName {
    /// Reads `home->target`; `None` where the arrow or a side is missing.
    pub fn parse(text: &str) -> Option<Self> {
        let (home, target) = text.split_once("->")?;
        let (home, target) = (home.trim(), target.trim());
        (!home.is_empty() && !target.is_empty()).then(|| Self { home: home.into(), target: target.into() })
    }
}

/// The number of a run, counted up by the store from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub u64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

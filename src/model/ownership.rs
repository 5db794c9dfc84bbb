//! Which accounts of a target are ours to write?

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::{Attribute, ObjectId, Observed, Value, folded};

/// What was configured about the ownership of a target's accounts, as one route sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    /// Accounts that are never written.
    pub protected: Arc<Protected>,
    /// The mark that ours bear, where they bear one.
    pub stamping: Option<Stamping>,
}

/// Accounts that somebody has put out of reach, by object id or user principal name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protected(BTreeMap<String, String>);

impl Protected {
    /// From the entries as they were written.
    pub fn new<'a>(entries: impl IntoIterator<Item = &'a str>) -> Self {
        Self(entries.into_iter().map(|entry| (folded(entry), entry.to_owned())).collect())
    }
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Nobody is protected.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The entries as they were written, in the order of their folded forms.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }
    /// The entry that means this account, ignoring case; `None`: it is not protected.
    pub fn covers(&self, account: &Observed) -> Option<&str> {
        let names = [account.object.as_str(), account.user_principal_name()];
        names.into_iter().find_map(|name| self.0.get(&folded(name))).map(String::as_str)
    }
}

/// Which attribute of an account says whose it is, and from which home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamping {
    /// One that no rule writes.
    pub attribute: Attribute,
    /// The home tenant's GUID.
    pub home: Arc<str>,
}

/// What every stamp begins with: ours, and in the form that we know.
const STAMP: &str = "crosstie:v1:";

/// What an account says of whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// Nothing.
    None,
    /// This home user's.
    Of {
        /// The home tenant's GUID.
        tenant: String,
        /// The user there.
        home: ObjectId,
    },
    /// Another text: somebody else uses the attribute.
    Foreign,
}

impl Stamping {
    /// What the account of this home user bears.
    pub fn value(&self, home: &ObjectId) -> Value {
        Value::from(format!("{STAMP}{}:{home}", self.home))
    }
    /// What the stamps of all people of this home begin with.
    pub fn prefix(&self) -> String {
        format!("{STAMP}{}:", self.home)
    }
    /// What the account bears.
    pub fn read(&self, account: &Observed) -> Stamp {
        let text = account.attributes.get(&self.attribute);
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Stamp::None };
        let whose =
            text.as_text().and_then(|text| text.trim().strip_prefix(STAMP)).and_then(|rest| rest.split_once(':'));
        match whose {
            Some((tenant, home)) if !tenant.is_empty() && !home.is_empty() => {
                Stamp::Of { tenant: tenant.to_ascii_lowercase(), home: home.into() }
            }
            _ => Stamp::Foreign,
        }
    }
    /// Does the stamp name this home user of ours?
    pub fn names(&self, stamp: &Stamp, user: &ObjectId) -> bool {
        let Stamp::Of { tenant, home } = stamp else { return false };
        tenant.eq_ignore_ascii_case(&self.home) && home.as_str().eq_ignore_ascii_case(user.as_str())
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stamp::None => f.write_str("no stamp"),
            Stamp::Of { tenant, home } => write!(f, "the stamp of user {home} of tenant {tenant}"),
            Stamp::Foreign => f.write_str("a text that is no stamp of crosstie"),
        }
    }
}

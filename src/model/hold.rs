//! Why does nothing happen to somebody?

use std::fmt;

use super::{Attribute, ObjectId, Person, RouteName, Stamp};

/// Seen, not decidable, never guessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Several accounts answer.
    Disputed(Vec<ObjectId>),
    /// The account that answers is another home user's.
    Taken {
        /// The account.
        account: ObjectId,
    },
    /// An account holds the address already, and no match rule joins it.
    AddressInUse {
        /// The account.
        account: ObjectId,
        /// True where the account is at home in the target.
        native: bool,
    },
    /// Several home users lead to the same address or the same account.
    SharedWith(Vec<Person>),
    /// An earlier write's answer was lost; the target has to be read before anything is asked again.
    AwaitingReading,
    /// An expression gave no usable value.
    Unmappable {
        /// The target attribute.
        attribute: Attribute,
        /// What is wrong with it.
        reason: String,
    },
    /// The account holds a directory role, or is in a group that roles can be given to.
    Privileged {
        /// The account.
        account: ObjectId,
        /// The roles and groups, or why they could not be read.
        roles: String,
    },
    /// The account that answers is that of somebody who is gone from home.
    Former(Former),
    /// Accounts bear the person's stamp, and no link leads to them.
    Unadopted {
        /// The accounts.
        accounts: Vec<ObjectId>,
    },
    /// An address on which a join leans is not known to be the home's own.
    Unverified {
        /// The account.
        account: ObjectId,
        /// The address.
        address: String,
        /// Why the home's domains could not be read; `None`: they were, and this is none of them.
        unread: Option<String>,
    },
    /// Somebody has put the account out of reach.
    Protected {
        /// The account.
        account: ObjectId,
        /// The entry of the list that means it.
        entry: String,
    },
    /// The account says that it is somebody else's.
    Stamped {
        /// The account.
        account: ObjectId,
        /// Where it says so.
        attribute: Attribute,
        /// What it bears.
        stamp: Stamp,
    },
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hold::Disputed(accounts) => {
                let ids: Vec<&str> = accounts.iter().map(ObjectId::as_str).collect();
                write!(f, "{} accounts match: {}", ids.len(), ids.join(", "))
            }
            Hold::Taken { account } => write!(f, "account {account} answers, but is linked to another home user"),
            Hold::AddressInUse { account, native: true } => {
                write!(f, "account {account} of the target itself holds the address; native accounts are never joined")
            }
            Hold::AddressInUse { account, native: false } => {
                write!(f, "account {account} holds the address already, and no [[match]] of the rule set joins it")
            }
            Hold::SharedWith(others) => {
                let names: Vec<&str> = others.iter().map(|p| p.user_principal_name.as_str()).collect();
                write!(f, "shares its address or account with {}", names.join(", "))
            }
            Hold::AwaitingReading => {
                f.write_str("an invitation's answer was lost; waiting for a reading of the target")
            }
            Hold::Unmappable { attribute, reason } => write!(f, "{attribute}: {reason}"),
            Hold::Privileged { account, roles } => {
                write!(f, "account {account} matches but is never joined: {roles}")
            }
            Hold::Former(former) => former.fmt(f),
            Hold::Unadopted { accounts } => {
                let ids: Vec<&str> = accounts.iter().map(ObjectId::as_str).collect();
                write!(
                    f,
                    "the person's stamp is on account {}, to which no link leads\nhint: `crosstie adopt` links accounts by \
                     their stamps",
                    ids.join(", ")
                )
            }
            Hold::Unverified { account, address, unread: None } => {
                write!(f, "account {account} matches but is not joined: {address} is of no verified domain of its home")
            }
            Hold::Unverified { account, address, unread: Some(why) } => {
                write!(
                    f,
                    "account {account} matches but is not joined: whether {address} is of a verified domain of its home could not be read: {why}"
                )
            }
            Hold::Protected { account, entry } => {
                write!(
                    f,
                    "account {account} is on the target's list of protected accounts (as {entry}), and never written"
                )
            }
            Hold::Stamped { account, attribute, stamp } => {
                write!(f, "account {account} bears {stamp} in {attribute}, and is not written over")
            }
        }
    }
}

/// An account of somebody who is gone from home, and whose address somebody else has now. A person who is made anew under an
/// old address is another person to us: whoever hands out addresses would hand out the access of whoever had them before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    /// The account.
    pub account: ObjectId,
    /// On which route it was linked.
    pub route: RouteName,
    /// To whom.
    pub home: Person,
    /// It is in the target's deletedItems.
    pub deleted: bool,
}

impl fmt::Display for Former {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Former { account, route, home, deleted } = self;
        let who = if home.user_principal_name.is_empty() { home.id.as_str() } else { &home.user_principal_name };
        let (place, hint) = match deleted {
            true => (
                ", in the target's deletedItems,",
                "for a new account, delete the old one there for good; to hand it over, restore it there, then",
            ),
            false => ("", "wait until the leavers rule has treated it; or hand it over with"),
        };
        write!(
            f,
            "account {account}{place} holds the address and was made for another person, who is gone from home: {who} \
             ({}, {route}); nobody inherits an account by an address\nhint: {hint} `crosstie adopt --user … --account {account}`",
            home.id
        )
    }
}

/// One person who is held, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// On which route.
    pub route: RouteName,
    /// Who.
    pub home: Person,
    /// Why.
    pub hold: Hold,
}

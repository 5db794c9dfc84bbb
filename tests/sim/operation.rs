//! What can happen in a history, and how is it written down? One line an operation; the text replays.

use std::fmt;
use std::str::FromStr;

/// A word with a fixed set of spellings.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum $name { $($variant),+ }
        impl $name {
            pub(crate) const ALL: &'static [$name] = &[$($name::$variant),+];
            pub(crate) fn text(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.text()) }
        }
        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                let found = Self::ALL.iter().find(|w| w.text() == text);
                found.copied().ok_or_else(|| format!("{text:?} is no {}", stringify!($name)))
            }
        }
    };
}

words! {
    /// Attributes that somebody edits at home or in a target.
    Field { DisplayName = "displayName", JobTitle = "jobTitle", Department = "department" }
}
words! {
    /// Which requests a fault strikes.
    On { Token = "token", Delta = "delta", Get = "get", List = "list", Batch = "batch", Invite = "invite",
         Patch = "patch", Manager = "manager", Delete = "delete", Restore = "restore", Any = "any" }
}
words! {
    /// What an answer with a bad status looks like.
    Body { Envelope = "envelope", Html = "html", Empty = "empty", Claims = "claims" }
}
words! {
    /// A guest that is there before anybody asked for it.
    Guest { One = "one", Two = "two", Pending = "pending", Native = "native", Blocked = "blocked" }
}
words! {
    /// What an admin of a target does to an account of ours, past the rules.
    Meddle { Block = "block", Unblock = "unblock", Delete = "delete", Purge = "purge", Restore = "restore",
             Role = "role", City = "city", Mail = "mail" }
}
words! {
    /// What a watermark's end looks like.
    Expiry { Gone = "410", Bad = "400", NotFound = "404", Resync = "resync", Age = "age" }
}
words! {
    /// What stands between us and the tenants says something else than they did, once.
    Lie { NoDeltaLink = "no-delta-link", BothLinks = "both-links", WrongTypes = "wrong-types",
          TwiceKeys = "twice-keys", Deep = "deep", BadUtf8 = "bad-utf8", Surrogate = "surrogate",
          TooLarge = "too-large", NotSent = "not-sent", Reset = "reset", OtherToken = "other-token",
          ErrorIn200 = "error-in-200", Redirect = "redirect", EmptyHome = "empty-home",
          BatchMissing = "batch-missing", BatchExtra = "batch-extra", BatchTwice = "batch-twice",
          BatchReversed = "batch-reversed", BatchText = "batch-text", BatchThrottled = "batch-throttled" }
}
words! {
    /// Where a link leads away to.
    Away { Host = "host", Suffix = "suffix", User = "user", Scheme = "scheme", Port = "port" }
}
words! {
    /// What somebody does to the change log behind our back.
    Forgery { Edited = "edited", Deleted = "deleted", Swapped = "swapped", Cut = "cut" }
}
words! {
    /// Who a tenant lets in.
    Policy { Everyone = "everyone", Nobody = "nobody", Blocked = "blocked" }
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident = $verb:literal { $($field:ident : $type:ty),* })+) => {
        /// One thing that happens.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) enum Op { $($(#[$doc])* $name { $($field: $type),* }),+ }
        impl fmt::Display for Op {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Op::$name { $($field),* } => {
                        f.write_str($verb)?;
                        $(write!(f, " {}={}", stringify!($field), $field)?;)*
                        Ok(())
                    })+
                }
            }
        }
        impl FromStr for Op {
            type Err = String;
            fn from_str(line: &str) -> Result<Self, String> {
                let mut words = line.split_whitespace();
                match words.next().unwrap_or_default() {
                    $($verb => Ok(Op::$name { $($field: field(words.next(), stringify!($field))?),* }),)+
                    other => Err(format!("no operation {other:?}")),
                }
            }
        }
    };
}

fn field<T: FromStr>(word: Option<&str>, name: &str) -> Result<T, String> {
    let value = word.and_then(|w| w.strip_prefix(name)).and_then(|w| w.strip_prefix('='));
    let value = value.ok_or_else(|| format!("{name}=… is missing in {word:?}"))?;
    value.parse().map_err(|_| format!("{word:?} cannot be read"))
}

// `t` is a tenant, `p` one of its people, `of` the target of an account.
operations! {
    /// A person joins; one who was there and is gone comes anew, with a new id.
    Add = "add" { t: u8, p: u8 }
    Edit = "edit" { t: u8, p: u8, what: Field, value: u16 }
    Clear = "clear" { t: u8, p: u8, what: Field }
    Leave = "leave" { t: u8, p: u8 }
    Return = "return" { t: u8, p: u8 }
    Block = "block" { t: u8, p: u8 }
    Unblock = "unblock" { t: u8, p: u8 }
    SoftDelete = "soft-delete" { t: u8, p: u8 }
    HardDelete = "hard-delete" { t: u8, p: u8 }
    Restore = "restore" { t: u8, p: u8 }
    /// `q` becomes the manager; `q` = 255: nobody.
    Manage = "manage" { t: u8, p: u8, q: u8 }
    Rename = "rename" { t: u8, p: u8, n: u8 }
    /// Two people, one address.
    SameMail = "same-mail" { t: u8, p: u8, q: u8 }
    /// Somebody external in the home tenant.
    Visitor = "visitor" { t: u8, n: u8 }
    GuestBefore = "guest-before" { of: u8, t: u8, p: u8, kind: Guest }
    Tamper = "tamper" { of: u8, t: u8, p: u8, what: Field, value: u16 }
    Admin = "admin" { of: u8, t: u8, p: u8, does: Meddle }
    Rules = "rules" { shape: u16 }
    BadConfig = "bad-config" { n: u8 }
    Wait = "wait" { minutes: u32 }
    Clock = "clock" { seconds: i64 }
    Pages = "pages" { t: u8, twice: u8, replay: u8, empty: u8, reorder: bool }
    Lag = "lag" { t: u8, seconds: u16, reads: bool }
    Unseen = "unseen" { t: u8, seconds: u16 }
    Silent = "silent" { t: u8, on: bool }
    Invitations = "invitations" { t: u8, policy: Policy }
    Throttle = "throttle" { t: u8, on: On, times: u8, after: u8 }
    Refuse = "refuse" { t: u8, on: On, status: u16, times: u8, body: Body, applied: bool }
    Lose = "lose" { t: u8, on: On, times: u8, applied: bool }
    Hang = "hang" { t: u8, on: On, times: u8, applied: bool }
    Slow = "slow" { t: u8, on: On, times: u8, millis: u32 }
    Down = "down" { t: u8, times: u8 }
    Cut = "cut" { t: u8, on: On, times: u8 }
    Loop = "loop" { t: u8 }
    LeadAway = "lead-away" { t: u8, to: Away }
    Expire = "expire" { t: u8, shape: Expiry }
    VoidTokens = "void-tokens" { }
    Lies = "lie" { t: u8, lie: Lie, skip: u8 }
    OtherApp = "other-app" { t: u8, writes: u16 }
    Limit = "limit" { t: u8, writes: u16, seconds: u16 }
    Cycle = "cycle" { }
    Full = "full" { }
    Plan = "plan" { }
    /// A dry run, and the cycle right after it.
    Planned = "planned" { }
    /// A person lets through what the guard refuses.
    Approve = "approve" { }
    Crash = "crash" { after: u16 }
    Stop = "stop" { millis: u32 }
    Serve = "serve" { minutes: u16 }
    ServeKilled = "serve-killed" { seconds: u16 }
    SecondWriter = "second-writer" { }
    OtherHost = "other-host" { }
    Backup = "backup" { }
    Rollback = "rollback" { }
    Forget = "forget" { }
    Damage = "damage" { n: u8 }
    Forge = "forge" { how: Forgery }
    /// Every fault is over.
    Calm = "calm" { }
}

/// A whole history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) seed: u64,
    pub(crate) tenants: u8,
    /// Only spokes into a hub, not everybody into everybody.
    pub(crate) hub: bool,
    /// One app reaches all tenants.
    pub(crate) one_app: bool,
    /// Windows are so small that this world fills them.
    pub(crate) tight: bool,
    pub(crate) rules: u16,
    pub(crate) operations: Vec<Op>,
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, tenants, hub, one_app, tight, rules, operations } = self;
        writeln!(f, "world seed={seed} tenants={tenants} hub={hub} one_app={one_app} tight={tight} rules={rules}")?;
        operations.iter().try_for_each(|op| writeln!(f, "{op}"))
    }
}

impl FromStr for History {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        let mut head = lines.next().unwrap_or_default().split_whitespace();
        if head.next() != Some("world") {
            return Err("a history begins with `world seed=…`".to_owned());
        }
        Ok(Self {
            seed: field(head.next(), "seed")?,
            tenants: field(head.next(), "tenants")?,
            hub: field(head.next(), "hub")?,
            one_app: field(head.next(), "one_app")?,
            tight: field(head.next(), "tight")?,
            rules: field(head.next(), "rules")?,
            operations: lines.map(Op::from_str).collect::<Result<_, _>>()?,
        })
    }
}

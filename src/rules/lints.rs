//! What can be found in a rule file, how bad is each finding, and may the admin let it stand?
//!
//! `docs/lints.md` shows this table; a test keeps the two alike, and sees to it that each id has an example.

use super::diagnostic::{Diagnostic, Severity};

/// One kind of finding.
#[derive(Clone, Copy, Debug)]
pub struct Lint {
    /// Its name, as `check` shows it and `allow` takes it.
    pub id: &'static str,
    /// How bad.
    pub severity: Severity,
    /// May a rule file say that it knows better?
    pub may_be_allowed: bool,
    /// What it means, in one sentence.
    pub meaning: &'static str,
}

/// Nothing runs until it is put right: the file does not say what crosstie should do.
const fn fault(id: &'static str, meaning: &'static str) -> Lint {
    Lint { id, severity: Severity::Error, may_be_allowed: false, meaning }
}
/// Nothing runs until it is put right or allowed: by what we know of Graph it cannot work, but we may know too little.
const fn refusal(id: &'static str, meaning: &'static str) -> Lint {
    Lint { id, severity: Severity::Error, may_be_allowed: true, meaning }
}
/// It runs, and may do what nobody wanted.
const fn advice(id: &'static str, meaning: &'static str) -> Lint {
    Lint { id, severity: Severity::Warning, may_be_allowed: true, meaning }
}

/// All of them: first those that can be allowed.
pub const LINTS: &[Lint] = &[
    refusal(
        "read-only",
        "a rule writes a property that Graph offers for reading only, or that is the target's own affair",
    ),
    refusal(
        "app-only",
        "a rule writes a property that only a signed-in person may write, whatever permission an app has",
    ),
    refusal("too-long", "a constant is longer than its property takes"),
    refusal("too-many", "a list has more items than its property takes"),
    refusal("impossible-value", "a clause or a comparison asks for a value that the property cannot have"),
    advice("may-be-too-long", "an expression can give more than its property takes; people for whom it does are held"),
    advice("other-mails", "`otherMails` is written as a whole: addresses that the target's own admins added are lost"),
    advice(
        "address-list",
        "Graph's documentation asks not to write `showInAddressList`: Exchange may show something else",
    ),
    advice(
        "invited-address",
        "`mail` is the address that is invited, and is made from something else than the person's own",
    ),
    advice(
        "cannot-clear",
        "`when_empty = \"clear\"` on a property that Graph cannot clear: an empty result leaves it as it is",
    ),
    advice("no-display-name", "attributes are mapped and `displayName` is not: accounts are named after their address"),
    advice("account-type", "`userType` is mapped to another type than `account` says: the mapping wins"),
    advice("weak-match", "many accounts can have the same value: a match on it may join somebody else's account"),
    advice("match-never", "the sign-in name of an external account is never the person's own: the match finds nobody"),
    advice(
        "extension",
        "a directory extension's name holds the id of an app: a tenant without that app cannot be read",
    ),
    advice(
        "other-kind",
        "an expression gives another kind of value than its property holds: people for whom it does not fit are held",
    ),
    advice("asks-the-time", "a mapping asks for `Now()`: its routes look at everybody again each day (UTC)"),
    advice(
        "unknown-attribute",
        "no user property of that name is known; a name that Graph does not know either stops the reading",
    ),
    advice("idle-grace", "`grace_days` where nothing is deleted"),
    advice("idle-guard", "a limit of the guard for an attribute that no mapping writes"),
    Lint {
        id: "idle-allow",
        severity: Severity::Warning,
        may_be_allowed: false,
        meaning: "`allow` names a finding that is not there",
    },
    fault("unknown-lint", "`allow` names a finding that does not exist"),
    fault("cannot-allow", "`allow` names a finding that has to be put right"),
    fault("syntax", "the file is no TOML"),
    fault("duplicate-key", "a key is written twice"),
    fault("unknown-key", "a key that does not exist"),
    fault("missing-key", "a key that must be there is not"),
    fault("empty", "a key without a value"),
    fault("wrong-type", "a value of the wrong type"),
    fault("out-of-range", "a number that is too small or too large"),
    fault("unknown-word", "none of the words that are allowed"),
    fault("expression", "what stands in an expression is none"),
    fault("out-of-reach", "a property that no rule can read or write"),
    fault("not-tracked", "a property that delta queries do not track: crosstie would never see it change"),
    fault("reference", "another user is no text, and no expression makes one"),
    fault("constant-type", "a constant that its property cannot hold"),
    fault("expression-type", "an expression gives what its property cannot hold"),
    fault("unique-apply", "a unique value is chosen when the account is made, and never again"),
    fault("two-sources", "an expression beside a constant"),
    fault("unknown-operator", "a clause with an operator that does not exist"),
    fault("clause-value", "a value that the operator cannot compare with"),
    fault("clause-type", "an operator that never holds for a property of this type"),
    fault("empty-scope", "a `[[scope]]` without a clause takes everybody"),
    fault("group-id", "a group that is not named by its object id"),
    fault("match-type", "a match on a property that is no text"),
    fault("no-case", "in a file of rule tests: there is no case"),
    fault("duplicate-case", "in a file of rule tests: two cases of one name"),
    fault("instant", "in a file of rule tests: no instant"),
    fault("contradiction", "in a file of rule tests: an expectation that no rule set can meet"),
];

/// The one with that id.
pub fn find(id: &str) -> Option<&'static Lint> {
    LINTS.iter().find(|lint| lint.id == id)
}

impl Diagnostic {
    /// The same, with a way out, or else the words that let it stand.
    #[must_use]
    pub(super) fn or_allow(self, way: &str) -> Self {
        let id = self.id;
        self.hint(format!("{way}; or let it stand: `allow = [\"{id}\"]`"))
    }
}

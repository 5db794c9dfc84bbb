//! Which application permissions does this configuration take, which are missing, and which are too much?

use crate::config::{Config, Tenant};
use crate::model::{Attribute, TenantName};
use crate::rules::RuleSet;

use super::Check;

/// What a tenant is in this configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// Some route leaves it.
    pub(super) home: bool,
    /// Some route enters it.
    pub(super) target: bool,
    /// Rules of routes that leave it name groups.
    pub(super) groups: bool,
    /// Accounts are searched for in it, to be joined.
    pub(super) joins: bool,
    /// People from it are joined to accounts elsewhere.
    pub(super) joined: bool,
    /// Accounts are deleted in it.
    pub(super) deletes: bool,
    /// Managers are set in it.
    pub(super) managers: bool,
}

impl Part {
    pub(super) fn of(config: &Config, tenant: &TenantName) -> Self {
        let entering = || config.routes.iter().filter(|r| r.name.target == *tenant).flat_map(|r| &r.rules);
        let leaving = || config.routes.iter().filter(|r| r.name.home == *tenant).flat_map(|r| &r.rules);
        let manager = Attribute::from("manager");
        Part {
            home: config.routes.iter().any(|r| r.name.home == *tenant),
            target: config.routes.iter().any(|r| r.name.target == *tenant),
            groups: !config.home_groups(tenant).is_empty(),
            joins: entering().any(|rules| !rules.matches.is_empty()),
            joined: leaving().any(|rules| !rules.matches.is_empty()),
            deletes: entering().any(|rules| deletes(rules)),
            managers: entering().any(|rules| rules.attributes.contains_key(&manager)),
        }
    }
    /// In words.
    pub(super) fn words(self) -> &'static str {
        match (self.home, self.target) {
            (true, true) => "home and target",
            (true, false) => "only home",
            (false, true) => "only target",
            (false, false) => "on no route",
        }
    }
}

fn deletes(rules: &RuleSet) -> bool {
    let leavers = &rules.leavers;
    [leavers.deleted, leavers.out_of_scope, leavers.disabled].contains(&crate::rules::LeaverAction::Delete)
}

/// Something that takes a permission.
struct Need {
    what: &'static str,
    /// Any of these will do, and is not too much.
    least: &'static [&'static str],
    /// Any of these will do as well, and can do more.
    broad: &'static [&'static str],
    /// Without it most things work all the same.
    advised: bool,
}

/// By Microsoft's tables of permissions for each path.
const HOME: Need = Need {
    what: "reading users and what changed",
    least: &["User.Read.All"],
    broad: &["User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
    advised: false,
};
const GROUPS: Need = Need {
    what: "reading the groups that rules name",
    least: &["GroupMember.Read.All"],
    broad: &[
        "Group.Read.All",
        "GroupMember.ReadWrite.All",
        "Group.ReadWrite.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
    ],
    advised: false,
};
const ACCOUNTS: Need = Need {
    what: "reading accounts",
    least: &["User.Read.All", "User.ReadWrite.All", "User.ReadUpdate.All"],
    broad: &["Directory.Read.All", "Directory.ReadWrite.All"],
    advised: false,
};
const INVITE: Need = Need {
    what: "inviting",
    least: &["User.Invite.All"],
    broad: &["User.ReadWrite.All", "Directory.ReadWrite.All"],
    advised: false,
};
const UPDATE: Need = Need {
    what: "updating and disabling accounts",
    least: &["User.ReadWrite.All", "User.ReadUpdate.All"],
    broad: &["Directory.ReadWrite.All"],
    advised: false,
};
const DELETE: Need = Need {
    what: "deleting and restoring accounts",
    least: &["User.ReadWrite.All", "User.DeleteRestore.All"],
    broad: &[],
    advised: false,
};
const MANAGERS: Need = Need {
    what: "setting managers",
    least: &["User.ReadWrite.All"],
    broad: &["Directory.ReadWrite.All"],
    advised: false,
};
/// Microsoft's page on transitive memberships does not list `User.ReadWrite.All`.
const JOINS: Need = Need {
    what: "reading the directory roles of an account before it is joined",
    least: &["User.Read.All"],
    broad: &["Directory.Read.All", "Directory.ReadWrite.All"],
    advised: true,
};
/// Without it Graph tells of a group that it is there, and not whether directory roles can be given to it.
const JOINED_GROUPS: Need = Need {
    what: "reading whether an account that is to be joined is in a group that roles can be given to",
    advised: true,
    ..GROUPS
};
const JOINED: Need = Need {
    what: "reading the verified domains before people are joined to accounts elsewhere",
    least: &["Organization.Read.All"],
    broad: &["Organization.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
    advised: true,
};

/// What only this verb asks for. Whoever grants it for a while, or for good, is not told off.
const OWN: [&str; 2] = ["Policy.Read.All", "Organization.Read.All"];

fn needs(part: Part) -> Vec<Need> {
    let all = [
        (part.home, HOME),
        (part.groups, GROUPS),
        (part.target, ACCOUNTS),
        (part.target, INVITE),
        (part.target, UPDATE),
        (part.target && part.deletes, DELETE),
        (part.target && part.managers, MANAGERS),
        (part.target && part.joins, JOINS),
        (part.target && part.joins, JOINED_GROUPS),
        (part.home && part.joined, JOINED),
    ];
    all.into_iter().filter_map(|(applies, need)| applies.then_some(need)).collect()
}

/// Enough, and not too much? `roles`: what the token says was granted; `None` where it says nothing.
pub(super) fn checks(tenant: &Tenant, part: Part, roles: Option<&[String]>) -> Vec<Check> {
    let Some(roles) = roles else {
        let hint = "compare the app's permissions in the admin center with docs/real-tenants.md";
        return vec![Check::warning("permissions", "the token cannot be read, so what was granted is not known", hint)];
    };
    let has = |names: &[&str]| names.iter().any(|name| roles.iter().any(|role| role.eq_ignore_ascii_case(name)));
    let needs = needs(part);
    let missing = |advised: bool| {
        let lacks = |need: &&Need| need.advised == advised && !has(need.least) && !has(need.broad);
        let missing: Vec<String> = needs.iter().filter(lacks).map(|n| format!("{} ({})", n.least[0], n.what)).collect();
        missing.join(", ")
    };
    let (failed, advised) = (missing(false), missing(true));
    let grant = format!("grant the app {} these application permissions, with admin consent", tenant.client_id);
    let enough = if !failed.is_empty() {
        Check::failed("permissions", format!("missing: {failed}"), grant)
    } else if !advised.is_empty() {
        let hint = format!("{grant}; where these cannot be read, people are held instead of joined");
        Check::warning("permissions", format!("missing: {advised}"), hint)
    } else {
        Check::ok("permissions", format!("enough for a tenant that is {}", part.words()))
    };
    let fine = |role: &&String| {
        let is = |name: &&str| role.eq_ignore_ascii_case(name);
        OWN.iter().any(is) || needs.iter().any(|need| need.least.iter().any(is))
    };
    let mut spare: Vec<&str> = roles.iter().filter(|role| !fine(role)).map(String::as_str).collect();
    spare.sort_unstable();
    let least_privilege = if spare.is_empty() {
        Check::ok("least privilege", "nothing beyond what this configuration takes")
    } else {
        let hint = spare_hint(&needs, &spare, &has);
        Check::warning("least privilege", format!("more than this configuration takes: {}", spare.join(", ")), hint)
    };
    vec![enough, least_privilege]
}

/// What can go, and what has to come first: a broad permission may be all that carries a need.
fn spare_hint(needs: &[Need], spare: &[&str], has: &impl Fn(&[&str]) -> bool) -> String {
    let leans =
        |need: &&Need| !has(need.least) && need.broad.iter().any(|b| spare.iter().any(|s| s.eq_ignore_ascii_case(b)));
    let mut instead: Vec<&str> = needs.iter().filter(leans).map(|need| need.least[0]).collect();
    instead.dedup();
    let first = if instead.is_empty() { String::new() } else { format!("grant {} instead, and ", instead.join(", ")) };
    format!(
        "{first}remove what is not needed from the app's API permissions: whoever gets hold of the credential has it all"
    )
}

//! What does it mean, what the two ends of a route allow each other?

use super::ask::Asked;
use super::tenant::untold;
use super::{Check, Verdict};
use crate::config::Cloud;
use crate::graph::{Access, Reach};

/// Names of other clouds that a tenant is open to.
pub(super) type Clouds = Asked<Vec<String>>;

/// What both ends of a route said; `None` where an end could not be asked.
pub(super) struct HeardRoute {
    /// Home's and target's cloud; `None` of roots that are none of Microsoft's.
    pub(super) clouds: (Option<Cloud>, Option<Cloud>),
    /// What home allows towards the target.
    pub(super) home: Option<Asked<Access>>,
    /// What the target allows home.
    pub(super) target: Option<Asked<Access>>,
    /// May home write people into the target by Microsoft's own synchronization?
    pub(super) sync: Option<Asked<bool>>,
    /// Which other clouds home and target are open to; only asked where their clouds differ.
    pub(super) allowed_clouds: (Option<Clouds>, Option<Clouds>),
}

const SETTINGS: &str = "External Identities, Cross-tenant access settings";

pub(super) fn checks(heard: &HeardRoute) -> Vec<Check> {
    let mut checks = clouds(heard);
    checks.push(direction("inbound", &heard.target, |access| access.inbound, "the target", "home's people in"));
    checks.push(direction("outbound", &heard.home, |access| access.outbound, "home", "its people out to the target"));
    checks.push(redemption(heard));
    checks.push(synchronization(&heard.sync));
    checks
}

fn unasked(name: &'static str, whom: &str) -> Check {
    Check::warning(name, format!("{whom} could not be asked"), "see what the tenant's own checks say")
}

fn direction(
    name: &'static str,
    asked: &Option<Asked<Access>>,
    side: impl Fn(&Access) -> Option<Reach>,
    who: &str,
    whom: &str,
) -> Check {
    let access = match asked {
        None => return unasked(name, who),
        Some(Err(error)) => return untold(name, error),
        Some(Ok(access)) => access,
    };
    let hint = format!("{SETTINGS} of {who}: allow B2B collaboration {name} with the other tenant");
    match side(access) {
        Some(Reach::Everybody) => Check::ok(name, format!("{who} lets {whom}")),
        Some(Reach::Some) => {
            let found = format!("{who} lets some of {whom}, or to some applications");
            Check::warning(name, found, format!("{hint}, for everybody in the rules' scope"))
        }
        Some(Reach::Nobody) => Check::failed(name, format!("{who} does not let {whom}"), hint),
        None => Check::warning(name, format!("{who} does not say whether it lets {whom}"), hint),
    }
}

fn redemption(heard: &HeardRoute) -> Check {
    const NAME: &str = "automatic redemption";
    let (home, target) = match (&heard.home, &heard.target) {
        (Some(Err(error)), _) | (_, Some(Err(error))) => return untold(NAME, error),
        (None, _) => return unasked(NAME, "home"),
        (_, None) => return unasked(NAME, "the target"),
        (Some(Ok(home)), Some(Ok(target))) => (home.redeems_outbound, target.redeems_inbound),
    };
    let hint =
        format!("{SETTINGS}, trust settings: \"Automatically redeem invitations\", target inbound and home outbound");
    let missing = match (home == Some(true), target == Some(true)) {
        (true, true) => return Check::ok(NAME, "set on both sides"),
        (false, true) => "home does not set it",
        (true, false) => "the target does not set it",
        (false, false) => "set on neither side",
    };
    Check::warning(NAME, format!("{missing}: people have to accept when they first come"), hint)
}

fn synchronization(asked: &Option<Asked<bool>>) -> Check {
    const NAME: &str = "other synchronization";
    match asked {
        None => unasked(NAME, "the target"),
        Some(Err(error)) => untold(NAME, error),
        Some(Ok(false)) => Check::ok(NAME, "Microsoft's cross-tenant synchronization may not write this pair"),
        Some(Ok(true)) => {
            let found = "the target lets Microsoft's cross-tenant synchronization of home write its users";
            let hint = "make sure that no such job runs on this pair: two that write the same accounts undo each other; \
                        then take the permission away (identitySynchronization)";
            Check::warning(NAME, found, hint)
        }
    }
}

fn clouds(heard: &HeardRoute) -> Vec<Check> {
    const NAME: &str = "clouds";
    let (Some(home), Some(target)) = heard.clouds else { return Vec::new() };
    if home.is_one_with(target) {
        return vec![Check::ok(NAME, format!("both in {}", both(home, target)))];
    }
    if !home.collaborates_with(target) {
        let found = format!("Microsoft opens no B2B collaboration between {} and {}", home.name(), target.name());
        return vec![Check::failed(NAME, found, "take this route out: its invitations will be refused")];
    }
    let opened = |asked: &Option<Asked<Vec<String>>>, who: &str, other: Cloud| match asked {
        None => unasked(NAME, who),
        Some(Err(error)) => untold(NAME, error),
        Some(Ok(open)) if open.iter().any(|name| name.eq_ignore_ascii_case(other.endpoint())) => {
            Check::ok(NAME, format!("{who} is open to {}", other.name()))
        }
        Some(Ok(_)) => {
            let hint = format!("{SETTINGS}, Microsoft cloud settings: both tenants choose each other's cloud");
            Check::failed(NAME, format!("{who} is not open to the cloud {}", other.name()), hint)
        }
    };
    let (of_home, of_target) = &heard.allowed_clouds;
    let mut checks = vec![opened(of_home, "home", target), opened(of_target, "the target", home)];
    let found = format!("from {} to {}: Microsoft supports less there", home.name(), target.name());
    let hint = "people are invited by user principal name only where the other cloud finds it, automatic redemption and \
                managers may not be supported; try it on test people first";
    checks.push(Check { name: NAME, verdict: Verdict::Warning, found, hint: Some(hint.to_owned()) });
    checks
}

fn both(home: Cloud, target: Cloud) -> String {
    if home == target {
        home.name().to_owned()
    } else {
        format!("{} and {}, which are one here", home.name(), target.name())
    }
}

//! What does it mean, what one tenant said?

use super::super::check::count;
use super::ask::{Answers, Asked, Found, Heard, Named, Told};
use super::needs::{self, Part};
use super::{Check, Verdict};
use crate::config::Tenant;
use crate::graph::{DirectorySize, Organization};
use crate::model::Timestamp;
use crate::ports::DirectoryError;
use crate::rules::is_guid;

/// Microsoft takes a certificate until its last second: a month is what an order and a change take in a large house.
const CERTIFICATE_DAYS: u64 = 30;
/// Entra tolerates five minutes; beyond them tokens and assertions are out of their time.
const SKEW_FAILED_MILLIS: u64 = 300_000;
/// A clock that somebody keeps is right to well under a second.
const SKEW_WARNING_MILLIS: u64 = 60_000;
/// Entries that mean nobody and are spelled out: more of them are one mistake, and all are in the file.
const ABSENT_SHOWN: usize = 10;
/// A directory that is fuller than this, in percent, wants a look before a first sync.
const FULL_PERCENT: u64 = 90;

pub(super) fn checks(tenant: &Tenant, part: Part, heard: &Heard) -> Vec<Check> {
    let mut checks = credential(heard);
    let Some(answers) = &heard.answers else { return checks };
    checks.push(token(tenant, answers, heard.now));
    let Some(told) = &answers.told else {
        checks.extend(clock(answers));
        return checks;
    };
    let claims = answers.claims.as_ref().ok().and_then(Option::as_ref);
    checks.extend(needs::checks(tenant, part, claims.map(|claims| claims.roles.as_slice())));
    checks.push(readable("users", "a page of users was read", &told.users));
    checks.push(readable("delta", "a page of what changed was read", &told.delta));
    checks.extend(told.allow_invites_from.as_ref().map(invitations));
    checks.extend(told.protected.as_ref().map(protected));
    checks.extend(told.groups.as_ref().map(groups));
    checks.push(domains(tenant, told));
    checks.push(size(part, &told.size));
    checks.extend(clock(answers));
    checks
}

fn credential(heard: &Heard) -> Vec<Check> {
    let found = match &heard.credential {
        Ok(found) => found,
        Err(why) => {
            let hint = "put it where the configuration says it is; nothing was asked of this tenant";
            return vec![Check::failed("credential", why, hint)];
        }
    };
    let mut checks = vec![Check::ok("credential", found.kind)];
    checks.extend(certificate(found, heard.now));
    checks
}

fn certificate(found: &Found, now: Timestamp) -> Option<Check> {
    let (from, until) = found.validity?;
    let day = |t: Timestamp| t.rfc3339().get(..10).unwrap_or_default().to_owned();
    let renew =
        "make a new certificate, upload it beside the old one in the app registration, then put it in its place";
    let days = until.seconds_since(now) / 86_400;
    Some(match () {
        () if now >= until => Check::failed("certificate", format!("it expired on {}", day(until)), renew),
        () if now < from => {
            let hint = "check this machine's clock, or wait";
            Check::failed("certificate", format!("it is good from {} on only", day(from)), hint)
        }
        () if days < CERTIFICATE_DAYS => {
            Check::warning("certificate", format!("it expires in {days} days, on {}", day(until)), renew)
        }
        () => Check::ok("certificate", format!("good until {}", day(until))),
    })
}

fn token(tenant: &Tenant, answers: &Answers, now: Timestamp) -> Check {
    match &answers.claims {
        Err(error) => {
            let words = error.detail.message.trim_start_matches("no token: ");
            Check { found: format!("there is none: {words}"), ..refused("token", error, Verdict::Failed) }
        }
        Ok(None) => Check::ok("token", "there is one; it cannot be read, which is no fault"),
        Ok(Some(claims)) => {
            let minutes = claims.exp.map(|exp| exp.saturating_sub(now.0 / 1000) / 60);
            let life = minutes.map(|m| format!(", for {m} minutes")).unwrap_or_default();
            let whose = claims.tid.as_deref().unwrap_or(&tenant.id);
            Check::ok("token", format!("for tenant {whose}{life}"))
        }
    }
}

fn readable(name: &'static str, ok: &str, asked: &Asked<()>) -> Check {
    match asked {
        Ok(()) => Check::ok(name, ok),
        Err(error) => refused(name, error, Verdict::Failed),
    }
}

/// A question without an answer.
pub(super) fn refused(name: &'static str, error: &DirectoryError, verdict: Verdict) -> Check {
    let found = format!("{}: {} ({})", error.doing, error.detail.message, error.detail.code);
    let hint = error
        .hint
        .clone()
        .unwrap_or_else(|| "is the address right, and the tenant to be reached from here?".to_owned());
    Check { name, verdict, found, hint: Some(hint) }
}

/// A question that only this verb asks: crosstie works without an answer, so it is never a failure.
pub(super) fn untold(name: &'static str, error: &DirectoryError) -> Check {
    let permission = error.hint.is_some() && error.status == Some(403);
    let mut check = refused(name, error, Verdict::Warning);
    if permission {
        check.found = format!("not told: {}", error.doing);
        check.hint = error.hint.as_ref().map(|hint| format!("to have it checked, {hint}; syncing does not need it"));
    }
    check
}

fn invitations(asked: &Asked<String>) -> Check {
    const NAME: &str = "invitations";
    let allowed = match asked {
        Ok(allowed) => allowed,
        Err(error) => return untold(NAME, error),
    };
    let hint = "External collaboration settings, guest invite settings: let members invite, or everybody";
    let is = |word: &str| allowed.eq_ignore_ascii_case(word);
    if is("everyone") || is("adminsGuestInvitersAndAllMembers") {
        Check::ok(NAME, format!("allowInvitesFrom is {allowed}"))
    } else if is("none") {
        Check::failed(NAME, "allowInvitesFrom is none: nobody is invited, by apps neither", hint)
    } else {
        let found = format!("allowInvitesFrom is {allowed}: apps were seen to be refused then");
        Check::warning(NAME, found, hint)
    }
}

/// The first of them, and how many more there are.
fn some(absent: &[String]) -> String {
    let named: Vec<&str> = absent.iter().map(String::as_str).take(ABSENT_SHOWN).collect();
    let more = absent.len().checked_sub(ABSENT_SHOWN).filter(|more| *more > 0);
    named.join(", ") + &more.map(|more| format!(" and {more} more")).unwrap_or_default()
}

/// A rule set may serve several homes, each with groups of its own; a home that has none of them is not planned.
fn groups(asked: &Asked<Named>) -> Check {
    const NAME: &str = "groups";
    let Named { all, absent } = match asked {
        Ok(named) => named,
        Err(error) => return refused(NAME, error, Verdict::Warning),
    };
    let missing = some(absent);
    if absent.is_empty() {
        Check::ok(NAME, format!("{} named by rules, none is missing", count(*all, "group")))
    } else if absent.len() < *all {
        Check::ok(NAME, format!("{all} named by rules; not here, and so taken for another home's: {missing}"))
    } else {
        let found = format!("none of the groups that rules name is here: {missing}");
        let hint = "correct `groups` in the rules' scope: by object id, of groups of this tenant; without one its routes are not planned";
        Check::failed(NAME, found, hint)
    }
}

/// An entry that means nobody protects nobody: the account was deleted, or its name was changed.
fn protected(asked: &Asked<Named>) -> Check {
    const NAME: &str = "protected accounts";
    let Named { all, absent } = match asked {
        Ok(named) => named,
        Err(error) => return refused(NAME, error, Verdict::Warning),
    };
    if absent.is_empty() {
        return Check::ok(NAME, format!("{} on the list, none is missing", count(*all, "account")));
    }
    let found = format!("{} of {all} name no account of this tenant: {}", absent.len(), some(absent));
    let hint = "correct `protected`, best by object id: ids stay when somebody is renamed; or take out who is gone";
    Check::warning(NAME, found, hint)
}

fn domains(tenant: &Tenant, told: &Told) -> Check {
    const NAME: &str = "domains";
    let organization: &Organization = match &told.organization {
        Ok(organization) => organization,
        Err(error) => return untold(NAME, error),
    };
    if is_guid(&tenant.id) && !organization.id.eq_ignore_ascii_case(&tenant.id) {
        let found = format!("this Graph is that of another tenant: {}", organization.id);
        return Check::failed(NAME, found, "check the tenant's id and its graph address");
    }
    let domains = &organization.verified_domains;
    let own: Vec<&str> = domains.iter().filter(|d| !d.is_initial).map(|d| d.name.as_str()).collect();
    let initial: Vec<&str> = domains.iter().filter(|d| d.is_initial).map(|d| d.name.as_str()).collect();
    if domains.is_empty() {
        Check::warning(NAME, "no verified domain", "verify the domain that people's mail addresses have")
    } else if own.is_empty() {
        let found = format!("only {}, with which the tenant was born", initial.join(", "));
        Check::warning(NAME, found, "verify the domain that people's mail addresses have")
    } else {
        Check::ok(NAME, format!("verified: {}", own.join(", ")))
    }
}

fn size(part: Part, asked: &Asked<Option<DirectorySize>>) -> Check {
    const NAME: &str = "directory quota";
    let size = match asked {
        Ok(Some(size)) => size,
        Ok(None) => return Check::warning(NAME, "this tenant does not tell it", "look in the admin center"),
        Err(error) => return untold(NAME, error),
    };
    let left = size.total.saturating_sub(size.used);
    let found = format!("{} of {} objects, {left} left", size.used, size.total);
    let hint =
        "purge deleted objects, or have the quota raised by Microsoft's support; deleted users count for 30 days";
    match () {
        // Nothing is made in a tenant that is only home.
        () if !part.target => Check::ok(NAME, found),
        () if left == 0 => Check::failed(NAME, found, hint),
        () if size.used.saturating_mul(100) > size.total.saturating_mul(FULL_PERCENT) => {
            Check::warning(NAME, found, hint)
        }
        () => Check::ok(NAME, found),
    }
}

fn clock(answers: &Answers) -> Option<Check> {
    const NAME: &str = "clock";
    let ahead = answers.clock_ahead?;
    let off = ahead.unsigned_abs();
    // An answer's date is good to a second, and the way of the answer takes its time.
    let seconds = off / 1000;
    let which = if ahead > 0 { "behind" } else { "ahead of" };
    let found = format!("this machine's clock is {seconds} s {which} the tenant's");
    let hint = "let the system keep its time (NTP)";
    Some(match () {
        () if off > SKEW_FAILED_MILLIS => Check::failed(NAME, found, hint),
        () if off > SKEW_WARNING_MILLIS => Check::warning(NAME, found, hint),
        () if seconds <= 1 => Check::ok(NAME, "as the tenant's"),
        () => Check::ok(NAME, found),
    })
}

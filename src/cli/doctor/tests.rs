//! Does each answer get the verdict that it deserves?
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use super::ask::{Answers, Asked, Found, Heard, Named, Told};
use super::needs::{self, Part};
use super::route::{self, HeardRoute};
use super::{Check, Exit, Report, Verdict, tenant};
use crate::config::{Cloud, Credential, Limits, SecretSource, Tenant};
use crate::graph::{Access, Claims, DirectorySize, Organization, Reach, VerifiedDomain};
use crate::model::{Timestamp, WriteError};
use crate::ports::{DirectoryError, Retry};

const ID: &str = "6f1c0d3e-0000-4000-8000-000000000001";
const DAY: u64 = 86_400_000;
const NOW: Timestamp = Timestamp(1_795_322_112_000);
const MESH: Part =
    Part { home: true, target: true, groups: false, joins: true, joined: true, deletes: true, managers: true };
const HOME: Part =
    Part { home: true, target: false, groups: true, joins: false, joined: false, deletes: false, managers: false };

fn north() -> Tenant {
    Tenant {
        name: "north".into(),
        id: ID.to_owned(),
        client_id: "0b9b0d64-0000-4000-8000-000000000001".to_owned(),
        credential: Credential::Secret(SecretSource::Env("UNUSED".to_owned())),
        redirect_url: String::new(),
        authority: Cloud::Global.authority().parse().unwrap(),
        graph: Cloud::Global.graph().parse().unwrap(),
        limits: Limits::default(),
    }
}

fn refusal(status: u16, code: &str, hint: Option<&str>) -> DirectoryError {
    DirectoryError {
        tenant: "north".into(),
        doing: "asking".to_owned(),
        status: Some(status),
        detail: WriteError { code: code.to_owned(), message: "no".to_owned() },
        hint: hint.map(str::to_owned),
        retry: Retry::Never,
        throttled: false,
        throttle: None,
        request_id: String::new(),
    }
}
fn denied<T>() -> Asked<T> {
    Err(refusal(403, "Authorization_RequestDenied", Some("grant the app the application permission X.Read.All")))
}

fn roles(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
const ENOUGH: [&str; 5] =
    ["User.Invite.All", "User.ReadWrite.All", "User.Read.All", "GroupMember.Read.All", "Organization.Read.All"];

fn told() -> Told {
    let domain = |name: &str, is_initial| VerifiedDomain { name: name.to_owned(), is_initial };
    let verified_domains = vec![domain("north.onmicrosoft.com", true), domain("north.example", false)];
    Told {
        users: Ok(()),
        delta: Ok(()),
        organization: Ok(Organization { id: ID.to_owned(), verified_domains }),
        size: Ok(Some(DirectorySize { used: 10, total: 50_000 })),
        allow_invites_from: Some(Ok("everyone".to_owned())),
        protected: None,
        groups: None,
    }
}

fn heard(told: Option<Told>) -> Heard {
    let claims = Claims { tid: Some(ID.to_owned()), roles: roles(&ENOUGH), ..Claims::default() };
    let claims =
        if told.is_some() { Ok(Some(claims)) } else { Err(refusal(401, "AADSTS7000215", Some("copy the value"))) };
    let answers = Answers { claims, told, clock_ahead: Some(200) };
    Heard::test(Ok(Found { kind: "a client secret", validity: None }), Some(answers), NOW)
}

/// The one check of that name.
fn of<'a>(checks: &'a [Check], name: &str) -> &'a Check {
    let mut named = checks.iter().filter(|check| check.name == name);
    let check = named.next().unwrap_or_else(|| panic!("no {name}: {checks:#?}"));
    assert!(named.next().is_none(), "{name} twice");
    assert_eq!(check.hint.is_some(), check.verdict != Verdict::Ok, "what is not well has a way out: {check:?}");
    check
}
#[track_caller]
fn is(checks: &[Check], name: &str, verdict: Verdict, part: &str) {
    let check = of(checks, name);
    let text = format!("{} {}", check.found, check.hint.as_deref().unwrap_or_default());
    assert!(check.verdict == verdict && text.contains(part), "{check:#?}, expected {verdict:?} and `{part}`");
}
fn examined(change: impl FnOnce(&mut Told)) -> Vec<Check> {
    let mut told = told();
    change(&mut told);
    tenant::checks(&north(), MESH, &heard(Some(told)))
}

#[test]
fn a_tenant_in_order_passes_every_check() {
    let checks = examined(|_| ());
    assert!(checks.iter().all(|check| check.verdict == Verdict::Ok), "{checks:#?}");
    let names: Vec<&str> = checks.iter().map(|check| check.name).collect();
    let expected = [
        "credential",
        "token",
        "permissions",
        "least privilege",
        "users",
        "delta",
        "invitations",
        "domains",
        "directory quota",
        "clock",
    ];
    assert_eq!(names, expected);
}

#[test]
fn permissions_are_weighed_both_ways() {
    let weigh = |part, names: &[&str]| needs::checks(&north(), part, Some(&roles(names)));
    // Too few: each is named with what it is for.
    let checks = weigh(MESH, &["User.Read.All"]);
    is(&checks, "permissions", Verdict::Failed, "User.Invite.All (inviting)");
    is(&checks, "permissions", Verdict::Failed, "User.ReadWrite.All (deleting and restoring accounts)");
    is(&checks, "least privilege", Verdict::Ok, "");
    is(&weigh(MESH, &[]), "permissions", Verdict::Failed, "User.Read.All (reading users and what changed)");
    is(&weigh(HOME, &["User.Read.All"]), "permissions", Verdict::Failed, "GroupMember.Read.All");
    // Enough, whatever the case.
    is(
        &weigh(MESH, &["user.readwrite.all", "USER.INVITE.ALL", "User.Read.All", ENOUGH[3], ENOUGH[4]]),
        "permissions",
        Verdict::Ok,
        "home and target",
    );
    // Granular ones are less, and fine.
    let granular =
        ["User.Invite.All", "User.ReadUpdate.All", "User.DeleteRestore.All", "User.Read.All", ENOUGH[3], ENOUGH[4]];
    is(&weigh(Part { managers: false, ..MESH }, &granular), "permissions", Verdict::Ok, "");
    is(&weigh(MESH, &granular), "permissions", Verdict::Failed, "setting managers");
    // A join is held where roles, groups or the home's domains cannot be read; everything else works.
    let checks = weigh(MESH, &["User.Invite.All", "User.ReadWrite.All"]);
    is(&checks, "permissions", Verdict::Warning, "directory roles");
    is(&checks, "permissions", Verdict::Warning, "GroupMember.Read.All (reading whether");
    is(&checks, "permissions", Verdict::Warning, "Organization.Read.All (reading the verified domains");
    is(
        &weigh(Part { joins: false, joined: false, ..MESH }, &["User.Invite.All", "User.ReadWrite.All"]),
        "permissions",
        Verdict::Ok,
        "",
    );
    // Too many: whoever only reads must not be able to write; what the doctor itself asks for is fine.
    let checks = weigh(HOME, &["User.Read.All", "GroupMember.Read.All", "User.ReadWrite.All", "Policy.Read.All"]);
    is(&checks, "least privilege", Verdict::Warning, "more than this configuration takes: User.ReadWrite.All");
    // A broad one that carries a need is named with what has to come first.
    let checks = weigh(HOME, &["Directory.ReadWrite.All"]);
    is(&checks, "permissions", Verdict::Ok, "");
    is(&checks, "least privilege", Verdict::Warning, "grant User.Read.All, GroupMember.Read.All instead");
    assert!(!of(&checks, "least privilege").found.contains("Policy"));
    // An opaque token says nothing.
    is(&needs::checks(&north(), MESH, None), "permissions", Verdict::Warning, "cannot be read");
}

#[test]
fn whoever_has_no_token_is_asked_nothing_more() {
    let checks = tenant::checks(&north(), MESH, &heard(None));
    is(&checks, "token", Verdict::Failed, "copy the value");
    assert_eq!(checks.iter().map(|c| c.name).collect::<Vec<_>>(), ["credential", "token", "clock"]);
    let lost = Heard::test(Err("the environment variable X is not set".to_owned()), None, NOW);
    let checks = tenant::checks(&north(), MESH, &lost);
    is(&checks, "credential", Verdict::Failed, "X is not set");
    assert_eq!(checks.len(), 1);
}

#[test]
fn what_cannot_be_read_has_failed_and_what_only_the_doctor_asks_is_a_warning() {
    is(&examined(|t| t.users = denied()), "users", Verdict::Failed, "X.Read.All");
    is(&examined(|t| t.delta = denied()), "delta", Verdict::Failed, "X.Read.All");
    is(&examined(|t| t.organization = denied()), "domains", Verdict::Warning, "syncing does not need it");
    is(&examined(|t| t.size = denied()), "directory quota", Verdict::Warning, "syncing does not need it");
    is(&examined(|t| t.size = Ok(None)), "directory quota", Verdict::Warning, "does not tell");
    is(
        &examined(|t| t.allow_invites_from = Some(denied())),
        "invitations",
        Verdict::Warning,
        "syncing does not need it",
    );
    let down = || refusal(503, "ServiceUnavailable", None);
    is(&examined(|t| t.organization = Err(down())), "domains", Verdict::Warning, "ServiceUnavailable");
}

#[test]
fn a_targets_settings_decide_about_invitations() {
    let policy = |word: &str| examined(|t| t.allow_invites_from = Some(Ok(word.to_owned())));
    is(&policy("everyone"), "invitations", Verdict::Ok, "everyone");
    is(&policy("adminsGuestInvitersAndAllMembers"), "invitations", Verdict::Ok, "");
    is(&policy("adminsAndGuestInviters"), "invitations", Verdict::Warning, "guest invite settings");
    is(&policy("none"), "invitations", Verdict::Failed, "guest invite settings");
}

#[test]
fn what_is_named_and_not_there_is_told() {
    let protected = |all, absent: usize| {
        let absent = (0..absent).map(|n| format!("gone{n}@north.example")).collect();
        examined(|t| t.protected = Some(Ok(Named { all, absent })))
    };
    is(&protected(1, 0), "protected accounts", Verdict::Ok, "1 account on the list, none");
    is(&protected(12, 0), "protected accounts", Verdict::Ok, "12 accounts on the list");
    is(&protected(12, 1), "protected accounts", Verdict::Warning, "1 of 12 name no account of this tenant: gone0@");
    is(&protected(12, 10), "protected accounts", Verdict::Warning, "gone9@north.example correct");
    is(&protected(12, 12), "protected accounts", Verdict::Warning, "gone9@north.example and 2 more");
    let groups = |all, absent: &[&str]| {
        let absent = absent.iter().map(|id| (*id).to_owned()).collect();
        examined(|t| t.groups = Some(Ok(Named { all, absent })))
    };
    is(&groups(1, &[]), "groups", Verdict::Ok, "1 group named by rules, none is missing");
    is(&groups(2, &["g2"]), "groups", Verdict::Ok, "taken for another home's: g2");
    is(&groups(2, &["g1", "g2"]), "groups", Verdict::Failed, "none of the groups that rules name is here: g1, g2");
    is(&examined(|t| t.groups = Some(denied())), "groups", Verdict::Warning, "X.Read.All");
    let unread = examined(|t| t.protected = Some(denied()));
    is(&unread, "protected accounts", Verdict::Warning, "X.Read.All");
}

#[test]
fn domains_sizes_and_clocks_are_judged() {
    let organization = |id: &str, domains: &[(&str, bool)]| {
        let domain =
            |(name, is_initial): &(&str, bool)| VerifiedDomain { name: (*name).to_owned(), is_initial: *is_initial };
        Ok(Organization { id: id.to_owned(), verified_domains: domains.iter().map(domain).collect() })
    };
    let own = [("x.onmicrosoft.com", true), ("x.example", false)];
    is(&examined(|t| t.organization = organization(ID, &own[..1])), "domains", Verdict::Warning, "x.onmicrosoft.com");
    is(&examined(|t| t.organization = organization(ID, &[])), "domains", Verdict::Warning, "no verified");
    is(
        &examined(|t| t.organization = organization(&ID.replace('6', "7"), &own)),
        "domains",
        Verdict::Failed,
        "another tenant",
    );
    is(&examined(|t| t.organization = organization(&ID.to_uppercase(), &own)), "domains", Verdict::Ok, "x.example");

    let full = |used| examined(|t| t.size = Ok(Some(DirectorySize { used, total: 1_000 })));
    is(&full(900), "directory quota", Verdict::Ok, "100 left");
    is(&full(901), "directory quota", Verdict::Warning, "99 left");
    is(&full(1_000), "directory quota", Verdict::Failed, "0 left");
    let mut told = told();
    told.size = Ok(Some(DirectorySize { used: 1_000, total: 1_000 }));
    is(&tenant::checks(&north(), HOME, &heard(Some(told))), "directory quota", Verdict::Ok, "0 left");

    let clock = |ahead| {
        let mut heard = heard(None);
        heard.answers.as_mut().unwrap().clock_ahead = Some(ahead);
        tenant::checks(&north(), MESH, &heard)
    };
    is(&clock(-1_999), "clock", Verdict::Ok, "as the tenant's");
    is(&clock(60_000), "clock", Verdict::Ok, "60 s behind");
    is(&clock(60_001), "clock", Verdict::Warning, "behind the tenant's");
    is(&clock(-300_000), "clock", Verdict::Warning, "ahead of the tenant's");
    is(&clock(-300_001), "clock", Verdict::Failed, "ahead of the tenant's");
}

#[test]
fn a_certificate_is_told_before_it_ends() {
    let ends = |from: u64, until: u64| {
        let found = Found { kind: "a certificate", validity: Some((Timestamp(from), Timestamp(until))) };
        tenant::checks(&north(), MESH, &Heard::test(Ok(found), None, NOW))
    };
    is(&ends(0, NOW.0 + 30 * DAY), "certificate", Verdict::Ok, "good until 2026-12-22");
    is(&ends(0, NOW.0 + 30 * DAY - 1000), "certificate", Verdict::Warning, "in 29 days");
    is(&ends(0, NOW.0), "certificate", Verdict::Failed, "expired on 2026-11-22");
    is(&ends(NOW.0 + 1000, NOW.0 + 90 * DAY), "certificate", Verdict::Failed, "only");
}

fn open() -> Access {
    let reach = Some(Reach::Everybody);
    Access { inbound: reach, outbound: reach, redeems_inbound: Some(true), redeems_outbound: Some(true) }
}
fn pair(change: impl FnOnce(&mut HeardRoute)) -> Vec<Check> {
    let mut heard = HeardRoute {
        clouds: (Some(Cloud::Global), Some(Cloud::Global)),
        home: Some(Ok(open())),
        target: Some(Ok(open())),
        sync: Some(Ok(false)),
        allowed_clouds: (None, None),
    };
    change(&mut heard);
    route::checks(&heard)
}

#[test]
fn each_direction_of_a_route_is_looked_at_where_it_counts() {
    let checks = pair(|_| ());
    assert!(checks.iter().all(|check| check.verdict == Verdict::Ok), "{checks:#?}");
    let nobody = Some(Reach::Nobody);
    let checks = pair(|h| h.target = Some(Ok(Access { inbound: nobody, ..open() })));
    is(&checks, "inbound", Verdict::Failed, "of the target");
    is(&checks, "outbound", Verdict::Ok, "");
    let checks = pair(|h| h.home = Some(Ok(Access { outbound: nobody, ..open() })));
    is(&checks, "outbound", Verdict::Failed, "of home");
    is(&checks, "inbound", Verdict::Ok, "");
    // The other way round is another route's business.
    let checks = pair(|h| {
        h.home = Some(Ok(Access { inbound: nobody, redeems_inbound: Some(false), ..open() }));
        h.target = Some(Ok(Access { outbound: nobody, redeems_outbound: Some(false), ..open() }));
    });
    assert!(checks.iter().all(|check| check.verdict == Verdict::Ok), "{checks:#?}");
    is(
        &pair(|h| h.target = Some(Ok(Access { inbound: Some(Reach::Some), ..open() }))),
        "inbound",
        Verdict::Warning,
        "some",
    );
    is(&pair(|h| h.target = Some(Ok(Access { inbound: None, ..open() }))), "inbound", Verdict::Warning, "not say");
    is(&pair(|h| h.target = Some(denied())), "inbound", Verdict::Warning, "syncing does not need it");
    is(&pair(|h| h.target = None), "inbound", Verdict::Warning, "could not be asked");

    let redeems = |home, target| {
        pair(|h| {
            h.home = Some(Ok(Access { redeems_outbound: home, ..open() }));
            h.target = Some(Ok(Access { redeems_inbound: target, ..open() }));
        })
    };
    is(&redeems(Some(true), Some(false)), "automatic redemption", Verdict::Warning, "the target does not");
    is(&redeems(None, Some(true)), "automatic redemption", Verdict::Warning, "home does not");
    is(&redeems(None, None), "automatic redemption", Verdict::Warning, "neither");

    is(&pair(|h| h.sync = Some(Ok(true))), "other synchronization", Verdict::Warning, "undo each other");
    is(&pair(|h| h.sync = Some(denied())), "other synchronization", Verdict::Warning, "syncing does not need it");
}

#[test]
fn across_clouds_what_microsoft_does_not_support_is_said() {
    let across = |home, target, of_home: &[&str], of_target: &[&str]| {
        let open = |names: &[&str]| Some(Result::Ok(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()));
        let checks = pair(|h| {
            h.clouds = (Some(home), Some(target));
            h.allowed_clouds = (open(of_home), open(of_target));
        });
        checks.into_iter().filter(|c| c.name == "clouds").map(|c| (c.verdict, c.found)).collect::<Vec<_>>()
    };
    let verdicts = |found: &[(Verdict, String)]| found.iter().map(|(v, _)| *v).collect::<Vec<_>>();
    use Cloud::{China, Global, UsGov, UsGovDod};
    use Verdict::{Failed, Ok, Warning};
    assert_eq!(verdicts(&across(UsGov, UsGovDod, &[], &[])), [Ok], "one authority, one cloud");
    let found = across(UsGov, China, &["partner.microsoftonline.cn"], &["microsoftonline.us"]);
    assert!(found.len() == 1 && found[0].0 == Failed && found[0].1.contains("us-gov and china"), "{found:?}");
    let found = across(Global, China, &["partner.microsoftonline.cn"], &["microsoftonline.com"]);
    assert_eq!(verdicts(&found), [Ok, Ok, Warning]);
    assert_eq!(
        verdicts(&across(Global, UsGovDod, &["partner.microsoftonline.cn"], &["microsoftonline.com"])),
        [Failed, Ok, Warning]
    );
    assert_eq!(verdicts(&across(UsGov, Global, &["microsoftonline.com"], &[])), [Ok, Failed, Warning]);
    let own_roots = pair(|h| h.clouds = (None, Some(Global)));
    assert!(own_roots.iter().all(|c| c.name != "clouds"), "roots of one's own are nobody's cloud");
}

#[test]
fn warnings_do_not_count_and_failures_do() {
    let report = |verdicts: &[Verdict]| {
        let check = |v: &Verdict| Check { name: "x", verdict: *v, found: String::new(), hint: None };
        let checks: Vec<Check> = verdicts.iter().map(check).collect();
        Report { tenants: vec![], routes: vec![("a->b".to_owned(), checks)] }.exit()
    };
    assert_eq!(report(&[Verdict::Ok, Verdict::Warning]), Exit::Done);
    assert_eq!(report(&[Verdict::Failed, Verdict::Ok]), Exit::Incomplete);
    assert_eq!(report(&[]), Exit::Done);
}

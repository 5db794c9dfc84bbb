//! What does each cell of the decision table say? Rows are what the rules say, columns where the user stands.

use std::collections::BTreeSet;

use crosstie::model::{Action, Hold, Link, Observed, Origin, Presence, Standing, Timestamp, Why};
use crosstie::plan::{self, Answer, Answers, Case, Decision, PlannedRoute};

use super::world::{DAY, NOW, asked, known, present, route};

const RULES: &str = r#"
account = "member"
[[scope]]
all = [{ attribute = "department", operator = "EQUALS", value = "Maths" }]
[[match]]
target = "mail"
source = "[mail]"
[attributes]
displayName = "[displayName]"
jobTitle = "[jobTitle]"
"#;

/// Columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    LinkedInStep,
    LinkedBlocked,
    LinkedDiffering,
    LostRestorable,
    LostGone,
    LostUnseen,
    Candidate,
    OursFound,
    OursBlockedFound,
    Disputed,
    Taken,
    AddressExternal,
    AddressNative,
    Unmatched,
    UnmatchedAsked,
    Unsure,
}
use Column as C;

const COLUMNS: [Column; 16] = [
    C::LinkedInStep,
    C::LinkedBlocked,
    C::LinkedDiffering,
    C::LostRestorable,
    C::LostGone,
    C::LostUnseen,
    C::Candidate,
    C::OursFound,
    C::OursBlockedFound,
    C::Disputed,
    C::Taken,
    C::AddressExternal,
    C::AddressNative,
    C::Unmatched,
    C::UnmatchedAsked,
    C::Unsure,
];

fn home(pairs: &[(&str, &str)]) -> Observed {
    let mut all = vec![
        ("displayName", "Ada"),
        ("jobTitle", "Dev"),
        ("department", "Maths"),
        ("mail", "ada@north.example"),
        ("accountEnabled", "true"),
        ("userPrincipalName", "ada@north.example"),
    ];
    all.extend(pairs);
    present("home", &all)
}

fn account(id: &str, pairs: &[(&str, &str)]) -> Observed {
    let mut all = vec![
        ("displayName", "Ada"),
        ("jobTitle", "Dev"),
        ("accountEnabled", "true"),
        ("userPrincipalName", "ada_north.example#EXT#@south.example"),
    ];
    all.extend(pairs);
    present(id, &all)
}

fn free(account: Observed) -> Answer {
    Answer { account, taken: false }
}

fn case(home: Observed, column: Column) -> Case {
    let mut case = Case {
        home,
        member_of: BTreeSet::new(),
        link: Some(known("account", Origin::Provisioned)),
        account: None,
        answers: Answers { rungs: vec![vec![]], ..Answers::default() },
        readings: 1,
    };
    let lost = |presence| Some(Observed { presence, ..account("account", &[]) });
    let native = ("userPrincipalName", "ada@south.example");
    match column {
        C::LinkedInStep => case.account = Some(account("account", &[])),
        C::LinkedBlocked => case.account = Some(account("account", &[("accountEnabled", "false")])),
        C::LinkedDiffering => case.account = Some(account("account", &[("jobTitle", "Lead")])),
        C::LostRestorable => case.account = lost(Presence::SoftDeleted),
        C::LostGone => case.account = lost(Presence::Gone),
        C::LostUnseen => {}
        C::Candidate => {
            case.link = None;
            case.answers.rungs = vec![vec![free(account("native", &[native])), free(account("guest", &[]))]];
        }
        C::OursFound | C::OursBlockedFound => {
            case.link = Some(asked("ada@north.example", 0));
            let enabled = if column == C::OursFound { "true" } else { "false" };
            case.answers.address = vec![free(account("guest", &[("accountEnabled", enabled)]))];
        }
        C::Disputed => {
            case.link = None;
            case.answers.rungs = vec![vec![free(account("one", &[])), free(account("two", &[]))]];
        }
        C::Taken => {
            case.link = None;
            case.answers.rungs = vec![vec![Answer { account: account("theirs", &[]), taken: true }]];
        }
        C::AddressExternal => {
            case.link = None;
            case.answers.address = vec![free(account("guest", &[]))];
        }
        C::AddressNative => {
            case.link = None;
            case.answers.address = vec![free(account("native", &[native]))];
        }
        C::Unmatched => case.link = None,
        C::UnmatchedAsked => case.link = Some(asked("ada@north.example", 0)),
        C::Unsure => case.link = Some(asked("ada@north.example", 1)),
    }
    case
}

/// What a cell says, in one short line.
fn cell(route: &PlannedRoute, case: &Case) -> String {
    let names = |edits: &crosstie::model::Edits| edits.keys().map(ToString::to_string).collect::<Vec<_>>().join(",");
    match plan::consider(route, case, NOW).decision {
        Decision::Do(change) => {
            let why = change.why.as_str();
            let kind = change.action.kind();
            match &change.action {
                Action::Provision { address, .. } => format!("provision {address} ({why})"),
                Action::Join { account, edits, .. } => format!("join {account} [{}] ({why})", names(edits)),
                Action::Update { account, edits } => format!("update {account} [{}] ({why})", names(edits)),
                Action::Unlink => format!("unlink ({why})"),
                action => format!("{kind} {} ({why})", action.account().expect("an account")),
            }
        }
        Decision::Hold(hold) => match hold {
            Hold::Disputed(who) => format!("held: {} dispute it", who.len()),
            Hold::Taken { account } => format!("held: {account} is taken"),
            Hold::AddressInUse { account, native } => format!("held: {account} has the address, native={native}"),
            Hold::AwaitingReading => "held: unsure".to_owned(),
            Hold::Unmappable { attribute, .. } => format!("held: {attribute}"),
            other => format!("held: {other:?}"),
        },
        Decision::Settled => "settled".to_owned(),
        Decision::Waiting(until) => format!("waiting {}", (until.0 - NOW.0) / DAY),
    }
}

fn row(rules: &str, home: &Observed, expected: [&str; 16]) {
    let route = route(&[("staff", rules)]);
    for (column, expected) in COLUMNS.into_iter().zip(expected) {
        assert_eq!(cell(&route, &case(home.clone(), column)), expected, "{column:?}");
    }
}

#[test]
fn in_scope() {
    row(
        RULES,
        &home(&[]),
        [
            "settled",
            "settled",
            "update account [jobTitle] (in scope)",
            "restore account (account missing)",
            "unlink (account missing)",
            "unlink (account missing)",
            "join guest [] (in scope)",
            "join guest [userType] (in scope)",
            "join guest [userType] (in scope)",
            "held: 2 dispute it",
            "held: theirs is taken",
            "held: guest has the address, native=false",
            "held: native has the address, native=true",
            "provision ada@north.example (in scope)",
            "provision ada@north.example (in scope)",
            "held: unsure",
        ],
    );
}

#[test]
fn in_scope_but_unmappable_is_held_before_the_row_is_read() {
    let mut expected = ["held: displayName"; 16];
    expected[15] = "held: unsure";
    row(RULES, &home(&[("displayName", "")]).without("displayName"), expected);
}

#[test]
fn in_scope_but_left_out_of_the_flow_is_left_alone() {
    let rules = RULES.replace("\"[jobTitle]\"", "'IgnoreObjectFlow'");
    let mut expected = ["settled"; 16];
    expected[15] = "held: unsure";
    row(&rules, &home(&[]), expected);
}

/// The columns in which no account of ours stands: the same for everybody who has left.
fn gone(linked: [&'static str; 3], found: &'static str, unlink: &'static str) -> [&'static str; 16] {
    let [in_step, blocked, differing] = linked;
    let missing = "unlink (account missing)";
    [
        in_step,
        blocked,
        differing,
        "settled",
        missing,
        missing,
        "settled",
        found,
        found,
        "settled",
        "settled",
        "settled",
        "settled",
        "settled",
        unlink,
        "held: unsure",
    ]
}

#[test]
fn out_of_scope() {
    let out = home(&[("department", "Art")]);
    let found = "join guest [] (out of scope)";
    let unlink = "unlink (out of scope)";
    row(RULES, &out, gone(["delete account (out of scope)"; 3], found, unlink));
    let disable = format!("{RULES}[leavers]\nout_of_scope = \"disable\"\n");
    let block = "disable account (out of scope)";
    row(&disable, &out, gone([block, "settled", block], found, unlink));
    let keep = format!("{RULES}[leavers]\nout_of_scope = \"keep\"\n");
    row(&keep, &out, gone(["settled"; 3], found, unlink));
    let grace = format!("{RULES}[leavers]\ngrace_days = 7\n");
    row(&grace, &out, gone([block, "waiting 7", block], found, unlink));
}

#[test]
fn removed_at_home() {
    for presence in [Presence::SoftDeleted, Presence::Gone] {
        let mut removed = Observed { presence, ..home(&[]) };
        if presence == Presence::Gone {
            removed.attributes.clear();
        }
        let (found, unlink) = ("join guest [] (deleted at home)", "unlink (deleted at home)");
        row(RULES, &removed, gone(["delete account (deleted at home)"; 3], found, unlink));
        let disable = format!("{RULES}[leavers]\ndeleted = \"disable\"\n");
        let block = "disable account (deleted at home)";
        row(&disable, &removed, gone([block, "settled", block], found, unlink));
        let keep = format!("{RULES}[leavers]\ndeleted = \"keep\"\n");
        row(&keep, &removed, gone(["settled"; 3], found, unlink));
        let grace = format!("{RULES}[leavers]\ngrace_days = 30\n");
        row(&grace, &removed, gone([block, "waiting 30", block], found, unlink));
    }
}

#[test]
fn blocked_at_home() {
    let blocked = home(&[("accountEnabled", "false")]);
    let (found, unlink) = ("join guest [] (disabled at home)", "unlink (disabled at home)");
    let block = "disable account (disabled at home)";
    row(RULES, &blocked, gone([block, "settled", block], found, unlink));
    let delete = format!("{RULES}[leavers]\ndisabled = \"delete\"\n");
    row(&delete, &blocked, gone(["delete account (disabled at home)"; 3], found, unlink));
    let grace = format!("{RULES}[leavers]\ndisabled = \"delete\"\ngrace_days = 2\n");
    row(&grace, &blocked, gone([block, "waiting 2", block], found, unlink));
    // Nobody who is unmappable escapes the block.
    let nameless = blocked.clone().without("displayName");
    row(RULES, &nameless, gone([block, "settled", block], found, unlink));
}

#[test]
fn blocked_at_home_and_kept_is_in_scope_like_anybody() {
    let keep = format!("{RULES}[leavers]\ndisabled = \"keep\"\n");
    let blocked = home(&[("accountEnabled", "false")]);
    let route = route(&[("staff", &keep)]);
    for column in COLUMNS {
        let enabled = cell(&route, &case(home(&[]), column));
        assert_eq!(cell(&route, &case(blocked.clone(), column)), enabled, "{column:?}");
    }
}

#[test]
fn a_scope_that_asks_for_enabled_people_leaves_the_blocked_to_their_own_rule() {
    let scope = "{ attribute = \"accountEnabled\", operator = \"IS TRUE\" }, { attribute = \"department\"";
    let rules = RULES.replace("{ attribute = \"department\"", scope);
    let blocked = home(&[("accountEnabled", "false")]);
    let (found, unlink) = ("join guest [] (disabled at home)", "unlink (disabled at home)");
    let block = "disable account (disabled at home)";
    row(&rules, &blocked, gone([block, "settled", block], found, unlink));
    let keep = format!("{rules}[leavers]\ndisabled = \"keep\"\n");
    row(&keep, &blocked, gone(["settled"; 3], found, unlink));
    // Blocked and out of scope for another reason too: out of scope.
    let out = home(&[("accountEnabled", "false"), ("department", "Art")]);
    row(
        &rules,
        &out,
        gone(["delete account (out of scope)"; 3], "join guest [] (out of scope)", "unlink (out of scope)"),
    );
}

#[test]
fn a_blocked_persons_account_is_blocked_first_and_then_kept_in_step() {
    let route = route(&[("staff", RULES)]);
    let mut case = case(home(&[("accountEnabled", "false")]), C::LinkedBlocked);
    case.account = Some(account("account", &[("accountEnabled", "false"), ("jobTitle", "Lead")]));
    assert_eq!(cell(&route, &case), "update account [jobTitle] (in scope)");
    // With `delete` there is nothing to keep in step.
    let grace =
        super::world::route(&[("staff", &format!("{RULES}[leavers]\ndisabled = \"delete\"\ngrace_days = 2\n"))]);
    assert_eq!(cell(&grace, &case), "waiting 2");
}

#[test]
fn external_at_home_is_never_touched_in_any_column() {
    let marks = [
        ("userPrincipalName", "ada_west.example#ext#@north.example"),
        ("creationType", "invitation"),
        ("externalUserState", "PendingAcceptance"),
    ];
    for mark in marks {
        let guest = home(&[mark]);
        assert_eq!(guest.standing(), Standing::External);
        row(RULES, &guest, ["settled"; 16]);
        row(RULES, &Observed { presence: Presence::SoftDeleted, ..guest }, ["settled"; 16]);
    }
}

#[test]
fn grace_runs_from_the_day_of_leaving_and_ends_in_a_deletion() {
    let route = route(&[("staff", &format!("{RULES}[leavers]\ngrace_days = 7\n"))]);
    let out = home(&[("department", "Art")]);
    let at = |days: u64, column| {
        let mut case = case(out.clone(), column);
        let link = case.link.take().expect("linked");
        case.link = Some(Link { leaving_since: Some(Timestamp(NOW.0 - days * DAY)), ..link });
        (cell(&route, &case), plan::consider(&route, &case, NOW).link)
    };
    assert_eq!(at(3, C::LinkedBlocked).0, "waiting 4");
    assert_eq!(at(3, C::LinkedInStep).0, "disable account (out of scope)");
    assert_eq!(at(7, C::LinkedBlocked).0, "delete account (grace period over)");
    assert_eq!(at(7, C::LinkedInStep).0, "delete account (grace period over)");
    // The first sight of a leaver starts the clock, and later ones leave it running.
    let first = plan::consider(&route, &case(out.clone(), C::LinkedInStep), NOW);
    assert_eq!(first.link.expect("remembered").leaving_since, Some(NOW));
    assert_eq!(at(3, C::LinkedBlocked).1, None, "nothing new to remember");
    assert_eq!(Why::GraceOver.as_str(), "grace period over");
}

#[test]
fn a_return_within_grace_stops_the_clock_and_lifts_our_block_only() {
    let route = route(&[("staff", &format!("{RULES}[leavers]\ngrace_days = 7\n"))]);
    let mut case = case(home(&[]), C::LinkedBlocked);
    let leaving = Link { leaving_since: Some(Timestamp(NOW.0 - 3 * DAY)), ..known("account", Origin::Provisioned) };
    case.link = Some(Link { disabled_by_us: true, ..leaving.clone() });
    assert_eq!(cell(&route, &case), "enable account (in scope)");
    assert_eq!(plan::consider(&route, &case, NOW).link.expect("remembered").leaving_since, None);
    case.link = Some(leaving);
    assert_eq!(cell(&route, &case), "settled");
    // Still blocked at home: the account stays blocked, whoever blocked it.
    case.home = home(&[("accountEnabled", "false")]);
    case.link.as_mut().expect("a link").disabled_by_us = true;
    assert!(plan::consider(&route, &case, NOW).link.expect("the clock stops").disabled_by_us);
}

trait Without {
    fn without(self, attribute: &str) -> Self;
}
impl Without for Observed {
    fn without(mut self, attribute: &str) -> Self {
        self.attributes.remove(attribute);
        self
    }
}

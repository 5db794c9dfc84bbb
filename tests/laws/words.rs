//! In which words is a person explained? One example of each verdict, situation, rung, holder and end.

use std::collections::{BTreeMap, BTreeSet};

use crosstie::model::{Former, Link, Observed, Origin, Presence, Stamping, Timestamp, Value};
use crosstie::plan::explain::{CandidateFate, Explanation, Outcome};
use crosstie::plan::{self, Answer, Answers, Case, PlannedRoute, explain};

use super::world::{DAY, NOW, asked, known, present, route, route_name};

const RULES: &str = r#"
[[scope]]
all = [{ attribute = "department", operator = "EQUALS", value = "Maths" }]
[[match]]
target = "employeeId"
source = "[employeeId]"
[[match]]
target = "mail"
source = "[mail]"
[attributes]
jobTitle = 'Switch([jobTitle], [jobTitle], "Hidden", IgnoreObjectFlow)'
[leavers]
disabled = "disable"
deleted = "delete"
out_of_scope = "delete"
grace_days = 30
"#;

/// The situation that is told of, why the verdict is what it is, and what follows.
#[derive(Default)]
struct Seen {
    home: Vec<(&'static str, &'static str)>,
    presence: Option<Presence>,
    link: Option<Link>,
    account: Option<Observed>,
    answers: Answers,
    rules: Option<String>,
}

impl Seen {
    fn told(self) -> Explanation {
        let all = [("jobTitle", "Dev"), ("department", "Maths"), ("mail", "ada@north.example")];
        let named = |name: &str| self.home.iter().any(|(other, _)| *other == name);
        let pairs: Vec<_> = all.into_iter().filter(|(name, _)| !named(name)).chain(self.home.iter().copied()).collect();
        let presence = self.presence.unwrap_or(Presence::Present);
        let case = Case {
            home: Observed { presence, ..present("home", &pairs) },
            member_of: BTreeSet::new(),
            link: self.link,
            account: self.account,
            answers: self.answers,
            readings: 1,
        };
        let mut route: PlannedRoute = route(&[("staff", self.rules.as_deref().unwrap_or(RULES))]);
        route.ownership.stamping = Some(Stamping { attribute: "extensionAttribute15".into(), home: "t".into() });
        explain(&route, &case, NOW)
    }
    fn words(self) -> [String; 3] {
        let told = self.told();
        [told.because, told.account.says, told.decision.says]
    }
}

fn guest(id: &str, pairs: &[(&str, &str)]) -> Observed {
    let all = [("userPrincipalName", "ada_north.example#EXT#@south.example"), ("jobTitle", "Dev")];
    let stamped = [("extensionAttribute15", "crosstie:v1:t:home")];
    let named = |name: &str| pairs.iter().any(|(other, _)| *other == name);
    let rest: Vec<_> = all.into_iter().filter(|(name, _)| !named(name)).collect();
    present(id, &[&rest[..], &stamped, pairs].concat())
}

fn linked(pairs: &[(&str, &str)]) -> Seen {
    let link = Some(known("account", Origin::Provisioned));
    Seen { link, account: Some(guest("account", pairs)), ..Seen::default() }
}

fn lost(presence: Presence, home: Vec<(&'static str, &'static str)>) -> Seen {
    let account = Some(Observed { presence, ..guest("account", &[]) });
    Seen { home, account, ..linked(&[]) }
}

fn answered(rungs: Vec<Vec<Answer>>, address: Vec<Answer>) -> Seen {
    let home = vec![("employeeId", "7")];
    Seen { home, answers: Answers { rungs, address, ..Answers::default() }, ..Seen::default() }
}

fn answer(id: &str, taken: bool) -> Answer {
    Answer { account: guest(id, &[]), taken }
}

fn native(id: &str) -> Answer {
    Answer { account: present(id, &[("userPrincipalName", "ada@south.example")]), taken: false }
}

const TAKES: &str = "rule set staff takes the user";
const LEAVERS: &str = "; [leavers] of rule set staff says what becomes of the account";
const STANDS: &str = "linked to account account, which stands";
const OUT: (&str, &str) = ("department", "Art");
const BLOCKED: (&str, &str) = ("accountEnabled", "false");

#[test]
fn who_is_linked() {
    assert_eq!(linked(&[]).words(), [TAKES, STANDS, "in step: nothing to write"]);
    let blocked = "in step: nothing to write; the account is blocked in the target";
    assert_eq!(linked(&[BLOCKED]).words(), [TAKES, STANDS, blocked]);
    assert_eq!(linked(&[("jobTitle", "Lead")]).words(), [TAKES, STANDS, "account account is updated (in scope)"]);
    let out = linked(&[("jobTitle", "Lead")]).told();
    assert_eq!((out.verdict, out.home.presence, out.home.standing), ("in scope", "present", "native"));
    let account = out.account.account.unwrap();
    assert_eq!(
        (account.presence, account.standing, account.blocked, out.home.blocked),
        ("present", "external", false, false)
    );
    let home = vec![("jobTitle", "Hidden")];
    let left_out = "the rules leave the user out of the flow for now (IgnoreObjectFlow)";
    assert_eq!(Seen { home, ..linked(&[]) }.words(), [TAKES, STANDS, left_out]);
    let ours = Some(Link { disabled_by_us: true, ..known("account", Origin::Provisioned) });
    let unblocked = "account account, which crosstie had blocked, is unblocked (in scope)";
    assert_eq!(Seen { link: ours, ..linked(&[BLOCKED]) }.words(), [TAKES, STANDS, unblocked]);
}

#[test]
fn who_left() {
    let out = format!("no rule set of the route takes the user{LEAVERS}");
    let blocked = |why: &str| format!("account account is blocked ({why})");
    let seen = |pairs: &[(&str, &str)]| Seen { home: vec![OUT], ..linked(pairs) };
    assert_eq!(seen(&[]).words(), [out.as_str(), STANDS, &blocked("out of scope")]);
    let since = |days: u64| {
        Some(Link { leaving_since: Some(Timestamp(NOW.0 - days * DAY)), ..known("account", Origin::Provisioned) })
    };
    let due = Timestamp(NOW.0 + DAY).rfc3339();
    let waits = format!("the account is blocked, and deleted after {due} unless the user comes back");
    let waiting = Seen { link: since(29), ..seen(&[BLOCKED]) };
    assert_eq!(waiting.words(), [out.as_str(), STANDS, &waits]);
    let waiting = Seen { link: since(29), ..seen(&[BLOCKED]) }.told();
    assert_eq!(waiting.decision.outcome, Outcome::Waiting { until: due });
    assert!(waiting.account.account.unwrap().blocked);
    let over = Seen { link: since(30), ..seen(&[BLOCKED]) };
    assert_eq!(over.words()[2], "account account is deleted (grace period over)");
    let gone = |presence| Seen { presence: Some(presence), ..linked(&[]) };
    let deleted = format!("the user is in the home tenant's deletedItems{LEAVERS}");
    assert_eq!(gone(Presence::SoftDeleted).words(), [deleted.as_str(), STANDS, &blocked("deleted at home")]);
    assert_eq!(gone(Presence::Gone).words()[0], format!("the user is gone from the home tenant{LEAVERS}"));
    let told = [gone(Presence::SoftDeleted).told(), gone(Presence::Gone).told()];
    assert_eq!(
        told.map(|t| (t.verdict, t.home.presence)),
        [("deleted at home", "in deletedItems"), ("deleted at home", "gone")]
    );
    let keeps = |key: &str, home| Seen { home, rules: Some(RULES.replace(key, "\"keep\" #")), ..linked(&[]) };
    let kept = "the rules keep the accounts of people who left";
    assert_eq!(keeps("\"delete\"", vec![OUT]).words()[2], kept);
    let before = "rule set staff would take the user, who is blocked at home: its rule for blocked people applies";
    let kept = "the rules keep the accounts of blocked people as they are";
    let scope = "[[scope]]\nall = [{ attribute = \"accountEnabled\", operator = \"IS TRUE\" }]\n";
    let kept_blocked =
        Seen { rules: Some(format!("{scope}[leavers]\ndisabled = \"keep\"\n")), home: vec![BLOCKED], ..linked(&[]) };
    assert_eq!(kept_blocked.words(), [before, STANDS, kept]);
    let whom = "rule set staff takes the user, blocked at home or not";
    let all = Seen { rules: Some("[leavers]\ndisabled = \"keep\"\n".to_owned()), home: vec![BLOCKED], ..linked(&[]) };
    assert_eq!(all.words()[0], whom);
    let home = || vec![BLOCKED];
    assert_eq!(Seen { home: home(), ..linked(&[]) }.words(), [before, STANDS, &blocked("disabled at home")]);
    let already = "the account is blocked already, as the rules want";
    let seen = Seen { home: home(), ..linked(&[BLOCKED]) };
    assert_eq!(seen.words()[2], already);
    assert_eq!(Seen { home: home(), ..linked(&[]) }.told().verdict, "blocked at home");
    assert!(Seen { home: home(), ..linked(&[]) }.told().home.blocked);
}

#[test]
fn whose_account_is_lost() {
    let there = "linked to account account, which is in the target's deletedItems";
    let restored = "account account is restored from deletedItems (account missing)";
    assert_eq!(lost(Presence::SoftDeleted, vec![]).words(), [TAKES, there, restored]);
    let stays = "the account is in deletedItems already, and stays there until the user comes back";
    assert_eq!(lost(Presence::SoftDeleted, vec![OUT]).words()[1..], [there, stays]);
    let gone = "linked to account account, which is gone";
    let forgotten = "the link is forgotten; no account is touched (account missing)";
    assert_eq!(lost(Presence::Gone, vec![]).words(), [TAKES, gone, forgotten]);
    let account = lost(Presence::Gone, vec![]).told().account;
    assert_eq!((account.situation, account.account.unwrap().presence, account.ladder), ("lost", "gone", None));
}

#[test]
fn who_gets_none() {
    let none = "no account of ours, and none is made: nothing to do";
    let out = Seen { home: vec![OUT], ..Seen::default() };
    let not_looked_for = "no account is looked for: the user has none of ours, and gets none";
    assert_eq!(out.words(), ["no rule set of the route takes the user", not_looked_for, none]);
    let external = || Seen { home: vec![("creationType", "Invitation"), ("userType", "Guest")], ..Seen::default() };
    let because =
        "external in its own home tenant (creationType is \"Invitation\"): never exported, whatever a rule says";
    let words = [because, "no account is looked for: external users get none", "external users are left alone"];
    assert_eq!(external().words(), words);
    let told = external().told();
    assert_eq!((told.verdict, told.home.standing, told.account.situation), ("external", "external", "not looked for"));
    let evidence = [("creationType", "Invitation"), ("userType", "Guest")];
    assert_eq!(told.home.evidence, evidence.map(|(name, value)| (name.into(), Some(Value::from(value)))).into());
}

/// What is told of each rung, the address last.
fn ladder(told: &Explanation) -> Vec<(&str, bool)> {
    let ladder = told.account.ladder.as_ref().unwrap();
    ladder.rungs.iter().chain([&ladder.address]).map(|rung| (rung.says.as_str(), rung.decides)).collect()
}

/// What became of each account that answers.
fn fates(told: &Explanation) -> BTreeMap<&str, (CandidateFate, &str)> {
    let ladder = told.account.ladder.as_ref().unwrap();
    let candidates = ladder.rungs.iter().chain([&ladder.address]).flat_map(|rung| &rung.candidates);
    candidates.map(|c| (c.account.id.as_str(), (c.fate, c.says))).collect()
}

const FREE: (&str, bool) = ("free: nobody holds it", false);
const NOBODY: (&str, bool) = ("nobody answers", false);

#[test]
fn the_first_question_that_is_answered_settles_it() {
    let told = answered(vec![vec![native("n")], vec![answer("a", false)]], vec![answer("b", false)]).told();
    let says = [
        ("answered by 1 account, not to be joined", false),
        ("answered by 1 account: this settles it", true),
        ("held by 1 account, not looked at", false),
    ];
    assert_eq!(ladder(&told), says);
    assert_eq!(told.account.says, "not linked; account a is the one external account that answers");
    assert_eq!((told.decision.says.as_str(), told.account.situation), ("account a is joined (in scope)", "candidate"));
    let fates = fates(&told);
    let expected = [
        ("a", (CandidateFate::Match, "the account: external, the only one that answers, and nobody's")),
        ("b", (CandidateFate::NotReached, "not looked at: settled by another question, or by none yet")),
        ("n", (CandidateFate::Native, "not taken: at home in the target, and native accounts are never joined")),
    ];
    assert_eq!(fates, expected.into());
}

#[test]
fn several_accounts_or_another_persons_hold_the_user() {
    let told = answered(vec![vec![answer("a", false), answer("b", true)], vec![]], vec![]).told();
    assert_eq!(ladder(&told), [("answered by 2 accounts: this settles it", true), NOBODY, FREE]);
    assert_eq!(told.account.says, "not linked; 2 external accounts answer");
    let disputed = (CandidateFate::Disputed, "not taken: it is not the only one that answers");
    assert_eq!(fates(&told), [("a", disputed), ("b", disputed)].into());
    assert_eq!(told.decision.says, "held: 2 accounts match: a, b");
    let told = answered(vec![vec![answer("a", true)], vec![]], vec![]).told();
    assert_eq!(told.account.says, "not linked; account a answers, and is another home user's");
    assert_eq!(fates(&told), [("a", (CandidateFate::Taken, "not taken: it is another home user's"))].into());
}

#[test]
fn whoever_holds_the_address_is_in_the_way() {
    let held = |address| {
        let told = answered(vec![vec![], vec![]], address).told();
        assert_eq!(ladder(&told)[..2], [NOBODY, NOBODY]);
        (
            told.account.says.clone(),
            ladder(&told)[2].0.to_owned(),
            ladder(&told)[2].1,
            fates(&told).values().map(|f| f.0).collect::<Vec<_>>(),
        )
    };
    let (says, rung, decides, fates) = held(vec![answer("a", false), answer("b", false)]);
    assert_eq!(says, "not linked; account a holds the address, and no [[match]] finds it");
    assert_eq!((rung.as_str(), decides), ("held by 2 accounts: this settles it", true));
    assert_eq!(fates, [CandidateFate::HoldsAddress, CandidateFate::NotReached]);
    let (says, _, decides, fates) = held(vec![native("n")]);
    assert_eq!(says, "not linked; account n of the target itself holds the address");
    assert_eq!((decides, fates), (true, vec![CandidateFate::HoldsAddress]));
    let (says, _, decides, fates) = held(vec![answer("a", true)]);
    assert_eq!(says, "not linked; account a answers, and is another home user's");
    assert_eq!((decides, fates), (true, vec![CandidateFate::Taken]));
    let (says, rung, decides, _) = held(vec![]);
    assert_eq!((says.as_str(), rung.as_str(), decides), ("not linked; no account answers", FREE.0, false));
}

#[test]
fn an_account_of_somebody_who_is_gone_or_that_bears_the_stamp() {
    let home = || plan::person(&present("old", &[("userPrincipalName", "ada@north.example")]));
    let former = |deleted| Former { account: "a".into(), route: route_name(), home: home(), deleted };
    let told = |former: Former, rung: Vec<Answer>| {
        let mut seen = answered(vec![rung, vec![]], vec![]);
        seen.answers.former = vec![former];
        seen.told()
    };
    let stands = told(former(false), vec![answer("a", true)]);
    assert_eq!(stands.account.says, "not linked; account a answers, and belongs to somebody who is gone from home");
    let deleted = told(former(true), vec![]);
    assert_eq!(
        deleted.account.says,
        "not linked; account a in the target's deletedItems holds the address, and was somebody else's"
    );
    assert_eq!([stands.account.situation, deleted.account.situation], ["former"; 2]);
    let mut seen = answered(vec![vec![answer("c", false)], vec![]], vec![]);
    seen.answers.stamped = vec![answer("a", false), answer("b", false)];
    let told = seen.told();
    assert_eq!(told.account.says, "not linked, and bearing the user's stamp: account a, b");
    assert_eq!((told.account.situation, fates(&told)["c"].0), ("stamped", CandidateFate::NotReached));
    assert_eq!(ladder(&told)[0], ("answered by 1 account, not looked at", false));
}

#[test]
fn who_was_asked_for() {
    let invited = |reading, home, address| {
        let answers = Answers { address, ..Answers::default() };
        Seen { link: Some(asked("ada@north.example", reading)), home, answers, ..Seen::default() }.told()
    };
    let told = invited(0, vec![], vec![answer("a", false)]);
    assert_eq!(told.account.says, "account a holds the address that crosstie invited: it is the one asked for");
    assert_eq!(told.decision.says, "account a, which crosstie had asked for, is linked (in scope)");
    assert_eq!(ladder(&told)[2], ("held by 1 account: this settles it", true));
    let told = invited(0, vec![], vec![]);
    assert_eq!(told.account.says, "an invitation left, its answer was lost, and the account did not come to be");
    assert_eq!(told.decision.says, "a new account is invited (in scope)");
    let told = invited(1, vec![], vec![answer("a", false)]);
    assert_eq!(
        told.account.says,
        "an invitation left, its answer was lost, and the target was not read to its end since"
    );
    assert_eq!((told.account.situation, fates(&told)["a"].0), ("unsure", CandidateFate::NotReached));
    // Whoever left meanwhile is looked for all the same.
    let told = invited(0, vec![OUT], vec![answer("a", false)]);
    assert_eq!((told.account.situation, ladder(&told).len()), ("candidate", 3));
    assert_eq!(ladder(&told)[0].0, "not looked for: the source gives no text");
}

#[test]
fn nobody_without_an_address_is_invited() {
    let told = Seen { home: vec![("mail", " "), ("jobTitle", "Dev")], ..Seen::default() }.told();
    let none = ("not looked for: the source gives no text", false);
    assert_eq!(ladder(&told), [none, none, ("there is no address to invite", false)]);
    assert!(told.decision.says.starts_with("held: mail:"), "{}", told.decision.says);
    let told = Seen::default().told();
    let Outcome::Change(change) = told.decision.outcome else { panic!("{:?}", told.decision) };
    assert_eq!((change.account, change.address.as_deref()), (None, Some("ada@north.example")));
}

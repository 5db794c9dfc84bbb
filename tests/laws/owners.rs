//! Whose is an account that answers, and may it be written? Stamps, people who are gone, and accounts out of reach.

use std::collections::BTreeSet;

use crosstie::model::{Action, ActionKind, Attribute, Former, Hold, Link, Observed, Origin, Presence, Stamp, Value};
use crosstie::plan::{self, Answer, Answers, Case, Decision, leaned_on};

use super::world::{NOW, STAMP, asked, known, owned, present, route_name, stamping};

const RULES: &str = r#"
[[scope]]
all = [{ attribute = "department", operator = "NOT EQUALS", value = "Art" }]
[[match]]
target = "employeeId"
source = "[employeeId]"
[[match]]
target = "otherMails"
source = "[otherMails]"
[attributes]
jobTitle = "[jobTitle]"
[leavers]
out_of_scope = "delete"
disabled = "disable"
"#;

fn home(pairs: &[(&str, &str)]) -> Observed {
    let all = [
        ("mail", "Ada@north.example"),
        ("jobTitle", "Dev"),
        ("department", "Maths"),
        ("userPrincipalName", "ada@north.example"),
    ];
    present("home", &[&all[..], pairs].concat())
}

fn guest(id: &str, pairs: &[(&str, &str)]) -> Observed {
    present(id, &[&[("userPrincipalName", "ada_north.example#EXT#@south.example")], pairs].concat())
}

fn answer(id: &str, taken: bool) -> Answer {
    Answer { account: guest(id, &[]), taken }
}

fn former(account: &str, deleted: bool) -> Former {
    let home = plan::person(&present("old", &[("userPrincipalName", "ada@north.example")]));
    Former { account: account.into(), route: route_name(), home, deleted }
}

fn case(home: Observed, link: Option<Link>, account: Option<Observed>, answers: Answers) -> Case {
    Case { home, member_of: BTreeSet::new(), link, account, answers, readings: 1 }
}

fn decided(link: Option<Link>, answers: Answers) -> Decision {
    plan::consider(&owned(RULES), &case(home(&[]), link, None, answers), NOW).decision
}

fn held(link: Option<Link>, answers: Answers) -> Hold {
    match decided(link, answers) {
        Decision::Hold(hold) => hold,
        other => panic!("{other:?}"),
    }
}

fn done(decision: Decision) -> ActionKind {
    match decision {
        Decision::Do(change) => change.action.kind(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn whoever_bears_the_persons_stamp_is_not_passed_over() {
    let stamped = || Answers { stamped: vec![answer("a", false), answer("b", false)], ..Answers::default() };
    assert_eq!(held(None, stamped()), Hold::Unadopted { accounts: vec!["a".into(), "b".into()] });
    // Neither a match nor the address comes before it.
    let all = Answers { rungs: vec![vec![answer("c", false)]], address: vec![answer("d", false)], ..stamped() };
    assert!(matches!(held(None, all), Hold::Unadopted { .. }));
    // What was asked for may have its stamp already.
    let mine = Answers { address: vec![answer("a", false)], ..stamped() };
    assert_eq!(done(decided(Some(asked("ada@north.example", 0)), mine)), ActionKind::Join);
    assert_eq!(done(decided(None, Answers::default())), ActionKind::Provision);
}

#[test]
fn nobody_inherits_an_account_by_an_address_or_a_match() {
    let rung = |former| Answers { rungs: vec![vec![answer("a", true)]], former, ..Answers::default() };
    let address = |former| Answers { address: vec![answer("a", true)], former, ..Answers::default() };
    for by in [&rung as &dyn Fn(Vec<Former>) -> Answers, &address] {
        assert_eq!(held(None, by(vec![former("b", false), former("a", false)])), Hold::Former(former("a", false)));
        assert_eq!(held(None, by(vec![former("b", false)])), Hold::Taken { account: "a".into() });
    }
    let in_use = Answers { address: vec![answer("a", false)], ..Answers::default() };
    assert_eq!(held(None, in_use), Hold::AddressInUse { account: "a".into(), native: false });
    // In deletedItems it would come back to whoever is invited; of one that stands the answers tell.
    let gone = |deleted| Answers { former: vec![former("a", deleted)], ..Answers::default() };
    assert_eq!(held(None, gone(true)), Hold::Former(former("a", true)));
    assert_eq!(done(decided(None, gone(false))), ActionKind::Provision);
    let invited = asked("ada@north.example", 0);
    assert_eq!(
        done(decided(Some(invited), gone(true))),
        ActionKind::Provision,
        "it was asked for, and is asked for again"
    );
}

/// Linked to the account: what becomes of it?
fn treated(home: Observed, account: &Observed) -> Decision {
    let link = Some(known(account.object.as_str(), Origin::Provisioned));
    plan::consider(&owned(RULES), &case(home, link, Some(account.clone()), Answers::default()), NOW).decision
}

/// Each way of being written: in scope, blocked, out of scope, and to be restored.
fn every_write(account: &Observed) -> [Decision; 4] {
    let lost = Observed { presence: Presence::SoftDeleted, ..account.clone() };
    [
        treated(home(&[]), account),
        treated(home(&[("accountEnabled", "false")]), account),
        treated(home(&[("department", "Art")]), account),
        treated(home(&[]), &lost),
    ]
}

#[test]
fn an_account_out_of_reach_is_not_written_in_any_way() {
    use ActionKind::{Delete, Disable, Restore, Update};
    assert_eq!(every_write(&guest("account", &[])).map(done), [Update, Disable, Delete, Restore]);
    let entry = "Break-Glass".to_owned();
    for decision in every_write(&guest("break-glass", &[])) {
        let Decision::Hold(hold) = decision else { panic!("{decision:?}") };
        assert_eq!(hold, Hold::Protected { account: "break-glass".into(), entry: entry.clone() });
    }
    let join = Answers { rungs: vec![vec![answer("break-glass", false)]], ..Answers::default() };
    assert_eq!(held(None, join), Hold::Protected { account: "break-glass".into(), entry });
    // To forget a link touches nobody.
    let gone = Observed { presence: Presence::Gone, ..guest("break-glass", &[]) };
    assert_eq!(done(treated(home(&[]), &gone)), ActionKind::Unlink);
}

#[test]
fn an_account_that_bears_anothers_stamp_is_not_written_and_a_foreign_text_is_not_written_over() {
    let bearing = |stamp: Value| {
        let mut account = guest("account", &[]);
        account.attributes.insert(STAMP.into(), stamp);
        account
    };
    let stamped = |stamp| Hold::Stamped { account: "account".into(), attribute: STAMP.into(), stamp };
    let held = |decision: Decision| match decision {
        Decision::Hold(hold) => Some(hold),
        _ => None,
    };
    assert_eq!(every_write(&bearing(stamping().value(&"HOME".into()))).map(held), [const { None }; 4]);
    let of = Stamp::Of { tenant: stamping().home.to_string(), home: "another".into() };
    let anothers = every_write(&bearing(stamping().value(&"another".into()))).map(held);
    assert_eq!(anothers, std::array::from_fn(|_| Some(stamped(of.clone()))));
    // It keeps nobody's access alive.
    let foreign = every_write(&bearing("payroll 17".into())).map(held);
    assert_eq!(foreign, [Some(stamped(Stamp::Foreign)), None, None, None]);
    // An update writes the stamp where there is none.
    let Decision::Do(change) = treated(home(&[]), &guest("account", &[])) else { panic!() };
    let Action::Update { edits, .. } = change.action else { panic!() };
    let written = edits.get(&Attribute::from(STAMP)).and_then(|edit| edit.value());
    assert_eq!(written, Some(&stamping().value(&"home".into())));
}

/// A join leans on the person's own address, and on the value that found the account where that is an address.
#[test]
fn what_a_join_leans_on() {
    let leans = |pairs: &[(&str, &str)], rungs: Vec<Vec<Answer>>| {
        let answers = Answers { rungs, ..Answers::default() };
        leaned_on(&owned(RULES), &case(home(pairs), None, None, answers), NOW).into_iter().collect::<Vec<_>>()
    };
    let found = || vec![answer("a", false)];
    let both = [("employeeId", "7"), ("otherMails", "Countess@west.example")];
    assert_eq!(leans(&both, vec![vec![], vec![]]), ["Ada@north.example"]);
    assert_eq!(leans(&both, vec![found(), vec![]]), ["Ada@north.example"], "a number is no address");
    assert_eq!(leans(&both, vec![vec![], found()]), ["Ada@north.example", "countess@west.example"]);
    // A rung without a value is not asked, and the first that is asked is then another one.
    let blank = [("employeeId", " "), ("otherMails", "Countess@west.example"), ("mail", " ")];
    assert_eq!(leans(&blank, vec![found()]), ["ada@north.example", "countess@west.example"]);
}

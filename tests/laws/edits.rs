//! Whom does one edit of the rules touch, where another one is made beside it?

use std::collections::BTreeSet;

use crosstie::model::{Link, Observed, Origin};
use crosstie::plan::{Answers, Case, Comparison, Touch};

use super::world::{NOW, asked, known, present, route};

fn home(pairs: &[(&str, &str)]) -> Observed {
    let all = [("displayName", "Ada"), ("jobTitle", "Dev"), ("mail", "ada@north.example"), ("employeeId", "7")];
    present("home", &[&all[..], pairs].concat())
}

fn case(home: Observed, link: Option<Link>) -> Case {
    let guest = [("userPrincipalName", "ada_north.example#EXT#@south.example")];
    let account = link.as_ref().and_then(Link::account).map(|account| present(account.as_str(), &guest));
    Case { home, member_of: BTreeSet::new(), link, account, answers: Answers::default(), readings: 1 }
}

fn linked_by(rules: &str) -> Option<Link> {
    Some(Link { rules: rules.to_owned(), ..known("account", Origin::Provisioned) })
}

/// The edits that touch the person: the part, and how.
fn touches(old: &[(&str, &str)], new: &[(&str, &str)], case: &Case) -> Vec<(String, Touch)> {
    let comparison = Comparison::new(route(old), route(new));
    let edits: Vec<String> = comparison.rule_edits().map(|e| format!("{} {}", e.rules, e.part)).collect();
    comparison.touches(case, NOW).into_iter().map(|(n, touch)| (edits[n].clone(), touch)).collect()
}

fn touched(what: &str) -> Vec<(String, Touch)> {
    vec![(what.to_owned(), Touch::Touched)]
}

fn of(department: &str, rest: &str) -> String {
    format!(
        "[[scope]]\nall = [{{ attribute = \"department\", operator = \"EQUALS\", value = \"{department}\" }}]\n{rest}"
    )
}

/// Who moves from one rule set to another is touched by the scope that lets them go, and not by edits of what they leave.
#[test]
fn who_moves_leaves_the_other_edits_behind() {
    let text = |department: &str, title: &str, rung: &str| {
        let rung = format!("[[match]]\ntarget = \"{rung}\"\nsource = \"[{rung}]\"\n");
        of(department, &format!("{rung}[attributes]\njobTitle = '{title}'\n"))
    };
    let (old, others) = (text("Maths", "[jobTitle]", "mail"), of("Maths", "[attributes]\njobTitle = '[jobTitle]'\n"));
    let (moved, stays) = (text("Art", "\"Fellow\"", "employeeId"), text("Maths", "\"Fellow\"", "employeeId"));
    let touches = |new: &str, case: &Case| {
        let others = ("others", others.as_str());
        touches(&[("staff", old.as_str()), others], &[("staff", new), others], case)
    };
    let maths = || home(&[("department", "Maths")]);
    let leaves = vec![("staff scope".to_owned(), Touch::Leaves)];
    assert_eq!(touches(&moved, &case(maths(), linked_by("staff"))), leaves);
    assert_eq!(touches(&moved, &case(maths(), None)), leaves);
    let all = |parts: &[&str]| parts.iter().flat_map(|part| touched(&format!("staff {part}"))).collect::<Vec<_>>();
    assert_eq!(touches(&stays, &case(maths(), linked_by("staff"))), all(&["attributes.jobTitle"]));
    assert_eq!(touches(&stays, &case(maths(), None)), all(&["match", "attributes.jobTitle"]));
}

/// A rule set that neither takes the person nor speaks for them says nothing to them, whatever else is edited.
#[test]
fn a_new_rule_set_for_others_touches_nobody_else() {
    let staff = |action: &str| of("Maths", &format!("[leavers]\nout_of_scope = \"{action}\"\n"));
    let (keep, delete, others) = (staff("keep"), staff("delete"), of("Dance", ""));
    let (old, new) = ([("staff", keep.as_str())], [("staff", delete.as_str()), ("others", others.as_str())]);
    let left = case(home(&[("department", "Art")]), linked_by("staff"));
    assert_eq!(touches(&old, &new, &left), touched("staff leavers.out_of_scope"));
    let comes = case(home(&[("department", "Dance")]), None);
    assert_eq!(touches(&old, &new, &comes), [("others rule set".to_owned(), Touch::ComesIn)]);
    let goes = touches(&new, &old, &comes);
    assert_eq!(goes, [("others rule set".to_owned(), Touch::Leaves)]);
}

/// One scope lets them go; that of the others never meant them.
#[test]
fn a_scope_that_takes_nobody_here_touches_nobody_here() {
    let [maths, art, dance, music] = ["Maths", "Art", "Dance", "Music"].map(|department| of(department, ""));
    let (old, new) = ([("staff", maths.as_str()), ("others", &dance)], [("staff", art.as_str()), ("others", &music)]);
    let leaves = touches(&old, &new, &case(home(&[("department", "Maths")]), linked_by("staff")));
    assert_eq!(leaves, [("staff scope".to_owned(), Touch::Leaves)]);
}

/// The same rule set takes them, blocked as they are, and now it means the blocked as well.
#[test]
fn whether_a_block_counts_is_a_touch() {
    let keeps = "[leavers]\ndisabled = \"keep\"\n";
    let enabled = format!("[[scope]]\nall = [{{ attribute = \"accountEnabled\", operator = \"IS TRUE\" }}]\n{keeps}");
    let blocked = case(home(&[("accountEnabled", "false")]), linked_by("staff"));
    assert_eq!(touches(&[("staff", &enabled)], &[("staff", keeps)], &blocked), touched("staff scope"));
    let works = case(home(&[("accountEnabled", "true")]), linked_by("staff"));
    assert_eq!(touches(&[("staff", &enabled)], &[("staff", keeps)], &works), []);
}

/// Whom no rule set takes, the order touches where another one speaks for them and says otherwise.
#[test]
fn the_order_touches_accounts_that_are_treated_otherwise() {
    let grace = |days: u32| of("Maths", &format!("[leavers]\nout_of_scope = \"delete\"\ngrace_days = {days}\n"));
    let (three, four) = (grace(3), grace(4));
    let (old, new) = ([("a", three.as_str()), ("b", four.as_str())], [("b", four.as_str()), ("a", three.as_str())]);
    let art = || home(&[("department", "Art")]);
    assert_eq!(touches(&old, &new, &case(art(), linked_by("gone"))), touched("b, a order"));
    assert_eq!(touches(&old, &new, &case(art(), linked_by("a"))), [], "it speaks as before");
    assert_eq!(touches(&old, &new, &case(art(), None)), [], "there is no account to treat");
    let same = [("a", three.as_str()), ("b", three.as_str())];
    assert_eq!(touches(&same, &[same[1], same[0]], &case(art(), linked_by("gone"))), []);
    // An invitation that was never answered is looked after by whichever speaks.
    let rung =
        |attribute: &str| of("Maths", &format!("[[match]]\ntarget = \"{attribute}\"\nsource = \"[{attribute}]\"\n"));
    let (mail, id) = (rung("mail"), rung("employeeId"));
    let asked = Some(Link { rules: "gone".to_owned(), ..asked("ada@north.example", 0) });
    let (old, new) = ([("a", mail.as_str()), ("b", id.as_str())], [("b", id.as_str()), ("a", mail.as_str())]);
    assert_eq!(touches(&old, &new, &case(art(), asked.clone())), touched("b, a order"));
    let alike = [("a", mail.as_str()), ("b", mail.as_str())];
    assert_eq!(touches(&alike, &[alike[1], alike[0]], &case(art(), asked)), [], "whoever speaks looks for the same");
}

/// Who is blocked is kept in step only where the account is blocked too, and nobody blocked gets one.
#[test]
fn edits_for_blocked_people_touch_their_accounts() {
    let text = |disabled: &str, title: &str| {
        let scope = "[[scope]]\nall = [{ attribute = \"accountEnabled\", operator = \"IS TRUE\" }]\n";
        format!("{scope}[attributes]\njobTitle = '{title}'\n[leavers]\ndisabled = \"{disabled}\"\n")
    };
    let edited = |old: [&str; 2], new: [&str; 2], link: Option<Link>| {
        let blocked = case(home(&[("accountEnabled", "false")]), link);
        touches(&[("staff", &text(old[0], old[1]))], &[("staff", &text(new[0], new[1]))], &blocked)
    };
    let title = |disabled, link| edited([disabled, "[jobTitle]"], [disabled, "\"Fellow\""], link);
    assert_eq!(title("disable", linked_by("staff")), touched("staff attributes.jobTitle"));
    assert_eq!(title("keep", linked_by("staff")), []);
    assert_eq!(title("disable", None), []);
    let end = |link| edited(["disable", "[jobTitle]"], ["delete", "[jobTitle]"], link);
    assert_eq!(end(linked_by("staff")), touched("staff leavers.disabled"));
    assert_eq!(end(None), []);
}

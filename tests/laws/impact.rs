//! Whom does an edit of the rules touch? Nobody whom it does not change, and nobody is left out whom it does.

use std::collections::BTreeSet;

use crosstie::model::{Link, ObjectId, Observed, Origin, Presence};
use crosstie::plan::{Answers, Case, Comparison, Decision, Part, PlannedRoute, Resolved, Touch};
use proptest::prelude::*;

use super::interpreter::Stage;
use super::world::{GROUP, NOW, Scene, asked, known, present, route, rules_text, scenes};

/// `account`, scopes, matches, attributes line by line, leavers.
fn parts(text: &str) -> [Vec<String>; 5] {
    let mut parts: [Vec<String>; 5] = Default::default();
    let mut at = 0;
    for line in text.lines() {
        at = match line {
            "[[scope]]" => 1,
            "[[match]]" => 2,
            "[attributes]" => 3,
            "[leavers]" => 4,
            _ => at,
        };
        parts[at].push(line.to_owned());
    }
    parts
}

/// The rule set with some of its parts, and some lines of its attributes, as the other has them.
fn spliced(text: &str, other: &str, which: u32) -> String {
    let (mine, theirs) = (parts(text), parts(other));
    let takes = |bit: usize| which >> bit & 1 == 1;
    let mut all = Vec::new();
    for (n, (own, foreign)) in mine.iter().zip(&theirs).enumerate() {
        if n != 3 {
            all.extend(if takes(n) { foreign.clone() } else { own.clone() });
            continue;
        }
        all.push("[attributes]".to_owned());
        let name = |line: &String| line.split(' ').next().unwrap().to_owned();
        let names: BTreeSet<String> =
            own.iter().chain(foreign).skip(1).map(name).filter(|n| !n.starts_with('[')).collect();
        for (n, attribute) in names.iter().enumerate() {
            let from = if takes(5 + n) { foreign } else { own };
            all.extend(from.iter().find(|l| name(l) == *attribute).cloned());
        }
    }
    all.join("\n") + "\n"
}

/// The route after an edit: parts of its rule sets are others, one is gone, one has come, or they stand in another order.
fn edited(scene: &Scene, others: &[String], which: u32, sets: u32) -> PlannedRoute {
    let names = ["staff", "others"];
    let mut after: Vec<(&str, String)> = Vec::new();
    for (n, name) in names.into_iter().enumerate() {
        match (scene.texts.get(n), others.get(n)) {
            (Some(text), Some(other)) => after.push((name, spliced(text, other, which))),
            (Some(text), None) if sets % 5 != 1 => after.push((name, text.clone())),
            (None, Some(other)) if sets % 5 == 2 => after.push((name, other.clone())),
            _ => {}
        }
    }
    if sets % 5 == 3 {
        after.reverse();
    }
    if sets % 5 == 4 && after.len() > 1 {
        after.remove(0);
    }
    route(&after.iter().map(|(name, text)| (*name, text.as_str())).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    /// Whoever is settled, and touched by no edit, is settled under the edited rules too: the count leaves nobody out.
    #[test]
    fn whoever_is_touched_by_no_edit_has_nothing_coming(
        scene in scenes(),
        others in proptest::collection::vec(rules_text(), 1..3),
        which in any::<u32>(),
        masks in any::<u32>(),
        sets in 0u32..40,
    ) {
        let old = scene.route.clone();
        // Most edits are small ones.
        let new = edited(&scene, &others, which & masks, sets);
        let mut stage = Stage::new(scene, NOW);
        let (_, last) = stage.run();
        if !matches!(last, Decision::Settled) {
            return Ok(());
        }
        let link = stage.case.link.clone();
        stage.route = new.clone();
        let decision = stage.consider().decision;
        let case = Case { link, ..stage.case.clone() };
        let comparison = Comparison::new(old, new);
        let touches = comparison.touches(&case, NOW);
        if !matches!(decision, Decision::Settled) {
            prop_assert!(!touches.is_empty(), "{decision:#?}\nafter {:#?}\n{case:#?}", comparison.rule_edits().collect::<Vec<_>>());
        }
        for (n, _) in touches {
            prop_assert!(n < comparison.rule_edits().len());
        }
    }

    /// Whatever can change a decision is an edit, and what is no edit changes none.
    #[test]
    fn rules_differ_exactly_where_their_fingerprints_do(
        scene in scenes(),
        others in proptest::collection::vec(rules_text(), 1..3),
        which in any::<u32>(),
        sets in 0u32..40,
    ) {
        let new = edited(&scene, &others, which, sets);
        let comparison = Comparison::new(scene.route.clone(), new.clone());
        prop_assert_eq!(comparison.rule_edits().len() == 0, scene.route.fingerprint() == new.fingerprint());
        let same = Comparison::new(new.clone(), new);
        prop_assert_eq!(same.rule_edits().len(), 0);
        prop_assert!(same.touches(&scene.case, NOW).is_empty());
    }
}

const USER: [(&str, &str); 3] =
    [("displayName", "Ada"), ("mail", "ada@north.example"), ("userPrincipalName", "ada@north.example")];

fn person(more: &[(&str, &str)]) -> Observed {
    present("home", &[&USER[..], more].concat())
}
fn case(home: &[(&str, &str)], link: Option<Link>, account: &[(&str, &str)]) -> Case {
    let stands = link.as_ref().is_some_and(|l| l.account().is_some());
    let account = stands.then(|| present("account", account));
    Case { home: person(home), member_of: BTreeSet::new(), link, account, answers: Answers::default(), readings: 1 }
}
fn linked(home: &[(&str, &str)], account: &[(&str, &str)]) -> Case {
    case(home, Some(known("account", Origin::Provisioned)), account)
}

/// Every edit by its name, how it reads before and after, and how it touches the person.
fn told(old: &PlannedRoute, new: &PlannedRoute, case: &Case) -> Vec<(String, Option<Touch>)> {
    let comparison = Comparison::new(old.clone(), new.clone());
    let touches = comparison.touches(case, NOW);
    let touch = |n: usize| touches.iter().find(|(m, _)| *m == n).map(|(_, t)| *t);
    comparison.rule_edits().enumerate().map(|(n, d)| (format!("{} {}", d.part, d.verb()), touch(n))).collect()
}
/// The same for one edit of one rule set.
fn one(old: &str, new: &str, case: &Case) -> (String, Option<Touch>) {
    let mut all = told(&route(&[("staff", old)]), &route(&[("staff", new)]), case);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}
fn is_touched(old: &str, new: &str, case: &Case) -> bool {
    one(old, new, case).1.is_some()
}
fn title(how: &str) -> String {
    format!("[attributes]\njobTitle = {how}\n")
}

#[test]
fn a_mapping_touches_whoever_gets_another_value() {
    let (plain, doctor) = (title("'[jobTitle]'"), title("'Append(\"Dr \", [jobTitle])'"));
    let dev = linked(&[("jobTitle", "Dev")], &[("jobTitle", "Dev")]);
    assert_eq!(one(&plain, &doctor, &dev), ("attributes.jobTitle edited".to_owned(), Some(Touch::Touched)));
    // The same value from another expression.
    assert!(!is_touched(&plain, &title("'Coalesce([jobTitle], [city])'"), &dev));
    assert!(is_touched(&plain, &title("'Coalesce([jobTitle], [city])'"), &linked(&[("city", "Leeds")], &[])));
    // Who has no account yet will get it with the new value; who is out of scope will not.
    assert!(is_touched(&plain, &doctor, &case(&[("jobTitle", "Dev")], None, &[])));
    let scoped =
        |rules: &str| format!("[[scope]]\nall = [{{ attribute = \"city\", operator = \"IS NOT NULL\" }}]\n{rules}");
    assert!(!is_touched(&scoped(&plain), &scoped(&doctor), &dev));
    // A fault, or none any more, is another outcome.
    assert!(is_touched(&plain, &title("'[otherMails]'"), &linked(&[("jobTitle", "Dev"), ("otherMails", "a|b")], &[])));
}

#[test]
fn an_added_mapping_touches_whoever_gets_a_value_or_loses_one() {
    let (without, with) = ("[attributes]\n".to_owned(), title("'[jobTitle]'"));
    assert_eq!(one(&without, &with, &linked(&[("jobTitle", "Dev")], &[])).0, "attributes.jobTitle added");
    assert!(is_touched(&without, &with, &linked(&[("jobTitle", "Dev")], &[])));
    assert!(is_touched(&without, &with, &linked(&[], &[("jobTitle", "Local")])), "it is cleared");
    assert!(!is_touched(&without, &with, &linked(&[], &[])));
    let keep = title("{ expression = '[jobTitle]', when_empty = 'keep' }");
    assert!(!is_touched(&without, &keep, &linked(&[], &[("jobTitle", "Local")])), "it is kept");
    assert!(is_touched(&keep, &with, &linked(&[], &[("jobTitle", "Local")])), "and kept no longer");
    assert!(!is_touched(&with, &keep, &linked(&[], &[("jobTitle", "Local")])));
    // Removed: whoever had a value from it is no longer kept in step.
    assert_eq!(one(&with, &without, &linked(&[("jobTitle", "Dev")], &[])).0, "attributes.jobTitle removed");
    assert!(is_touched(&with, &without, &linked(&[("jobTitle", "Dev")], &[])));
    assert!(!is_touched(&with, &without, &linked(&[], &[])));
}

#[test]
fn how_a_mapping_is_applied_touches_whoever_is_written_for_it() {
    let applied = |how: &str| title(&format!("{{ expression = '[jobTitle]', apply = '{how}' }}"));
    let local = || {
        let mut case = linked(&[("jobTitle", "Dev")], &[("jobTitle", "Local")]);
        case.link.as_mut().unwrap().baseline = super::world::attributes(&[("jobTitle", "Dev")]);
        case
    };
    for (from, to, touched) in [
        ("on-change", "always", true),
        ("create", "always", true),
        ("always", "on-change", false),
        ("create", "on-change", false),
        // Not kept in step any more, as if the line were gone.
        ("always", "create", true),
    ] {
        // A local edit that stayed until now is put right.
        assert_eq!(is_touched(&applied(from), &applied(to), &local()), touched, "{from} to {to}");
    }
    let step = linked(&[("jobTitle", "Dev")], &[("jobTitle", "Dev")]);
    assert!(!is_touched(&applied("on-change"), &applied("always"), &step), "in step already");
    assert!(!is_touched(&applied("create"), &applied("always"), &step));
    // Written once, and that was long ago.
    let other = title("{ expression = '[city]', apply = 'create' }");
    assert!(!is_touched(&applied("create"), &other, &linked(&[("city", "Leeds"), ("jobTitle", "Dev")], &[])));
    assert!(is_touched(&applied("create"), &other, &case(&[("city", "Leeds"), ("jobTitle", "Dev")], None, &[])));
}

#[test]
fn a_manager_line_touches_whoever_has_a_manager() {
    let (without, with) = ("[attributes]\n", "[attributes]\nmanager = '[manager]'\n");
    let mut led = linked(&[("manager", "boss")], &[]);
    for (old, new) in [(without, with), (with, without)] {
        assert!(is_touched(old, new, &led));
        assert!(!is_touched(old, new, &linked(&[], &[])));
    }
    assert!(is_touched(without, with, &linked(&[], &[("manager", "local boss")])));
    // The boss has no account: `keep` left the local one, `clear` does not.
    led.account = Some(present("account", &[("manager", "local boss")]));
    led.answers.references.insert(ObjectId::from("boss"), Resolved::Nobody);
    let keep = "[attributes]\nmanager = { expression = '[manager]', when_empty = 'keep' }\n";
    assert!(is_touched(keep, with, &led));
    assert!(!is_touched(with, keep, &led));
}

#[test]
fn a_scope_touches_whoever_comes_in_or_leaves() {
    let scope = |clause: &str| format!("[[scope]]\nall = [{{ attribute = \"city\", {clause} }}]\n");
    let (leeds, any) = (scope("operator = \"EQUALS\", value = \"Leeds\""), scope("operator = \"IS NOT NULL\""));
    let of = |city: &str| linked(&[("city", city)], &[]);
    assert_eq!(one(&leeds, &any, &of("York")), ("scope edited".to_owned(), Some(Touch::ComesIn)));
    assert_eq!(one(&any, &leeds, &of("York")).1, Some(Touch::Leaves));
    assert_eq!(one(&any, &leeds, &of("Leeds")).1, None);
    assert_eq!(one(&any, "", &of("")).1, Some(Touch::ComesIn));
    let grouped = format!("[[scope]]\ngroups = [\"{GROUP}\"]\n");
    let mut member = of("York");
    assert_eq!(one(&any, &grouped, &member).1, Some(Touch::Leaves));
    member.member_of = BTreeSet::from([GROUP.to_owned()]);
    assert_eq!(one(&any, &grouped, &member).1, None);
    // Deleted at home, or a guest there: no scope has a say.
    let gone = Case { home: Observed { presence: Presence::SoftDeleted, ..of("York").home }, ..of("York") };
    assert_eq!(one(&leeds, &any, &gone).1, None);
    let guest = linked(&[("city", "York"), ("creationType", "Invitation")], &[]);
    assert_eq!(one(&leeds, &any, &guest).1, None);
}

#[test]
fn leavers_rules_touch_whoever_they_treat_now() {
    let rules = |leavers: &str| {
        format!("[[scope]]\nall = [{{ attribute = \"city\", operator = \"IS NOT NULL\" }}]\n[leavers]\n{leavers}\n")
    };
    let (out, staying) = (linked(&[], &[]), linked(&[("city", "Leeds")], &[]));
    let gone = Case { home: Observed { presence: Presence::Gone, ..out.home.clone() }, ..out.clone() };
    let blocked = linked(&[("city", "Leeds"), ("accountEnabled", "false")], &[]);
    let people = [&staying, &out, &gone, &blocked];
    for (before, after, whom) in [
        ("out_of_scope = 'keep'", "out_of_scope = 'delete'", [false, true, false, false]),
        ("deleted = 'keep'", "deleted = 'disable'", [false, false, true, false]),
        ("disabled = 'keep'", "disabled = 'disable'", [false, false, false, true]),
        ("disabled = 'disable'", "disabled = 'keep'", [false, false, false, true]),
        ("grace_days = 0", "grace_days = 7", [false, true, true, false]),
        ("disabled = 'delete'", "disabled = 'delete'\ngrace_days = 7", [false, true, true, true]),
    ] {
        let found = people.map(|case| is_touched(&rules(before), &rules(after), case));
        assert_eq!(found, whom, "{before} to {after}");
    }
    // Whose account is not there, or was never made, is not treated.
    let never = case(&[], None, &[]);
    let deleted = Case { account: Some(Observed { presence: Presence::SoftDeleted, ..person(&[]) }), ..out };
    for case in [never, deleted] {
        assert!(!is_touched(&rules("out_of_scope = 'keep'"), &rules("out_of_scope = 'delete'"), &case));
    }
}

#[test]
fn matches_and_the_kind_of_account_touch_whoever_has_none_yet() {
    let ladder = |target: &str, source: &str| format!("[[match]]\ntarget = \"{target}\"\nsource = \"[{source}]\"\n");
    let (mail, id) = (ladder("mail", "mail"), ladder("employeeId", "employeeId"));
    let (new, made) = (case(&[("employeeId", "7")], None, &[]), linked(&[("employeeId", "7")], &[]));
    assert_eq!(one(&mail, &id, &new), ("match edited".to_owned(), Some(Touch::Touched)));
    assert_eq!(one("", &mail, &new).0, "match added");
    assert!(!is_touched(&mail, &id, &made));
    assert!(!is_touched(&mail, &format!("{mail}{id}"), &case(&[], None, &[])), "a rung without a value is none");
    assert!(is_touched(&mail, &id, &case(&[("employeeId", "7")], Some(asked("ada@north.example", 0)), &[])));
    let kind = |kind: &str, more: &str| format!("account = \"{kind}\"\n[attributes]\n{more}");
    assert_eq!(one(&kind("guest", ""), &kind("member", ""), &new), ("account edited".to_owned(), Some(Touch::Touched)));
    assert!(!is_touched(&kind("guest", ""), &kind("member", ""), &made));
    let mapped = "userType = '\"Guest\"'\n";
    assert!(!is_touched(&kind("guest", mapped), &kind("member", mapped), &new));
}

#[test]
fn a_guard_touches_nobody_and_comments_are_no_edits() {
    let found = told(
        &route(&[("staff", "[guard]\ndeletes = { max = 5 }\n")]),
        &route(&[("staff", "# fewer\n[guard]\ndeletes = { max = 2 }\nminimum_population = 5\n")]),
        &linked(&[], &[]),
    );
    assert_eq!(
        found,
        [("guard.deletes edited".to_owned(), None), ("guard.minimum_population edited".to_owned(), None)]
    );
    let (old, new) = ("[attributes]\ncity = '[city]'\n", "description = \"x\"\n[attributes]\n# y\ncity = ' [city] '\n");
    assert_eq!(told(&route(&[("staff", old)]), &route(&[("staff", new)]), &linked(&[("city", "Leeds")], &[])), []);
}

#[test]
fn rule_sets_come_go_and_change_places() {
    let all = "[leavers]\nout_of_scope = \"keep\"\n";
    let leeds = "[[scope]]\nall = [{ attribute = \"city\", operator = \"EQUALS\", value = \"Leeds\" }]\n";
    let (staff, both) = (route(&[("staff", all)]), route(&[("leeds", leeds), ("staff", all)]));
    let of = |city: &str| linked(&[("city", city)], &[]);
    let only = |old: &PlannedRoute, new: &PlannedRoute, case: &Case| {
        let found = told(old, new, case);
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_iter().next().unwrap()
    };
    assert_eq!(only(&staff, &both, &of("Leeds")), ("rule set added".to_owned(), Some(Touch::ComesIn)));
    assert_eq!(only(&staff, &both, &of("York")).1, None);
    assert_eq!(only(&both, &staff, &of("Leeds")), ("rule set removed".to_owned(), Some(Touch::Leaves)));
    let turned = route(&[("staff", all), ("leeds", leeds)]);
    assert_eq!(only(&both, &turned, &of("Leeds")), ("order edited".to_owned(), Some(Touch::Touched)));
    assert_eq!(only(&both, &turned, &of("York")).1, None);
    // Whoever left while `staff` had them is deleted by the other's leavers rule, once `staff` is gone.
    let scoped = format!("{leeds}{all}");
    let (with, without) = (route(&[("leeds", leeds), ("staff", &scoped)]), route(&[("leeds", leeds)]));
    assert_eq!(only(&with, &without, &of("York")), ("rule set removed".to_owned(), Some(Touch::Touched)));
}

#[test]
fn edits_are_told_as_they_read() {
    let old = "account = \"guest\"\n[attributes]\njobTitle = '[jobTitle]'\nshowInAddressList = true\n\
               [leavers]\ngrace_days = 1\n[guard]\nupdates = { percent = 20 }\n";
    let new = "account = \"member\"\n[[scope]]\nall = [{ attribute = \"city\", operator = \"EQUALS\", value = \"Leeds\" }]\n\
               groups = [\"6f1c0d3e-0000-4000-8000-00000000000a\"]\n[[match]]\ntarget = \"mail\"\nsource = \"[mail]\"\n\
               [attributes]\njobTitle = { expression = 'Append([jobTitle],\"!\")', apply = 'on-change', when_empty = 'keep' }\n\
               manager = '[manager]'\n[leavers]\ngrace_days = 2\n[guard]\nupdates = { percent = 30 }\n";
    let comparison = Comparison::new(route(&[("staff", old)]), route(&[("staff", new)]));
    let text = |t: &Option<String>| t.clone().unwrap_or_else(|| "-".to_owned());
    let found: Vec<String> =
        comparison.rule_edits().map(|d| format!("{}: {} => {}", d.part, text(&d.before), text(&d.after))).collect();
    assert_eq!(
        found,
        [
            "account: guest => member",
            "scope: every native user => city EQUALS \"Leeds\" and in group 6f1c0d3e-0000-4000-8000-00000000000a",
            "match: - => mail = [mail]",
            "attributes.jobTitle: [jobTitle] => Append([jobTitle], \"!\") (apply on-change, when_empty keep)",
            "attributes.manager: - => [manager]",
            "attributes.showInAddressList: true => -",
            "leavers.grace_days: 1 => 2",
            "guard.updates: 20 % => 30 %",
        ]
    );
    assert_eq!(comparison.rule_edits().nth(3).map(|d| d.part.clone()), Some(Part::Attribute("jobTitle".into())));
}

/// Each line that reads otherwise is one edit, said as it stands; what means the same is none.
#[test]
fn an_edit_is_told_as_the_file_reads() {
    let edits = |old: &str, new: &str| -> Vec<[String; 4]> {
        let comparison = Comparison::new(route(&[("staff", old)]), route(&[("staff", new)]));
        let text = |side: &Option<String>| side.clone().unwrap_or_default();
        let told =
            comparison.rule_edits().map(|e| [e.part.to_string(), e.verb().to_owned(), text(&e.before), text(&e.after)]);
        told.collect()
    };
    let attributes = |lines: &str| format!("[attributes]\n{lines}\n");
    let told = |old: &str, new: &str| edits(&attributes(old), &attributes(new));
    assert_eq!(told("employeeId = 7", "employeeId = 7 # the same"), [[""; 4]; 0]);
    assert_eq!(told("employeeId = 7", "employeeId = 8"), [["attributes.employeeId", "edited", "7", "8"]]);
    assert_eq!(told("manager = '[manager]'", "manager = '[manager]' # the same"), [[""; 4]; 0]);
    assert_eq!(told("manager = '[manager]'", ""), [["attributes.manager", "removed", "[manager]", ""]]);
    assert_eq!(told("employeeId = 7", "employeeId = '\"7\"'"), [["attributes.employeeId", "edited", "7", "\"7\""]]);
    let applied = told("city = '[city]'", "city = { expression = '[city]', apply = 'create', when_empty = 'keep' }");
    assert_eq!(applied, [["attributes.city", "edited", "[city]", "[city] (apply create, when_empty keep)"]]);
    let guard = |lines: &str| format!("[guard]\n{lines}\n");
    let limit = |old: &str, new: &str| edits(&guard(old), &guard(new));
    assert_eq!(
        limit(
            "deletes = { max = 5, percent = 4 }",
            "deletes = { max = 5, percent = 4 }\n[guard.day]\ndeletes = { max = 6 }"
        ),
        [["guard.day.deletes", "edited", "as in one run", "6 and 4 %"]]
    );
    let jobs = limit("[guard.attributes]\njobTitle = { max = 3 }", "[guard.attributes]\njobTitle = { percent = 3 }");
    assert_eq!(jobs, [["guard.attributes", "edited", "jobTitle: 3", "jobTitle: 3 %"]]);
    let day = limit("", "[guard.day.attributes]\njobTitle = { max = 3 }");
    assert_eq!(day, [["guard.day.attributes", "edited", "as in one run", "jobTitle: 3"]]);
    assert_eq!(
        edits("[leavers]\ngrace_days = 3", "[leavers]\ngrace_days = 4"),
        [["leavers.grace_days", "edited", "3", "4"]]
    );
}

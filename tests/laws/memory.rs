//! What does a link remember, and when is an attribute written? `apply`, `when_empty`, blocks and matches by example.

use std::collections::BTreeSet;

use crosstie::model::{Action, Edit, Edits, Hold, Link, Observed, Origin, Presence, Tie, Value};
use crosstie::plan::{self, Answer, Answers, Case, Decision, PlannedRoute, Resolved};

use super::interpreter::Stage;
use super::world::{NOW, asked, known, present, route};

fn home(pairs: &[(&str, &str)]) -> Observed {
    let mut all =
        vec![("displayName", "Ada"), ("mail", "ada@north.example"), ("userPrincipalName", "ada@north.example")];
    all.extend(pairs);
    present("home", &all)
}
fn account(pairs: &[(&str, &str)]) -> Observed {
    let mut all = vec![("displayName", "Ada"), ("userPrincipalName", "ada_north.example#EXT#@south.example")];
    all.extend(pairs);
    present("account", &all)
}
fn stage(rules: &str, home: Observed, link: Option<Link>, tenant: &[Observed]) -> Stage {
    let address = tenant.iter().map(|a| Answer { account: a.clone(), taken: false }).collect();
    let answers = Answers { address, ..Answers::default() };
    let case = Case { home, member_of: BTreeSet::new(), link, account: None, answers, readings: 1 };
    let route: PlannedRoute = route(&[("staff", rules)]);
    Stage { route, tenant: case.answers.address.clone(), case, boss: Resolved::Nobody, now: NOW }
}
fn linked(rules: &str, home: &[(&str, &str)], account_has: &[(&str, &str)]) -> Stage {
    stage(rules, self::home(home), Some(known("account", Origin::Provisioned)), &[account(account_has)])
}
fn edits(stage: &mut Stage) -> Edits {
    match stage.consider().decision {
        Decision::Do(change) => match change.action {
            Action::Update { edits, .. } | Action::Join { edits, .. } => edits,
            other => panic!("{other:?}"),
        },
        Decision::Settled => Edits::new(),
        other => panic!("{other:?}"),
    }
}
fn set(name: &str, value: &str) -> Edits {
    Edits::from_iter([(name.into(), Edit::Set(value.into()))])
}

const ON_CHANGE: &str = "[attributes]\njobTitle = { expression = '[jobTitle]', apply = 'on-change' }\n";

#[test]
fn on_change_keeps_a_local_edit_until_the_home_value_changes() {
    let mut stage = linked(ON_CHANGE, &[("jobTitle", "Dev")], &[("jobTitle", "Dev")]);
    assert_eq!(edits(&mut stage), Edits::new());
    assert_eq!(stage.case.link.as_ref().unwrap().baseline.get("jobTitle"), Some(&"Dev".into()));
    stage.tenant[0].account.attributes.insert("jobTitle".into(), "Local".into());
    assert_eq!(edits(&mut stage), Edits::new(), "a local edit stays");
    assert!(stage.consider().link.is_none(), "and is not taken for the home's value");
    stage.case.home.attributes.insert("jobTitle".into(), "Lead".into());
    assert_eq!(edits(&mut stage), set("jobTitle", "Lead"));
    stage.run();
    stage.tenant[0].account.attributes.insert("jobTitle".into(), "Local".into());
    assert_eq!(edits(&mut stage), Edits::new(), "the new value is the baseline now");
    stage.case.home.attributes.remove("jobTitle");
    assert_eq!(edits(&mut stage), Edits::from_iter([("jobTitle".into(), Edit::Clear)]));
}

#[test]
fn on_change_writes_as_long_as_the_account_is_being_made() {
    let mut stage = linked(ON_CHANGE, &[("jobTitle", "Dev")], &[]);
    let link = stage.case.link.as_mut().unwrap();
    (link.initialised, link.baseline) = (false, super::world::attributes(&[("jobTitle", "Dev")]));
    assert_eq!(edits(&mut stage).get("jobTitle"), Some(&Edit::Set("Dev".into())));
}

#[test]
fn create_is_written_once() {
    let rules = "[attributes]\nusageLocation = { expression = '\"GB\"', apply = 'create' }\n";
    let mut made = linked(rules, &[], &[]);
    assert_eq!(edits(&mut made), Edits::new(), "initialised long ago");
    made.case.link.as_mut().unwrap().initialised = false;
    let mut expected = set("usageLocation", "GB");
    expected.extend(set("userType", "Guest"));
    assert_eq!(edits(&mut made), expected);
    made.run();
    assert!(made.case.link.as_ref().unwrap().initialised);
    made.tenant[0].account.attributes.insert("usageLocation".into(), "DE".into());
    assert_eq!(edits(&mut made), Edits::new());
    // A joined account is nobody's creation.
    let matching = format!("[[match]]\ntarget = \"mail\"\nsource = \"[mail]\"\n{rules}");
    let guest = account(&[("mail", "ADA@north.example")]);
    let mut joined = stage(&matching, home(&[]), None, &[guest]);
    assert_eq!(edits(&mut joined), Edits::new());
    let (actions, _) = joined.run();
    assert_eq!(actions.len(), 1, "{actions:?}");
}

#[test]
fn an_account_is_initialised_only_when_it_was_found_in_step() {
    // Blocked at home and kept: nothing is compared, so nothing is in step.
    let rules = "[[scope]]\nall = [{ attribute = \"accountEnabled\", operator = \"IS TRUE\" }]\n[attributes]\n\
                 usageLocation = { expression = '\"GB\"', apply = 'create' }\n[leavers]\ndisabled = \"keep\"\n";
    let mut stage = linked(rules, &[("accountEnabled", "false")], &[]);
    stage.case.link.as_mut().unwrap().initialised = false;
    assert!(matches!(stage.consider().decision, Decision::Settled));
    assert!(!stage.case.link.as_ref().unwrap().initialised);
    stage.case.home.attributes.insert("accountEnabled".into(), Value::Bool(true));
    assert_eq!(edits(&mut stage).get("usageLocation"), Some(&Edit::Set("GB".into())));
    // In deletedItems while the person is blocked: neither.
    let rules = rules.replace("\"keep\"", "\"disable\"");
    let mut stage = linked(&rules, &[("accountEnabled", "false")], &[]);
    stage.case.link.as_mut().unwrap().initialised = false;
    stage.tenant[0].account.presence = Presence::SoftDeleted;
    assert!(matches!(stage.consider().decision, Decision::Settled));
    assert!(!stage.case.link.as_ref().unwrap().initialised);
}

#[test]
fn when_empty_keep_keeps_and_clear_clears() {
    let rules = |how: &str| format!("[attributes]\njobTitle = {{ expression = '[jobTitle]', when_empty = '{how}' }}\n");
    assert_eq!(edits(&mut linked(&rules("keep"), &[], &[("jobTitle", "Dev")])), Edits::new());
    let clear = Edits::from_iter([("jobTitle".into(), Edit::Clear)]);
    assert_eq!(edits(&mut linked(&rules("clear"), &[], &[("jobTitle", "Dev")])), clear);
}

#[test]
fn what_graph_cannot_clear_is_left_and_what_does_not_fit_is_held() {
    for name in ["mail", "usageLocation", "mailNickname", "userType", "accountEnabled"] {
        let rules = format!("[attributes]\n{name} = '[city]'\n");
        assert_eq!(edits(&mut linked(&rules, &[], &[(name, "x")])), Edits::new(), "{name}");
        assert_eq!(edits(&mut linked(&rules, &[("city", "")], &[(name, "x")])), Edits::new(), "{name}");
    }
    let held = |rules: &str, home: &[(&str, &str)]| match linked(rules, home, &[]).consider().decision {
        Decision::Hold(Hold::Unmappable { attribute, reason }) => format!("{attribute}: {reason}"),
        other => panic!("{other:?}"),
    };
    assert!(held("[attributes]\naccountEnabled = '[city]'\n", &[("city", "Leeds")]).contains("neither true nor false"));
    assert!(held("[attributes]\ncity = '[otherMails]'\n", &[("otherMails", "a|b")]).contains("2 values"));
    assert!(held("[attributes]\ndisplayName = '[city]'\n", &[]).starts_with("displayName: no value"));
    let rules = "[attributes]\nbusinessPhones = '[mobilePhone]'\nshowInAddressList = '\"False\"'\nemployeeId = 7\n";
    let found = edits(&mut linked(rules, &[("mobilePhone", "1")], &[]));
    assert_eq!(found.get("businessPhones"), Some(&Edit::Set(Value::from(vec!["1".to_owned()]))));
    assert_eq!(found.get("showInAddressList"), Some(&Edit::Set(Value::Bool(false))));
    assert_eq!(found.get("employeeId"), Some(&Edit::Set("7".into())));
}

#[test]
fn what_its_property_does_not_take_holds_the_person_unless_the_admin_knows_better() {
    let consider =
        |line: &str, home: &[(&str, &str)]| linked(&format!("[attributes]\n{line}\n"), home, &[]).consider().decision;
    let held = |line: &str, home: &[(&str, &str)]| match consider(line, home) {
        Decision::Hold(Hold::Unmappable { attribute, reason }) => format!("{attribute}: {reason}"),
        other => panic!("{other:?}"),
    };
    let long = "d".repeat(64);
    let home = [("department", long.as_str()), ("businessPhones", "1|2")];
    assert_eq!(
        held("department = 'Append([department], \" - North\")'", &home),
        "department: 72 characters, and department takes 64"
    );
    assert_eq!(
        held("businessPhones = '[businessPhones]'", &home),
        "businessPhones: 2 values, and businessPhones takes 1"
    );
    let short = [("department", "Maths")];
    let written = |line: &str, home: &[(&str, &str)]| edits(&mut linked(&format!("[attributes]\n{line}\n"), home, &[]));
    assert_eq!(
        written("department = 'Append([department], \" - North\")'", &short),
        set("department", "Maths - North")
    );
    // Known and lived with, or known better.
    let allowed =
        |id: &str| format!("department = {{ expression = 'Append([department], \" - North\")', allow = ['{id}'] }}");
    assert!(held(&allowed("may-be-too-long"), &home).ends_with("takes 64"));
    assert_eq!(written(&allowed("too-long"), &home), set("department", &format!("{long} - North")));
    assert_eq!(
        written("employeeId = { expression = '\"12345678901234567\"', allow = ['too-long'] }", &home),
        set("employeeId", "12345678901234567")
    );
    assert_eq!(
        written("businessPhones = { expression = '[businessPhones]', allow = ['too-many'] }", &home)
            .get("businessPhones"),
        Some(&Edit::Set(Value::from(vec!["1".to_owned(), "2".to_owned()])))
    );
}

#[test]
fn a_mapped_block_is_written_and_only_our_own_is_lifted() {
    let rules = "[attributes]\naccountEnabled = 'IIF(IsPresent([city]), \"True\", \"False\")'\n";
    let mut stage = linked(rules, &[], &[("accountEnabled", "true")]);
    let block = Edits::from_iter([("accountEnabled".into(), Edit::Set(Value::Bool(false)))]);
    assert_eq!(edits(&mut stage), block);
    stage.run();
    assert!(stage.case.link.as_ref().unwrap().disabled_by_us);
    stage.case.home.attributes.insert("city".into(), "Leeds".into());
    let (actions, _) = stage.run();
    assert_eq!(actions, [Action::Enable { account: "account".into() }]);
    // The target's admin blocks: `true` is wanted, and not written.
    stage.tenant[0].account.attributes.insert("accountEnabled".into(), Value::Bool(false));
    assert_eq!(edits(&mut stage), Edits::new());
}

#[test]
fn a_block_that_the_target_lifted_is_no_longer_ours() {
    let scope = "[[scope]]\nall = [{ attribute = \"city\", operator = \"IS NOT NULL\" }]\n";
    for (rules, city) in [
        ("[attributes]\ndisplayName = '[displayName]'\n".to_owned(), "Leeds"),
        (format!("{scope}[leavers]\nout_of_scope = \"keep\"\n"), ""),
    ] {
        let mut stage = linked(&rules, &[("city", city)], &[("accountEnabled", "true")]);
        stage.case.link.as_mut().unwrap().disabled_by_us = true;
        assert!(matches!(stage.consider().decision, Decision::Settled));
        assert!(!stage.case.link.as_ref().unwrap().disabled_by_us, "{rules}");
        // What the admin blocks after that is the admin's.
        stage.tenant[0].account.attributes.insert("accountEnabled".into(), Value::Bool(false));
        stage.case.home.attributes.insert("city".into(), "Leeds".into());
        assert!(matches!(stage.consider().decision, Decision::Settled), "{rules}");
    }
}

const LADDER: &str = "[[match]]\ntarget = \"employeeId\"\nsource = \"[employeeId]\"\n\
                      [[match]]\ntarget = \"mail\"\nsource = \"[mail]\"\n";

fn decided(answers: Answers, link: Option<Link>) -> Decision {
    let home = home(&[("employeeId", "7")]);
    let case = Case { home, member_of: BTreeSet::new(), link, account: None, answers, readings: 1 };
    plan::consider(&route(&[("staff", LADDER)]), &case, NOW).decision
}
fn answer(id: &str, native: bool, taken: bool) -> Answer {
    let name = if native { "x@south.example" } else { "x#EXT#@south.example" };
    Answer { account: present(id, &[("userPrincipalName", name)]), taken }
}

#[test]
fn the_first_rung_that_answers_decides() {
    let joined = |rungs: [Vec<Answer>; 2]| match decided(Answers { rungs: rungs.to_vec(), ..Answers::default() }, None)
    {
        Decision::Do(change) => match change.action {
            Action::Join { account, .. } => account.to_string(),
            other => panic!("{other:?}"),
        },
        Decision::Hold(hold) => format!("{hold:?}"),
        other => panic!("{other:?}"),
    };
    assert_eq!(joined([vec![answer("a", false, false)], vec![answer("b", false, false)]]), "a");
    assert_eq!(joined([vec![], vec![answer("b", false, false)]]), "b");
    assert_eq!(joined([vec![answer("n", true, false)], vec![answer("b", false, false)]]), "b");
    assert_eq!(joined([vec![answer("n", true, false), answer("a", false, false)], vec![]]), "a");
    assert!(joined([vec![answer("t", false, true)], vec![answer("b", false, false)]]).starts_with("Taken"));
    assert!(joined([vec![answer("t", false, true), answer("a", false, false)], vec![]]).starts_with("Disputed"));
}

#[test]
fn a_question_names_rungs_address_and_references_in_order() {
    let rules = format!("{LADDER}[attributes]\nmanager = \"[manager]\"\nmail = 'ToLower([mail])'\n");
    let home = home(&[("employeeId", " 7A "), ("manager", "boss"), ("mail", "Ada@North.example")]);
    let ask = |link: Option<&Link>| plan::question(&route(&[("staff", &rules)]), &home, &BTreeSet::new(), link, NOW);
    let question = ask(None);
    let rungs: Vec<(String, String)> = question.rungs.iter().map(|(a, v)| (a.to_string(), v.clone())).collect();
    let expected = [("employeeId", "7a"), ("mail", "ada@north.example")];
    assert_eq!(rungs, expected.map(|(a, v)| (a.to_owned(), v.to_owned())));
    assert_eq!(question.address.as_deref(), Some("ada@north.example"));
    assert_eq!(question.references, BTreeSet::from(["boss".into()]));
    let tied = known("account", Origin::Joined);
    assert_eq!(ask(Some(&tied)), plan::Question { references: question.references.clone(), ..Default::default() });
    // What was asked for is looked up under the address that was asked for, whatever it is today.
    assert_eq!(ask(Some(&asked("Old@north.example", 0))).address.as_deref(), Some("old@north.example"));
}

#[test]
fn whoever_holds_the_address_that_we_asked_for() {
    let tie = asked("ada@north.example", 0);
    assert!(matches!(tie.tie, Tie::Asked(_)));
    let held = |address: Vec<Answer>| match decided(
        Answers { rungs: vec![vec![], vec![]], address, ..Answers::default() },
        Some(tie.clone()),
    ) {
        Decision::Hold(hold) => hold,
        other => panic!("{other:?}"),
    };
    assert_eq!(held(vec![answer("t", false, true)]), Hold::Taken { account: "t".into() });
    let two = held(vec![answer("a", false, false), answer("b", false, false)]);
    assert_eq!(two, Hold::Disputed(vec!["a".into(), "b".into()]));
    let native = held(vec![answer("n", true, false)]);
    assert_eq!(native, Hold::AddressInUse { account: "n".into(), native: true });
}

#[test]
fn references_lead_to_accounts_or_wait() {
    let rules = "[attributes]\nmanager = \"[manager]\"\n";
    let with = |boss: Resolved, has: &str| {
        let mut stage = linked(rules, &[("manager", "boss")], &[("manager", has)]);
        stage.boss = boss;
        edits(&mut stage)
    };
    assert_eq!(with(Resolved::To("boss-account".into()), ""), set("manager", "boss-account"));
    assert_eq!(with(Resolved::To("boss-account".into()), "boss-account"), Edits::new());
    assert_eq!(with(Resolved::Pending, "old"), Edits::new(), "on its way: left as it is");
    assert_eq!(with(Resolved::Nobody, "old"), Edits::from_iter([("manager".into(), Edit::Clear)]));
}

#[test]
fn nobody_is_invited_without_an_address() {
    let route = route(&[("staff", "[attributes]\n")]);
    let home = present("home", &[("displayName", "Ada"), ("mail", " ")]);
    let case =
        Case { home, member_of: BTreeSet::new(), link: None, account: None, answers: Answers::default(), readings: 1 };
    let decision = plan::consider(&route, &case, NOW).decision;
    assert!(matches!(decision, Decision::Hold(Hold::Unmappable { .. })), "{decision:?}");
}

/// Graph replaces a complex property as a whole: what the account has of it beside the edit is written along.
#[test]
fn members_of_a_complex_property_are_written_together() {
    let rules = "[attributes]\n\"employeeOrgData.division\" = '[department]'\nextensionAttribute1 = '[department]'\n";
    let has = [("employeeOrgData.costCenter", "7"), ("employeeOrgData.division", "Art"), ("extensionAttribute2", "x")];
    let mut expected = set("employeeOrgData.division", "Maths");
    expected.extend(set("employeeOrgData.costCenter", "7"));
    expected.extend(set("extensionAttribute1", "Maths"));
    assert_eq!(edits(&mut linked(rules, &[("department", "Maths")], &has)), expected);
    let other = [("employeeOrgData.costCenter", "7"), ("employeeOrgData.division", "Maths")];
    assert_eq!(edits(&mut linked(rules, &[("department", "Maths")], &other)), set("extensionAttribute1", "Maths"));
}

/// The address that is asked about is the one that would be invited.
#[test]
fn a_mapped_mail_is_the_address() {
    let asks = |rules: &str, pairs: &[(&str, &str)]| {
        plan::question(&route(&[("staff", rules)]), &home(pairs), &BTreeSet::new(), None, NOW).address
    };
    let mapped = "[attributes]\nmail = 'Append([employeeId], \"@west.example\")'\n";
    assert_eq!(asks(mapped, &[("employeeId", "N7")]).as_deref(), Some("n7@west.example"));
    assert_eq!(asks("[attributes]\nmail = '[city]'\n", &[]).as_deref(), Some("ada@north.example"));
    assert_eq!(asks("[attributes]\nmail = '[city]'\n", &[("city", " ")]).as_deref(), Some("ada@north.example"));
}

/// What is drawn is drawn once for each person and attribute.
#[test]
fn a_draw_depends_on_the_person_and_the_attribute() {
    let rules = "[attributes]\nextensionAttribute1 = 'Guid()'\nextensionAttribute2 = 'Guid()'\n";
    let drawn = |id: &str| {
        let mut stage = linked(rules, &[], &[]);
        stage.case.home.object = id.into();
        edits(&mut stage).values().filter_map(|edit| edit.value().cloned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(drawn("ada"), drawn("ada"));
    assert_eq!(drawn("ada").union(&drawn("eve")).count(), 4);
}

/// That a block is never lifted by an edit holds of blocks, and of no other truth.
#[test]
fn any_other_truth_is_written() {
    let rules = "[attributes]\nshowInAddressList = '\"True\"'\naccountEnabled = '\"True\"'\n";
    let has = [("showInAddressList", "false"), ("accountEnabled", "false")];
    let shown = Edits::from_iter([("showInAddressList".into(), Edit::Set(Value::Bool(true)))]);
    assert_eq!(edits(&mut linked(rules, &[], &has)), shown);
}

/// Since when somebody is leaving is remembered where there is a grace period to count.
#[test]
fn a_leaver_is_remembered_where_there_is_a_grace_period() {
    let since = |days: u32| {
        let scope = "[[scope]]\nall = [{ attribute = \"city\", operator = \"IS NOT NULL\" }]\n";
        let rules = format!("{scope}[leavers]\nout_of_scope = \"delete\"\ngrace_days = {days}\n");
        linked(&rules, &[], &[]).consider().link.and_then(|link| link.leaving_since)
    };
    assert_eq!([since(0), since(1)], [None, Some(NOW)]);
}

//! What is told of each attribute and of each clause? One example of every fate and of every note.

use std::collections::{BTreeMap, BTreeSet};

use crosstie::model::{Link, Observed, Origin, Stamping, Value};
use crosstie::plan::explain::{AttributeSeen, Explanation, Fate, Given};
use crosstie::plan::{Answer, Answers, Case, PlannedRoute, Resolved, explain};

use super::world::{BOSS, GROUP, NOW, asked, known, present, route};

const RULES: &str = r#"
account = "member"
[[match]]
target = "mail"
source = "[mail]"
[attributes]
displayName = "[displayName]"
jobTitle = { expression = "[jobTitle]", apply = "on-change" }
usageLocation = { expression = '"GB"', apply = "create" }
city = { expression = "[city]", when_empty = "keep" }
state = "[state]"
country = 'IIF(IsPresent([country]), [country], IgnoreAttributeFlow)'
employeeId = 7
manager = "[manager]"
mailNickname = 'SelectUniqueValue([surname], Append([surname], "1"))'
showInAddressList = 'IIF(IsPresent([department]), "True", "False")'
accountEnabled = '"True"'
"#;

fn told(home: &[(&str, &str)], link: Option<Link>, account: Option<Observed>, rungs: Vec<Vec<Answer>>) -> Explanation {
    let all = [("displayName", "Ada"), ("mail", "ada@north.example"), ("surname", "Smith"), ("manager", BOSS)];
    let named = |name: &str| home.iter().any(|(other, _)| *other == name);
    let pairs: Vec<_> = all.into_iter().filter(|(name, _)| !named(name)).chain(home.iter().copied()).collect();
    let taken = BTreeMap::from([("mailNickname".into(), BTreeSet::from(["smith".to_owned()]))]);
    let answers = Answers { unique: taken, rungs, ..Answers::default() };
    let case = Case { home: present("home", &pairs), member_of: BTreeSet::new(), link, account, answers, readings: 1 };
    let mut route: PlannedRoute = route(&[("staff", RULES)]);
    route.ownership.stamping = Some(Stamping { attribute: "extensionAttribute15".into(), home: "t".into() });
    explain(&route, &case, NOW)
}

fn account(pairs: &[(&str, &str)]) -> Observed {
    present("account", &[&[("userPrincipalName", "ada_north.example#EXT#@south.example")], pairs].concat())
}

fn seen<'a>(told: &'a Explanation, target: &str) -> &'a AttributeSeen {
    told.attributes.iter().find(|seen| seen.target.as_str() == target).unwrap_or_else(|| panic!("{target}"))
}

fn says<const N: usize>(told: &Explanation, targets: [&str; N]) -> [(Fate, String); N] {
    targets.map(|target| (seen(told, target).fate, seen(told, target).says.clone()))
}

fn expected<const N: usize>(of: [(Fate, &str); N]) -> [(Fate, String); N] {
    of.map(|(fate, words)| (fate, words.to_owned()))
}

const NEW: (Fate, &str) = (Fate::Written, "written: the account is new");
const OTHER: (Fate, &str) = (Fate::Written, "written: the account has another value");
const ONCE: (Fate, &str) = (Fate::CreateOnly, "only new accounts get it");
const UNIQUE: &str = "left as it is: a unique value is chosen once, for an account that is being made";

#[test]
fn attributes_of_a_new_account() {
    let told = told(&[("manager", "eve")], None, None, vec![vec![]]);
    let written =
        says(&told, ["displayName", "usageLocation", "employeeId", "mailNickname", "userType", "extensionAttribute15"]);
    assert_eq!(written, expected([NEW; 6]));
    let none = says(&told, ["jobTitle", "state", "city", "country", "manager"]);
    let empty = (Fate::Empty, "no value, and a new account has none");
    let kept = (Fate::KeptEmpty, "left as it is: no value, and when_empty = \"keep\"");
    let ignored = (Fate::Ignored, "left as it is: the expression leaves it out of the flow");
    let pending = (Fate::Pending, "left as it is: that user's account is on its way or in deletedItems");
    assert_eq!(none, expected([empty, empty, kept, ignored, pending]));

    // How each is made, and what it becomes.
    let made = |target: &str| {
        let seen = seen(&told, target);
        (seen.kind, seen.source.as_str(), seen.apply, seen.when_empty)
    };
    assert_eq!(made("displayName"), ("expression", "[displayName]", "always", "clear"));
    assert_eq!(made("jobTitle"), ("expression", "[jobTitle]", "on-change", "clear"));
    assert_eq!(made("usageLocation"), ("expression", "\"GB\"", "create", "clear"));
    assert_eq!((made("city").3, made("manager").0, made("manager").1), ("keep", "reference", "[manager]"));
    assert_eq!((made("employeeId").0, made("employeeId").1), ("constant", "\"7\""));
    assert_eq!(made("userType"), ("account", "account = \"member\"", "create", "keep"));
    assert_eq!(made("extensionAttribute15"), ("stamp", "stamp = \"extensionAttribute15\"", "always", "clear"));
    assert_eq!(seen(&told, "userType").result, Given::Value(Some("Member".into())));
    // Somebody has `Smith`, and the steps say so.
    let nickname = seen(&told, "mailNickname");
    assert_eq!(nickname.result, Given::Value(Some("Smith1".into())));
    assert_eq!(nickname.steps.last().map(|step| step.result.clone()), Some(nickname.result.clone()));
    // Shown is what the attribute gets, and not what came out before it was made to fit.
    let shown = seen(&told, "showInAddressList");
    assert_eq!(shown.result, Given::Value(Some(Value::Bool(false))));
    assert!(told.attributes.iter().all(|seen| seen.written == (seen.fate == Fate::Written)));
    assert_eq!(
        seen(&told, "manager").reference.as_ref().map(|r| (r.home.as_str(), r.resolved)),
        Some(("eve", "pending"))
    );
}

#[test]
fn attributes_of_an_account_that_stands() {
    let mut link = known("account", Origin::Provisioned);
    link.baseline = [("jobTitle".into(), Value::from("Dev"))].into_iter().collect();
    let has = [
        ("displayName", "Eve"),
        ("jobTitle", "Local"),
        ("state", "Kent"),
        ("accountEnabled", "false"),
        ("employeeId", "7"),
    ];
    let told = told(&[("jobTitle", "Dev")], Some(link), Some(account(&has)), Vec::new());
    let cleared = (Fate::Written, "cleared: no value, and the account has one");
    let unchanged = (Fate::UnchangedAtHome, "left as it is: apply = \"on-change\", and the home's value is as it was");
    let same = (Fate::Same, "the account has it");
    let blocked = (Fate::NeverUnblocks, "left as it is: a block set in the target stays until its own admin lifts it");
    let all = says(
        &told,
        [
            "displayName",
            "state",
            "jobTitle",
            "employeeId",
            "accountEnabled",
            "usageLocation",
            "mailNickname",
            "userType",
        ],
    );
    assert_eq!(all, expected([OTHER, cleared, unchanged, same, blocked, ONCE, ONCE, ONCE]));
    assert_eq!(seen(&told, "displayName").account, Some("Eve".into()));
    // Nothing is asked again of what was chosen long ago.
    assert_eq!(seen(&told, "extensionAttribute15").fate, Fate::Written);
}

#[test]
fn attributes_of_a_joined_account_and_of_one_that_has_none() {
    let guest = account(&[("displayName", "Ada"), ("mailNickname", "ada")]);
    let joined = told(&[], None, None, vec![vec![Answer { account: guest.clone(), taken: false }]]);
    assert_eq!(joined.account.situation, "candidate");
    let none = (Fate::Same, "the account has none either");
    let all = says(&joined, ["displayName", "state", "employeeId", "usageLocation", "mailNickname"]);
    assert_eq!(all, expected([(Fate::Same, "the account has it"), none, OTHER, ONCE, (Fate::CreateOnly, UNIQUE)]));
    assert_eq!(
        (seen(&joined, "mailNickname").steps.len(), seen(&joined, "mailNickname").account.clone()),
        (0, Some("ada".into()))
    );
}

#[test]
fn attributes_that_nothing_is_compared_with() {
    let link = || Some(known("account", Origin::Provisioned));
    let whole = |pairs: &[(&str, &str)], link: Option<Link>, account: Option<Observed>| {
        let told = told(pairs, link, account, Vec::new());
        let seen = seen(&told, "employeeId");
        (seen.fate, seen.says.clone())
    };
    let nothing = |why: &str| (Fate::NotCompared, why.to_owned());
    // The name is missing: the user is held, and the other attributes wait.
    assert_eq!(
        whole(&[("displayName", "")], link(), Some(account(&[]))),
        nothing("nothing is written: the user is held")
    );
    let lost = Observed { presence: crosstie::model::Presence::SoftDeleted, ..account(&[]) };
    assert_eq!(whole(&[], link(), Some(lost)), nothing("not yet: the account comes back first"));
    let ours = Some(Link { disabled_by_us: true, ..known("account", Origin::Provisioned) });
    let blocked = Some(account(&[("accountEnabled", "false")]));
    assert_eq!(whole(&[], ours, blocked), nothing("not yet: the account is unblocked first"));
    let leaving = whole(&[("accountEnabled", "false")], link(), Some(account(&[])));
    assert_eq!(leaving, nothing("nothing is written: the user is leaving"));
    // Asked for, found, and blocked at home by now: it is linked, and ends.
    let found = {
        let case = Case {
            home: present("home", &[("displayName", "Ada"), ("accountEnabled", "false")]),
            member_of: BTreeSet::new(),
            link: Some(asked("ada@north.example", 0)),
            account: None,
            answers: Answers { address: vec![Answer { account: account(&[]), taken: false }], ..Answers::default() },
            readings: 1,
        };
        let told = explain(&route(&[("staff", RULES)]), &case, NOW);
        (seen(&told, "employeeId").fate, seen(&told, "employeeId").says.clone())
    };
    assert_eq!(found, nothing("nothing is written: the user is leaving"));
    let nobody = whole(&[("accountEnabled", "false")], None, None);
    assert_eq!(nobody, nothing("nothing is written: there is no account to keep in step"));
}

/// In step, kept by the rules, and left out of the flow: nothing is due, for three reasons.
#[test]
fn nothing_is_due_for_a_reason() {
    let rules = |leavers: &str| {
        format!(
            "[[scope]]\nall = [{{ attribute = \"accountEnabled\", operator = \"IS TRUE\" }}]\n[attributes]\n\
             jobTitle = 'Switch([jobTitle], [jobTitle], \"Hidden\", IgnoreObjectFlow)'\ncity = '[city]'\n[leavers]\ndisabled = \"{leavers}\"\n"
        )
    };
    let city = |rules: &str, home: &[(&str, &str)], has: &[(&str, &str)]| {
        let case = Case {
            home: present("home", &[&[("city", "Leeds"), ("jobTitle", "Dev")], home].concat()),
            member_of: BTreeSet::new(),
            link: Some(known("account", Origin::Provisioned)),
            account: Some(account(&[&[("city", "Leeds"), ("jobTitle", "Dev")], has].concat())),
            answers: Answers::default(),
            readings: 1,
        };
        let told = explain(&route(&[("staff", rules)]), &case, NOW);
        (seen(&told, "city").fate, seen(&told, "city").says.clone())
    };
    let in_step = (Fate::Same, "the account has it".to_owned());
    let (on, off) = (("accountEnabled", "true"), ("accountEnabled", "false"));
    assert_eq!(city(&rules("disable"), &[on], &[on]), in_step);
    assert_eq!(city(&rules("disable"), &[off], &[off]), in_step, "blocked, and kept in step all the same");
    let kept = (Fate::NotCompared, "nothing is written: the rules keep the account as it is".to_owned());
    assert_eq!(city(&rules("keep"), &[off], &[on]), kept);
    let left_out = (Fate::NotCompared, "nothing is written: the user is left out of the flow".to_owned());
    assert_eq!(city(&rules("disable"), &[on, ("jobTitle", "Hidden")], &[on]), left_out);
}

#[test]
fn a_reference_leads_to_an_account_to_nobody_or_waits() {
    for (resolved, word) in
        [(Resolved::To("a".into()), "account"), (Resolved::Nobody, "nobody"), (Resolved::Pending, "pending")]
    {
        let answers = Answers { references: [(BOSS.into(), resolved)].into(), ..Answers::default() };
        let home = present("home", &[("displayName", "Ada"), ("mail", "ada@north.example"), ("manager", BOSS)]);
        let case = Case { home, member_of: BTreeSet::new(), link: None, account: None, answers, readings: 1 };
        let told = explain(&route(&[("staff", "[attributes]\nmanager = \"[manager]\"\n")]), &case, NOW);
        let manager = seen(&told, "manager");
        assert_eq!((manager.kind, manager.reference.as_ref().map(|r| r.resolved)), ("reference", Some(word)));
        assert_eq!(manager.inputs, BTreeMap::from([("manager".into(), Some(BOSS.into()))]));
    }
}

/// Each clause, whether it holds, whether it would if the person were not blocked, and why it cannot.
#[test]
fn a_clause_says_why_it_does_not_hold() {
    let rules = format!(
        "[[scope]]\ngroups = [\"{GROUP}\"]\nall = [\n{{ attribute = \"accountEnabled\", operator = \"IS TRUE\" }},\n\
         {{ attribute = \"department\", operator = \"NOT EQUALS\", value = \"Art\" }},\n\
         {{ attribute = \"city\", operator = \"EQUALS\", value = \"a\" }},\n\
         {{ attribute = \"businessPhones\", operator = \"IS NULL\" }},\n]\n"
    );
    let told = |pairs: &[(&str, &str)], blank: &[&str], member: bool| {
        let mut home = present("home", pairs);
        home.attributes.extend(blank.iter().map(|name| ((*name).into(), Value::from(""))));
        let member_of = if member { BTreeSet::from([GROUP.to_owned()]) } else { BTreeSet::new() };
        let answers = Answers::default();
        let case = Case { home, member_of, link: None, account: None, answers, readings: 1 };
        explain(&route(&[("staff", &rules)]), &case, NOW).scope.remove(0)
    };
    let empty = |word: &str| Some(format!("{word}: an empty attribute fails every operator but IS NULL"));
    let list = Some("a list fails every operator but IS NULL and IS NOT NULL".to_owned());
    let clauses = |pairs: &[(&str, &str)], blank: &[&str]| -> Vec<(bool, Option<bool>, Option<String>)> {
        let table = told(pairs, blank, false).tables.remove(0);
        table.clauses.into_iter().map(|c| (c.holds, c.holds_unblocked, c.note.map(str::to_owned))).collect()
    };
    let blocked = [("accountEnabled", "false"), ("city", "a|b"), ("businessPhones", "1|2")];
    let seen = clauses(&blocked, &[]);
    assert_eq!(seen[0], (false, Some(true), None));
    assert_eq!(seen[1], (false, Some(false), empty("no value")));
    assert_eq!(seen[2], (false, Some(false), list));
    assert_eq!(seen[3], (false, Some(false), None));
    let seen = clauses(&[("accountEnabled", "true"), ("city", "a")], &["department"]);
    assert_eq!(seen[0], (true, None, None));
    assert_eq!(seen[1], (false, None, empty("empty")));
    assert_eq!([&seen[2], &seen[3]], [&(true, None, None); 2]);
    let all = [("accountEnabled", "false"), ("department", "Maths"), ("city", "a")];
    for member in [true, false] {
        let set = told(&all, &[], member);
        assert_eq!((set.takes, set.takes_unblocked, set.has), (false, Some(member), member));
        assert_eq!((set.tables[0].groups[0].member, set.tables[0].takes_unblocked), (member, Some(member)));
    }
}

//! What cases can there be? Home users, rule sets, and accounts made by perturbing what the rules make of the home user.

use std::collections::BTreeSet;
use std::sync::Arc;

use crosstie::model::{
    Asked, Attribute, Attributes, Link, ObjectId, Observed, Origin, Ownership, Presence, Protected, RouteName,
    Stamping, Tie, Timestamp, Value, folded,
};
use crosstie::plan::{self, Answer, Answers, Case, PlannedRoute, Resolved};
use crosstie::rules::RuleSet;
use proptest::prelude::*;
use proptest::sample::select;

pub const DAY: u64 = 86_400_000;
pub const NOW: Timestamp = Timestamp(1_795_392_000_000);
pub const GROUP: &str = "6f1c0d3e-0000-4000-8000-00000000000a";
pub const BOSS: &str = "boss";

pub fn route_name() -> RouteName {
    RouteName { home: "north".into(), target: "south".into() }
}

/// `key = value` pairs: `"true"` and `"false"` become Booleans, `a|b` a list, `""` nothing at all.
pub fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    let value = |text: &str| match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        list if list.contains('|') => {
            Value::List(list.split('|').filter(|i| !i.is_empty()).map(str::to_owned).collect())
        }
        text => Value::from(text),
    };
    pairs.iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| (Attribute::from(*k), value(v))).collect()
}

pub fn present(id: &str, pairs: &[(&str, &str)]) -> Observed {
    Observed { object: id.into(), presence: Presence::Present, attributes: attributes(pairs) }
}

pub fn rules(name: &str, text: &str) -> Arc<RuleSet> {
    match RuleSet::parse(name, text) {
        Ok((rules, _)) => Arc::new(rules),
        Err(findings) => panic!("{text}\n{findings:#?}"),
    }
}

pub fn route(sets: &[(&str, &str)]) -> PlannedRoute {
    PlannedRoute {
        name: route_name(),
        rules: sets.iter().map(|(name, text)| rules(name, text)).collect(),
        ownership: Default::default(),
    }
}

pub const STAMP: &str = "extensionAttribute15";

pub fn stamping() -> Stamping {
    Stamping { attribute: STAMP.into(), home: "6f1c0d3e-0000-4000-8000-000000000001".into() }
}

/// A route of one rule set, with stamps, and with an account out of reach.
pub fn owned(rules: &str) -> PlannedRoute {
    let protected = Arc::new(Protected::new(["Break-Glass"]));
    PlannedRoute { ownership: Ownership { protected, stamping: Some(stamping()) }, ..route(&[("staff", rules)]) }
}

pub fn link(tie: Tie) -> Link {
    Link {
        route: route_name(),
        home: "home".into(),
        tie,
        rules: "staff".to_owned(),
        initialised: true,
        disabled_by_us: false,
        leaving_since: None,
        baseline: Attributes::new(),
        since: Timestamp(NOW.0 - 90 * DAY),
    }
}
pub fn known(account: &str, origin: Origin) -> Link {
    link(Tie::Known { account: account.into(), origin })
}
pub fn asked(address: &str, reading: u64) -> Link {
    link(Tie::Asked(Asked { address: address.to_owned(), at: NOW, reading }))
}

/// Attributes that generated rules write, with the expressions to choose from.
const MAPPED: [(&str, &[&str]); 10] = [
    ("displayName", &["[displayName]", "Coalesce([displayName], [mail])", "ToUpper([displayName])"]),
    ("jobTitle", &["[jobTitle]", "Append(\"Dr \", [jobTitle])", "IgnoreAttributeFlow"]),
    ("department", &["[department]", "Switch([department], [department], \"Hidden\", IgnoreObjectFlow)"]),
    ("businessPhones", &["[businessPhones]", "[jobTitle]"]),
    ("showInAddressList", &["[showInAddressList]", "IIF(IsPresent([department]), \"True\", \"False\")", "[jobTitle]"]),
    ("usageLocation", &["[usageLocation]"]),
    ("accountEnabled", &["[accountEnabled]", "IIF(IsPresent([jobTitle]), \"True\", \"False\")"]),
    ("mail", &["[mail]", "ToLower([mail])"]),
    ("userType", &["\"Guest\"", "IIF(IsPresent([department]), \"Member\", \"Guest\")"]),
    ("manager", &["[manager]"]),
];

fn mapping_line((attribute, expressions): (&'static str, &'static [&'static str])) -> impl Strategy<Value = String> {
    let apply = select(vec!["always", "always", "on-change", "create"]);
    let empty = select(vec!["clear", "clear", "keep"]);
    (proptest::option::weighted(0.6, select(expressions)), apply, empty).prop_map(move |(e, apply, empty)| match e {
        Some(e) => {
            format!("{attribute} = {{ expression = '{e}', apply = \"{apply}\", when_empty = \"{empty}\" }}\n")
        }
        None => String::new(),
    })
}

fn scope_text() -> impl Strategy<Value = String> {
    let clause = select(vec![
        "{ attribute = \"accountEnabled\", operator = \"IS TRUE\" }",
        "{ attribute = \"department\", operator = \"IS NOT NULL\" }",
        "{ attribute = \"department\", operator = \"NOT EQUALS\", value = \"Art\" }",
        "{ attribute = \"jobTitle\", operator = \"REGEX MATCH\", value = \"^(Dev|Lead)$\" }",
    ]);
    let all = proptest::collection::vec(clause, 0..2);
    let table = (all, any::<bool>()).prop_map(|(all, grouped)| match (all.is_empty(), grouped) {
        (true, false) => String::new(),
        (true, true) => format!("[[scope]]\ngroups = [\"{GROUP}\"]\n"),
        (false, true) => format!("[[scope]]\nall = [{}]\ngroups = [\"{GROUP}\"]\n", all.join(", ")),
        (false, false) => format!("[[scope]]\nall = [{}]\n", all.join(", ")),
    });
    proptest::collection::vec(table, 0..4).prop_map(|tables| tables.concat())
}

fn match_text() -> impl Strategy<Value = String> {
    let rung = select(vec![("mail", "[mail]"), ("employeeId", "[employeeId]"), ("otherMails", "[mail]")]);
    proptest::collection::vec(rung, 0..4).prop_map(|rungs| {
        rungs.iter().map(|(t, s)| format!("[[match]]\ntarget = \"{t}\"\nsource = \"{s}\"\n")).collect()
    })
}

/// The text of a rule set.
pub fn rules_text() -> impl Strategy<Value = String> {
    let mapped: Vec<_> = MAPPED.into_iter().map(mapping_line).collect();
    let leaver = || select(vec!["delete", "disable", "keep"]);
    let leavers = (leaver(), leaver(), leaver(), select(vec![0u32, 0, 7])).prop_map(|(d, o, b, grace)| {
        format!("[leavers]\ndeleted = \"{d}\"\nout_of_scope = \"{o}\"\ndisabled = \"{b}\"\ngrace_days = {grace}\n")
    });
    (select(vec!["member", "guest"]), scope_text(), match_text(), mapped, leavers).prop_map(
        |(kind, scope, matches, mapped, leavers)| {
            format!("account = \"{kind}\"\n{scope}{matches}[attributes]\n{}{leavers}", mapped.concat())
        },
    )
}

fn routes() -> impl Strategy<Value = (PlannedRoute, Vec<String>)> {
    proptest::collection::vec(rules_text(), 1..3).prop_map(|texts| {
        let sets: Vec<(&str, &str)> = ["staff", "others"].into_iter().zip(texts.iter().map(String::as_str)).collect();
        (route(&sets), texts)
    })
}

/// One attribute's value, drawn from few, so that values meet.
fn small_value(name: &'static str) -> BoxedStrategy<&'static str> {
    let values: &'static [&'static str] = match name {
        "displayName" => &["Ada", "Ada", "Ada", "Eve", ""],
        "jobTitle" => &["Dev", "Lead", "Boss", "true", ""],
        "department" => &["Maths", "Art", "Hidden", ""],
        "businessPhones" => &["1|2", "1|", ""],
        "showInAddressList" | "accountEnabled" => &["true", "true", "false", ""],
        "usageLocation" => &["GB", "DE", ""],
        "mail" => &["Ada@north.example", "eve@north.example", ""],
        "otherMails" => &["ada@north.example|x@y.example", ""],
        "employeeId" => &["7", "8", ""],
        "manager" => &[BOSS, ""],
        "userType" => &["Member", "Guest"],
        _ => &[""],
    };
    select(values).boxed()
}

const HOME: [&str; 10] = [
    "displayName",
    "jobTitle",
    "department",
    "businessPhones",
    "showInAddressList",
    "usageLocation",
    "accountEnabled",
    "mail",
    "employeeId",
    "manager",
];

fn presence() -> impl Strategy<Value = Presence> {
    prop_oneof![6 => Just(Presence::Present), 1 => Just(Presence::SoftDeleted), 1 => Just(Presence::Gone)]
}

pub fn home_users() -> impl Strategy<Value = Observed> {
    let values: Vec<_> = HOME.into_iter().map(small_value).collect();
    let external = vec![
        ("userPrincipalName", "ada_west.example#EXT#@north.example"),
        ("creationType", "Invitation"),
        ("externalUserState", "PendingAcceptance"),
    ];
    let standing = prop_oneof![9 => Just(("userPrincipalName", "ada@north.example")), 1 => select(external)];
    (values, standing, presence()).prop_map(|(values, standing, presence)| {
        let mut pairs: Vec<(&str, &str)> = HOME.into_iter().zip(values).collect();
        pairs.push(standing);
        let mut home = Observed { presence, ..present("home", &pairs) };
        if presence == Presence::Gone {
            home.attributes.clear();
        }
        home
    })
}

/// How an account differs from what the rules would make of the home user.
#[derive(Clone, Debug)]
pub enum Perturbation {
    /// Another value, or none.
    Value(&'static str, &'static str),
    /// An attribute that nobody maps.
    Foreign,
    /// Blocked.
    Blocked,
}

fn perturbation() -> impl Strategy<Value = Perturbation> {
    let attribute = select(vec!["displayName", "jobTitle", "department", "mail", "employeeId", "userType", "manager"]);
    prop_oneof![
        4 => attribute.prop_flat_map(|a| small_value(a).prop_map(move |v| Perturbation::Value(a, v))),
        1 => Just(Perturbation::Foreign),
        1 => Just(Perturbation::Blocked),
    ]
}

/// The ingredients of one account.
#[derive(Clone, Debug)]
pub struct AccountPlan {
    perturbations: Vec<Perturbation>,
    native: bool,
    taken: bool,
    presence: Presence,
}

fn account_plans() -> impl Strategy<Value = AccountPlan> {
    let tampering = proptest::collection::vec(perturbation(), 0..3);
    (tampering, prop::bool::weighted(0.2), prop::bool::weighted(0.2), presence())
        .prop_map(|(perturbations, native, taken, presence)| AccountPlan { perturbations, native, taken, presence })
}

/// What the first rule set would make of the home user, read off a provision of it; else its own values.
fn mapped(route: &PlannedRoute, home: &Observed) -> Attributes {
    let free = Observed { presence: Presence::Present, ..home.clone() };
    let case = Case {
        home: free.clone(),
        member_of: BTreeSet::from([GROUP.to_owned()]),
        link: None,
        account: None,
        answers: Answers::default(),
        readings: 1,
    };
    match plan::consider(route, &case, NOW).decision {
        plan::Decision::Do(change) => match change.action {
            crosstie::model::Action::Provision { address, mut wanted } => {
                wanted.insert(Attribute::from("mail"), Value::from(address));
                wanted
            }
            _ => free.attributes,
        },
        _ => free.attributes,
    }
}

pub fn account(route: &PlannedRoute, home: &Observed, id: &str, plan: &AccountPlan) -> Observed {
    let mut made = mapped(route, home);
    made.retain(|a, _| !matches!(a.as_str(), "userPrincipalName" | "creationType" | "externalUserState"));
    made.entry("accountEnabled".into()).or_insert(Value::Bool(true));
    for perturbation in &plan.perturbations {
        match perturbation {
            Perturbation::Value(a, v) => {
                made.remove(*a);
                made.extend(attributes(&[(a, v)]));
            }
            Perturbation::Foreign => drop(made.insert("city".into(), "Leeds".into())),
            Perturbation::Blocked => drop(made.insert("accountEnabled".into(), Value::Bool(false))),
        }
    }
    let name = if plan.native { "ada@south.example" } else { "ada_north.example#EXT#@south.example" };
    made.insert("userPrincipalName".into(), name.into());
    if plan.presence == Presence::Gone {
        made.clear();
    }
    Observed { object: id.into(), presence: plan.presence, attributes: made }
}

/// A case with its route.
#[derive(Clone)]
pub struct Scene {
    pub route: PlannedRoute,
    pub case: Case,
    /// The rule sets as they were written.
    pub texts: Vec<String>,
}

/// Short enough to be read when a law is broken.
impl std::fmt::Debug for Scene {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let user = |o: &Observed| {
            let pairs: Vec<String> = o.attributes.iter().map(|(a, v)| format!("{a}={v}")).collect();
            format!("{} {:?} {}", o.object, o.presence, pairs.join("; "))
        };
        let answer = |a: &Answer| format!("taken={} {}", a.taken, user(&a.account));
        let case = &self.case;
        writeln!(f, "{}", self.texts.join("--- or\n"))?;
        writeln!(f, "home    {}\ngroups  {:?}\nlink    {:?}", user(&case.home), case.member_of, case.link)?;
        writeln!(f, "account {:?}", case.account.as_ref().map(user))?;
        for (n, rung) in case.answers.rungs.iter().chain([&case.answers.address]).enumerate() {
            writeln!(f, "answer {n} {:?}", rung.iter().map(answer).collect::<Vec<_>>())?;
        }
        write!(f, "references {:?}", case.answers.references)
    }
}

#[derive(Clone, Debug)]
enum LinkPlan {
    None,
    Known(Origin),
    Asked(u64),
}

fn links() -> impl Strategy<Value = (Option<Link>, bool)> {
    let tie = prop_oneof![
        3 => Just(LinkPlan::None),
        3 => Just(LinkPlan::Known(Origin::Provisioned)),
        2 => Just(LinkPlan::Known(Origin::Joined)),
        2 => (0u64..3).prop_map(LinkPlan::Asked),
    ];
    let leaving = proptest::option::of(0u64..12);
    let base = (small_value("jobTitle"), small_value("department"));
    let flags = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.8));
    (tie, flags, leaving, base, select(vec!["staff", "others", "forgotten"])).prop_map(
        |(tie, (initialised, ours, seen), leaving, (title, department), rules)| {
            let link = match tie {
                LinkPlan::None => None,
                LinkPlan::Known(origin) => Some(known("account", origin)),
                LinkPlan::Asked(reading) => Some(asked("Ada@north.example", reading)),
            };
            let link = link.map(|l| Link {
                initialised: initialised && l.account().is_some()
                    || matches!(l.tie, Tie::Known { origin: Origin::Joined, .. }),
                disabled_by_us: ours && l.account().is_some(),
                leaving_since: leaving.map(|days| Timestamp(NOW.0 - days * DAY)),
                baseline: attributes(&[("jobTitle", title), ("department", department)]),
                rules: rules.to_owned(),
                ..l
            });
            (link, seen)
        },
    )
}

/// Any case that the store could hand out.
pub fn scenes() -> impl Strategy<Value = Scene> {
    let accounts = proptest::collection::vec(account_plans(), 0..4);
    let boss = select(vec![Resolved::To("boss-account".into()), Resolved::Nobody, Resolved::Pending]);
    (routes(), home_users(), any::<bool>(), links(), account_plans(), accounts, boss).prop_map(
        |((route, texts), home, member, (link, seen), linked, others, boss)| {
            let member_of = if member { BTreeSet::from([GROUP.to_owned()]) } else { BTreeSet::new() };
            let tied = link.as_ref().is_some_and(|l| l.account().is_some());
            let own = (tied && seen).then(|| account(&route, &home, "account", &linked));
            let tenant: Vec<Answer> = others
                .iter()
                .enumerate()
                .map(|(n, plan)| Answer {
                    account: account(&route, &home, &format!("other{n}"), plan),
                    taken: plan.taken,
                })
                .collect();
            let question = plan::question(&route, &home, &member_of, link.as_ref(), NOW);
            let answers = answer(&question, &tenant, &boss);
            Scene { route, case: Case { home, member_of, link, account: own, answers, readings: 1 }, texts }
        },
    )
}

/// What a store with these accounts would answer.
pub fn answer(question: &plan::Question, tenant: &[Answer], boss: &Resolved) -> Answers {
    let holds = |account: &Observed, attribute: &str, value: &str| match account.attributes.get(attribute) {
        Some(Value::Text(text)) => text.trim().to_lowercase() == value,
        Some(Value::List(items)) => items.iter().any(|i| i.trim().to_lowercase() == value),
        _ => false,
    };
    let standing = || tenant.iter().filter(|a| a.account.presence == Presence::Present);
    let with = |attribute: &str, value: &str| -> Vec<Answer> {
        standing().filter(|a| holds(&a.account, attribute, value)).cloned().collect()
    };
    let taken = |attribute: &Attribute, values: &[String]| {
        let values = values.iter().map(|value| folded(value));
        values.filter(|value| !with(attribute.as_str(), value).is_empty()).collect()
    };
    Answers {
        rungs: question.rungs.iter().map(|(a, v)| with(a.as_str(), v)).collect(),
        address: question.address.as_deref().map(|a| with("mail", a)).unwrap_or_default(),
        references: question.references.iter().map(|id: &ObjectId| (id.clone(), boss.clone())).collect(),
        unique: question.unique.iter().map(|(a, values)| (a.clone(), taken(a, values))).collect(),
        ..Answers::default()
    }
}

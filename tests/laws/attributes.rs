//! What does news teach, and what do edits do?

use std::collections::BTreeSet;

use crosstie::model::{
    Attribute, Attributes, DeltaItem, Edit, Edits, News, Observed, Presence, Removal, Value, edited, edits_between,
    folded, same_value,
};
use proptest::prelude::*;
use proptest::sample::select;

use super::world::present;

const NAMES: [&str; 4] = ["jobTitle", "department", "businessPhones", "manager"];

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        select(vec!["", "a", "b"]).prop_map(Value::from),
        any::<bool>().prop_map(Value::Bool),
        (0i64..3).prop_map(Value::Integer),
        proptest::collection::vec("[ab]", 0..3).prop_map(Value::from),
    ]
}
fn known() -> impl Strategy<Value = Attributes> {
    proptest::collection::vec((select(&NAMES[..]).prop_map(Attribute::from), value()), 0..4)
        .prop_map(Attributes::from_iter)
}
fn edits() -> impl Strategy<Value = Edits> {
    let edit = prop_oneof![3 => value().prop_map(Edit::Set), 1 => Just(Edit::Clear)];
    proptest::collection::vec((select(&NAMES[..]).prop_map(Attribute::from), edit), 0..4).prop_map(Edits::from_iter)
}
fn news() -> impl Strategy<Value = News> {
    prop_oneof![
        6 => edits().prop_map(News::Seen),
        1 => Just(News::Removed(Removal::Soft)),
        1 => Just(News::Removed(Removal::Hard)),
    ]
}
fn item(news: News) -> DeltaItem {
    DeltaItem { object: "x".into(), news }
}
fn told(start: Option<Observed>, all: &[News]) -> Option<Observed> {
    all.iter().fold(start, |known, news| Some(Observed::fold(known, &item(news.clone()))))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// A page that is read twice, and a round that is read twice, teach nothing new.
    #[test]
    fn replayed_and_doubled_news_teaches_nothing(before in proptest::option::of(known()), all in proptest::collection::vec(news(), 1..6)) {
        let before = before.map(|attributes| Observed { attributes, ..present("x", &[]) });
        let once = told(before.clone(), &all);
        prop_assert_eq!(told(once.clone(), &all), once.clone());
        let doubled: Vec<News> = all.iter().flat_map(|n| [n.clone(), n.clone()]).collect();
        prop_assert_eq!(told(before, &doubled), once);
    }

    /// Absent is not null: only what is mentioned changes, and null clears.
    #[test]
    fn only_what_is_mentioned_changes(before in known(), edits in edits()) {
        let start = Observed { attributes: before.clone(), ..present("x", &[]) };
        let after = Observed::fold(Some(start), &item(News::Seen(edits.clone())));
        prop_assert_eq!(after.presence, Presence::Present);
        for name in NAMES {
            let expected = match edits.get(name) {
                None => before.get(name),
                Some(Edit::Clear) => None,
                Some(Edit::Set(value)) => Some(value),
            };
            prop_assert_eq!(after.attributes.get(name), expected, "{}", name);
        }
    }

    /// A soft deletion keeps what is known for the way back; a hard one forgets it.
    #[test]
    fn removal_keeps_or_forgets(before in known()) {
        let start = Observed { attributes: before.clone(), ..present("x", &[]) };
        let soft = Observed::fold(Some(start.clone()), &item(News::Removed(Removal::Soft)));
        prop_assert_eq!((soft.presence, &soft.attributes), (Presence::SoftDeleted, &before));
        let hard = Observed::fold(Some(soft.clone()), &item(News::Removed(Removal::Hard)));
        prop_assert_eq!((hard.presence, hard.attributes.len()), (Presence::Gone, 0));
        let back = Observed::fold(Some(soft), &item(News::Seen(Edits::new())));
        prop_assert_eq!(back, start);
    }

    /// `edited(a, edits_between(a, b)) = b` on managed attributes, and `a` elsewhere; nothing is written twice.
    #[test]
    fn the_edits_between_two_lead_from_one_to_the_other(a in known(), b in known(), managed in proptest::collection::btree_set(select(&NAMES[..]).prop_map(Attribute::from), 0..4)) {
        let edits = edits_between(&a, &b, &managed);
        let after = edited(a.clone(), &edits);
        for name in NAMES {
            if managed.contains(name) {
                prop_assert!(same_value(after.get(name), b.get(name)), "{}", name);
            } else {
                prop_assert_eq!(after.get(name), a.get(name), "{}", name);
                prop_assert!(!edits.contains_key(name));
            }
        }
        prop_assert!(edits.values().all(|e| e.value().is_none_or(|v| !v.is_empty())), "empty values are clears");
        prop_assert_eq!(edits_between(&after, &b, &managed), Edits::new());
        let least = managed.iter().filter(|m| !same_value(a.get(*m), b.get(*m))).cloned().collect::<BTreeSet<_>>();
        prop_assert_eq!(edits.keys().cloned().collect::<BTreeSet<_>>(), least);
    }

    /// Matching ignores case and outer blanks, and folding twice is folding once.
    #[test]
    fn folding_is_idempotent(text in "\\PC{0,12}") {
        prop_assert_eq!(folded(&folded(&text)), folded(&text));
        prop_assert_eq!(folded(&format!("  {text}\t")), folded(&text));
    }
}

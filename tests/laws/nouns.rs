//! Do the values that everything is said in mean what they say?

use std::collections::BTreeSet;

use crosstie::model::{
    ActionKind, Attribute, Attributes, DeltaItem, Edit, Edits, Former, News, Observed, Presence, Protected, REDACTED,
    Removal, RouteName, Selection, Stamp, Stamping, Timestamp, Value, Why, redacted,
};
use crosstie::plan;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::world::{DAY, NOW, attributes, present, route_name};

#[test]
fn kinds_and_reasons_have_a_word_each() {
    for kind in ActionKind::ALL {
        assert_eq!(ActionKind::parse(kind.as_str()), Some(kind));
        assert_eq!(
            (kind.to_string(), serde_json::to_value(kind).unwrap()),
            (kind.as_str().to_owned(), kind.as_str().into())
        );
    }
    assert_eq!([ActionKind::parse(""), ActionKind::parse("Delete")], [None; 2]);
    assert_eq!(Why::GraceOver.to_string(), "grace period over");
}

#[test]
fn a_route_is_two_names_and_an_arrow() {
    assert_eq!(RouteName::parse(" north -> south"), Some(route_name()));
    assert_eq!(RouteName::parse(&route_name().to_string()), Some(route_name()));
    for none in ["", "north", "->", "north->", "-> south", "north -> "] {
        assert_eq!(RouteName::parse(none), None, "{none:?}");
    }
}

#[test]
fn the_place_of_a_hidden_value_is_shown_where_there_is_one() {
    let (value, hidden) = (|| Some(Value::from("4711")), || Some(Value::from(REDACTED)));
    assert_eq!(redacted((value(), None)), (hidden(), None));
    assert_eq!(redacted((None, value())), (None, hidden()));
}

#[test]
fn a_value_that_is_none_is_refused_with_what_it_might_be() {
    let error = serde_json::from_str::<Value>("null").unwrap_err().to_string();
    assert!(error.contains("expected a text, a whole number, true, false or a list of texts"), "{error}");
}

#[test]
fn time_is_counted_in_whole_units_and_never_backwards() {
    let noon = Timestamp(NOW.day().0 + DAY / 2);
    assert_eq!((NOW.day().0 % DAY, noon.day()), (0, NOW.day()));
    assert_eq!(Timestamp(NOW.day().0 + DAY - 1).day(), NOW.day());
    assert_eq!(noon.plus_seconds(2).plus_millis(999).seconds_since(noon), 2);
    assert_eq!(noon.plus_millis(7).millis_since(noon), 7);
    assert_eq!((noon.millis_since(noon.plus_millis(7)), noon.seconds_since(noon.plus_seconds(7))), (0, 0));
}

#[test]
fn a_list_of_protected_accounts_knows_how_long_it_is() {
    let list = |entries: &[&str]| {
        let list = Protected::new(entries.iter().copied());
        (list.len(), list.is_empty(), list.entries().map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(list(&[]), (0, true, vec![]));
    assert_eq!(list(&["b", "Ann", "B"]), (2, false, vec!["Ann".to_owned(), "B".to_owned()]), "ignoring case");
}

#[test]
fn an_account_of_somebody_who_is_gone_says_whose_it_was_and_what_to_do() {
    let former = |name: &str, deleted| {
        let home = plan::person(&present("old", &[("userPrincipalName", name)]));
        Former { account: "a".into(), route: route_name(), home, deleted }.to_string()
    };
    let stands = former("ada@north.example", false);
    assert!(stands.starts_with("account a holds the address"), "{stands}");
    assert!(stands.contains("gone from home: ada@north.example (old, north->south)"), "{stands}");
    assert!(stands.contains("hint: wait until the leavers rule"), "{stands}");
    let deleted = former("", true);
    assert!(deleted.starts_with("account a, in the target's deletedItems, holds the address"), "{deleted}");
    assert!(deleted.contains("gone from home: old (old,"), "{deleted}");
    assert!(deleted.contains("hint: for a new account, delete the old one there for good"), "{deleted}");
}

const NAMES: [&str; 4] = ["city", "department", "jobTitle", "mail"];

fn selection() -> impl Strategy<Value = Selection> {
    subsequence(&NAMES[..], 0..=NAMES.len())
        .prop_map(|names| Selection(names.into_iter().map(Attribute::from).collect()))
}

/// News of one kind of object, as a tenant tells it.
fn news() -> impl Strategy<Value = News> {
    let edit = select(vec![Edit::Set("Dev".into()), Edit::Set("Lead".into()), Edit::Clear]);
    let edits = proptest::collection::vec((select(&NAMES[..]).prop_map(Attribute::from), edit), 0..3)
        .prop_map(Edits::from_iter);
    prop_oneof![edits.prop_map(News::Seen), Just(News::Removed(Removal::Soft)), Just(News::Removed(Removal::Hard))]
}

proptest! {
    /// What is covered lacks nothing, and what is shared is what neither lacks.
    #[test]
    fn selections_are_sets(a in selection(), b in selection()) {
        let lacks: BTreeSet<Attribute> = b.0.iter().filter(|name| !a.0.contains(*name)).cloned().collect();
        prop_assert_eq!(a.covers(&b), lacks.is_empty());
        let shared = a.shared(&b);
        prop_assert!(a.covers(&shared) && b.covers(&shared));
        prop_assert_eq!(shared.0.len() + lacks.len(), b.0.len());
        prop_assert_eq!(a.lacks(&b), lacks);
    }

    /// Knowledge is what the news said last; whoever is gone for good comes back only by being seen, without what was known.
    #[test]
    fn news_is_folded_in_and_telling_it_twice_changes_nothing(all in proptest::collection::vec(news(), 1..8)) {
        let (mut known, mut expected) = (None, (Presence::Present, Attributes::new()));
        for news in all {
            expected = match (&news, expected) {
                (News::Seen(edits), (_, mut attributes)) => {
                    for (name, edit) in edits {
                        match edit {
                            Edit::Set(value) => drop(attributes.insert(name.clone(), value.clone())),
                            Edit::Clear => drop(attributes.remove(name)),
                        }
                    }
                    (Presence::Present, attributes)
                }
                (News::Removed(Removal::Soft), (Presence::Gone, attributes)) => (Presence::Gone, attributes),
                (News::Removed(Removal::Soft), (_, attributes)) => (Presence::SoftDeleted, attributes),
                (News::Removed(Removal::Hard), _) => (Presence::Gone, Attributes::new()),
            };
            let item = DeltaItem { object: "a".into(), news };
            let once = Observed::fold(known, &item);
            prop_assert_eq!(&Observed::fold(Some(once.clone()), &item), &once);
            prop_assert_eq!((once.presence, once.attributes.clone()), expected.clone());
            known = Some(once);
        }
    }
}

/// Any one of the marks shows an invited account, and nothing else does.
#[test]
fn an_invitation_leaves_marks() {
    let marks = |pairs: &[(&str, &str)]| {
        let account = present("a", pairs);
        let marks: Vec<_> = account.marks_of_an_invitation().collect();
        assert_eq!(account.standing() == crosstie::model::Standing::External, !marks.is_empty());
        marks
    };
    assert_eq!(
        marks(&[("userPrincipalName", "ada@south.example"), ("userType", "Guest"), ("creationType", "EmailVerified")]),
        [""; 0]
    );
    assert_eq!(marks(&[("userPrincipalName", "ada_north.example#ext#@south.example")]), ["userPrincipalName"]);
    assert_eq!(
        marks(&[("creationType", "invitation"), ("externalUserState", "Accepted")]),
        ["creationType", "externalUserState"]
    );
    let mut blank = present("a", &[]);
    blank.attributes = attributes(&[("userPrincipalName", "ada@south.example")]);
    blank.attributes.insert("externalUserState".into(), "".into());
    assert_eq!((blank.marks_of_an_invitation().count(), blank.user_principal_name()), (0, "ada@south.example"));
    let edits = Edits::from_iter([("mail".into(), Edit::Clear)]);
    assert!(!crosstie::model::edited(attributes(&[("mail", "a")]), &edits).contains_key("mail"));
}

/// A stamp names the home and the user, ignoring case; a text without both is somebody else's.
#[test]
fn a_stamp_reads_back_as_whose_it_is() {
    let stamping = Stamping { attribute: "extensionAttribute15".into(), home: "T-1".into() };
    let read = |text: &str| stamping.read(&present("a", &[("extensionAttribute15", text)]));
    let of = |tenant: &str, home: &str| Stamp::Of { tenant: tenant.to_owned(), home: home.into() };
    assert_eq!(stamping.value(&"ada".into()), format!("{}ada", stamping.prefix()).as_str().into());
    assert_eq!(read(stamping.value(&"ada".into()).as_text().unwrap()), of("t-1", "ada"));
    assert_eq!(read(" crosstie:v1:T-2:eve "), of("t-2", "eve"));
    assert_eq!(read(""), Stamp::None);
    for foreign in
        ["crosstie:v1:", "crosstie:v1::ada", "crosstie:v1:t-1:", "crosstie:v1:t-1", "crosstie:v2:t-1:ada", "x"]
    {
        assert_eq!(read(foreign), Stamp::Foreign, "{foreign}");
    }
    let names = |stamp: &Stamp| stamping.names(stamp, &"ADA".into());
    assert!(names(&of("t-1", "ada")));
    assert!(![of("t-2", "ada"), of("t-1", "eve"), Stamp::None, Stamp::Foreign].iter().any(names));
    let said = [Stamp::None, of("t-1", "ada"), Stamp::Foreign].map(|stamp| stamp.to_string());
    assert_eq!(said, ["no stamp", "the stamp of user ada of tenant t-1", "a text that is no stamp of crosstie"]);
}

//! Do a page's news and the place to go on from move together, or not at all?

use crosstie::model::{Cursor, ObjectId, Presence, Removal, Value};
use proptest::prelude::*;

use super::bench::*;

#[test]
fn a_page_and_its_watermark_are_one() {
    let folder = Folder::new();
    let store = folder.write();
    assert_eq!(cursor(&store, &north()), Cursor::Start);
    let first = round(&store, &north(), true);
    store.record_page(&north(), &first, &more(vec![seen(&guid(1), &[("mail", "a@x")])], "page2"), NOW).unwrap();
    drop(store);
    // Another process goes on where this one was killed.
    let store = folder.write();
    let progress = store.reading(&north()).unwrap().progress.unwrap();
    assert_eq!((progress.link.as_str(), &progress.round), ("page2", &first));
    assert_eq!(store.reading(&north()).unwrap().readings, 0);
    store.record_page(&north(), &progress.round, &done(vec![seen(&guid(2), &[])], "delta"), LATER).unwrap();
    let reading = store.reading(&north()).unwrap();
    assert_eq!((reading.link.as_deref(), reading.readings), (Some("delta"), 1));
    assert_eq!((reading.issued_at, reading.read_at, reading.selection), (LATER, Some(LATER), selection()));
    assert!(reading.progress.is_none());
}

#[test]
fn a_page_that_fails_leaves_nothing() {
    let folder = Folder::new();
    let store = folder.write();
    read(&store, &north(), true, vec![seen(&guid(1), &[("mail", "a@x")])], NOW);
    settle_all(&store);
    let before: Vec<Vec<String>> = TABLES.iter().map(|t| dump(&folder.path(), t)).collect();
    // The second item hits a wall that the file itself puts up.
    let wall = "CREATE TRIGGER wall BEFORE INSERT ON observations WHEN new.attributes LIKE '%wall%' \
                BEGIN SELECT RAISE(ABORT, 'wall'); END";
    folder.sql().execute_batch(wall).unwrap();
    let round = round(&store, &north(), false);
    let items = vec![seen(&guid(1), &[("mail", "b@x")]), seen(&guid(2), &[("mail", "wall")])];
    for page in [more(items.clone(), "page2"), done(items, "delta2")] {
        let error = store.record_page(&north(), &round, &page, NOW).unwrap_err();
        assert!(error.to_string().contains("wall"), "{error}");
    }
    let after: Vec<Vec<String>> = TABLES.iter().map(|t| dump(&folder.path(), t)).collect();
    assert_eq!(after, before);
}

const TABLES: [&str; 6] = [
    "SELECT * FROM observations",
    "SELECT * FROM keys",
    "SELECT * FROM tenants",
    "SELECT * FROM unsettled",
    "SELECT * FROM links",
    "SELECT * FROM log",
];

#[test]
fn a_full_round_forgets_the_watermark_and_nobody() {
    let store = memory();
    read(&store, &north(), true, vec![seen(&guid(1), &[("mail", "a@x")])], NOW);
    round(&store, &north(), true);
    let reading = store.reading(&north()).unwrap();
    assert_eq!((reading.link, reading.progress, reading.readings), (None, None, 1));
    assert_eq!(store.observed(&north(), &guid(1)).unwrap().unwrap().presence, Presence::Present);
    // A short one keeps the watermark until its own end.
    read(&store, &north(), true, vec![], NOW);
    round(&store, &north(), false);
    assert_eq!(store.reading(&north()).unwrap().link.as_deref(), Some("next"));
}

#[test]
fn whom_a_round_has_told_of_comes_in_that_order_and_nobody_else_does() {
    let store = memory();
    let first = round(&store, &north(), true);
    let ada = |n| seen(&guid(n), &[("mail", "a@x")]);
    let guest = seen(&guid(8), &[("userPrincipalName", "g_x#EXT#@north.example")]);
    let gone = removed(&guid(1), Removal::Soft);
    store.record_page(&north(), &first, &more(vec![ada(3), guest, ada(1)], "page2"), NOW).unwrap();
    read(&store, &south(), true, vec![ada(9)], NOW);
    store.record_page(&north(), &first, &more(vec![ada(2), ada(3), gone], "page3"), NOW).unwrap();
    let rules = "[[scope]]\nall = [{ attribute = \"mail\", operator = \"EQUALS\", value = \"a@x\" }]\n[attributes]\n";
    let told = |after, at_most| store.arrived(&planned(route(), rules), after, at_most).unwrap();
    let (first_one, place) = told(0, 1);
    assert_eq!((first_one, told(0, 9).0), (vec![guid(3)], vec![guid(3), guid(2)]));
    assert_eq!(told(place.unwrap(), 9).0, [guid(2)]);
    // Whom the rules do not want is passed over.
    store.record_page(&north(), &first, &more(vec![seen(&guid(4), &[("mail", "b@x")])], "page4"), NOW).unwrap();
    let (nobody, place) = told(told(0, 2).1.unwrap(), 9);
    assert_eq!((nobody, told(place.unwrap(), 9)), (vec![], (vec![], None)));
    // Another round begins: whom it has not told of yet is nobody's to plan.
    let second = round(&store, &north(), true);
    assert!(told(0, 9).0.is_empty());
    store.record_page(&north(), &second, &more(vec![ada(2)], "page2"), NOW).unwrap();
    assert_eq!(told(0, 9).0, [guid(2)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// A round that is replayed, as after a crash, changes no byte of what is known.
    #[test]
    fn a_replayed_round_changes_nothing(news in proptest::collection::vec((0u32..4, 0u8..5, "[ab]{0,2}"), 1..8), full in any::<bool>()) {
        let folder = Folder::new();
        let store = folder.write();
        let items: Vec<_> = news.iter().map(|(n, what, text)| match what {
            0 => removed(&guid(*n), Removal::Soft),
            1 => removed(&guid(*n), Removal::Hard),
            2 => seen(&guid(*n), &[("mail", "")]),
            3 => seen(&guid(*n), &[("otherMails", &format!("{text}|x@y"))]),
            _ => seen(&guid(*n), &[("mail", text), ("displayName", "n")]),
        }).collect();
        let round = round(&store, &north(), full);
        store.record_page(&north(), &round, &more(items.clone(), "p2"), NOW).unwrap();
        let observations = dump(&folder.path(), "SELECT tenant, object, presence, external, attributes, manager FROM observations");
        let keys = dump(&folder.path(), "SELECT * FROM keys");
        settle_all(&store);
        let last = store.observed(&north(), &guid(news.last().unwrap().0)).unwrap();
        store.record_page(&north(), &round, &more(items.clone(), "p2"), LATER).unwrap();
        let again = dump(&folder.path(), "SELECT tenant, object, presence, external, attributes, manager FROM observations");
        prop_assert_eq!(again, observations);
        prop_assert_eq!(dump(&folder.path(), "SELECT * FROM keys"), keys);
        prop_assert_eq!(store.observed(&north(), &guid(news.last().unwrap().0)).unwrap(), last);
    }
}

#[test]
fn a_replayed_page_of_settled_people_marks_nobody_and_writes_no_row() {
    let folder = Folder::new();
    let store = folder.write();
    let items = vec![seen(&guid(1), &[("mail", "a@x"), ("displayName", "A")]), removed(&guid(2), Removal::Soft)];
    read(&store, &north(), true, items.clone(), NOW);
    settle_all(&store);
    let before = dump(&folder.path(), "SELECT * FROM observations");
    let round = store.begin_round(&north(), false, &selection(), LATER).unwrap();
    store.record_page(&north(), &round, &more(items, "p2"), LATER).unwrap();
    assert!(unsettled(&store, &route()).is_empty());
    assert_eq!(dump(&folder.path(), "SELECT * FROM observations"), before, "not even the time of learning");
}

#[test]
fn every_form_of_an_id_comes_back() {
    let folder = Folder::new();
    let store = folder.write();
    let upper = "6F1C0D3E-0000-4000-8000-00000000000A";
    let forms = [
        upper,
        "6f1c0d3e-0000-4000-8000-00000000000a",
        "6f1c0d3e00004000800000000000000a",
        "{6f1c0d3e-0000-4000-8000-00000000000a}",
        "urn:uuid:6f1c0d3e-0000-4000-8000-00000000000a",
        "",
        "x",
        "fifteen-letters",
        "sixteen--letters",
        "fourteen-bytes",
        "ÄÖ ü'\"",
        "00000000-0000-0000-0000-000000000000",
    ];
    read(&store, &north(), true, forms.iter().map(|f| seen(&ObjectId::from(*f), &[("displayName", f)])).collect(), NOW);
    drop(store);
    let store = folder.write();
    for form in forms {
        let observed = store.observed(&north(), &form.into()).unwrap().unwrap();
        assert_eq!(observed.object.as_str(), form);
        assert_eq!(observed.attributes.get("displayName").and_then(Value::as_text).unwrap_or_default(), form);
    }
    notice(&store, route(), "rules");
    let mut marked: Vec<String> = unsettled(&store, &route()).iter().map(ToString::to_string).collect();
    let mut expected: Vec<String> = forms.iter().map(ToString::to_string).collect();
    marked.sort();
    expected.sort();
    assert_eq!(marked, expected);
}

//! Does a delta round tell what real ones tell?

use crosstie::sim::{Effect, Fault, Kind};
use serde_json::{Value, json};

use crate::bench::Bench;

const FIRST: &str = "/users/delta?$select=displayName,jobTitle,accountEnabled,manager";

#[tokio::test]
async fn a_first_round_leaves_out_what_was_never_set_and_what_was_cleared() {
    let bench = Bench::new().await;
    let id = bench.add("ada");
    let (items, link) = bench.round(FIRST).await;
    assert_eq!(items, [json!({ "id": id, "displayName": "ada", "accountEnabled": true })]);
    // Set, then cleared: told as null by a later round, by a first one only where asked for.
    bench.north().edit_user(&id, &json!({ "jobTitle": "Dev" })).unwrap();
    bench.north().edit_user(&id, &json!({ "jobTitle": null })).unwrap();
    let (items, _) = bench.round(&link).await;
    assert_eq!(items, [json!({ "id": id, "displayName": "ada", "accountEnabled": true, "jobTitle": null })]);
    assert_eq!(bench.round(FIRST).await.0[0].get("jobTitle"), None);
    bench.north().settings(|s| s.delta.first_round_nulls = true).unwrap();
    assert_eq!(bench.round(FIRST).await.0[0].get("jobTitle"), Some(&Value::Null));
    // A read tells null for everything selected.
    assert_eq!(bench.get(&format!("/users/{id}?$select=city")).await.body["city"], Value::Null);
}

#[tokio::test]
async fn a_round_tells_selected_changes_only() {
    let bench = Bench::new().await;
    let id = bench.add("ada");
    let (_, link) = bench.round(FIRST).await;
    bench.north().edit_user(&id, &json!({ "city": "Leeds" })).unwrap();
    let (items, link) = bench.round(&link).await;
    assert_eq!(items, [] as [Value; 0]);
    bench.north().edit_user(&id, &json!({ "jobTitle": "Dev" })).unwrap();
    let minimal = bench.call_with("GET", &link, Value::Null, &[("prefer", "return=minimal")]).await;
    assert_eq!(minimal.body["value"], json!([{ "id": id, "jobTitle": "Dev" }]));
    let (items, _) = bench.round(&link).await;
    assert_eq!(items, [json!({ "id": id, "displayName": "ada", "accountEnabled": true, "jobTitle": "Dev" })]);
}

#[tokio::test]
async fn removals_are_told_soft_then_hard_and_a_restored_user_is_whole_again() {
    let bench = Bench::new().await;
    let (id, _) = (bench.add("ada"), bench.add("bob"));
    let (_, link) = bench.round(FIRST).await;
    bench.north().soft_delete(&id).unwrap();
    let (items, link) = bench.round(&link).await;
    assert_eq!(items, [json!({ "id": id, "@removed": { "reason": "changed" } })]);
    // A first round may tell it as well.
    assert_eq!(bench.round(FIRST).await.0.len(), 2);
    bench.north().settings(|s| s.delta.first_round_removed = false).unwrap();
    assert_eq!(bench.round(FIRST).await.0.len(), 1);
    bench.north().restore(&id).unwrap();
    let (items, link) = bench.round(&link).await;
    assert_eq!(items, [json!({ "id": id, "displayName": "ada", "accountEnabled": true })]);
    // Deleted and then purged by time: told as gone for good.
    bench.north().soft_delete(&id).unwrap();
    bench.north().settings(|s| s.delta.token_days = 100).unwrap();
    bench.pass(30 * 24 * 3600);
    let bench = bench.with_new_token().await;
    let (items, _) = bench.round(&link).await;
    assert_eq!(items, [json!({ "id": id, "@removed": { "reason": "deleted" } })]);
}

#[tokio::test]
async fn a_purged_user_is_told_as_deleted() {
    let bench = Bench::new().await;
    let id = bench.add("ada");
    let (_, link) = bench.round(FIRST).await;
    bench.north().hard_delete(&id).unwrap();
    let (items, _) = bench.round(&link).await;
    assert_eq!(items, [json!({ "id": id, "@removed": { "reason": "deleted" } })]);
    assert_eq!(bench.round(FIRST).await.0, [] as [Value; 0]);
}

#[tokio::test]
async fn manager_delta_is_there_only_when_the_manager_changed() {
    let bench = Bench::new().await;
    let (id, boss, chief) = (bench.add("ada"), bench.add("bob"), bench.add("eve"));
    let (items, link) = bench.round(FIRST).await;
    assert!(items.iter().all(|i| i.get("manager@delta").is_none()));
    bench.north().set_manager(&id, Some(&boss)).unwrap();
    let (items, link) = bench.round(&link).await;
    let element = |id: &str| json!({ "@odata.type": "#microsoft.graph.user", "id": id });
    assert_eq!(items[0]["manager@delta"], json!([element(&boss)]));
    bench.north().edit_user(&id, &json!({ "jobTitle": "Dev" })).unwrap();
    let (items, link) = bench.round(&link).await;
    assert_eq!(items[0].get("manager@delta"), None);
    bench.north().set_manager(&id, Some(&chief)).unwrap();
    let (items, link) = bench.round(&link).await;
    let mut gone = element(&boss);
    gone["@removed"] = json!({ "reason": "deleted" });
    assert_eq!(items[0]["manager@delta"], json!([element(&chief), gone]));
    // A reader that did not select it hears nothing.
    let (_, blind) = bench.round("/users/delta?$select=displayName").await;
    bench.north().set_manager(&id, None).unwrap();
    assert_eq!(bench.round(&blind).await.0, [] as [Value; 0]);
    let (items, _) = bench.round(&link).await;
    assert_eq!(items[0]["manager@delta"][0]["@removed"]["reason"], "deleted");
}

#[tokio::test]
async fn pages_hold_everybody_whatever_their_shape() {
    let bench = Bench::new().await;
    let mut wanted: Vec<String> = (0..57).map(|n| bench.add(&format!("user{n}"))).collect();
    bench
        .north()
        .settings(|s| {
            s.page_size = 10;
            s.delta.empty_page_chance = 0.4;
            s.delta.duplicate_chance = 0.3;
            s.delta.reorder = true;
        })
        .unwrap();
    let (items, link) = bench.round(FIRST).await;
    let mut ids: Vec<String> = items.iter().map(|i| i["id"].as_str().unwrap().to_owned()).collect();
    assert!(ids.len() > wanted.len(), "nobody was told twice");
    ids.sort();
    ids.dedup();
    wanted.sort();
    assert_eq!(ids, wanted);
    // Replay: the last changes again, though nothing happened.
    bench.north().settings(|s| s.delta.replay = 3).unwrap();
    let (mut again, _) = bench.round(&link).await;
    again.sort_by_key(|i| i["id"].to_string());
    again.dedup();
    assert_eq!(again.len(), 3);
}

#[tokio::test]
async fn who_changes_while_a_round_is_read_is_not_missed() {
    let bench = Bench::new().await;
    let ids: Vec<String> = (0..6).map(|n| bench.add(&format!("user{n}"))).collect();
    let first = |s: &mut crosstie::sim::Settings| {
        s.page_size = 2;
        s.delta.first_round_removed = false;
    };
    bench.north().settings(first).unwrap();
    let page = bench.get(FIRST).await;
    bench.north().edit_user(&ids[5], &json!({ "jobTitle": "Dev" })).unwrap();
    bench.north().soft_delete(&ids[0]).unwrap();
    let (rest, link) = bench.round(&page.link()).await;
    let told: Vec<&str> = rest.iter().map(|i| i["id"].as_str().unwrap()).collect();
    assert!(told.contains(&ids[5].as_str()));
    let last = rest.iter().rfind(|i| i["id"] == json!(ids[0])).unwrap();
    assert_eq!(last["@removed"]["reason"], "changed");
    assert_eq!(bench.round(&link).await.0, [] as [Value; 0]);
}

#[tokio::test]
async fn links_expire_after_seven_days_or_when_told() {
    let bench = Bench::new().await;
    bench.add("ada");
    let (_, link) = bench.round(FIRST).await;
    bench.pass(7 * 24 * 3600 - 1);
    let bench = bench.with_new_token().await;
    let (_, fresh) = bench.round(&link).await;
    bench.pass(1);
    let got = bench.get(&link).await;
    assert_eq!((got.status, got.code()), (410, "syncStateNotFound"));
    bench.north().settings(|s| s.delta.expired_status = 400).unwrap();
    assert_eq!(bench.get(&link).await.status, 400);
    assert_eq!(bench.get(&fresh).await.status, 200);
    bench.north().expire_links().unwrap();
    assert_eq!(bench.get(&fresh).await.code(), "syncStateNotFound");
    bench.north().fault(Fault::next(1, Kind::Delta, Effect::Resync)).unwrap();
    // A first request carries no token: it is not struck.
    let (_, link) = bench.round(FIRST).await;
    let got = bench.get(&link).await;
    assert_eq!(got.status, 410);
    assert!(got.header("location").ends_with("/users/delta?$deltatoken="));
    let (items, _) = bench.round(got.header("location")).await;
    assert_eq!(items.len(), 1);
}

#[tokio::test]
async fn delta_options_follow_the_documentation() {
    let bench = Bench::new().await;
    let ids: Vec<String> = (0..3).map(|n| bench.add(&format!("user{n}"))).collect();
    for bad in ["$select=nothing", "$select=displayName,skills", "$skiptoken=abc", "$filter=mail eq 'a'"] {
        let got = bench.get(&format!("/users/delta?{}", bad.replace(' ', "%20"))).await;
        assert_eq!(got.status, 400, "{bad}");
    }
    // $top is ignored; the long name is an alias; token names ignore case.
    let got = bench.get("/users/microsoft.graph.delta()?$top=1&$select=displayName").await;
    assert_eq!(got.ids().len(), 3);
    let link = got.link().replace("$deltatoken", "$DeltaToken");
    assert_eq!(bench.get(&link).await.status, 200);
    assert_eq!(bench.get(&format!("{link}&$select=mail")).await.status, 400);
    let latest = bench.get("/users/delta?$deltaToken=latest").await;
    assert_eq!((latest.ids().len(), latest.is_last()), (0, true));
    let only = bench.get(&format!("/users/delta?$filter=id%20eq%20'{}'", ids[1])).await;
    assert_eq!(only.ids(), [&ids[1]]);
    let many: Vec<String> = (0..51).map(|_| format!("id eq '{}'", ids[0])).collect();
    let got = bench.get(&format!("/users/delta?$filter={}", many.join(" or ").replace(' ', "%20"))).await;
    assert_eq!(got.status, 400);
    // Nothing selected: the default set, absent where never set.
    let default = bench.get("/users/delta").await;
    let mut names: Vec<&String> = default.body["value"][0].as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["displayName", "id", "mail", "userPrincipalName"]);
}

#[tokio::test]
async fn lagging_replicas_show_the_state_before() {
    let bench = Bench::new().await;
    let id = bench.add("ada");
    let (_, link) = bench.round(FIRST).await;
    bench
        .north()
        .settings(|s| {
            s.lag.min_millis = 5_000;
            s.lag.max_millis = 5_000;
            s.lag.reads = true;
        })
        .unwrap();
    let got = bench.call("PATCH", &format!("/users/{id}"), json!({ "jobTitle": "Dev" })).await;
    assert_eq!(got.status, 204);
    let bob = bench.add("bob");
    let (items, link) = bench.round(&link).await;
    assert_eq!(items, [] as [Value; 0]);
    assert_eq!(bench.round(FIRST).await.0.len(), 1);
    assert_eq!(bench.get(&format!("/users/{id}")).await.body["jobTitle"], Value::Null);
    bench.pass(5);
    let (items, _) = bench.round(&link).await;
    let told: Vec<&str> = items.iter().map(|i| i["id"].as_str().unwrap()).collect();
    assert_eq!(told, [&id, &bob]);
    assert_eq!(bench.get(&format!("/users/{id}")).await.body["jobTitle"], "Dev");
}

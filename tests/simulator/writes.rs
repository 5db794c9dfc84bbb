//! What may an app write, and what is refused?

use crosstie::sim::{Effect, Fault, Group, Kind};
use serde_json::{Value, json};

use crate::bench::Bench;

#[tokio::test]
async fn a_patch_sets_and_clears_and_is_all_or_nothing() {
    let bench = Bench::new().await;
    let id = bench.add("ada");
    let path = format!("/users/{id}");
    let both = json!({ "jobTitle": "Dev", "onPremisesExtensionAttributes": { "extensionAttribute1": "one" } });
    assert_eq!(bench.call("PATCH", &path, both).await.status, 204);
    let more = json!({ "jobTitle": null, "onPremisesExtensionAttributes": { "extensionAttribute2": "two" },
                       "employeeOrgData": { "division": "Arts" }, "mail": "ada2@north.example" });
    assert_eq!(bench.call("PATCH", &path, more).await.status, 204);
    let user = bench.north().user(&id).unwrap();
    assert_eq!(user["jobTitle"], Value::Null);
    let merged = json!({ "extensionAttribute1": "one", "extensionAttribute2": "two" });
    assert_eq!(user["onPremisesExtensionAttributes"], merged);
    assert_eq!(user["proxyAddresses"], json!(["SMTP:ada2@north.example"]));
    let before = bench.north().user(&id);
    let half = json!({ "city": "Leeds", "displayName": null });
    assert_eq!(bench.call("PATCH", &path, half).await.status, 400);
    assert_eq!(bench.north().user(&id), before);
    assert_eq!(bench.call("PATCH", "/users/nobody@north.example", json!({ "city": "x" })).await.status, 404);
}

#[tokio::test]
async fn fields_follow_their_documented_rules() {
    let bench = Bench::new().await;
    let (id, _) = (bench.add("ada"), bench.add("bob"));
    for bad in [
        json!({ "displayName": null }),
        json!({ "displayName": "" }),
        json!({ "displayName": "x".repeat(257) }),
        json!({ "department": "x".repeat(65) }),
        json!({ "employeeId": "x".repeat(17) }),
        json!({ "mail": null }),
        json!({ "usageLocation": null }),
        json!({ "usageLocation": "England" }),
        json!({ "userType": "Visitor" }),
        json!({ "businessPhones": ["1", "2"] }),
        json!({ "accountEnabled": "yes" }),
        json!({ "externalUserState": "Accepted" }),
        json!({ "creationType": null }),
        json!({ "proxyAddresses": [] }),
        json!({ "id": "x" }),
        json!({ "nothing": "x" }),
        json!({ "manager": "x" }),
        json!({ "userPrincipalName": "ada@elsewhere.example" }),
        json!({}),
    ] {
        let got = bench.call("PATCH", &format!("/users/{id}"), bad.clone()).await;
        assert_eq!((got.status, got.code()), (400, "Request_BadRequest"), "{bad}");
    }
    let taken = bench.call("PATCH", &format!("/users/{id}"), json!({ "userPrincipalName": "BOB@north.example" })).await;
    assert_eq!(taken.body["error"]["details"][0]["code"], "ObjectConflict");
    assert_eq!(taken.body["error"]["details"][0]["target"], "userPrincipalName");
    for fine in [json!({ "displayName": "é".repeat(256) }), json!({ "businessPhones": [] }), json!({ "city": null })] {
        assert_eq!(bench.call("PATCH", &format!("/users/{id}"), fine).await.status, 204);
    }
    bench.north().edit_user(&id, &json!({ "onPremisesSyncEnabled": true })).unwrap();
    assert_eq!(bench.call("PATCH", &format!("/users/{id}"), json!({ "city": "x" })).await.status, 400);
}

fn group(role: bool, members: &[&str]) -> Group {
    serde_json::from_value(json!({ "id": "00000000-0000-0000-0000-000000000000", "displayName": "G", "role": role,
                                   "members": members }))
    .unwrap()
}

#[tokio::test]
async fn who_holds_a_role_is_out_of_an_apps_reach() {
    let bench = Bench::new().await;
    let id = bench.add("ada");
    let path = format!("/users/{id}");
    let inner = bench.north().put_group(group(false, &[&id])).unwrap();
    let role = bench.north().put_group(group(true, &[&inner])).unwrap();
    for body in [json!({ "accountEnabled": false }), json!({ "city": "x", "otherMails": ["a@b.example"] })] {
        let got = bench.call("PATCH", &path, body).await;
        assert_eq!((got.status, got.code()), (403, "Authorization_RequestDenied"));
    }
    assert_eq!(bench.call("DELETE", &path, Value::Null).await.status, 403);
    assert_eq!(bench.call("PATCH", &path, json!({ "city": "Leeds" })).await.status, 204);
    let roles = bench.get(&format!("{path}/transitiveMemberOf/microsoft.graph.directoryRole")).await;
    assert_eq!(roles.ids(), [&role]);
    assert_eq!(bench.get(&format!("{path}/memberOf")).await.ids(), [&inner]);
}

#[tokio::test]
async fn group_members_nest_and_page() {
    let bench = Bench::new().await;
    let (a, b, c) = (bench.add("ada"), bench.add("bob"), bench.add("eve"));
    let inner = bench.north().put_group(group(false, &[&b, &c])).unwrap();
    let outer = bench.north().put_group(group(false, &[&a, &inner])).unwrap();
    let direct = bench.get(&format!("/groups/{outer}/members?$select=displayName")).await;
    let types: Vec<&Value> = direct.body["value"].as_array().unwrap().iter().map(|m| &m["@odata.type"]).collect();
    assert!(types.contains(&&json!("#microsoft.graph.group")) && types.contains(&&json!("#microsoft.graph.user")));
    let path = format!("/groups/{outer}/transitiveMembers/microsoft.graph.user?$count=true&$top=2");
    let eventual = [("consistencylevel", "eventual")];
    assert_eq!(bench.get(&path).await.code(), "Request_UnsupportedQuery");
    let first = bench.call_with("GET", &path, Value::Null, &eventual).await;
    assert_eq!((first.ids().len(), &first.body["@odata.count"]), (2, &json!(3)));
    // The header is not carried by the link.
    assert_eq!(bench.get(&first.link()).await.status, 400);
    let second = bench.call_with("GET", &first.link(), Value::Null, &eventual).await;
    assert_eq!((second.ids().len(), second.body.get("@odata.nextLink")), (1, None));
    // Groups are members, too.
    let top = bench.north().put_group(group(false, &[&outer])).unwrap();
    assert_eq!(bench.get(&format!("/groups/{inner}/memberOf?$select=id,displayName")).await.ids(), [&outer]);
    let above = bench.get(&format!("/groups/{inner}/transitiveMemberOf")).await;
    assert!(above.ids().len() == 2 && [&outer, &top].iter().all(|g| above.ids().contains(&g.as_str())));
    assert_eq!(bench.get(&format!("/groups/{b}/memberOf")).await.status, 404, "a user is no group");
    // A soft-deleted user is no member that a reader sees.
    bench.north().soft_delete(&c).unwrap();
    assert_eq!(bench.get(&format!("/groups/{inner}/members")).await.ids(), [&b]);
}

#[tokio::test]
async fn the_manager_is_set_and_cleared_by_reference() {
    let bench = Bench::new().await;
    let (id, boss) = (bench.add("ada"), bench.add("bob"));
    let path = format!("/users/{id}/manager/$ref");
    let link = |id: &str| json!({ "@odata.id": format!("https://graph.microsoft.com/v1.0/users/{id}") });
    assert_eq!(bench.get(&format!("/users/{id}/manager")).await.status, 404);
    assert_eq!(bench.call("PUT", &path, link(&boss)).await.status, 204);
    assert_eq!(bench.get(&format!("/users/{id}/manager")).await.body["id"], json!(boss));
    let expanded = bench.get(&format!("/users/{id}?$select=displayName&$expand=manager($select=id)")).await;
    assert_eq!(expanded.body["manager"]["id"], json!(boss));
    let nobody = bench.call("PUT", &path, link("00000000-0000-4000-8000-000000000000")).await;
    assert_eq!(nobody.code(), "Request_ResourceNotFound");
    assert_eq!(bench.call("PUT", &path, link(&id)).await.status, 400);
    assert_eq!(bench.call("PUT", &path, json!({})).await.status, 400);
    assert_eq!(bench.call("DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(bench.call("DELETE", &path, Value::Null).await.status, 404);
}

#[tokio::test]
async fn who_is_deleted_can_be_restored_for_thirty_days() {
    let bench = Bench::new().await;
    let id = bench.add("ada");
    let (path, bin) = (format!("/users/{id}"), format!("/directory/deletedItems/{id}"));
    assert_eq!(bench.call("DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(bench.get(&path).await.status, 404);
    assert_eq!(bench.call("DELETE", &path, Value::Null).await.status, 404);
    assert_eq!(bench.get(&bin).await.body["deletedDateTime"], "2026-11-22T00:00:00Z");
    assert_eq!(bench.get("/directory/deletedItems/microsoft.graph.user").await.ids(), [&id]);
    assert_eq!(bench.call("DELETE", &bin, Value::Null).await.status, 403);
    let got = bench.call("POST", &format!("{bin}/restore"), Value::Null).await;
    assert_eq!((got.status, &got.body["id"]), (200, &json!(id)));
    assert_eq!(bench.get(&path).await.status, 200);
    assert_eq!(bench.call("POST", &format!("{bin}/restore"), Value::Null).await.status, 404);
    bench.north().soft_delete(&id).unwrap();
    bench.pass(30 * 24 * 3600 - 1);
    assert_eq!(bench.north().deleted_users().len(), 1);
    bench.pass(1);
    assert_eq!(bench.north().deleted_users().len(), 0);
    assert_eq!(bench.north().user(&id), None);
}

#[tokio::test]
async fn lists_filter_by_address_and_page() {
    let bench = Bench::new().await;
    let ids: Vec<String> = (0..5).map(|n| bench.add(&format!("user{n}"))).collect();
    bench.north().edit_user(&ids[3], &json!({ "otherMails": ["other@home.example"], "department": "Arts" })).unwrap();
    let find = async |filter: &str| {
        let query = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect::<String>();
        let got = bench.get(&format!("/users?$filter={query}")).await;
        assert_eq!(got.status, 200, "{}", got.text);
        got.ids().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(find("mail eq 'USER1@north.example'").await, [ids[1].clone()]);
    let either = "mail eq 'other@home.example' or otherMails/any(x:x eq 'other@home.example')";
    assert_eq!(find(either).await, [ids[3].clone()]);
    assert_eq!(find("department eq 'Arts' and accountEnabled eq true").await, [ids[3].clone()]);
    assert_eq!(find("startsWith(userPrincipalName,'user')").await.len(), 5);
    assert_eq!(find(&format!("id in ('{}','{}')", ids[0], ids[4])).await.len(), 2);
    bench.north().soft_delete(&ids[1]).unwrap();
    assert_eq!(find("mail eq 'user1@north.example'").await, [] as [String; 0]);
    let first = bench.get("/users?$top=3&$select=displayName").await;
    assert_eq!(first.ids().len(), 3);
    let second = bench.get(&first.link()).await;
    assert_eq!((second.ids().len(), second.body["value"][0].get("mail")), (1, None));
    assert_eq!(bench.get("/users?$top=1000").await.status, 400);
}

#[tokio::test]
async fn a_batch_answers_each_item_in_any_order() {
    let bench = Bench::new().await;
    let ids: Vec<String> = (0..6).map(|n| bench.add(&format!("user{n}"))).collect();
    let typed = json!({ "Content-Type": "application/json" });
    let patch = |n: usize, body: Value| {
        json!({ "id": n.to_string(), "method": "PATCH", "url": format!("/users/{}", ids[n]),
                                                "headers": typed, "body": body })
    };
    let mut items: Vec<Value> = (0..5).map(|n| patch(n, json!({ "jobTitle": "Dev" }))).collect();
    items[1]["body"] = json!({ "displayName": null });
    items[2]["dependsOn"] = json!(["1"]);
    items[3]["dependsOn"] = json!(["0"]);
    items.push(json!({ "id": "5", "method": "POST", "url": "/$batch", "headers": typed, "body": { "requests": [] } }));
    bench.north().fault(Fault { skip: 3, ..Fault::next(1, Kind::Patch, Effect::throttled(429, "7")) }).unwrap();
    let got = bench.call("POST", "/$batch", json!({ "requests": items })).await;
    let mut answers = got.body["responses"].as_array().unwrap().clone();
    let order: Vec<String> = answers.iter().map(|a| a["id"].as_str().unwrap().to_owned()).collect();
    answers.sort_by_key(|a| a["id"].as_str().unwrap().to_owned());
    assert_ne!(order, ["0", "1", "2", "3", "4", "5"]);
    let statuses: Vec<u64> = answers.iter().map(|a| a["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [204, 400, 424, 204, 429, 400]);
    assert_eq!(answers[4]["headers"]["Retry-After"], "7");
    assert_eq!(answers[4]["body"]["error"]["code"], "TooManyRequests");
    // What did not run does not stand in the ledger.
    assert_eq!(bench.world.ledger().iter().filter(|e| e.batch).count(), 4);
    let get = |n: usize| json!({ "id": n.to_string(), "method": "GET", "url": "/users" });
    for bad in [
        json!({ "requests": (0..21).map(get).collect::<Vec<_>>() }),
        json!({ "requests": [get(1), get(1)] }),
        json!({ "requests": [{ "id": "1", "method": "PATCH", "url": "/users/x", "body": {} }] }),
        json!({ "requests": [{ "id": "1", "method": "GET", "url": "/users", "dependsOn": ["2"] }] }),
        json!([]),
    ] {
        assert_eq!(bench.call("POST", "/$batch", bad).await.status, 400);
    }
}

#[tokio::test]
async fn a_batch_is_lost_with_one_of_its_answers() {
    let bench = Bench::new().await;
    let ids: Vec<String> = (0..2).map(|n| bench.add(&format!("user{n}"))).collect();
    let patch = |n: usize| {
        json!({ "id": n.to_string(), "method": "PATCH", "url": format!("/users/{}", ids[n]),
                "headers": { "content-type": "application/json" }, "body": { "jobTitle": "Dev" } })
    };
    bench.north().fault(Fault { skip: 1, ..Fault::next(1, Kind::Patch, Effect::Drop { applied: false }) }).unwrap();
    assert!(bench.call("POST", "/$batch", json!({ "requests": [patch(0), patch(1)] })).await.dropped);
    let seen: Vec<(bool, bool)> = bench.world.ledger().iter().map(|e| (e.applied, e.dropped)).collect();
    assert_eq!(seen, [(true, true), (false, true)]);
}

#[tokio::test]
async fn directory_extensions_exist_where_they_are_registered() {
    let bench = Bench::new().await;
    let id = bench.add("ada");
    let name = "extension_0b9b0d6400004000800000000000000a_badge";
    let path = format!("/users/{id}");
    assert_eq!(bench.call("PATCH", &path, json!({ name: "7" })).await.status, 400);
    assert_eq!(bench.get(&format!("/users/delta?$select={name}")).await.status, 400);
    bench.north().add_extension(name).unwrap();
    let (_, link) = bench.round(&format!("/users/delta?$select={name}")).await;
    assert_eq!(bench.call("PATCH", &path, json!({ name: "7" })).await.status, 204);
    assert_eq!(bench.round(&link).await.0, [json!({ "id": id, name: "7" })]);
}

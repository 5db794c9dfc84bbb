//! What does the client ask, and what does it make of the answers? Scripted answers, real decisions.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod graph_support;

use crosstie::graph::TransportError;
use crosstie::model::{Attribute, Cursor, Edit, Edits, NamedGroup, News, ObjectId, Removal, Then, Value};
use crosstie::ports::{DirectoryRead, DirectoryWrite, Invitation, Look, MemberOf, Retry, Write, Written};
use graph_support::*;

const DELTA: &str = "https://graph.example/v1.0/users/delta?$deltatoken=t1";
const AGAIN: Retry = Retry::Again { not_before: None };

fn last_page(items: &str) -> Answered {
    answer(200, &format!(r#"{{"value":[{items}],"@odata.deltaLink":"{DELTA}"}}"#))
}
fn link(text: &str) -> Cursor {
    Cursor::Link(text.to_owned())
}
fn id(text: &str) -> ObjectId {
    ObjectId::new(text)
}

#[tokio::test]
async fn the_first_page_selects_by_graphs_names() {
    let house = House::new([last_page(r#"{"id":"u1","displayName":null}"#)]);
    let selection = selection(&["extensionAttribute3", "displayName", "manager", "employeeOrgData.division", "id"]);
    let page = house.writer.delta_page(&selection, &Cursor::Start).await.unwrap();
    assert_eq!(page.then, Then::Done(DELTA.to_owned()));
    assert_eq!(page.items[0].news, News::Seen(Edits::from_iter([("displayName".into(), Edit::Clear)])));
    let seen = &house.seen()[0];
    let select = "id,displayName,employeeOrgData,onPremisesExtensionAttributes,manager";
    assert_eq!(seen.uri, format!("{ROOT}/v1.0/users/delta?$select={select}"));
    assert_eq!(seen.authorization, "Bearer token-1");
    assert_eq!(seen.request_id.len(), 36);
    let token = &house.script.token_requests.borrow()[0];
    assert_eq!(token.uri, format!("https://login.example/{TENANT_ID}/oauth2/v2.0/token"));
    for part in ["grant_type=client_credentials", "scope=https%3A%2F%2Fgraph.example%2F.default", "client_id=app-1"] {
        assert!(token.body.contains(part), "{}", token.body);
    }
}

#[tokio::test]
async fn links_that_lead_elsewhere_are_refused_unasked() {
    let hostile = [
        "https://evil.example/v1.0/users/delta?$skiptoken=1",
        "http://graph.example/v1.0/users/delta?$skiptoken=1",
        "https://graph.example:8443/v1.0/users/delta?$skiptoken=1",
        "https://graph.example.evil.test/v1.0/users/delta?x",
        "https://graph.example@evil.test/v1.0/users/delta?x",
        "https://user:pw@graph.example/v1.0/users/delta?x",
        "https://graph.example/beta/users/delta?x",
        "https://graph.example/v1.0.evil/users/delta?x",
        "https://graph.example/v1.0/users/delta/../../groups/delta?x",
        "https://graph.example/v1.0/users%2Fdelta?x",
        "https://graph.example/v1.0/users/u1?x",
        "https://graph.example/v1.0/users/delta?x#fragment",
        "https:\\\\evil.example/v1.0/users/delta",
        "//evil.example/v1.0/users/delta",
        "/v1.0/users/delta?x",
        "javascript:alert(1)",
        "",
    ];
    for bad in hostile {
        let house = House::new([]);
        let error = house.writer.delta_page(&selection(&["mail"]), &link(bad)).await.unwrap_err();
        assert_eq!((error.retry, error.detail.code.as_str()), (Retry::Never, "LinkRefused"), "{bad}");
        assert!(house.seen().is_empty() && house.script.token_requests.borrow().is_empty(), "{bad}");
        assert!(error.to_string().contains("hint: if this tenant's graph address was changed"), "{error}");

        let json = serde_json::to_string(bad).unwrap();
        for which in ["nextLink", "deltaLink"] {
            let house = House::new([answer(200, &format!(r#"{{"value":[],"@odata.{which}":{json}}}"#))]);
            house.writer.delta_page(&selection(&["mail"]), &Cursor::Start).await.unwrap_err();
            assert_eq!(house.seen().len(), 1, "{bad}");
        }
    }
    let fine = [
        "https://GRAPH.example:443/v1.0/users/delta?$skiptoken=a",
        "https://graph.example/v1.0/users/microsoft.graph.delta()?$deltatoken=a",
        "https://graph.example/v1.0/users/microsoft.graph.delta?$deltatoken=a",
        "https://graph.example/v1.0/users/delta()?$deltaToken=a",
    ];
    for good in fine {
        let house = House::new([last_page("")]);
        house.writer.delta_page(&selection(&["mail"]), &link(good)).await.unwrap();
    }
}

#[tokio::test]
async fn a_page_goes_on_in_exactly_one_way() {
    let next = "https://graph.example/v1.0/users/delta?$skiptoken=1";
    let cases = [
        ("neither", r#"{"value":[]}"#.to_owned()),
        ("both", format!(r#"{{"value":[],"@odata.nextLink":"{next}","@odata.deltaLink":"{DELTA}"}}"#)),
        ("itself", format!(r#"{{"value":[],"@odata.nextLink":"{next}"}}"#)),
    ];
    for (word, body) in cases {
        let house = House::new([answer(200, &body)]);
        let error = house.writer.delta_page(&selection(&["mail"]), &link(next)).await.unwrap_err();
        assert!(error.detail.message.contains(word), "{error}");
        assert_eq!(error.retry, AGAIN);
    }
    let empty = format!(r#"{{"value":[],"@odata.nextLink":"{next}2"}}"#);
    let page = House::new([answer(200, &empty)]).writer.delta_page(&selection(&["mail"]), &link(next)).await.unwrap();
    assert_eq!(page.then, Then::More(format!("{next}2")));
}

#[tokio::test]
async fn a_dead_watermark_starts_over() {
    let dead = [
        (410, String::new()),
        (400, error("syncStateNotFound", "The sync state generation is not found.")),
        (404, error("SyncStateNotFound", "x")),
        (400, error("Directory_ExpiredPageToken", "x")),
        (400, error("resyncRequired", "x")),
        (410, error("x", "x")),
        (
            400,
            r#"{"error":{"code":"BadRequest","innererror":{"innerError":{"code":"resyncApplyDifferences"}}}}"#.into(),
        ),
        (200, error("syncStateNotFound", "x")),
    ];
    for (status, body) in dead {
        let house = House::new([answer(status, &body)]);
        let error = house.writer.delta_page(&selection(&["mail"]), &link(DELTA)).await.unwrap_err();
        assert_eq!(error.retry, Retry::StartOver, "{status} {body}");
        assert_eq!(house.seen().len(), 1);
    }
    let house = House::new((0..5).map(|_| answer(410, "")));
    let error = house.writer.delta_page(&selection(&["mail"]), &Cursor::Start).await.unwrap_err();
    assert_eq!(error.retry, AGAIN, "there is nothing to start over from");
}

#[tokio::test]
async fn reads_try_again_with_growing_pauses() {
    let lost = || Err(TransportError::lost("reset"));
    let house = House::new([answer(503, "<html>"), lost(), answer(429, ""), last_page("")]);
    house.writer.delta_page(&selection(&["mail"]), &Cursor::Start).await.unwrap();
    assert_eq!(house.clock.pauses(), [1000, 2000, 4000]);
    let ids: std::collections::BTreeSet<_> = house.seen().into_iter().map(|s| s.request_id).collect();
    assert_eq!(ids.len(), 4, "every attempt has its own id");

    let house = House::new((0..5).map(|_| answer_with(429, ("retry-after", "2.5"), "")));
    let error = house.writer.delta_page(&selection(&["mail"]), &Cursor::Start).await.unwrap_err();
    assert_eq!(house.clock.pauses(), [2500, 2500, 4000, 8000]);
    assert!(error.throttled && error.status == Some(429));
    let until = crosstie::ports::Clock::now(&house.clock).plus_millis(2500);
    assert_eq!(error.retry, Retry::Again { not_before: Some(until) });

    let house = House::new([answer(403, &error_denied())]);
    let error = house.writer.delta_page(&selection(&["mail"]), &Cursor::Start).await.unwrap_err();
    assert_eq!((error.retry, house.seen().len()), (Retry::Never, 1));
    assert!(error.to_string().contains("hint: grant the app the application permission User.Read.All"), "{error}");
}
fn error_denied() -> String {
    error("Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
}

#[tokio::test]
async fn looks_go_in_batches_and_each_item_is_its_own() {
    let throttled = r#"{"id":"2","status":429,"headers":{"Retry-After":"3"},"body":{"error":{"code":"TooManyRequests","message":"x"}}}"#;
    let first = format!(
        r#"{{"responses":[
            {{"id":"5","status":"200","body":{{"id":"e"}}}},
            {{"id":"4","status":404,"body":{{"error":{{"code":"Request_ResourceNotFound","message":"x"}}}}}},
            {{"id":"9","status":200,"body":{{"id":"zzz"}}}},
            {throttled},
            {{"id":"1","status":200,"headers":{{}},"body":{{"id":"A","mail":"a@x","manager":{{"id":"m"}}}}}},
            {{"id":"6","status":403,"body":null}},{{"id":"6","status":200,"body":{{"id":"f"}}}},
            {{"id":"7","status":200,"body":{{"id":"someone-else"}}}},
            {{"id":"8","status":404,"body":{{"error":{{"code":"Request_ResourceNotFound","message":"x"}}}}}}]}}"#
    );
    // Unreadable items are read again with the throttled one; then they stay as they are.
    let again = |mail: &str| {
        let body = r#"{"responses":[{"id":"1","status":200,"body":{"id":"b","mail":null}},
            {"id":"2","status":500},{"id":"3","status":"200"}]}"#;
        answer(200, &body.replace("null", mail))
    };
    let bad = r#"{"responses":[]}"#;
    let deleted = r#"{"responses":[{"id":"2","status":404,"body":{"error":{"code":"Request_ResourceNotFound","message":"x"}}},
        {"id":"1","status":200,"body":{"id":"d"}}]}"#;
    let mut script = vec![answer(200, &first), again("null")];
    script.extend((0..3).map(|_| answer(200, bad)));
    script.push(answer(200, deleted));
    let house = House::new(script);
    let objects: Vec<ObjectId> = ["a", "b", "c", "d", "e", "f", "g", "h"].iter().map(|o| id(o)).collect();
    let looks = house.writer.look(&selection(&["mail", "manager"]), &objects).await;

    let present = |mail: Edit, manager: Edit| {
        Ok(Look::Present(Edits::from_iter([("mail".into(), mail), ("manager".into(), manager)])))
    };
    assert_eq!(looks[0], present(Edit::Set("a@x".into()), Edit::Set("m".into())));
    assert_eq!(looks[1], present(Edit::Clear, Edit::Clear));
    assert_eq!(looks[2].as_ref().unwrap_err().detail.code, "AnswerUnreadable");
    assert_eq!(looks[3], Ok(Look::Removed(Removal::Soft)));
    assert!(looks[4].is_err() && looks[5].is_err(), "a status that is text, an item answered twice");
    assert!(looks[6].as_ref().unwrap_err().detail.message.contains("another object"));
    assert_eq!(looks[7], Ok(Look::Removed(Removal::Hard)));

    let seen = house.seen();
    assert_eq!(seen[0].uri, format!("{ROOT}/v1.0/$batch"));
    let body: serde_json::Value = serde_json::from_str(&seen[0].body).unwrap();
    let url = "/users/a?$select=id,mail&$expand=manager($select=id)";
    assert_eq!(body["requests"][0], serde_json::json!({"id":"1","method":"GET","url":url}));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&seen[1].body).unwrap()["requests"].as_array().unwrap().len(),
        4
    );
    assert_eq!(house.clock.pauses()[0], 3000, "the throttled item's wish");
}

/// A front door's 404, or that of a tenant that cannot read its own company information, says nothing of a user.
#[tokio::test]
async fn absence_is_proved_in_the_directorys_own_words_alone() {
    let gone = || answer(404, &error("Request_ResourceNotFound", "Resource 'a' does not exist"));
    for other in
        ["", "<html>Not found</html>", &error("Directory_ObjectNotFound", "x"), &error("UnknownError", "<html>")]
    {
        for script in [vec![answer(404, other)], vec![gone(), answer(404, other)]] {
            let looks = House::new(script).writer.look(&selection(&["mail"]), &[id("a")]).await;
            assert_eq!(looks[0].as_ref().unwrap_err().status, Some(404), "{other:?}");
        }
    }
    let looks = House::new([gone(), gone()]).writer.look(&selection(&["mail"]), &[id("a")]).await;
    assert_eq!(looks[0], Ok(Look::Removed(Removal::Hard)));
}

#[tokio::test]
async fn one_look_is_asked_plainly_and_hostile_ids_not_at_all() {
    let house = House::new([answer(404, &error("Request_ResourceNotFound", "x")), answer(200, r#"{"id":"a"}"#)]);
    let looks = house.writer.look(&selection(&["mail"]), &[id("a")]).await;
    assert_eq!(looks, [Ok(Look::Removed(Removal::Soft))]);
    assert_eq!(
        house.uris(),
        [format!("{ROOT}/v1.0/users/a?$select=id,mail"), format!("{ROOT}/v1.0/directory/deletedItems/a")]
    );
    let house = House::new([answer(200, r#"{"id":"a/../b?x#y"}"#)]);
    let looks = house.writer.look(&selection(&[]), &[id(".."), id(""), id("a/../b?x#y")]).await;
    assert!(looks[0].is_err() && looks[1].is_err() && looks[2].is_ok());
    assert_eq!(house.uris(), [format!("{ROOT}/v1.0/users/a%2F..%2Fb%3Fx%23y?$select=id")]);
    assert!(House::new([]).writer.look(&selection(&[]), &[]).await.is_empty());
}

#[tokio::test]
async fn addresses_are_searched_quoted_and_encoded() {
    let found = answer(200, r#"{"value":[{"id":"g","mail":"o'x+1@a.b","displayName":null}]}"#);
    let house = House::new([found]);
    let users = house.writer.find_by_address(&selection(&["mail", "displayName"]), "o'x+1@a.b").await.unwrap();
    let learned =
        Edits::from_iter([("mail".into(), Edit::Set("o'x+1@a.b".into())), ("displayName".into(), Edit::Clear)]);
    assert_eq!(users, [(id("g"), learned)]);
    let uri = &house.uris()[0];
    assert!(uri.contains("mail%20eq%20%27o%27%27x%2B1@a.b%27%20or%20otherMails/any(x:x%20eq%20"), "{uri}");
    assert!(uri.contains("startsWith(userPrincipalName,%27o%27%27x%2B1_a.b%23EXT%23%27)"), "{uri}");
    assert!(uri.contains("userPrincipalName%20eq%20%27o%27%27x%2B1@a.b%27"), "{uri}");

    let refused = || answer(400, &error("Request_UnsupportedQuery", "Unsupported Query."));
    let one = |user: &str| answer(200, &format!(r#"{{"value":[{{"id":"{user}"}}]}}"#));
    let house = House::new([refused(), one("g"), one("h"), refused(), one("i")]);
    let users = house.writer.find_by_address(&selection(&[]), "a@b.c").await.unwrap();
    assert_eq!(users.len(), 3);
    let next = |to: &str| answer(200, &format!(r#"{{"value":[],"@odata.nextLink":"{to}"}}"#));
    for bad in ["https://evil.example/v1.0/users?x", "https://graph.example/v1.0/groups?x"] {
        assert!(House::new([next(bad)]).writer.find_by_address(&selection(&[]), "a@b.c").await.is_err());
    }
}

#[tokio::test]
async fn members_are_people_and_pages_end() {
    let next = "https://graph.example/v1.0/groups/g/transitiveMembers?$skiptoken=1";
    let first = answer(
        200,
        &format!(
            r##"{{"@odata.nextLink":"{next}","value":[{{"@odata.type":"#microsoft.graph.user","id":"b"}},
            {{"@odata.type":"#microsoft.graph.group","id":"x"}},{{"id":"a"}}]}}"##
        ),
    );
    let house = House::new([first, answer(200, r#"{"value":[]}"#)]);
    assert_eq!(house.writer.group_members("g").await.unwrap(), [id("a"), id("b")]);
    assert_eq!(house.uris()[0], format!("{ROOT}/v1.0/groups/g/transitiveMembers?$select=id&$top=999"));

    let page = |to: &str| answer(200, &format!(r#"{{"value":[],"@odata.nextLink":"{next}{to}"}}"#));
    let error = House::new([page("a"), page("b"), page("a")]).writer.group_members("g").await.unwrap_err();
    assert!(error.detail.message.contains("circle"), "{error}");
    let error = House::new([answer(404, &graph_support::error("Request_ResourceNotFound", "x"))]);
    assert!(error.writer.group_members("g").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn roles_are_never_passed_over() {
    let role = r##"{"@odata.type":"#microsoft.graph.directoryRole","id":"r1","displayName":"User Administrator"}"##;
    let nameless = r##"{"@odata.type":"#microsoft.graph.directoryRole","id":"r2","displayName":null}"##;
    let group = r##"{"@odata.type":"#microsoft.graph.group","id":"g","displayName":"User Administrator?"}"##;
    let page = |items: &[&str]| answer(200, &format!(r#"{{"value":[{}]}}"#, items.join(",")));
    let roles = |answers: Vec<Answered>| async move { House::new(answers).writer.privileges(&id("u")).await };
    assert_eq!(roles(vec![page(&[group, nameless, role])]).await.unwrap().roles, ["User Administrator", "role r2"]);
    assert!(roles(vec![page(&[group, r#"{"id":"?"}"#])]).await.is_err(), "a membership without a kind");
    let unknown = || answer(501, &error("NotImplemented", "x"));
    assert_eq!(roles(vec![unknown(), page(&[role])]).await.unwrap().roles, ["User Administrator"]);
    let keys = r##"{"@odata.type":"#microsoft.graph.group","id":"k","displayName":"Keys","isAssignableToRole":true}"##;
    let choir =
        r##"{"@odata.type":"#microsoft.graph.group","id":"c","displayName":"Choir","isAssignableToRole":null}"##;
    let veiled = r##"{"@odata.type":"#microsoft.graph.group","id":"v","displayName":null,"isAssignableToRole":null}"##;
    let told = roles(vec![page(&[group, keys, choir, veiled])]).await.unwrap();
    assert_eq!((told.roles.len(), told.groups, told.hidden), (0, vec!["Keys".to_owned()], 1));
    let gone = answer(404, &error("Request_ResourceNotFound", "x"));
    assert!(roles(vec![gone]).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn direct_groups_are_listed_and_their_links_held_to_the_collection() {
    let group = r##"{"@odata.type":"#microsoft.graph.group","id":"g1","displayName":"Maths"}"##;
    let hidden = r##"{"@odata.type":"#microsoft.graph.group","id":"g2","displayName":null}"##;
    let others = r##"{"@odata.type":"#microsoft.graph.administrativeUnit","id":"a","displayName":"North"},
                     {"@odata.type":"#microsoft.graph.directoryRole","id":"r","displayName":"Reader"}"##;
    let page = |items: &str, next: &str| answer(200, &format!(r#"{{"value":[{items}]{next}}}"#));
    let link = |path: &str| format!(r#","@odata.nextLink":"{ROOT}/v1.0/{path}/memberOf?$skiptoken=1""#);
    for (whose, path, other) in
        [(MemberOf::User("u"), "users/u", "groups/u"), (MemberOf::Group("g"), "groups/g", "users/g")]
    {
        let house = House::new([page(group, &link(path)), page(&format!("{hidden},{others}"), "")]);
        let groups = house.writer.groups_of(whose).await.unwrap();
        let named = |id: &str, name: &str| NamedGroup { id: id.to_owned(), display_name: name.to_owned() };
        assert_eq!(groups, [named("g1", "Maths"), named("g2", "g2")]);
        assert_eq!(house.seen()[0].uri, format!("{ROOT}/v1.0/{path}/memberOf?$select=id,displayName&$top=999"));
        let strayed = House::new([page(group, &link(other))]).writer.groups_of(whose).await.unwrap_err();
        assert_eq!(strayed.detail.code, "LinkRefused");
        let denied = House::new([answer(403, &error("Authorization_RequestDenied", "x"))]);
        let denied = denied.writer.groups_of(whose).await.unwrap_err().to_string();
        assert!(denied.contains("GroupMember.Read.All"), "{denied}");
    }
}

fn writes() -> Vec<(Write, &'static str, &'static str, &'static str)> {
    let edits = Edits::from_iter([
        (Attribute::from("displayName"), Edit::Set("A".into())),
        ("department".into(), Edit::Clear),
        ("businessPhones".into(), Edit::Clear),
        ("otherMails".into(), Edit::Set("a@b.c".into())),
        ("extensionAttribute1".into(), Edit::Clear),
        ("extensionAttribute2".into(), Edit::Set("x".into())),
        ("employeeOrgData.division".into(), Edit::Set("d".into())),
        ("accountEnabled".into(), Edit::Set(Value::Bool(false))),
    ]);
    let account = || id("u");
    vec![
        (
            Write::Patch { account: account(), edits },
            "PATCH",
            "/users/u",
            r#"{"accountEnabled":false,"businessPhones":[],"department":null,"displayName":"A","employeeOrgData":{"division":"d"},"onPremisesExtensionAttributes":{"extensionAttribute1":null,"extensionAttribute2":"x"},"otherMails":["a@b.c"]}"#,
        ),
        (
            Write::SetManager { account: account(), manager: Some(id("m")) },
            "PUT",
            "/users/u/manager/$ref",
            r#"{"@odata.id":"https://graph.example/v1.0/users/m"}"#,
        ),
        (Write::SetManager { account: account(), manager: None }, "DELETE", "/users/u/manager/$ref", ""),
        (Write::Delete { account: account() }, "DELETE", "/users/u", ""),
        (Write::Restore { account: account() }, "POST", "/directory/deletedItems/u/restore", ""),
    ]
}
fn invite() -> Write {
    Write::Invite(Invitation {
        address: "a@b.c".to_owned(),
        display_name: Some("A".to_owned()),
        user_type: "Member".to_owned(),
    })
}

#[tokio::test]
async fn writes_are_one_request_with_the_given_id() {
    for (write, method, path, body) in writes() {
        let house = House::new([answer(204, "")]);
        assert_eq!(house.writer.write("11111111-1111-1111-1111-111111111111", &write).await, Ok(Written::Done));
        let seen = house.seen();
        assert_eq!((seen[0].method.as_str(), seen[0].uri.as_str()), (method, format!("{ROOT}/v1.0{path}").as_str()));
        let as_json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
        assert_eq!(as_json(&seen[0].body), as_json(body));
        assert_eq!(seen[0].request_id, "11111111-1111-1111-1111-111111111111");
    }
    let account = id("u");
    for edits in [Edits::new(), Edits::from_iter([("manager".into(), Edit::Clear)])] {
        let house = House::new([]);
        let error = house.writer.write("i", &Write::Patch { account: account.clone(), edits }).await.unwrap_err();
        assert_eq!((error.retry, error.detail.code.as_str()), (Retry::Never, "NotAsked"));
    }
    let house = House::new([]);
    assert!(house.writer.write("i", &Write::Delete { account: id("..") }).await.is_err(), "DELETE /users?");
    assert!(house.seen().is_empty());
}

#[tokio::test]
async fn an_invitation_teaches_what_its_answer_says() {
    let body = r#"{"id":"9071","inviteRedeemUrl":"https://login.example/redeem?canary-redeem","invitedUserType":"Guest",
        "status":"Completed","invitedUser":{"id":"cbb8","userPrincipalName":"a_b.c#EXT#@hub.example"}}"#;
    let house = House::new([answer(201, body)]);
    let Ok(Written::Invited(invited)) = house.writer.write("i", &invite()).await else { panic!() };
    assert_eq!(invited.account, id("cbb8"));
    let expected = [
        ("userPrincipalName", "a_b.c#EXT#@hub.example"),
        ("userType", "Guest"),
        ("mail", "a@b.c"),
        ("displayName", "A"),
        ("creationType", "Invitation"),
        ("externalUserState", "Accepted"),
    ];
    let expected: Edits = expected.iter().map(|(k, v)| ((*k).into(), Edit::Set((*v).into()))).collect();
    assert_eq!(invited.learned, expected);
    let sent: serde_json::Value = serde_json::from_str(&house.seen()[0].body).unwrap();
    assert_eq!(
        sent,
        serde_json::json!({"invitedUserEmailAddress":"a@b.c","inviteRedirectUrl":"https://myapps.example",
            "invitedUserDisplayName":"A","invitedUserType":"Member","sendInvitationMessage":false})
    );
    for unconfirmed in ["", "{}", "<html>", r#"{"invitedUser":{}}"#, r#"{"invitedUser":{"id":7}}"#, r#"{"error":{}}"#] {
        let error = House::new([answer(201, unconfirmed)]).writer.write("i", &invite()).await.unwrap_err();
        assert_eq!(error.retry, Retry::LookAgain, "{unconfirmed}");
    }
}

#[tokio::test]
async fn a_lost_write_is_looked_for_and_an_unsent_one_repeated() {
    let all: Vec<Write> = writes().into_iter().map(|w| w.0).chain([invite()]).collect();
    for write in &all {
        let cases = [
            (TransportError::lost("reset"), Retry::LookAgain),
            (TransportError::too_large(1), Retry::LookAgain),
            (TransportError::not_sent("no such host"), AGAIN),
        ];
        for (error, retry) in cases {
            let house = House::new([Err(error)]);
            assert_eq!(house.writer.write("i", write).await.unwrap_err().retry, retry);
            assert_eq!((house.seen().len(), house.clock.pauses().len()), (1, 0), "one attempt, no pause");
        }
        let house = House::new([]);
        house.script.tokens.borrow_mut().push_back(Err(TransportError::lost("reset")));
        assert_eq!(house.writer.write("i", write).await.unwrap_err().retry, AGAIN, "only the token was lost");
    }
}

#[tokio::test]
async fn refused_writes_mean_what_the_table_says() {
    let reference = error("Request_BadRequest", "Not a valid reference update.");
    // status, body, what a change does, what an invitation does, throttled
    let table = [
        (500, String::new(), Retry::LookAgain, Retry::LookAgain, false),
        (502, "<html>".to_owned(), Retry::LookAgain, Retry::LookAgain, false),
        (504, String::new(), Retry::LookAgain, Retry::LookAgain, false),
        (507, String::new(), Retry::LookAgain, Retry::LookAgain, false),
        (503, error("Directory_ReplicaUnavailable", "x"), AGAIN, AGAIN, false),
        (429, error("TooManyRequests", "x"), AGAIN, AGAIN, true),
        (501, error("NotImplemented", "x"), Retry::Never, Retry::Never, false),
        (409, error("Directory_ConcurrencyViolation", "x"), AGAIN, AGAIN, false),
        (409, error("Request_MultipleObjectsWithSameKeyValue", "x"), Retry::Never, Retry::Never, false),
        (400, reference, AGAIN, AGAIN, false),
        (400, error("Request_BadRequest", "x"), Retry::Never, Retry::Never, false),
        (404, error("Request_ResourceNotFound", "x"), AGAIN, Retry::Never, false),
        (403, error("Directory_QuotaExceeded", "x"), Retry::Never, Retry::Never, false),
        (403, error_denied(), Retry::Never, Retry::Never, false),
        (412, String::new(), Retry::Never, Retry::Never, false),
        (302, String::new(), Retry::Never, Retry::Never, false),
        (200, error("TooManyRequests", "x"), AGAIN, AGAIN, true),
        (200, error("Authorization_RequestDenied", "x"), Retry::Never, Retry::Never, false),
        (200, r#"{"error":"odd"}"#.to_owned(), Retry::LookAgain, Retry::LookAgain, false),
    ];
    for (status, body, change, invitation, throttled) in table {
        for (write, retry) in [(Write::Delete { account: id("u") }, change), (invite(), invitation)] {
            let error = House::new([answer(status, &body)]).writer.write("i", &write).await.unwrap_err();
            assert_eq!((error.retry, error.throttled), (retry, throttled), "{status} {body} {write:?}");
            assert_eq!((error.status, error.request_id.as_str()), (Some(status), "i"));
        }
    }
    let house = House::new([answer_with(503, ("retry-after", "7"), "")]);
    let error = house.writer.write("i", &invite()).await.unwrap_err();
    let until = crosstie::ports::Clock::now(&house.clock).plus_seconds(7);
    assert_eq!((error.retry, error.throttled), (Retry::Again { not_before: Some(until) }, true));
}

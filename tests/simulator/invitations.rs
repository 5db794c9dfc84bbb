//! What do invitations make, and when are they refused?

use serde_json::json;

use crate::bench::Bench;

#[tokio::test]
async fn an_invitation_makes_a_guest_as_documented() {
    let bench = Bench::new().await;
    let got = bench.invite("Ada.Lovelace@south.example").await;
    assert_eq!(got.status, 201, "{}", got.text);
    let principal = "Ada.Lovelace_south.example#EXT#@north.onmicrosoft.com";
    assert_eq!(got.body["invitedUser"]["userPrincipalName"], principal);
    assert_eq!(got.body["status"], "PendingAcceptance");
    let id = got.body["invitedUser"]["id"].as_str().unwrap();
    let select = "creationType,externalUserState,userType,mail,otherMails,proxyAddresses,accountEnabled,displayName";
    let escaped = principal.replace('#', "%23");
    let user = bench.get(&format!("/users/{escaped}?$select={select}")).await;
    let mut want = json!({
        "id": id, "creationType": "Invitation", "externalUserState": "PendingAcceptance", "userType": "Member",
        "mail": "Ada.Lovelace@south.example", "otherMails": ["Ada.Lovelace@south.example"],
        "proxyAddresses": ["SMTP:Ada.Lovelace@south.example"], "accountEnabled": true, "displayName": "Ada",
    });
    want["@odata.context"] = user.body["@odata.context"].clone();
    assert_eq!(user.body, want);
    // Again: the same account, and no second one.
    let again = bench.invite("ada.lovelace@SOUTH.example").await;
    assert_eq!((again.status, again.body["invitedUser"]["id"].as_str()), (201, Some(id)));
    assert_eq!(bench.north().users().len(), 1);
    // A contact owns the address: no mail.
    let got = bench.invite("contact@south.example").await;
    let guest = bench.north().user(got.body["invitedUser"]["id"].as_str().unwrap()).unwrap();
    assert_eq!((guest.get("mail"), &guest["otherMails"]), (None, &json!(["contact@south.example"])));
}

#[tokio::test]
async fn invitations_are_refused_for_the_documented_reasons() {
    let bench = Bench::new().await;
    bench.add("ada");
    for bad in
        ["ada@north.example", "new@north.example", "o'neil@south.example", "a+b@south.example", ".a@b.example", "x"]
    {
        assert_eq!(bench.invite(bad).await.status, 400, "{bad}");
    }
    let body = json!({ "invitedUserEmailAddress": "a@south.example" });
    assert_eq!(bench.call("POST", "/invitations", body).await.status, 400);
    bench.north().settings(|s| s.invitations.blocked_domains = vec!["south.example".into()]).unwrap();
    assert_eq!(bench.invite("a@south.example").await.status, 403);
    bench.north().settings(|s| s.invitations.allow_from = "adminsAndGuestInviters".into()).unwrap();
    let got = bench.invite("a@west.example").await;
    assert_eq!(got.status, 403);
    assert!(got.text.contains("Guest invitations not allowed for your company."));
    let policy = bench.get("/policies/authorizationPolicy").await;
    assert_eq!(policy.body["allowInvitesFrom"], "adminsAndGuestInviters");
    bench.north().settings(|s| s.invitations = Default::default()).unwrap();
    let id = bench.invite("a@west.example").await.body["invitedUser"]["id"].as_str().unwrap().to_owned();
    bench.north().edit_user(&id, &json!({ "accountEnabled": false })).unwrap();
    assert!(bench.invite("a@west.example").await.text.contains("account is blocked from signing in"));
    // Silent: the answer is as good as any, and there is nobody.
    bench.north().settings(|s| s.invitations.silent = true).unwrap();
    let got = bench.invite("b@west.example").await;
    assert_eq!(got.status, 201);
    assert!(!bench.world.ledger().last().unwrap().applied);
    assert_eq!(bench.get(&format!("/users/{}", got.body["invitedUser"]["id"].as_str().unwrap())).await.status, 404);
}

#[tokio::test]
async fn a_new_account_is_not_found_for_a_while() {
    let bench = Bench::new().await;
    bench.north().settings(|s| s.lag.created_millis = 3_000).unwrap();
    let id = bench.invite("a@south.example").await.body["invitedUser"]["id"].as_str().unwrap().to_owned();
    let path = format!("/users/{id}");
    let got = bench.call("PATCH", &path, json!({ "jobTitle": "Dev" })).await;
    assert_eq!((got.status, got.code()), (404, "Request_ResourceNotFound"));
    bench.pass(3);
    assert_eq!(bench.call("PATCH", &path, json!({ "jobTitle": "Dev" })).await.status, 204);
}

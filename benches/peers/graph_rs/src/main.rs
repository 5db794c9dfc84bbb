//! How would an administrator provision everybody with graph-rs-sdk, used as its documentation shows?
//!
//! ```text
//! graph_rs read        reads everybody at home, keeps who is in scope as the target should have them
//! graph_rs provision   reads everybody at home, and invites and fills in an account for each who is in scope
//! ```
//!
//! Two writes a person, as crosstie makes them: an invitation without a mail, and one change of what the invitation cannot say.
//! Twenty-four people are under way at once, as many as crosstie has writes under way at the most, and each of them waits for
//! one answer at a time; neither of the two sends writes in batches. People are invited as their pages come.
//!
//! What it does not do: it stores nothing, has no change log, asks no quota, never retries, looks for no account that is there
//! already, and takes none away again. The first answer that is an error ends it, and nobody knows then who was invited.
//!
//! The library speaks with Microsoft's hosts alone, over https, unless its feature `test-util` is on; its own credentials know
//! no other authority even so, which is why the token is asked for here.

#![expect(clippy::disallowed_methods, reason = "a program like anybody's, not one of this house")]

use std::env;
use std::error::Error;

use futures::{Stream, StreamExt, TryStreamExt, stream};
use graph_rs_sdk::http::Url;
use graph_rs_sdk::{GraphClient, GraphClientConfiguration, ODataQuery};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// As many as crosstie has under way in one target at the most.
const AT_ONCE: usize = 24;
/// What stays as it is, beside the name, which the invitation holds already.
const COPIED: [&str; 13] = [
    "givenName",
    "surname",
    "jobTitle",
    "companyName",
    "employeeId",
    "employeeType",
    "city",
    "country",
    "postalCode",
    "streetAddress",
    "officeLocation",
    "mobilePhone",
    "preferredLanguage",
];

type Outcome<T> = Result<T, Box<dyn Error>>;

#[derive(Deserialize)]
struct Page {
    value: Vec<Map<String, Value>>,
}

/// An account as it should be.
struct Wanted {
    invitation: Value,
    attributes: Map<String, Value>,
}

fn told(name: &str) -> Outcome<String> {
    env::var(name).map_err(|e| format!("{name}: {e}").into())
}

async fn connect(which: &str) -> Outcome<GraphClient> {
    let root = told("ROOT")?;
    let (client, secret) = (told(&format!("{which}_CLIENT"))?, told("SECRET")?);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &client),
        ("client_secret", &secret),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let url = format!("{root}/{}/oauth2/v2.0/token", told(&format!("{which}_TENANT"))?);
    let answer = reqwest::Client::new().post(url).form(&form).send().await?.error_for_status()?;
    let answer: Value = answer.json().await?;
    let token = answer["access_token"].as_str().ok_or("no token")?;
    let mut graph = GraphClient::from(GraphClientConfiguration::new().https_only(false).access_token(token));
    graph.use_test_endpoint(&Url::parse(&format!("{root}/v1.0"))?);
    Ok(graph)
}

/// Everybody at home who is in scope, as the target should have them.
fn people(home: &GraphClient, select: &[&str]) -> Outcome<impl Stream<Item = Outcome<Wanted>>> {
    let pages = home.users().delta().select(select).paging().stream::<Page>()?;
    let people = |page: Page| stream::iter(page.value.into_iter().filter(in_scope).map(|user| Ok(wanted(user))));
    Ok(pages.map(move |page| -> Outcome<_> { Ok(people(page?.into_body()?)) }).try_flatten())
}

fn in_scope(user: &Map<String, Value>) -> bool {
    let kind = user.get("employeeType").and_then(Value::as_str);
    user.get("accountEnabled") == Some(&Value::Bool(true)) && matches!(kind, Some("Teacher" | "Staff"))
}

fn wanted(mut user: Map<String, Value>) -> Wanted {
    let invitation = json!({
        "invitedUserEmailAddress": user.get("mail"),
        "invitedUserDisplayName": user.get("displayName"),
        "invitedUserType": "Member",
        "inviteRedirectUrl": "https://myapplications.microsoft.com",
        "sendInvitationMessage": false,
    });
    let department = user.get("department").and_then(Value::as_str).unwrap_or_default();
    let department = json!(format!("North - {department}"));
    let mut attributes: Map<String, Value> =
        COPIED.iter().filter_map(|name| Some(((*name).to_owned(), user.remove(*name)?))).collect();
    attributes.insert("department".to_owned(), department);
    Wanted { invitation, attributes }
}

async fn provision(target: &GraphClient, person: Wanted) -> Outcome<()> {
    let answer = target.invitations().create_invitation(&person.invitation).send().await?.error_for_status()?;
    let answer: Value = answer.json().await?;
    let account = answer["invitedUser"]["id"].as_str().ok_or("an invitation without an account")?;
    target.user(account).update_user(&person.attributes).send().await?.error_for_status()?;
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let select = told("SELECT")?;
    let select: Vec<&str> = select.split(',').collect();
    let home = connect("HOME").await?;
    let people = people(&home, &select)?;
    let count = match env::args().nth(1).as_deref() {
        Some("read") => people.try_fold(0, |count, _| async move { Ok(count + 1) }).await?,
        Some("provision") => {
            let target = &connect("TARGET").await?;
            let provisioned = people.map(|person| async move { provision(target, person?).await });
            provisioned.buffer_unordered(AT_ONCE).try_fold(0, |count, ()| async move { Ok(count + 1) }).await?
        }
        other => return Err(format!("no such word: {other:?}").into()),
    };
    println!("{count}");
    Ok(())
}

//! How is a change written down, and what does the answer to an invitation teach?

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::model::{Attribute, Edit, Edits, ObjectId, Value};
use crate::ports::{Invitation, Invited};

use super::Object;
use super::plan::{Place, place};

/// User properties that are collections of texts and can be written: cleared with `[]` instead of null, and a single
/// text stands for a list of one.
const LISTS: [&str; 2] = ["businessPhones", "otherMails"];

/// The body of a `PATCH`: the edits and nothing else.
pub(in crate::graph) fn patch_body(edits: &Edits) -> Vec<u8> {
    let mut body = Map::new();
    for (attribute, edit) in edits {
        let value = json_value(attribute, edit);
        match place(attribute) {
            Place::Plain(name) => {
                body.insert(name.to_owned(), value);
            }
            Place::Member(property, member) => {
                let inner = body.entry(property).or_insert_with(|| Json::Object(Map::new()));
                if let Json::Object(inner) = inner {
                    inner.insert(member.to_owned(), value);
                }
            }
        }
    }
    bytes(&Json::Object(body))
}

fn json_value(attribute: &Attribute, edit: &Edit) -> Json {
    let list = LISTS.contains(&attribute.as_str());
    match edit {
        Edit::Clear if list => json!([]),
        Edit::Clear => Json::Null,
        Edit::Set(Value::Text(text)) if list => json!([text]),
        Edit::Set(Value::Text(text)) => json!(text),
        Edit::Set(Value::Bool(value)) => json!(value),
        Edit::Set(Value::Integer(value)) => json!(value),
        Edit::Set(Value::List(items)) => json!(items),
    }
}

/// The body of `PUT manager/$ref`.
pub(in crate::graph) fn manager_body(reference: &str) -> Vec<u8> {
    bytes(&json!({ "@odata.id": reference }))
}

/// The body of `POST /invitations`. Entra's own mail is never asked for.
pub(in crate::graph) fn invitation_body(invitation: &Invitation, redirect_url: &str) -> Vec<u8> {
    let mut body = json!({
        "invitedUserEmailAddress": invitation.address,
        "inviteRedirectUrl": redirect_url,
        "invitedUserType": invitation.user_type,
        "sendInvitationMessage": false,
    });
    if let (Json::Object(body), Some(name)) = (&mut body, &invitation.display_name) {
        body.insert("invitedUserDisplayName".to_owned(), json!(name));
    }
    bytes(&body)
}

fn bytes(body: &Json) -> Vec<u8> {
    body.to_string().into_bytes()
}

/// What is read of an invitation's answer. `inviteRedeemUrl` is not among it: it signs a person in.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answered {
    invited_user: Option<Object<AnsweredUser>>,
    invited_user_type: Option<String>,
    status: Option<String>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnsweredUser {
    id: Option<String>,
    user_principal_name: Option<String>,
}

/// The account that an invitation's answer names, with what the answer teaches of it. `None` where it names none.
pub(in crate::graph) fn learned(body: &[u8], invitation: &Invitation) -> Option<Invited> {
    let Object(answer): Object<Answered> = serde_json::from_slice(body).ok()?;
    let Object(user) = answer.invited_user?;
    let account = user.id.filter(|id| !id.is_empty() && id.len() <= 256 && !id.chars().any(char::is_control))?;
    let mut learned = Edits::new();
    let mut learn = |attribute: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            learned.insert(attribute.into(), Edit::Set(value.into()));
        }
    };
    learn(Attribute::USER_PRINCIPAL_NAME, user.user_principal_name.as_deref());
    // What the tenant made of it, which may be a guest where a member was asked for.
    learn(Attribute::USER_TYPE, answer.invited_user_type.as_deref());
    learn(Attribute::MAIL, Some(&invitation.address));
    learn(Attribute::DISPLAY_NAME, invitation.display_name.as_deref());
    learn(Attribute::CREATION_TYPE, Some("Invitation"));
    // The invitation's words are not the user's; `InProgress` and `Error` have no counterpart there.
    let state = match answer.status.as_deref() {
        Some("PendingAcceptance") => Some("PendingAcceptance"),
        Some("Completed") => Some("Accepted"),
        _ => None,
    };
    learn(Attribute::EXTERNAL_USER_STATE, state);
    Some(Invited { account: ObjectId::new(account), learned })
}

//! What do the smaller answers say: members, memberships, and the items of a batch?

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::graph::error::{GraphError, error_inside};
use crate::graph::load::{SCOPE, UNITS};
use crate::graph::origin::GraphPath;

use super::{Object, PageError, json_error, utf8};

/// A text that borrows where it can. (`Option<Cow<str>>` alone would copy.)
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct RawMember<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, rename = "@odata.type")]
    kind: Option<Text<'a>>,
    #[serde(borrow, rename = "displayName")]
    display_name: Option<Text<'a>>,
    #[serde(rename = "isAssignableToRole")]
    takes_roles: Option<bool>,
}

#[derive(Deserialize)]
struct RawMembers<'a> {
    #[serde(borrow)]
    value: Vec<Object<RawMember<'a>>>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

/// A directory object in a listing of several kinds.
pub(in crate::graph) struct Member {
    pub(in crate::graph) id: String,
    /// `#microsoft.graph.user`.
    pub(in crate::graph) kind: Option<String>,
    pub(in crate::graph) display_name: Option<String>,
    /// Of a group: directory roles can be given to it. Graph says null of most groups, and of those that may not be read.
    pub(in crate::graph) takes_roles: Option<bool>,
}

/// Reads a page of directory objects.
pub(in crate::graph) fn read_members(body: &[u8]) -> Result<(Vec<Member>, Option<String>), GraphError> {
    let text = utf8(body)?;
    let Object(raw): Object<RawMembers<'_>> = serde_json::from_str(text).map_err(|error| {
        error_inside(200, body).map_or_else(|| GraphError::Page(json_error(&error)), GraphError::Answer)
    })?;
    let owned = |text: Text<'_>| text.0.into_owned();
    let member = |Object(m): Object<RawMember<'_>>| Member {
        id: owned(m.id),
        kind: m.kind.map(owned),
        display_name: m.display_name.map(owned),
        takes_roles: m.takes_roles,
    };
    Ok((raw.value.into_iter().map(member).collect(), raw.next))
}

#[derive(Serialize)]
struct BatchRequest<'a> {
    id: String,
    method: &'static str,
    url: &'a str,
}
#[derive(Serialize)]
struct BatchRequests<'a> {
    requests: Vec<BatchRequest<'a>>,
}

/// A batch of readings, numbered from 1. `None` where an address is not below the version.
pub(in crate::graph) fn batch_body<'u>(urls: impl Iterator<Item = &'u GraphPath>) -> Option<Vec<u8>> {
    let requests = urls
        .enumerate()
        .map(|(at, url)| Some(BatchRequest { id: (at + 1).to_string(), method: "GET", url: url.below_version()? }))
        .collect::<Option<Vec<_>>>()?;
    serde_json::to_vec(&BatchRequests { requests }).ok()
}

#[derive(Deserialize)]
struct RawReply<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}
#[derive(Deserialize)]
struct RawReplies<'a> {
    #[serde(borrow)]
    responses: Vec<Object<RawReply<'a>>>,
}

/// One item's answer.
pub(in crate::graph) struct BatchReply<'a> {
    pub(in crate::graph) status: u16,
    pub(in crate::graph) retry_after: Option<String>,
    pub(in crate::graph) throttle_scope: Option<String>,
    pub(in crate::graph) resource_units: Option<String>,
    pub(in crate::graph) body: &'a [u8],
}

/// The answers to `count` items, in the order they were asked, whatever order they come in. An item that was not
/// answered, was answered twice, or without a status that is a number, gets an error of its own; answers to items that
/// nobody asked are left aside.
pub(in crate::graph) fn batch_replies(
    body: &[u8],
    count: usize,
) -> Result<Vec<Result<BatchReply<'_>, PageError>>, GraphError> {
    let text = utf8(body)?;
    let Object(raw): Object<RawReplies<'_>> = serde_json::from_str(text).map_err(|error| {
        error_inside(200, body).map_or_else(|| GraphError::Page(json_error(&error)), GraphError::Answer)
    })?;
    let mut replies: Vec<Option<Result<BatchReply<'_>, PageError>>> = (0..count).map(|_| None).collect();
    for Object(reply) in raw.responses {
        let at = reply.id.and_then(|id| serde_json::from_str::<String>(id.get()).ok()).and_then(|id| id.parse().ok());
        let Some(slot) = at.and_then(|at: usize| replies.get_mut(at.checked_sub(1)?)) else { continue };
        *slot = Some(match slot {
            None => batch_reply(&reply),
            Some(_) => Err(PageError::new("an item of a batch was answered twice")),
        });
    }
    let missing = || Err(PageError::new("an item of a batch was not answered"));
    Ok(replies.into_iter().map(|reply| reply.unwrap_or_else(missing)).collect())
}

fn batch_reply<'a>(reply: &RawReply<'a>) -> Result<BatchReply<'a>, PageError> {
    let status = reply.status.and_then(|status| serde_json::from_str::<u16>(status.get()).ok());
    let status = status.ok_or_else(|| PageError::new("an item of a batch was answered without a status"))?;
    let body = reply.body.map_or(&b""[..], |body| body.get().as_bytes());
    let headers: Headers = reply.headers.and_then(|h| serde_json::from_str(h.get()).ok()).unwrap_or_default();
    Ok(BatchReply {
        status,
        retry_after: header(&headers, "retry-after"),
        throttle_scope: header(&headers, SCOPE),
        resource_units: header(&headers, UNITS),
        body,
    })
}

type Headers = serde_json::Map<String, serde_json::Value>;

/// A header of one item: names in any case, the value as text or as a number.
fn header(headers: &Headers, name: &str) -> Option<String> {
    let (_, value) = headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
    Some(value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned()))
}

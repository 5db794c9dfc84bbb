//! How does each read request page, select and filter?

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use crate::model::Timestamp;
use crate::sim::delta::Asked;
use crate::sim::filter::Filter;
use crate::sim::group::{groups_of, members_of};
use crate::sim::refusal::Refusal;
use crate::sim::show::Selected;
use crate::sim::tenant::Tenant;
use crate::sim::user::{State, User};

use super::call::Call;
use super::graph::Done;
use super::operation::Operation;
use super::policies;

/// Page size where `$top` says nothing, and its greatest value; documented.
const PAGE: usize = 100;
const TOP_MAX: usize = 999;
/// Users looked at for one page of a filter that no index serves.
const SCANNED_MAX: u32 = 20_000;

pub(super) fn perform(
    tenant: &mut Tenant,
    operation: &Operation,
    call: &Call,
    now: Timestamp,
) -> Result<Done, Refusal> {
    let selected = |tenant: &Tenant| tenant.selected(call.option("$select"), call.option("$expand"));
    match operation {
        Operation::Delta => delta(tenant, call, now),
        Operation::ListUsers => list(tenant, call, now),
        Operation::GetUser(key) => {
            let slot = reach_read(tenant, key, now)?;
            let user = tenant.user(slot).ok_or_else(|| Refusal::not_found(key))?;
            let face = tenant.read_face(user).ok_or_else(|| Refusal::not_found(key))?;
            Ok(entity(call, "users", tenant.show(user, face, &selected(tenant)?)))
        }
        Operation::GetManager(key) => {
            let slot = reach_read(tenant, key, now)?;
            let face = tenant.user(slot).and_then(|u| tenant.read_face(u));
            let manager = face.and_then(|f| tenant.manager_of(f)).ok_or_else(|| Refusal::not_found("manager"))?;
            let mut shown = tenant.show(manager, &manager.face, &selected(tenant)?);
            shown.insert("@odata.type".to_owned(), json!("#microsoft.graph.user"));
            Ok(entity(call, "directoryObjects", shown))
        }
        Operation::MemberOf { user, transitive, cast } => {
            let slot = reach_read(tenant, user, now)?;
            let id = tenant.user(slot).map(|u| u.id).ok_or_else(|| Refusal::not_found(user))?;
            objects(tenant, call, &groups_of(&tenant.groups, id, *transitive), cast.as_deref())
        }
        Operation::GroupMemberOf { group, transitive, cast } => {
            let id = group_id(tenant, group)?;
            objects(tenant, call, &groups_of(&tenant.groups, id, *transitive), cast.as_deref())
        }
        Operation::ListGroups => {
            let all = tenant.groups.values().filter(|g| !g.role).map(|g| g.id).collect();
            objects(tenant, call, &all, None)
        }
        Operation::Group(id) => {
            let group = Uuid::parse_str(id).ok().and_then(|id| tenant.groups.get(&id));
            let group = group.ok_or_else(|| Refusal::not_found(id))?.json(false);
            Ok(entity(call, "groups", group.as_object().cloned().unwrap_or_default()))
        }
        Operation::Members { group, transitive, cast } => {
            let id = group_id(tenant, group)?;
            if cast.is_some() && !call.is_advanced() {
                return Err(Refusal::unsupported("Unsupported Query."));
            }
            objects(tenant, call, &members_of(&tenant.groups, id, *transitive), cast.as_deref())
        }
        Operation::ListDeleted => deleted(tenant, call),
        Operation::GetDeleted(id) => {
            let user = Uuid::parse_str(id).ok().and_then(|id| tenant.user(tenant.slot(id)?));
            let user = user.filter(|u| matches!(u.face.state, State::Deleted(_)));
            let user = user.ok_or_else(|| Refusal::not_found(id))?;
            let mut shown = tenant.show(user, &user.face, &with_deletion(tenant, selected(tenant)?));
            shown.insert("@odata.type".to_owned(), json!("#microsoft.graph.user"));
            Ok(entity(call, "directoryObjects", shown))
        }
        Operation::Organization => Ok(organization(tenant, call)),
        Operation::AuthorizationPolicy => Ok(authorization_policy(tenant, call)),
        _ => policies::perform(tenant, operation, call),
    }
}

/// Like a write's, but a lagging replica may still show who is deleted.
fn reach_read(tenant: &Tenant, key: &str, now: Timestamp) -> Result<u32, Refusal> {
    let lagging = || {
        let slot = tenant.slot(Uuid::parse_str(key).ok()?)?;
        let seen = tenant.user(slot)?.seen()?;
        (tenant.spec.settings.lag.reads && seen.state == State::Live).then_some(slot)
    };
    tenant.reach(key, now).or_else(|refusal| lagging().ok_or(refusal))
}

fn group_id(tenant: &Tenant, text: &str) -> Result<Uuid, Refusal> {
    let id = Uuid::parse_str(text).ok().filter(|id| tenant.groups.contains_key(id));
    id.ok_or_else(|| Refusal::not_found(text))
}

pub(super) fn entity(call: &Call, set: &str, mut body: Map<String, Value>) -> Done {
    body.insert("@odata.context".to_owned(), json!(format!("{}/v1.0/$metadata#{set}/$entity", call.root)));
    Done::body(200, Value::Object(body))
}

fn delta(tenant: &mut Tenant, call: &Call, now: Timestamp) -> Result<Done, Refusal> {
    let minimal = call.header("prefer").is_some_and(|p| p.to_ascii_lowercase().contains("return=minimal"));
    let asked = Asked {
        select: call.option("$select"),
        filter: call.option("$filter"),
        delta_token: call.option("$deltatoken"),
        skip_token: call.option("$skiptoken"),
        minimal,
    };
    let page = tenant.delta_page(&asked, now)?;
    let (name, token) = if page.more { ("@odata.nextLink", "$skiptoken") } else { ("@odata.deltaLink", "$deltatoken") };
    let context = match &page.select {
        Some(select) => format!("{}/v1.0/$metadata#users({select})", call.root),
        None => format!("{}/v1.0/$metadata#users", call.root),
    };
    let head = json!({
        "@odata.context": context,
        name: format!("{}/v1.0/users/delta?{token}={}", call.root, page.token),
    });
    let mut done = Done::page(&head, &page.items);
    if minimal {
        done.headers.push(("preference-applied", "return=minimal".to_owned()));
    }
    Ok(done)
}

fn top(call: &Call) -> Result<usize, Refusal> {
    let Some(text) = call.option("$top") else { return Ok(PAGE) };
    text.parse().ok().filter(|n| (1..=TOP_MAX).contains(n)).ok_or_else(|| {
        Refusal::bad(format!("Invalid page size specified: '{text}'. Must be between 1 and {TOP_MAX} inclusive."))
    })
}

/// Where a page begins: the number in its `$skiptoken`.
fn skip(call: &Call) -> Result<u32, Refusal> {
    let Some(text) = call.option("$skiptoken") else { return Ok(0) };
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let number = bytes.and_then(|b| String::from_utf8(b).ok()).and_then(|t| t.strip_prefix("at:")?.parse().ok());
    number.ok_or_else(|| Refusal::new(400, "Directory_ExpiredPageToken", "The specified page token is not valid."))
}

fn next_link(call: &Call, at: u32) -> String {
    let token = URL_SAFE_NO_PAD.encode(format!("at:{at}"));
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(call.options_but("$skiptoken")).append_pair("$skiptoken", &token);
    format!("{}{}?{}", call.root, call.path, query.finish())
}

pub(super) fn collection(call: &Call, set: &str, value: Vec<Value>, next: Option<u32>) -> Done {
    let mut body = json!({ "@odata.context": format!("{}/v1.0/$metadata#{set}", call.root), "value": value });
    if let Some(at) = next {
        body["@odata.nextLink"] = json!(next_link(call, at));
    }
    Done::body(200, body)
}

fn list(tenant: &Tenant, call: &Call, now: Timestamp) -> Result<Done, Refusal> {
    if call.option("$search").is_some() || call.option("$skip").is_some() {
        return Err(Refusal::unsupported("Unsupported Query."));
    }
    let selected = tenant.selected(call.option("$select"), call.option("$expand"))?;
    let filter = call.option("$filter").map(|f| Filter::parse(f, &tenant.catalogue)).transpose()?;
    let (top, from) = (top(call)?, skip(call)?);
    let count = u32::try_from(tenant.users.len()).unwrap_or(u32::MAX);
    let slots: Box<dyn Iterator<Item = u32>> = match filter.as_ref().and_then(|f| f.candidates(tenant)) {
        Some(candidates) => Box::new(candidates.into_iter().filter(move |slot| *slot >= from)),
        None => Box::new(from..count),
    };
    let (mut value, mut next) = (Vec::new(), None);
    for slot in slots {
        if value.len() == top || slot - from >= SCANNED_MAX {
            next = Some(slot);
            break;
        }
        let user = tenant.user(slot).filter(|_| !tenant.is_hidden(slot, now));
        if let Some(shown) = user.and_then(|u| listed(tenant, u, filter.as_ref(), &selected)) {
            value.push(shown);
        }
    }
    Ok(collection(call, "users", value, next))
}

fn listed(tenant: &Tenant, user: &User, filter: Option<&Filter>, selected: &Selected) -> Option<Value> {
    let face = tenant.read_face(user).filter(|f| f.state == State::Live)?;
    filter.is_none_or(|f| f.holds(user.id, face)).then(|| Value::Object(tenant.show(user, face, selected)))
}

/// Users, groups and roles side by side, each with its type; a cast lets one type through.
fn objects(tenant: &Tenant, call: &Call, ids: &BTreeSet<Uuid>, cast: Option<&str>) -> Result<Done, Refusal> {
    let wanted = match cast {
        None => None,
        Some(cast) => match cast.strip_prefix("microsoft.graph.") {
            Some(name @ ("user" | "group" | "directoryRole")) => Some(format!("#microsoft.graph.{name}")),
            _ => return Err(Refusal::bad(format!("'{cast}' is no type that is simulated."))),
        },
    };
    // A member that is a user is shown with the user's properties; unknown names are the group's.
    let selected = tenant.selected(call.option("$select"), None).unwrap_or_default();
    let show = |id: &Uuid| -> Option<Value> {
        if let Some(group) = tenant.groups.get(id) {
            return Some(group.json(true));
        }
        let user = tenant.live(*id)?;
        let mut shown = tenant.show(user, &user.face, &selected);
        shown.insert("@odata.type".to_owned(), json!("#microsoft.graph.user"));
        Some(Value::Object(shown))
    };
    let fits = |value: &Value| wanted.as_ref().is_none_or(|w| value["@odata.type"] == json!(w));
    let (top, from) = (top(call)?, skip(call)?);
    let mut value: Vec<Value> = ids.iter().filter_map(show).filter(fits).collect();
    let total = value.len();
    value.drain(..total.min(from as usize));
    let next = (value.len() > top).then(|| from + u32::try_from(top).unwrap_or(0));
    value.truncate(top);
    let mut done = collection(call, "directoryObjects", value, next);
    if from == 0
        && call.is_advanced()
        && let Some(body) = &mut done.body
    {
        body["@odata.count"] = json!(total);
    }
    Ok(done)
}

fn with_deletion(tenant: &Tenant, mut selected: Selected) -> Selected {
    selected.keys.extend(tenant.catalogue.find("deletedDateTime"));
    selected
}

fn deleted(tenant: &Tenant, call: &Call) -> Result<Done, Refusal> {
    let selected = with_deletion(tenant, tenant.selected(call.option("$select"), None)?);
    let filter = call.option("$filter").map(|f| Filter::parse(f, &tenant.catalogue)).transpose()?;
    let (top, from) = (top(call)?, skip(call)?);
    let wanted = |user: &&User| filter.as_ref().is_none_or(|f| f.holds(user.id, &user.face));
    let mut found = tenant.deleted().filter(wanted).skip(from as usize);
    let value: Vec<Value> =
        found.by_ref().take(top).map(|u| Value::Object(tenant.show(u, &u.face, &selected))).collect();
    let next = found.next().map(|_| from + u32::try_from(top).unwrap_or(0));
    Ok(collection(call, "directoryObjects", value, next))
}

fn authorization_policy(tenant: &Tenant, call: &Call) -> Done {
    let policy = json!({
        "id": "authorizationPolicy",
        "allowInvitesFrom": tenant.spec.settings.invitations.allow_from,
        // The built-in "Guest User" role.
        "guestUserRoleId": "10dae51f-b6af-4016-8d66-8c2a99b929b3",
        "displayName": "Authorization Policy",
    });
    entity(call, "authorizationPolicy", policy.as_object().cloned().unwrap_or_default())
}

fn organization(tenant: &Tenant, call: &Call) -> Done {
    let spec = &tenant.spec;
    let default = spec.domains.first().unwrap_or(&spec.initial_domain);
    let domain = |name: &String| {
        json!({ "name": name, "type": "Managed", "isDefault": name == default,
                "isInitial": *name == spec.initial_domain, "capabilities": "Email, OfficeCommunicationsOnline" })
    };
    let domains: Vec<Value> = [&spec.initial_domain].into_iter().chain(&spec.domains).map(domain).collect();
    let one =
        json!({ "id": spec.id, "displayName": spec.display_name, "tenantType": "AAD", "verifiedDomains": domains });
    collection(call, "organization", vec![one], None)
}

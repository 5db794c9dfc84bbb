//! What does a round of users/delta tell?
//!
//! A round walks the tenant's changes in the order of their numbers, from the number that its link holds to the last
//! one there is. It has no upper end fixed at its start: a user that changes while the round is read moves ahead of
//! the reader and is met again, so nobody is missed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand_chacha::rand_core::RngCore;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::property::{Key, UNTRACKED};
use super::refusal::Refusal;
use super::show::{Selected, read_select};
use super::tenant::{Tenant, draw};
use super::user::{Datum, Face, ManagerLink, State, User, write_shown};
use crate::model::Timestamp;

/// Changes looked at for one page. Where nothing selected changed for long, pages come out empty and lead on.
const SCANNED_MAX: usize = 10_000;
/// Ids in a `$filter`; documented.
const FILTER_IDS_MAX: usize = 50;

/// What an opaque link holds. Short names: links stay short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Link {
    /// Within a round (nextLink), or between two (deltaLink)?
    #[serde(rename = "m")]
    more: bool,
    /// A first round?
    #[serde(rename = "f")]
    first: bool,
    /// The reader knows everything up to this number …
    #[serde(rename = "s")]
    since: u32,
    /// … and has read this round up to this one.
    #[serde(rename = "c")]
    cursor: u32,
    /// The last number when the round began.
    #[serde(rename = "b")]
    began: u32,
    #[serde(rename = "i")]
    issued_at: Timestamp,
    #[serde(rename = "t")]
    tenant: String,
    #[serde(rename = "g")]
    generation: u32,
    /// Selected names; absent = the default set.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    select: Option<String>,
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    only: Vec<String>,
    /// Users that the next page repeats.
    #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    repeat: Vec<u32>,
    /// Pages so far: no two links of a round are the same text.
    #[serde(rename = "n")]
    page: u32,
    #[serde(rename = "e")]
    was_empty: bool,
}

impl Link {
    fn text(&self) -> String {
        // A struct of numbers and texts always has a JSON form.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }
    fn read(text: &str) -> Option<Link> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }
}

/// What a request for a page says.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked<'a> {
    pub(super) select: Option<&'a str>,
    pub(super) filter: Option<&'a str>,
    pub(super) delta_token: Option<&'a str>,
    pub(super) skip_token: Option<&'a str>,
    /// `Prefer: return=minimal`.
    pub(super) minimal: bool,
}

/// Users as they are told, each written out: as trees of values a million of them would cost more than reading them does.
pub(super) type Items = Vec<Vec<u8>>;

/// What one user takes at the most, as a rule: room that is made in one go.
const ITEM_BYTES: usize = 1_024;

/// A page, and the token of its link.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) items: Items,
    pub(super) more: bool,
    pub(super) token: String,
    /// The selection, as the context of a first page tells it.
    pub(super) select: Option<String>,
}

/// "The sync state generation is not found": the announcement's words.
pub(super) fn expired(status: u16) -> Refusal {
    let message =
        "The sync state generation is not found. The delta token is expired and data must be synchronized again.";
    Refusal::new(status, "syncStateNotFound", message)
}

/// 410 whose `Location` is the same request with an empty token.
pub(super) fn resync(location: String) -> Refusal {
    let mut refusal = super::fault::usual(410);
    refusal.headers.push(("location", location));
    refusal
}

fn unsupported_select() -> Refusal {
    Refusal::bad("Invalid Request: $select is not supported for these properties.")
}

impl Tenant {
    /// One page of a round.
    pub(super) fn delta_page(&mut self, asked: &Asked<'_>, now: Timestamp) -> Result<Page, Refusal> {
        let mut link = self.open(asked, now)?;
        if asked.delta_token.is_some_and(|t| t.eq_ignore_ascii_case("latest")) {
            link.cursor = self.last_change();
            return Ok(self.close(link, Vec::new(), now));
        }
        let selected = match &link.select {
            Some(text) => read_select(&self.catalogue, text).map_err(|_| unsupported_select())?,
            None => Selected::default_set(),
        };
        let empty_page_chance = self.spec.settings.delta.empty_page_chance;
        if empty_page_chance > 0.0 && !link.was_empty && self.draw() < empty_page_chance {
            link.was_empty = true;
            return Ok(self.lead_on(link, Vec::new(), now));
        }
        link.was_empty = false;
        let only: Vec<Uuid> = link.only.iter().filter_map(|id| Uuid::parse_str(id).ok()).collect();
        let repeated = std::mem::take(&mut link.repeat);
        let mut told: Vec<(u32, Vec<u8>)> = repeated
            .into_iter()
            .filter_map(|slot| Some((slot, self.tell(slot, &link, &selected, asked.minimal)?)))
            .collect();
        let more = {
            let mut scanned = 0;
            let mut changes = self.changes_after(link.cursor).peekable();
            for (number, slot) in changes.by_ref() {
                scanned += 1;
                link.cursor = number;
                let wanted = only.is_empty() || self.user(slot).is_some_and(|u| only.contains(&u.id));
                if wanted && let Some(item) = self.tell(slot, &link, &selected, asked.minimal) {
                    told.push((slot, item));
                }
                if told.len() >= self.spec.settings.page_size.max(1) || scanned >= SCANNED_MAX {
                    break;
                }
            }
            changes.peek().is_some()
        };
        let items = self.shape(&mut link, told);
        let more = more || !link.repeat.is_empty();
        Ok(if more { self.lead_on(link, items, now) } else { self.close(link, items, now) })
    }

    /// Where the request stands: a new round, or one that a link resumes.
    fn open(&self, asked: &Asked<'_>, now: Timestamp) -> Result<Link, Refusal> {
        let text =
            asked.skip_token.or(asked.delta_token.filter(|t| !t.is_empty() && !t.eq_ignore_ascii_case("latest")));
        let Some(text) = text else { return self.begin(asked, now) };
        let link = Link::read(text).filter(|l| l.tenant == self.name);
        let link = link.ok_or_else(|| Refusal::bad("Badly formed token."))?;
        if link.more != asked.skip_token.is_some() {
            return Err(Refusal::bad("Badly formed token."));
        }
        let settings = &self.spec.settings.delta;
        let lifetime_seconds = settings.token_days.saturating_mul(24 * 3600);
        if link.generation != self.generation || now >= link.issued_at.plus_seconds(lifetime_seconds) {
            return Err(expired(settings.expired_status));
        }
        if asked.select.is_some() {
            return Err(Refusal::bad("$select is only allowed in the first request of a round."));
        }
        if link.more {
            return Ok(link);
        }
        // A resumed round may tell the last changes again.
        let since = self.before_last(link.since, settings.replay);
        Ok(Link { since, cursor: since, began: self.last_change(), first: false, ..link })
    }

    fn begin(&self, asked: &Asked<'_>, now: Timestamp) -> Result<Link, Refusal> {
        if let Some(select) = asked.select {
            let selected = read_select(&self.catalogue, select).map_err(|_| unsupported_select())?;
            let untracked = |key: &Key| self.catalogue.property(*key).is_some_and(|p| p.is(UNTRACKED));
            if selected.keys.iter().any(untracked) {
                return Err(unsupported_select());
            }
        }
        Ok(Link {
            more: false,
            first: true,
            since: 0,
            cursor: 0,
            began: self.last_change(),
            issued_at: now,
            tenant: self.name.clone(),
            generation: self.generation,
            select: asked.select.map(str::to_owned),
            only: asked.filter.map_or(Ok(Vec::new()), read_ids)?,
            repeat: Vec::new(),
            page: 0,
            was_empty: false,
        })
    }

    fn lead_on(&self, link: Link, items: Items, now: Timestamp) -> Page {
        let select = link.select.clone().filter(|_| link.page == 0);
        let next = Link { more: true, issued_at: now, page: link.page + 1, ..link };
        Page { items, more: true, token: next.text(), select }
    }
    fn close(&self, link: Link, items: Items, now: Timestamp) -> Page {
        let select = link.select.clone().filter(|_| link.page == 0);
        let since = self.last_change();
        let next = Link { more: false, first: false, since, cursor: since, issued_at: now, page: 0, ..link };
        Page { items, more: false, token: next.text(), select }
    }

    /// What the round tells of one user; `None` = nothing that it asked for has changed.
    fn tell(&self, slot: u32, link: &Link, selected: &Selected, minimal: bool) -> Option<Vec<u8>> {
        let user = self.user(slot)?;
        let face = user.seen()?;
        let settings = &self.spec.settings.delta;
        // Who was deleted after the first page may have been told as standing by an earlier one.
        let known = !link.first || user.changed > link.began;
        match face.state {
            State::Live => self.tell_live(user, face, link, selected, minimal),
            State::Deleted(_) if known || settings.first_round_removed => Some(removed(user.id, "changed")),
            State::Gone if known => Some(removed(user.id, "deleted")),
            State::Deleted(_) | State::Gone => None,
        }
    }

    fn tell_live(&self, user: &User, face: &Face, link: &Link, selected: &Selected, minimal: bool) -> Option<Vec<u8>> {
        let whole = link.first || face.born > link.since;
        let news = |key: &Key| face.entry(*key).is_some_and(|e| e.changed > link.since);
        let manager_link = face.manager.as_ref().filter(|_| selected.manager);
        let manager_news = manager_link.filter(|m| whole || m.changed > link.since);
        if !whole && manager_news.is_none() && !selected.keys.iter().any(news) {
            return None;
        }
        let nulls = !link.first || self.spec.settings.delta.first_round_nulls;
        let mut item = Vec::with_capacity(ITEM_BYTES);
        let mut id = [0; uuid::fmt::Hyphenated::LENGTH];
        item.extend_from_slice(b"{\"id\":\"");
        item.extend_from_slice(user.id.hyphenated().encode_lower(&mut id).as_bytes());
        item.push(b'"');
        // Both are in the order of keys: side by side, not one search for each.
        let mut entries = face.entries.iter().peekable();
        for key in &selected.keys {
            while entries.next_if(|e| e.key < *key).is_some() {}
            let Some(entry) = entries.next_if(|e| e.key == *key) else { continue };
            let silent = matches!(entry.value, Datum::Null) && !nulls;
            if silent || (minimal && !whole && entry.changed <= link.since) {
                continue;
            }
            let name = self.catalogue.name(*key);
            let shape = self.catalogue.property(*key).map(|p| p.shape);
            item.extend_from_slice(b",\"");
            item.extend_from_slice(name.as_bytes());
            item.extend_from_slice(b"\":");
            write_shown(&mut item, name, &entry.value, shape);
        }
        if let Some(held) = manager_news {
            let elements = self.manager_elements(held, link.first);
            if !elements.is_empty() {
                item.extend_from_slice(b",\"manager@delta\":");
                item.extend_from_slice(Value::Array(elements).to_string().as_bytes());
            }
        }
        item.push(b'}');
        Some(item)
    }

    /// The manager that somebody has, and, but in a first round, those that they have no more: one who was deleted is
    /// nobody's. Also of somebody who is told of as a whole: where a round repeats what an earlier one has told, that may
    /// be long known.
    fn manager_elements(&self, link: &ManagerLink, first: bool) -> Vec<Value> {
        let element = |id: Uuid| json!({ "@odata.type": "#microsoft.graph.user", "id": id.to_string() });
        let mut elements: Vec<Value> = link.now.filter(|id| self.is_live(*id)).map(element).into_iter().collect();
        let deleted = link.now.filter(|id| !self.is_live(*id));
        let before = link.before.filter(|id| Some(*id) != link.now);
        for id in before.into_iter().chain(deleted).filter(|_| !first) {
            let mut gone = element(id);
            gone["@removed"] = json!({ "reason": "deleted" });
            elements.push(gone);
        }
        elements
    }

    /// Repeats and shuffles, where the settings want it so.
    fn shape(&mut self, link: &mut Link, told: Vec<(u32, Vec<u8>)>) -> Items {
        let (duplicate_chance, reorder) = {
            let settings = &self.spec.settings.delta;
            (settings.duplicate_chance, settings.reorder)
        };
        if duplicate_chance > 0.0 {
            for (slot, _) in &told {
                if draw(&mut self.rng) < duplicate_chance {
                    link.repeat.push(*slot);
                }
            }
        }
        let mut items: Items = told.into_iter().map(|(_, item)| item).collect();
        if reorder {
            shuffle(&mut items, &mut self.rng);
        }
        items
    }
}

fn removed(id: Uuid, reason: &str) -> Vec<u8> {
    json!({ "id": id.to_string(), "@removed": { "reason": reason } }).to_string().into_bytes()
}

/// Fisher and Yates.
pub(super) fn shuffle<T>(items: &mut [T], rng: &mut impl RngCore) {
    for i in (1..items.len()).rev() {
        let j = usize::try_from(rng.next_u64() % (i as u64 + 1)).unwrap_or(0);
        items.swap(i, j);
    }
}

/// `id eq '…' or id eq '…'`, and nothing else.
fn read_ids(filter: &str) -> Result<Vec<String>, Refusal> {
    let ids: Option<Vec<String>> = filter
        .split(" or ")
        .map(|part| {
            let value = part.trim().strip_prefix("id eq ")?.trim();
            Some(value.strip_prefix('\'')?.strip_suffix('\'')?.to_owned())
        })
        .collect();
    let ids = ids.ok_or_else(|| Refusal::unsupported("Only 'id eq' joined by 'or' is supported in $filter."))?;
    if ids.len() > FILTER_IDS_MAX {
        return Err(Refusal::unsupported(format!("$filter holds more than {FILTER_IDS_MAX} ids.")));
    }
    Ok(ids)
}

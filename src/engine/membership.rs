//! Through which groups is a user in a group?

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};

use crate::model::NamedGroup;
use crate::ports::{DirectoryError, DirectoryRead, MemberOf};

/// Groups asked for the groups above them, for one person. People are in some dozens of groups, few of which stand in
/// others; a search that needs more than this says so instead of asking the tenant for minutes (guess).
const GROUPS_ASKED_MAX: usize = 200;
/// Questions under way at once, as for other rare look-ups.
const ASKED_AT_ONCE: usize = 8;

/// The way up to one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From the user's own group to the one asked for.
    Known(Vec<NamedGroup>),
    /// Why it is not known.
    Unknown(String),
}

/// Groups found so far, each with the group below it; `None`: the user is in it directly.
type Found = BTreeMap<String, (NamedGroup, Option<String>)>;

/// The shortest way from the user up to each of the groups, by asking for direct memberships, level by level.
pub(super) async fn ways_up<D: DirectoryRead>(
    directory: &D,
    user: &str,
    wanted: &BTreeSet<String>,
) -> BTreeMap<String, Way> {
    let (mut found, mut asked) = (Found::new(), 0);
    let missing = |found: &Found| wanted.iter().any(|w| !found.contains_key(&key(w)));
    let mut why = "no way up to it is left: it was left since its members were read".to_owned();
    let mut level = match directory.groups_of(MemberOf::User(user)).await {
        Ok(groups) => note(&mut found, groups, None),
        Err(error) => {
            why = refused(&error);
            Vec::new()
        }
    };
    while !level.is_empty() && missing(&found) {
        if asked + level.len() > GROUPS_ASKED_MAX {
            level.truncate(GROUPS_ASKED_MAX - asked);
            why = format!("no way up to it leads through the first {GROUPS_ASKED_MAX} groups above the user");
        }
        asked += level.len();
        let above = stream::iter(level.iter().map(|group| directory.groups_of(MemberOf::Group(group))));
        let answers: Vec<_> = above.buffered(ASKED_AT_ONCE).collect().await;
        let mut next = Vec::new();
        for (group, answer) in level.iter().zip(answers) {
            match answer {
                Ok(groups) => next.extend(note(&mut found, groups, Some(group))),
                Err(error) => why = refused(&error),
            }
        }
        level = next;
    }
    let way = |group: &String| (group.clone(), way(&found, group).map_or(Way::Unknown(why.clone()), Way::Known));
    wanted.iter().map(way).collect()
}

/// Ids are written in either case.
fn key(group: &str) -> String {
    group.to_ascii_lowercase()
}

/// Remembers the groups that were not known yet, and answers which these are.
fn note(found: &mut Found, groups: Vec<NamedGroup>, below: Option<&String>) -> Vec<String> {
    let mut new = Vec::new();
    for group in groups {
        let id = key(&group.id);
        if let std::collections::btree_map::Entry::Vacant(place) = found.entry(id.clone()) {
            place.insert((group, below.cloned()));
            new.push(id);
        }
    }
    new
}

/// Ends: each group was found through one that had been found before it.
fn way(found: &Found, group: &str) -> Option<Vec<NamedGroup>> {
    let (mut way, mut at) = (Vec::new(), Some(key(group)));
    while let Some(id) = at {
        let (group, below) = found.get(&id)?;
        way.push(group.clone());
        at = below.clone();
    }
    way.reverse();
    Some(way)
}

fn refused(error: &DirectoryError) -> String {
    format!("memberships could not be read: {} ({})", error.detail.message, error.detail.code)
}

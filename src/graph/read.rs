//! Which questions are there? Delta pages, looks, searches by address, members and roles.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Cursor, DeltaPage, Edits, NamedGroup, ObjectId, Removal, Selection, TenantName, Then};
use crate::ports::{Clock, DirectoryError, DirectoryRead, Look, MemberOf, Pressure, Privileges};

use super::client::{BODY_BYTES_MAX, GraphClient, PAGE_BYTES_MAX, short};
use super::error::{Asking, GraphError};
use super::origin::{Collection, GraphPath};
use super::retry::Operation;
use super::transport::Transport;
use super::wire::{Member, PageError, Plan, parse_look, parse_page, parse_users, read_members};

const READ_USERS: Asking = Asking {
    doing: "reading users",
    operation: Operation::Read,
    permission: "User.Read.All",
    body_bytes_max: PAGE_BYTES_MAX,
};
const READ_ON: Asking = Asking { operation: Operation::Resume, ..READ_USERS };
const LOOK: Asking = Asking { doing: "looking at a user", body_bytes_max: BODY_BYTES_MAX, ..READ_USERS };
const SEARCH: Asking = Asking { doing: "searching users by address", ..LOOK };
const MEMBERS: Asking = Asking { doing: "reading a group's members", permission: "GroupMember.Read.All", ..LOOK };
const GROUPS: Asking = Asking { doing: "reading whose groups one is in", ..MEMBERS };
const ROLES: Asking = Asking { doing: "reading a user's directory roles", permission: "User.Read.All", ..LOOK };

/// Graph's largest page of a listing.
const LISTING_TOP: &str = "999";
/// With pages of 999 that is every directory there is; a chain that is longer does not end.
const LISTING_PAGES_MAX: usize = 20_000;
/// An address names a handful of users at most; a server that answers a filter with the whole directory is not believed.
const SEARCH_USERS_MAX: usize = 1_000;
/// Pages of a search, empty ones included; an index page may well be empty, a hundred in a row are a circle.
const SEARCH_PAGES_MAX: usize = 100;

const USER: &str = "#microsoft.graph.user";
const GROUP: &str = "#microsoft.graph.group";
const DIRECTORY_ROLE: &str = "#microsoft.graph.directoryRole";

impl<T: Transport, C: Clock> DirectoryRead for GraphClient<T, C> {
    fn tenant(&self) -> &TenantName {
        &self.name
    }

    async fn delta_page(&self, selection: &Selection, from: &Cursor) -> Result<DeltaPage, DirectoryError> {
        let plan = Plan::new(selection);
        let (asking, url) = match from {
            Cursor::Start => {
                (READ_USERS, self.origin().build(&["users", "delta"], &[("$select", &plan.select_delta())]))
            }
            Cursor::Link(link) => (READ_ON, self.origin().admit(link, Collection::UsersDelta)),
        };
        let url = url.map_err(|error| self.told(error.into(), asking, ""))?;
        let (body, id) = self.read(asking, url.clone()).await?;
        let page = parse_page(&body, &plan).map_err(|error| self.told(error, asking, &id))?;
        let then = match (page.next, page.delta) {
            (Some(next), None) => self.next_page(&next, Collection::UsersDelta, &url).map(|_| Then::More(next)),
            (None, Some(delta)) => {
                self.origin().admit(&delta, Collection::UsersDelta).map(|_| Then::Done(delta)).map_err(Into::into)
            }
            (None, None) => Err(PageError::new("neither a nextLink nor a deltaLink").into()),
            (Some(_), Some(_)) => Err(PageError::new("both a nextLink and a deltaLink").into()),
        };
        let then = then.map_err(|error| self.told(error, asking, &id))?;
        Ok(DeltaPage { items: page.items, then })
    }

    async fn look(&self, selection: &Selection, objects: &[ObjectId]) -> Vec<Result<Look, DirectoryError>> {
        let plan = Plan::new(selection);
        let select = plan.select();
        let mut query = vec![("$select", select.as_str())];
        if plan.asks_manager() {
            query.push(("$expand", "manager($select=id)"));
        }
        let first = self.look_each(objects, |id| self.origin().build(&["users", id], &query)).await;
        let mut looks: Vec<Result<Look, DirectoryError>> = Vec::with_capacity(objects.len());
        let mut missing = Vec::new();
        for (at, (object, answer)) in objects.iter().zip(first).enumerate() {
            let look = answer.and_then(|(body, id)| {
                self.seen(&body, &plan, object).map(Look::Present).map_err(|error| self.told(error, LOOK, &id))
            });
            if look.as_ref().is_err_and(DirectoryError::proves_absence) {
                missing.push(at);
            }
            looks.push(look);
        }
        let ids: Vec<ObjectId> = missing.iter().map(|at| objects[*at].clone()).collect();
        let second = self.look_each(&ids, |id| self.origin().build(&["directory", "deletedItems", id], &[])).await;
        for (at, answer) in missing.into_iter().zip(second) {
            looks[at] = match answer {
                Ok(_) => Ok(Look::Removed(Removal::Soft)),
                Err(error) if error.proves_absence() => Ok(Look::Removed(Removal::Hard)),
                Err(error) => Err(error),
            };
        }
        looks
    }

    async fn find_by_address(
        &self,
        selection: &Selection,
        address: &str,
    ) -> Result<Vec<(ObjectId, Edits)>, DirectoryError> {
        let plan = Plan::new(selection);
        let quoted = address.replace('\'', "''");
        let prefix = quoted.replace('@', "_");
        let mail = format!("mail eq '{quoted}'");
        let other = format!("otherMails/any(x:x eq '{quoted}')");
        let invited = format!("startsWith(userPrincipalName,'{prefix}#EXT#')");
        let named = format!("userPrincipalName eq '{quoted}'");
        match self.search(&plan, &format!("{mail} or {other} or {invited} or {named}")).await {
            Ok(users) => return Ok(users.into_iter().collect()),
            Err(error) if error.status == Some(400) => {}
            Err(error) => return Err(error),
        }
        // Some clouds refuse the combination: one by one then. Every directory indexes mail; what it cannot search beside
        // that, it was not asked about in the combination either.
        let mut found = self.search(&plan, &mail).await?;
        for filter in [invited, other, named] {
            match self.search(&plan, &filter).await {
                Ok(users) => found.extend(users),
                Err(error) if error.status == Some(400) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found.into_iter().collect())
    }

    async fn group_members(&self, group: &str) -> Result<Vec<ObjectId>, DirectoryError> {
        let query = [("$select", "id"), ("$top", LISTING_TOP)];
        let first = self.origin().build(&["groups", group, "transitiveMembers"], &query);
        let members = self.listing(MEMBERS, first, Collection::GroupMembers).await?;
        // Devices, contacts and nested groups are members too. A tenant that leaves the kind out has been asked for
        // people only.
        let is_user = |kind: Option<&str>| kind.is_none_or(|kind| kind.eq_ignore_ascii_case(USER));
        let users = members.into_iter().filter(|member| is_user(member.kind.as_deref()));
        let users: BTreeSet<ObjectId> = users.map(|member| ObjectId::new(member.id)).collect();
        Ok(users.into_iter().collect())
    }

    async fn groups_of(&self, whose: MemberOf<'_>) -> Result<Vec<NamedGroup>, DirectoryError> {
        let (set, id, collection) = match whose {
            MemberOf::User(id) => ("users", id, Collection::Memberships),
            MemberOf::Group(id) => ("groups", id, Collection::GroupMemberships),
        };
        let query = [("$select", "id,displayName"), ("$top", LISTING_TOP)];
        let memberships = self.listing(GROUPS, self.origin().build(&[set, id, "memberOf"], &query), collection).await?;
        // Administrative units and directory roles are memberships too. Without the permission to read a group Graph
        // tells its id alone.
        let is_group = |m: &Member| m.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case(GROUP));
        let named = |m: Member| NamedGroup { display_name: m.display_name.unwrap_or_else(|| m.id.clone()), id: m.id };
        Ok(memberships.into_iter().filter(is_group).map(named).collect())
    }

    async fn privileges(&self, user: &ObjectId) -> Result<Privileges, DirectoryError> {
        let query = [("$select", "id,displayName,isAssignableToRole")];
        let memberships = |relation: &str| self.origin().build(&["users", user.as_str(), relation], &query);
        let transitive = self.listing(ROLES, memberships("transitiveMemberOf"), Collection::Memberships).await;
        let held = match transitive {
            Err(error) if is_unknown_relation(&error) => {
                match self.listing(ROLES, memberships("memberOf"), Collection::Memberships).await {
                    // Every Graph has both. A server that has neither has no roles that it could tell of.
                    Err(error) if is_unknown_relation(&error) => {
                        tracing::warn!(tenant = %self.name, "this server tells no memberships: directory roles are not checked");
                        return Ok(Privileges::default());
                    }
                    other => other?,
                }
            }
            other => other?,
        };
        privileges(held).map_err(|error| self.told(error.into(), ROLES, ""))
    }

    async fn verified_domains(&self) -> Result<BTreeSet<String>, DirectoryError> {
        let organization = self.organization_for_sure().await?;
        Ok(organization.verified_domains.into_iter().map(|domain| domain.name.to_lowercase()).collect())
    }

    fn pressure(&self) -> Option<Pressure> {
        self.write_pressure.get()
    }

    fn take_units(&self) -> u64 {
        self.share.take()
    }
}

impl<T: Transport, C: Clock> GraphClient<T, C> {
    /// Admits a link to the next page, which must not be the page itself.
    fn next_page(&self, link: &str, collection: Collection, this: &GraphPath) -> Result<GraphPath, GraphError> {
        let next = self.origin().admit(link, collection)?;
        if next == *this {
            return Err(PageError::new("its nextLink leads back to itself").into());
        }
        Ok(next)
    }

    /// Asks about each object that has a usable id; in the order asked.
    async fn look_each(
        &self,
        objects: &[ObjectId],
        address: impl Fn(&str) -> Result<GraphPath, super::origin::LinkError>,
    ) -> Vec<super::batch::Item> {
        let addresses: Vec<_> = objects.iter().map(|object| address(object.as_str())).collect();
        let usable: Vec<GraphPath> = addresses.iter().filter_map(|url| url.as_ref().ok().cloned()).collect();
        let mut answers = self.read_many(LOOK, &usable).await.into_iter();
        let unasked = || Err(self.told(GraphError::NotAsked("an object that was not asked about"), LOOK, ""));
        let answer = |url: Result<_, super::origin::LinkError>| match url {
            Ok(_) => answers.next().unwrap_or_else(unasked),
            Err(error) => Err(self.told(error.into(), LOOK, "")),
        };
        addresses.into_iter().map(answer).collect()
    }

    fn seen(&self, body: &[u8], plan: &Plan, object: &ObjectId) -> Result<Edits, GraphError> {
        let (id, edits) = parse_look(body, plan)?;
        if !id.as_str().eq_ignore_ascii_case(object.as_str()) {
            return Err(PageError::new("the answer is about another object").into());
        }
        Ok(edits)
    }

    async fn search(&self, plan: &Plan, filter: &str) -> Result<BTreeMap<ObjectId, Edits>, DirectoryError> {
        let select = plan.select();
        let first = self.origin().build(&["users"], &[("$filter", filter), ("$select", &select)]);
        let mut url = first.map_err(|error| self.told(error.into(), SEARCH, ""))?;
        let mut found = BTreeMap::new();
        for _ in 0..SEARCH_PAGES_MAX {
            let (body, id) = self.read(SEARCH, url.clone()).await?;
            let (users, next) = parse_users(&body, plan).map_err(|error| self.told(error, SEARCH, &id))?;
            found.extend(users);
            let Some(next) = next else { return Ok(found) };
            url = self.next_page(&next, Collection::Users, &url).map_err(|error| self.told(error, SEARCH, &id))?;
            if found.len() > SEARCH_USERS_MAX {
                break;
            }
        }
        let error =
            PageError::new(format!("more than {SEARCH_USERS_MAX} users or {SEARCH_PAGES_MAX} pages for one address"));
        Err(self.told(error.into(), SEARCH, ""))
    }

    async fn listing(
        &self,
        asking: Asking,
        first: Result<GraphPath, super::origin::LinkError>,
        collection: Collection,
    ) -> Result<Vec<Member>, DirectoryError> {
        let mut url = first.map_err(|error| self.told(error.into(), asking, ""))?;
        let mut pages_seen = BTreeSet::new();
        let mut members = Vec::new();
        for _ in 0..LISTING_PAGES_MAX {
            pages_seen.insert(url.as_str().to_owned());
            let (body, id) = self.read(asking, url.clone()).await?;
            let (page, next) = read_members(&body).map_err(|error| self.told(error, asking, &id))?;
            members.extend(page);
            let Some(next) = next else { return Ok(members) };
            url = self.next_page(&next, collection, &url).map_err(|error| self.told(error, asking, &id))?;
            if pages_seen.contains(url.as_str()) {
                return Err(self.told(PageError::new("its nextLinks run in a circle").into(), asking, &id));
            }
        }
        let error = PageError::new(format!("a listing of more than {LISTING_PAGES_MAX} pages"));
        Err(self.told(error.into(), asking, ""))
    }
}

/// What the memberships of a user make of it.
fn privileges(held: Vec<Member>) -> Result<Privileges, PageError> {
    let (mut roles, mut groups, mut hidden) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for membership in held {
        let is = |kind: &str| membership.kind.as_deref().is_some_and(|k| k.eq_ignore_ascii_case(kind));
        let name =
            |what: &str| membership.display_name.clone().unwrap_or_else(|| format!("{what} {}", short(&membership.id)));
        match () {
            // Whoever holds a role is left alone, so what cannot be told apart from a role is not passed over.
            () if membership.kind.is_none() => {
                return Err(PageError::new("a membership without @odata.type: role or not?"));
            }
            // Without the permission to read roles Graph still shows that there is one, but not its name.
            () if is(DIRECTORY_ROLE) => drop(roles.insert(name("role"))),
            () if is(GROUP) && membership.takes_roles == Some(true) => drop(groups.insert(name("group"))),
            // Without the permission to read groups Graph tells an id and nulls. Each group has a name, so that null is
            // the mark of one that may not be read; the flag itself is null of most groups that may.
            () if is(GROUP) && membership.display_name.is_none() => drop(hidden.insert(membership.id)),
            () => {}
        }
    }
    Ok(Privileges { roles: roles.into_iter().collect(), groups: groups.into_iter().collect(), hidden: hidden.len() })
}

/// The tenant does not know the relation; a user that is not there is another matter.
fn is_unknown_relation(error: &DirectoryError) -> bool {
    let no_user = ["Request_ResourceNotFound", "Directory_ObjectNotFound"];
    matches!(error.status, Some(400 | 404 | 501)) && !no_user.iter().any(|c| error.detail.code.eq_ignore_ascii_case(c))
}

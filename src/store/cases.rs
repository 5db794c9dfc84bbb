//! Who has to be considered, and what is known of them?

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params};

use super::codec::{self, signed};
use super::{Among, Store, StoreError, keys, observations, open, rows};
use crate::model::{
    Attribute, Attributes, Former, ObjectId, Observed, Person, Presence, RouteName, Standing, TenantName, Timestamp,
    Value,
};
use crate::plan::{self, Answer, Answers, Case, PlannedRoute, Question, Resolved};

impl Store {
    /// Marks whomever the rules of the route may concern, if these have changed since the marks were last made: those who
    /// have a link, who are marked already, or who shall have an account. To nobody else is anything due, and they are most
    /// of the people of a home from which few are wanted.
    ///
    /// # Errors
    /// SQLite's.
    pub fn notice_rules(&self, route: &PlannedRoute, fingerprint: &str) -> Result<(), StoreError> {
        let id = self.route(&route.name)?;
        self.transaction(|c| {
            let known: String = c.query_row("SELECT fingerprint FROM routes WHERE id = ?1", [id], |r| r.get(0))?;
            if known == fingerprint {
                return Ok(());
            }
            c.execute("UPDATE unsettled SET state = '', not_before = 0 WHERE route = ?1 AND state <> ''", [id])?;
            let linked = "INSERT OR IGNORE INTO unsettled (route, home) SELECT route, home FROM links WHERE route = ?1";
            c.execute(linked, [id])?;
            self.mark_whoever_is_wanted(c, id, route)?;
            c.execute("UPDATE routes SET fingerprint = ?2 WHERE id = ?1", params![id, fingerprint])?;
            Ok(())
        })
    }

    fn mark_whoever_is_wanted(&self, c: &Connection, id: i64, route: &PlannedRoute) -> Result<(), StoreError> {
        let (home, needed) = (self.tenant(&route.name.home)?.id, plan::wanting_hangs_on(route));
        let order = rows::in_which_order(c, home)?;
        let natives = format!(
            "SELECT object, attributes FROM observations {order} WHERE tenant = ?1 AND external = 0 AND presence = 0"
        );
        c.execute_batch("CREATE TEMP TABLE wanted (home BLOB)")?;
        let (mut insert, mut statement) = (c.prepare("INSERT INTO wanted (home) VALUES (?1)")?, c.prepare(&natives)?);
        let mut rows = statement.query([home])?;
        while let Some(row) = rows.next()? {
            let (object, attributes) = (codec::bytes(row, 0)?, codec::text(row, 1)?);
            if self.wants_account(route, &needed, object, attributes)? {
                insert.execute([object])?;
            }
        }
        // In the order of the index, as keys are made.
        let sql = "INSERT OR IGNORE INTO unsettled (route, home) SELECT ?1, home FROM wanted ORDER BY home";
        open::sorted(c, sql, id)?;
        drop(rows);
        drop((insert, statement));
        Ok(c.execute_batch("DROP TABLE wanted")?)
    }

    /// [`plan::wants_account`] of somebody present, as a row of `observations` has them. `needed` is what that hangs on: a
    /// home has many more people than any rule takes, and the rest of what is known of them need not be read.
    fn wants_account(
        &self,
        route: &PlannedRoute,
        needed: &BTreeSet<Attribute>,
        object: &[u8],
        attributes: &str,
    ) -> Result<bool, StoreError> {
        let home = Observed {
            object: codec::object_id(object)?,
            presence: Presence::Present,
            attributes: codec::read_some(attributes, needed)?,
        };
        let has_groups = route.rules.iter().any(|rules| !rules.groups().is_empty());
        let member_of = if has_groups { self.member_of(&route.name.home, &home.object)? } else { BTreeSet::new() };
        Ok(plan::wants_account(route, &home, &member_of))
    }

    /// The next home users to consider, in order of their keys, after `after`. Left out is whoever the last full round did
    /// not mention and nobody has looked at since: nothing is concluded about them, least of all that an attribute
    /// which that round was the first to ask for has no value.
    ///
    /// # Errors
    /// SQLite's.
    pub fn unsettled(
        &self,
        route: &RouteName,
        among: Among,
        after: Option<&ObjectId>,
        at_most: u32,
    ) -> Result<Vec<ObjectId>, StoreError> {
        let home = self.tenant(&route.home)?.id;
        // Mostly there is nobody, and nobody need be looked up.
        let doubtful = "SELECT EXISTS (SELECT 1 FROM observations INDEXED BY observations_suspect \
                        WHERE tenant = ?1 AND suspect = 1 AND confirmed = 1 AND round = 0)";
        let doubtful: bool = self.connection.prepare_cached(doubtful)?.query_row([home], |r| r.get(0))?;
        let sql = "SELECT u.home FROM unsettled u WHERE u.route = ?1 AND u.home > ?2 AND (NOT ?7 OR NOT EXISTS \
                   (SELECT 1 FROM observations o WHERE o.tenant = ?4 \
                   AND o.object = u.home AND o.suspect = 1 AND o.confirmed = 1 AND o.round = 0)) \
                   AND (?5 IS NULL OR u.state = '' OR (u.state = 'failed' AND u.not_before <= ?5) \
                   OR (u.state = 'waiting' AND u.detail <= ?6)) \
                   ORDER BY u.home LIMIT ?3";
        let mut statement = self.connection.prepare_cached(sql)?;
        let after = after.map(codec::object).unwrap_or_default();
        let now = match among {
            Among::All => None,
            Among::News(now) => Some(now),
        };
        let row = params![
            self.route(route)?,
            after,
            at_most,
            home,
            now.map(|now| signed(now.0)),
            now.map(Timestamp::rfc3339).unwrap_or_default(),
            doubtful
        ];
        objects(statement.query(row)?)
    }

    /// The next of all native home users of a tenant, in order of their keys, after `after`; nobody about whom nothing is
    /// concluded (see [`Store::unsettled`]).
    ///
    /// # Errors
    /// SQLite's.
    pub fn natives(
        &self,
        tenant: &TenantName,
        after: Option<&ObjectId>,
        at_most: u32,
    ) -> Result<Vec<ObjectId>, StoreError> {
        let sql = "SELECT object FROM observations WHERE tenant = ?1 AND object > ?2 AND external = 0 \
                   AND NOT (suspect = 1 AND confirmed = 1 AND round = 0) ORDER BY object LIMIT ?3";
        let mut statement = self.connection.prepare_cached(sql)?;
        let after = after.map(codec::object).unwrap_or_default();
        objects(statement.query(params![self.tenant(tenant)?.id, after, at_most])?)
    }

    /// Who of a home's own people shall have an account, among the next `at_most` whom the full round under way has told of,
    /// in the order in which they came, after `after`. Answers also where the last of them all stands in that order, `None`
    /// where there was nobody.
    ///
    /// # Errors
    /// SQLite's.
    pub fn arrived(
        &self,
        route: &PlannedRoute,
        after: i64,
        at_most: u32,
    ) -> Result<(Vec<ObjectId>, Option<i64>), StoreError> {
        // Not by the tenant's index, which has them in another order.
        let sql = "SELECT o.rowid, o.object, o.attributes FROM observations o NOT INDEXED WHERE o.rowid > ?2 AND o.tenant = ?1 \
                   AND o.external = 0 AND o.presence = 0 AND o.suspect = 0 \
                   AND o.round = (SELECT round FROM tenants WHERE id = ?1) ORDER BY o.rowid LIMIT ?3";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![self.tenant(&route.name.home)?.id, after, at_most])?;
        let (mut people, mut last) = (Vec::new(), None);
        let needed = plan::wanting_hangs_on(route);
        while let Some(row) = rows.next()? {
            last = Some(row.get(0)?);
            let object = codec::bytes(row, 1)?;
            if self.wants_account(route, &needed, object, codec::text(row, 2)?)? {
                people.push(codec::object_id(object)?);
            }
        }
        Ok((people, last))
    }

    /// Everything known of one home user on one route.
    ///
    /// # Errors
    /// SQLite's.
    pub fn case(&self, route: &PlannedRoute, home: &ObjectId, now: Timestamp) -> Result<Case, StoreError> {
        let observed = self.observed(&route.name.home, home)?.unwrap_or_else(|| Observed {
            object: home.clone(),
            presence: Presence::Gone,
            attributes: Attributes::new(),
        });
        let member_of = self.member_of(&route.name.home, home)?;
        let link = self.link(&route.name, home)?;
        let account = match link.as_ref().and_then(|l| l.account()) {
            Some(account) => self.observed(&route.name.target, account)?,
            None => None,
        };
        let question = plan::question(route, &observed, &member_of, link.as_ref(), now);
        let mut answers = self.answer(&route.name, home, &question)?;
        let own = link.as_ref().and_then(|l| l.account());
        for (attribute, values) in &question.unique {
            let taken = self.taken(&route.name, home, own, attribute, values)?;
            answers.unique.insert(attribute.clone(), taken);
        }
        let readings = self.readings(&route.name.target)?;
        Ok(Case { home: observed, member_of, link, account, answers, readings })
    }

    fn answer(&self, route: &RouteName, home: &ObjectId, question: &Question) -> Result<Answers, StoreError> {
        let mut answers = Answers::default();
        for (attribute, value) in &question.rungs {
            let keys = [(attribute.as_str(), value.clone())];
            answers.rungs.push(self.answering(route, home, &keys)?);
        }
        if let Some((attribute, value)) = &question.stamp {
            answers.stamped = self.answering(route, home, &[(attribute.as_str(), value.clone())])?;
        }
        let mut others: Vec<(Answer, bool)> = Vec::new();
        if let Some(address) = &question.address {
            answers.address = self.answering(route, home, &keys::of_address(address))?;
            let deleted = self.answering(route, home, &keys::of_deleted(address))?;
            others.extend(deleted.into_iter().map(|answer| (answer, true)));
        }
        let present = answers.rungs.iter().flatten().chain(&answers.address);
        others.extend(present.map(|answer| (answer.clone(), false)));
        for (answer, deleted) in others.iter().filter(|(answer, _)| answer.taken) {
            answers.former.extend(self.former(&route.target, &answer.account.object, *deleted)?);
        }
        let resolve = |whom: &ObjectId| Ok((whom.clone(), self.resolve(route, whom)?));
        answers.references = question.references.iter().map(resolve).collect::<Result<BTreeMap<_, _>, StoreError>>()?;
        Ok(answers)
    }

    /// Present accounts of the target that hold any of the keys.
    fn answering(
        &self,
        route: &RouteName,
        home: &ObjectId,
        keys: &[(&str, String)],
    ) -> Result<Vec<Answer>, StoreError> {
        let target = self.tenant(&route.target)?.id;
        let sql = "SELECT object FROM keys WHERE tenant = ?1 AND attribute = ?2 AND value = ?3";
        let mut found: BTreeSet<ObjectId> = BTreeSet::new();
        for (attribute, value) in keys {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query(params![target, attribute, value])?;
            while let Some(row) = rows.next()? {
                found.insert(codec::object_id(&row.get::<_, Vec<u8>>(0)?)?);
            }
        }
        let mut answers = Vec::new();
        for object in found {
            let Some(account) = self.observed(&route.target, &object)? else { continue };
            let own = (self.route(route)?, codec::object(home));
            let taken = self.holder(target, &object)?.is_some_and(|holder| holder != own);
            answers.push(Answer { account, taken });
        }
        Ok(answers)
    }

    /// Whose the account was, where that is somebody who is gone from home.
    fn former(&self, target: &TenantName, account: &ObjectId, deleted: bool) -> Result<Option<Former>, StoreError> {
        let Some((route, home)) = self.whose(target, account)? else { return Ok(None) };
        let known = self.observed(&route.home, &home)?;
        if known.as_ref().is_some_and(|person| person.presence == Presence::Present) {
            return Ok(None);
        }
        let user_principal_name = known.map(|person| person.user_principal_name().to_owned()).unwrap_or_default();
        let home = Person { id: home, user_principal_name };
        Ok(Some(Former { account: account.clone(), route, home, deleted }))
    }

    fn resolve(&self, route: &RouteName, whom: &ObjectId) -> Result<Resolved, StoreError> {
        let Some(link) = self.link(route, whom)? else { return Ok(Resolved::Nobody) };
        let Some(account) = link.account() else { return Ok(Resolved::Pending) };
        let present = self.presence(&route.target, account)? == Some(Presence::Present);
        Ok(if present { Resolved::To(account.clone()) } else { Resolved::Pending })
    }

    fn member_of(&self, tenant: &TenantName, object: &ObjectId) -> Result<BTreeSet<String>, StoreError> {
        let sql = "SELECT grp FROM memberships WHERE tenant = ?1 AND object = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params![self.tenant(tenant)?.id, codec::object(object)], |r| r.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Was anybody ever known to be a member of the group?
    ///
    /// # Errors
    /// SQLite's.
    pub fn has_members(&self, tenant: &TenantName, group: &str) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM memberships WHERE tenant = ?1 AND grp = ?2)";
        Ok(self.connection.query_row(sql, params![self.tenant(tenant)?.id, group], |r| r.get(0))?)
    }

    /// Replaces what is known of a group's members, all at once, and marks those who came or went.
    ///
    /// # Errors
    /// SQLite's.
    pub fn record_members(&self, tenant: &TenantName, group: &str, members: &[ObjectId]) -> Result<(), StoreError> {
        let row = self.tenant(tenant)?;
        let new: BTreeSet<Vec<u8>> = members.iter().map(codec::object).collect();
        self.transaction(|c| {
            let sql = "SELECT object FROM memberships WHERE tenant = ?1 AND grp = ?2";
            let mut statement = c.prepare_cached(sql)?;
            let old: BTreeSet<Vec<u8>> =
                statement.query_map(params![row.id, group], |r| r.get(0))?.collect::<Result<_, _>>()?;
            let delete = "DELETE FROM memberships WHERE tenant = ?1 AND object = ?2 AND grp = ?3";
            let insert = "INSERT OR IGNORE INTO memberships (tenant, object, grp) VALUES (?1, ?2, ?3)";
            for (sql, objects) in [(delete, old.difference(&new)), (insert, new.difference(&old))] {
                for object in objects {
                    c.prepare_cached(sql)?.execute(params![row.id, object, group])?;
                    for route in &row.routes_out {
                        observations::mark_one(c, *route, object)?;
                    }
                }
            }
            Ok(())
        })
    }

    /// The one home user that this id or sign-in name means, native users first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn find_user(&self, tenant: &TenantName, text: &str) -> Result<Option<ObjectId>, StoreError> {
        let by_id = ObjectId::from(text);
        if self.observed(tenant, &by_id)?.is_some() {
            return Ok(Some(by_id));
        }
        // Rare and by hand: a scan, so that no index has to be paid for by every reading.
        let wanted = text.to_lowercase();
        let sql = "SELECT object, attributes FROM observations WHERE tenant = ?1 ORDER BY external, presence";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([self.tenant(tenant)?.id])?;
        while let Some(row) = rows.next()? {
            let attributes = codec::read_attributes(&row.get::<_, String>(1)?)?;
            let name = attributes.get(Attribute::USER_PRINCIPAL_NAME).and_then(Value::as_text).unwrap_or_default();
            if name.to_lowercase() == wanted {
                return Ok(Some(codec::object_id(&row.get::<_, Vec<u8>>(0)?)?));
            }
        }
        Ok(None)
    }

    /// Present accounts of a tenant, for tests and reports: how many of them are external.
    ///
    /// # Errors
    /// SQLite's.
    pub fn count_present(&self, tenant: &TenantName, standing: Standing) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM observations WHERE tenant = ?1 AND presence = 0 AND external = ?2";
        let external = standing == Standing::External;
        let n: i64 = self.connection.query_row(sql, params![self.tenant(tenant)?.id, external], |r| r.get(0))?;
        Ok(codec::unsigned(n.max(signed(0))))
    }
}

fn objects(mut rows: rusqlite::Rows<'_>) -> Result<Vec<ObjectId>, StoreError> {
    let mut objects = Vec::new();
    while let Some(row) = rows.next()? {
        objects.push(codec::object_id(codec::bytes(row, 0)?)?);
    }
    Ok(objects)
}

//! What is known of each user, and how does news change it?

use rusqlite::{Connection, OptionalExtension, params};

use super::codec::{self, signed};
use super::expected::Expected;
use super::readings::{Round, resize};
use super::rows::{self, Doubt, REPLACING, Row, Stored, write};
use super::{Store, StoreError, TenantRow, keys, mentions};
use crate::model::{DeltaItem, News, ObjectId, Observed, Presence, Selection, Standing, TenantName, Timestamp};

/// Whoever is marked already is considered anew: what was planned, held or put off was so on other facts.
macro_rules! anew {
    () => {
        " ON CONFLICT DO UPDATE SET state = '', not_before = 0 WHERE state <> ''"
    };
}

/// Readings lag behind writes. An account that only a write's answer has told of is not doubted before this has passed
/// (designing for eventual consistency: minutes; clients in the field poll for up to 15).
pub const LAG_ALLOWANCE_SECONDS: u64 = 900;

/// Where news comes from.
#[derive(Clone, Copy)]
enum Source<'r> {
    /// The answer to a write, or a look.
    Answer,
    /// A reading.
    Reading(&'r Round),
    /// The first reading of a tenant: once it has ended every key is made in the order of the index, and the next plan marks
    /// whom the rules concern, which is many times quicker than one by one. Only whoever it tells of twice is marked at once: they may have been
    /// planned in between.
    FirstReading(&'r Round),
}

/// One item of news, and the id in it as the file has it.
struct Told<'i> {
    object: Vec<u8>,
    item: &'i DeltaItem,
}

impl<'i> Told<'i> {
    fn by(item: &'i DeltaItem) -> Self {
        Self { object: codec::object(&item.object), item }
    }
}

/// What became of one item of news.
enum Folded {
    /// A full round has told what was known, with nothing to write: the round keeps the id (see `mentions.rs`).
    ToldAgain(Vec<u8>),
    /// What it says is in the file, and changes the tenant's size by so much: see [`resize`].
    Kept(i64),
}

impl Store {
    /// What is known of a user.
    ///
    /// # Errors
    /// SQLite's.
    pub fn observed(&self, tenant: &TenantName, object: &ObjectId) -> Result<Option<Observed>, StoreError> {
        let id = self.tenant(tenant)?.id;
        let stored = rows::stored(&self.connection, id, &codec::object(object))?;
        Ok(stored.map(|stored| stored.read(object)).transpose()?.map(|row| row.observed))
    }

    /// Is the object there? The same as [`Store::observed`] says, without reading its attributes.
    pub(super) fn presence(&self, tenant: &TenantName, object: &ObjectId) -> Result<Option<Presence>, StoreError> {
        let sql = "SELECT presence FROM observations WHERE tenant = ?1 AND object = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let key = params![self.tenant(tenant)?.id, codec::object(object)];
        statement.query_row(key, |r| r.get(0)).optional()?.map(codec::read_presence).transpose()
    }

    /// Folds what a look at one user showed. A look mentions every attribute and so ends any suspicion,
    /// and for [`LAG_ALLOWANCE_SECONDS`] a reading that says otherwise only makes it be looked at once more.
    ///
    /// # Errors
    /// SQLite's.
    pub fn record_look(&self, tenant: &TenantName, item: DeltaItem, now: Timestamp) -> Result<(), StoreError> {
        let tenant = self.tenant(tenant)?;
        self.transaction(|c| {
            learn(c, &tenant, &item, now)?;
            let sql = "UPDATE observations SET suspect = 2, confirmed = 1, learned_at = ?3 \
                       WHERE tenant = ?1 AND object = ?2";
            c.prepare_cached(sql)?.execute(params![tenant.id, codec::object(&item.object), signed(now.0)])?;
            Ok(())
        })
    }

    /// A write has shown that what is known of the user cannot be right: it is looked at with the next reading.
    ///
    /// # Errors
    /// SQLite's.
    pub fn doubt(&self, tenant: &TenantName, object: &ObjectId) -> Result<(), StoreError> {
        let sql = "UPDATE observations SET suspect = 1, confirmed = 1 WHERE tenant = ?1 AND object = ?2";
        self.connection.prepare_cached(sql)?.execute(params![self.tenant(tenant)?.id, codec::object(object)])?;
        Ok(())
    }

    /// Users that have to be looked at one by one: not mentioned by a full round, mentioned without a value that was
    /// known, or promised by a write and not seen since.
    ///
    /// # Errors
    /// SQLite's.
    pub fn suspects(&self, tenant: &TenantName, now: Timestamp) -> Result<Vec<ObjectId>, StoreError> {
        let id = self.tenant(tenant)?.id;
        let young = Timestamp(now.0.saturating_sub(LAG_ALLOWANCE_SECONDS * 1000));
        // By name: SQLite would walk over everybody by the primary key.
        let sql = "SELECT object FROM observations INDEXED BY observations_suspect WHERE tenant = ?1 AND suspect = 1 \
                   AND (confirmed = 1 OR learned_at <= ?2)";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![id, signed(young.0)])?;
        let mut suspects = Vec::new();
        while let Some(row) = rows.next()? {
            suspects.push(codec::object_id(codec::bytes(row, 0)?)?);
        }
        Ok(suspects)
    }
}

/// Folds what an answer says of one user.
pub(super) fn learn(c: &Connection, tenant: &TenantRow, item: &DeltaItem, now: Timestamp) -> Result<(), StoreError> {
    let told = Told::by(item);
    let stored = rows::stored(c, tenant.id, &told.object)?;
    match fold(c, tenant, told, stored, Source::Answer, now)? {
        Folded::Kept(grown) => resize(c, tenant.id, grown),
        Folded::ToldAgain(_) => Ok(()),
    }
}

/// Folds a page of a reading; `first`: of the tenant's first one.
pub(super) fn learn_page(
    c: &Connection,
    tenant: &TenantRow,
    (round, first): (&Round, bool),
    items: &[DeltaItem],
    now: Timestamp,
) -> Result<(), StoreError> {
    let source = if first { Source::FirstReading(round) } else { Source::Reading(round) };
    let (mut grown, mut again, mut expected) = (0, Vec::new(), Expected::of(tenant.id));
    for told in items.iter().map(Told::by) {
        if first && let Some(by) = told_first(c, tenant.id, &told, round, now)? {
            grown += by;
            continue;
        }
        let stored = match source {
            Source::Reading(round) if round.full => expected.stored(c, &told.object)?,
            _ => rows::stored(c, tenant.id, &told.object)?,
        };
        match fold(c, tenant, told, stored, source, now)? {
            Folded::Kept(by) => grown += by,
            Folded::ToldAgain(object) => again.push(object),
        }
    }
    mentions::put_down(c, tenant.id, &again)?;
    resize(c, tenant.id, grown)
}

/// Folds one item of news, keeps the keys, and marks everyone whom it concerns.
fn fold(
    c: &Connection,
    tenant: &TenantRow,
    Told { object, item }: Told<'_>,
    stored: Option<Stored>,
    source: Source<'_>,
    now: Timestamp,
) -> Result<Folded, StoreError> {
    let round = match source {
        Source::Answer => None,
        Source::Reading(round) | Source::FirstReading(round) => Some(round),
    };
    let in_full_round = round.filter(|r| r.full);
    if let (Some(stored), Some(round)) = (&stored, in_full_round)
        && stored.is_told_again(item)
    {
        // Planning ahead goes by the row (see `Store::arrived`).
        if stored.is_beyond_doubt() && !matches!(source, Source::FirstReading(_)) {
            return Ok(Folded::ToldAgain(object));
        }
        return mention(c, tenant.id, &object, round, now);
    }
    let known = stored.map(|stored| stored.read(&item.object)).transpose()?;
    let known = known.as_ref();
    let kept = || {
        let observed = known?.observed.clone();
        Some(match in_full_round {
            Some(round) => still_asked_for(observed, &round.selection),
            None => observed,
        })
    };
    let after = Observed::fold(kept(), item);
    let unmentioned = in_full_round.is_some_and(|r| leaves_out(known, &item.news, &r.selection));
    let looked_at = known.filter(|k| k.looked_at_lately(now));
    // Another look tells whether the reading is news or late.
    let against_a_look = looked_at.filter(|_| round.is_some()).and_then(|_| kept()).filter(|kept| *kept != after);
    let row = Row {
        round: in_full_round.map_or(known.map_or(0, |r| r.round), |r| signed(r.number)),
        confirmed: round.is_some() || known.is_some_and(|r| r.confirmed),
        doubt: match against_a_look {
            Some(_) => Doubt::Suspect,
            None => doubt_left(round, known, unmentioned, looked_at.is_some()),
        },
        learned_at: looked_at.filter(|_| round.is_some()).map_or(now, |k| k.learned_at),
        observed: against_a_look.unwrap_or(after),
    };
    let changed = known.is_none_or(|k| k.observed != row.observed);
    let same =
        known.is_some_and(|k| !changed && k.round == row.round && k.confirmed == row.confirmed && k.doubt == row.doubt);
    if !same {
        write(c, tenant.id, &object, &row, REPLACING)?;
    }
    if !changed {
        return Ok(Folded::Kept(0));
    }
    let old = known.map(|k| &k.observed);
    if !matches!(source, Source::FirstReading(_)) {
        keys::change(c, tenant, &object, old, &row.observed)?;
    }
    mark(c, tenant, &object, old, &row.observed)?;
    Ok(Folded::Kept(i64::from(counts(&row.observed)) - i64::from(old.is_some_and(counts))))
}

/// Writes down whom nothing was known of, as a first reading tells them, without asking first: it tells of next to nobody
/// twice. Answers by how much the tenant has grown; `None`, and nothing is written, where something was known.
fn told_first(
    c: &Connection,
    tenant: i64,
    Told { object, item }: &Told<'_>,
    round: &Round,
    now: Timestamp,
) -> Result<Option<i64>, StoreError> {
    let observed = Observed::fold(None, item);
    let grown = i64::from(counts(&observed));
    let row = Row { observed, round: signed(round.number), confirmed: true, doubt: Doubt::None, learned_at: now };
    Ok(write(c, tenant, object, &row, "ON CONFLICT DO NOTHING")?.then_some(grown))
}

/// Is what is known of a user to be believed, after a reading (`round`) or an answer has told of them?
fn doubt_left(round: Option<&Round>, known: Option<&Row>, unmentioned: bool, looked_at: bool) -> Doubt {
    match (round, known.map(|k| k.doubt)) {
        (Some(r), _) if r.full && unmentioned => Doubt::Suspect,
        (Some(_), _) if looked_at => Doubt::LookedAt,
        // Seen in a reading: no longer only promised. Values that a full round left out stay in doubt.
        (Some(r), Some(Doubt::Suspect)) if !r.full && known.is_some_and(|k| k.confirmed) => Doubt::Suspect,
        (Some(_), _) => Doubt::None,
        (None, known) => known.unwrap_or(Doubt::Suspect),
    }
}

/// Is it one of the tenant's own people?
fn counts(observed: &Observed) -> bool {
    observed.presence == Presence::Present && observed.standing() == Standing::Native
}

/// A full round says nothing of values that were cleared before it began, exactly as of those that it merely left out:
/// only a look at the user can tell the two apart.
fn leaves_out(before: Option<&Row>, news: &News, selection: &Selection) -> bool {
    match (before, news) {
        (Some(row), News::Seen(edits)) => {
            row.observed.attributes.keys().any(|a| selection.0.contains(a) && !edits.contains_key(a))
        }
        _ => false,
    }
}

/// A full round forgets what it does not ask for: nothing would tell of later changes, and no rule needs it.
fn still_asked_for(mut observed: Observed, selection: &Selection) -> Observed {
    observed.attributes.retain(|attribute, _| selection.0.contains(attribute));
    observed
}

/// A full round has told of the user what was known.
fn mention(c: &Connection, tenant: i64, object: &[u8], round: &Round, now: Timestamp) -> Result<Folded, StoreError> {
    let sql = "UPDATE observations SET round = ?3, confirmed = 1, suspect = 0, learned_at = ?4 \
               WHERE tenant = ?1 AND object = ?2";
    c.prepare_cached(sql)?.execute(params![tenant, object, signed(round.number), signed(now.0)])?;
    Ok(Folded::Kept(0))
}

/// A tenant was read for the first time: what [`Store::fold`] put off.
pub(super) fn first_reading_ended(c: &Connection, tenant: &TenantRow) -> Result<(), StoreError> {
    keys::rebuild(c, tenant.id, &tenant.keyed)?;
    // Its people, and whoever was tied to one of them before: on all routes of the tenant everybody is considered anew.
    c.execute("UPDATE routes SET fingerprint = '' WHERE home = ?1 OR target = ?1", [tenant.id])?;
    Ok(())
}

/// Whoever has to be considered again because of this change.
fn mark(
    c: &Connection,
    tenant: &TenantRow,
    object: &[u8],
    before: Option<&Observed>,
    after: &Observed,
) -> Result<(), StoreError> {
    let native = |o: &Observed| o.standing() == Standing::Native;
    if native(after) || before.is_some_and(native) {
        for route in &tenant.routes_out {
            mark_one(c, *route, object)?;
        }
    }
    // As an account: the home user that has it.
    let sql = concat!(
        "INSERT INTO unsettled (route, home) SELECT route, home FROM links WHERE target = ?1 AND account = ?2",
        anew!()
    );
    c.prepare_cached(sql)?.execute(params![tenant.id, object])?;
    if before.is_none_or(|b| b.presence != after.presence) {
        // As a manager's account: everyone who reports to that manager.
        let sql = concat!(
            "INSERT INTO unsettled (route, home) SELECT l.route, o.object FROM links l ",
            "JOIN routes r ON r.id = l.route JOIN observations o ON o.tenant = r.home AND o.manager = l.home ",
            "WHERE l.target = ?1 AND l.account = ?2",
            anew!()
        );
        c.prepare_cached(sql)?.execute(params![tenant.id, object])?;
    }
    Ok(())
}

pub(super) fn mark_one(c: &Connection, route: i64, home: &[u8]) -> Result<(), StoreError> {
    let sql = concat!("INSERT INTO unsettled (route, home) VALUES (?1, ?2)", anew!());
    c.prepare_cached(sql)?.execute(params![route, home])?;
    Ok(())
}

/// Everyone who reports to `home`, on this route.
pub(super) fn mark_reports(c: &Connection, route: i64, home: &[u8]) -> Result<(), StoreError> {
    let sql = concat!(
        "INSERT INTO unsettled (route, home) SELECT r.id, o.object FROM routes r ",
        "JOIN observations o ON o.tenant = r.home AND o.manager = ?2 WHERE r.id = ?1",
        anew!()
    );
    c.prepare_cached(sql)?.execute(params![route, home])?;
    Ok(())
}

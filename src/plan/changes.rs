//! Which changes does a route's plan hold, and what can be said of all of them without looking at each?
//!
//! A plan may have a million changes. Each is packed as soon as it is known, and counted: guard, totals and digest need no
//! second look. What does not fit into memory lies on a [`Shelf`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::digest::{self, LineHash};
use super::guard::{self, Counted};
use super::pile::{Pile, Place, Shelf, Unkept};
use super::{conflict, writes_in_all};
use crate::model::{Action, ActionKind, Attribute, Attributes, Change, ObjectId, Person, RouteName, Why};

/// A change with what a plan says of it beside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The change.
    pub change: Change,
    /// What it is founded on: see [`Foundation::basis`](super::Foundation::basis).
    pub basis: Option<String>,
    /// To whom it refers who has no account yet: these references follow once the account they lead to stands.
    pub awaited: BTreeSet<ObjectId>,
    /// The addresses that a join by match leans on: see [`leaned_on`](super::leaned_on).
    pub leaned_on: Option<BTreeSet<String>>,
    /// The person's account is still being provisioned: updates are part of that, and not counted by the guard.
    pub is_provisioning: bool,
}

impl From<Change> for Due {
    fn from(change: Change) -> Self {
        Self { change, basis: None, awaited: BTreeSet::new(), leaned_on: None, is_provisioning: false }
    }
}

/// A change as it lies in a pile. Its route is that of the plan.
#[derive(Serialize, Deserialize)]
struct Laid<'a> {
    home: Cow<'a, Person>,
    action: Cow<'a, Action>,
    before: Cow<'a, Attributes>,
    why: Why,
    rules: Cow<'a, str>,
    redacted: Cow<'a, BTreeSet<Attribute>>,
    basis: Option<Cow<'a, str>>,
    awaited: Cow<'a, BTreeSet<ObjectId>>,
    leaned_on: Option<Cow<'a, BTreeSet<String>>>,
    is_provisioning: bool,
}

/// A change, packed, with what is counted of it: made where the change is, and put down where the plan is.
#[derive(Clone, Debug)]
pub struct Packed {
    bytes: Vec<u8>,
    home: ObjectId,
    line: LineHash,
    count: Count,
}

/// What is counted of a change.
#[derive(Clone, Debug)]
struct Count {
    kind: ActionKind,
    writes: u64,
    awaits: bool,
    claim: Option<u64>,
    rules: String,
    guarded: Vec<Counted>,
}

impl Count {
    fn of(due: &Due) -> Self {
        let change = &due.change;
        Self {
            kind: change.action.kind(),
            writes: writes_in_all(change),
            awaits: !due.awaited.is_empty(),
            claim: conflict::claim_hash(change),
            rules: change.rules.clone(),
            guarded: guard::counted(due),
        }
    }
}

/// In front of each change: how long it is.
const HEAD: usize = size_of::<u32>();

impl Due {
    /// For [`Changes::put`].
    ///
    /// # Errors
    /// None that is known: there is no value that cannot be packed.
    pub fn packed(&self) -> Result<Packed, Unkept> {
        let line = digest::line_of(&self.change, self.basis.as_ref());
        let bytes = vec![0; HEAD];
        let Change { route: _, home, action, before, why, rules, redacted } = &self.change;
        let laid = Laid {
            home: Cow::Borrowed(home),
            action: Cow::Borrowed(action),
            before: Cow::Borrowed(before),
            why: *why,
            rules: Cow::Borrowed(rules),
            redacted: Cow::Borrowed(redacted),
            basis: self.basis.as_deref().map(Cow::Borrowed),
            awaited: Cow::Borrowed(&self.awaited),
            leaned_on: self.leaned_on.as_ref().map(Cow::Borrowed),
            is_provisioning: self.is_provisioning,
        };
        let mut bytes = postcard::to_extend(&laid, bytes).map_err(Unkept::garbled)?;
        let length = u32::try_from(bytes.len() - HEAD).map_err(Unkept::garbled)?;
        bytes[..HEAD].copy_from_slice(&length.to_le_bytes());
        Ok(Packed { bytes, home: home.id.clone(), line, count: Count::of(self) })
    }

    fn unpacked(route: &RouteName, bytes: &[u8]) -> Result<Self, Unkept> {
        let laid: Laid<'_> = postcard::from_bytes(bytes).map_err(Unkept::garbled)?;
        let change = Change {
            route: route.clone(),
            home: laid.home.into_owned(),
            action: laid.action.into_owned(),
            before: laid.before.into_owned(),
            why: laid.why,
            rules: laid.rules.into_owned(),
            redacted: laid.redacted.into_owned(),
        };
        Ok(Self {
            change,
            basis: laid.basis.map(Cow::into_owned),
            awaited: laid.awaited.into_owned(),
            leaned_on: laid.leaned_on.map(Cow::into_owned),
            is_provisioning: laid.is_provisioning,
        })
    }
}

/// The changes of one route, in the order in which they were put down. All of one person lie together.
#[derive(Clone, Debug)]
pub struct Changes {
    route: RouteName,
    shelf: Option<Rc<dyn Shelf>>,
    dues: Pile,
    lines: Pile,
    claims: Pile,
    kinds: BTreeMap<ActionKind, u64>,
    writes: u64,
    awaiting: u64,
    guarded: BTreeMap<(String, Counted), u64>,
    /// People of whom anything is counted that may need signatures.
    signed: u64,
    /// Whose change came last, and as what they were counted: a person with several changes is counted once.
    last: Option<(ObjectId, BTreeSet<(String, Counted)>)>,
}

impl Changes {
    /// None yet. Without a shelf all of them are held in memory.
    pub fn new(route: RouteName, shelf: Option<Rc<dyn Shelf>>) -> Self {
        let pile = || Pile::on(shelf.clone());
        Self {
            route,
            dues: pile(),
            lines: pile(),
            claims: pile(),
            shelf,
            kinds: BTreeMap::new(),
            writes: 0,
            awaiting: 0,
            guarded: BTreeMap::new(),
            signed: 0,
            last: None,
        }
    }

    /// These, in memory.
    ///
    /// # Errors
    /// As [`Due::packed`].
    pub fn of<D: Into<Due>>(route: RouteName, dues: impl IntoIterator<Item = D>) -> Result<Self, Unkept> {
        let mut changes = Self::new(route, None);
        dues.into_iter().try_for_each(|due| changes.push(&due.into()))?;
        Ok(changes)
    }

    /// Puts down one more.
    ///
    /// # Errors
    /// Those of the shelf.
    pub fn put(&mut self, packed: &Packed) -> Result<(), Unkept> {
        self.dues.put(&packed.bytes)?;
        self.lines.put(&packed.line)?;
        let Count { kind, writes, awaits, claim, rules, guarded } = &packed.count;
        if let Some(claim) = claim {
            self.claims.put(&claim.to_le_bytes())?;
        }
        *self.kinds.entry(*kind).or_default() += 1;
        self.writes += writes;
        self.awaiting += u64::from(*awaits);
        let same = self.last.as_ref().is_some_and(|(home, _)| *home == packed.home);
        let (_, known) = match &mut self.last {
            Some(last) if same => last,
            last => last.insert((packed.home.clone(), BTreeSet::new())),
        };
        let is_signed = |known: &BTreeSet<(String, Counted)>| known.iter().any(|(_, what)| guard::is_signed(what));
        let was_signed = is_signed(known);
        for what in guarded {
            let what = (rules.clone(), what.clone());
            if known.insert(what.clone()) {
                *self.guarded.entry(what).or_default() += 1;
            }
        }
        self.signed += u64::from(!was_signed && is_signed(known));
        Ok(())
    }

    /// Puts down one more.
    ///
    /// # Errors
    /// As [`Changes::put`].
    pub fn push(&mut self, due: &Due) -> Result<(), Unkept> {
        self.put(&due.packed()?)
    }

    /// On which route.
    pub fn route(&self) -> &RouteName {
        &self.route
    }
    /// Takes all of them out.
    #[must_use]
    pub fn taken(&mut self) -> Self {
        let none = Self::new(self.route.clone(), None);
        std::mem::replace(self, none)
    }
    /// How many there are.
    pub fn len(&self) -> u64 {
        self.kinds.values().sum()
    }
    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }
    /// How many of one kind.
    pub fn count(&self, kind: ActionKind) -> u64 {
        self.kinds.get(&kind).copied().unwrap_or_default()
    }
    /// Object writes that they take.
    pub fn writes(&self) -> u64 {
        self.writes
    }
    /// People by what the guard counts them as: see [`guarded`](super::guarded).
    pub(super) fn guarded(&self) -> &BTreeMap<(String, Counted), u64> {
        &self.guarded
    }
    /// People of whom anything is counted that may need signatures.
    pub(super) fn signed(&self) -> u64 {
        self.signed
    }
    /// Somebody refers to one who has no account yet.
    pub(super) fn awaits(&self) -> bool {
        self.awaiting > 0
    }

    /// Each, with where it lies.
    pub fn places(&self) -> impl Iterator<Item = Result<(Place, Due), Unkept>> + '_ {
        self.dues.blocks().flat_map(|block| InBlock { route: &self.route, block: Some(block), offset: 0 })
    }
    /// Each.
    pub fn dues(&self) -> impl Iterator<Item = Result<Due, Unkept>> + '_ {
        self.places().map(|one| one.map(|(_, due)| due))
    }
    /// Each change, all of them at once: where there are few.
    ///
    /// # Errors
    /// Those of the shelf.
    pub fn all(&self) -> Result<Vec<Change>, Unkept> {
        self.dues().map(|due| Ok(due?.change)).collect()
    }
    /// The one that lies there.
    ///
    /// # Errors
    /// Those of the shelf.
    pub fn at(&self, place: Place) -> Result<Due, Unkept> {
        let bytes = self.dues.behind(place)?;
        let (laid, _) = split(bytes.as_ref())?;
        Due::unpacked(&self.route, laid)
    }

    /// Takes out those of which `stays` says no.
    ///
    /// # Errors
    /// Those of the shelf: nothing was taken out then.
    pub fn retain(&mut self, mut stays: impl FnMut(&Due) -> bool) -> Result<(), Unkept> {
        // The rest is put down once more as soon as somebody goes: mostly nobody does.
        let mut rest: Option<Self> = None;
        for (before, due) in self.dues().enumerate() {
            let due = due?;
            match (stays(&due), &mut rest) {
                (true, Some(rest)) => rest.push(&due)?,
                (false, none @ None) => {
                    let rest = none.insert(Self::new(self.route.clone(), self.shelf.clone()));
                    self.dues().take(before).try_for_each(|due| rest.push(&due?))?;
                }
                (true, None) | (false, Some(_)) => {}
            }
        }
        if let Some(rest) = rest {
            *self = rest;
        }
        Ok(())
    }

    /// Hashes of the lines of all, in no order: see [`digest`](super::digest).
    pub(super) fn lines(&self) -> impl Iterator<Item = Result<Vec<LineHash>, Unkept>> + '_ {
        self.lines.blocks().map(|block| Ok(fixed(&block?.1).collect()))
    }
    /// Hashes of what they claim, in no order.
    pub(super) fn claims(&self) -> impl Iterator<Item = Result<Vec<u64>, Unkept>> + '_ {
        self.claims.blocks().map(|block| Ok(fixed(&block?.1).map(u64::from_le_bytes).collect()))
    }
    /// Somebody claims something.
    pub(super) fn claim_anything(&self) -> bool {
        !self.claims.is_empty()
    }
}

fn fixed<const N: usize>(block: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    block.chunks_exact(N).filter_map(|bytes| bytes.try_into().ok())
}

/// The first change of these bytes, without its head, and how long it is with that.
fn split(bytes: &[u8]) -> Result<(&[u8], usize), Unkept> {
    let head = bytes.first_chunk().map(|length| u32::from_le_bytes(*length) as usize);
    let laid = head.and_then(|length| bytes.get(HEAD..HEAD + length));
    laid.map(|laid| (laid, HEAD + laid.len())).ok_or_else(|| Unkept::garbled("a change was cut short"))
}

/// A block with its number.
type Numbered = Result<(u32, Rc<[u8]>), Unkept>;

/// The changes of one block.
struct InBlock<'c> {
    route: &'c RouteName,
    block: Option<Numbered>,
    offset: usize,
}

impl Iterator for InBlock<'_> {
    type Item = Result<(Place, Due), Unkept>;

    fn next(&mut self) -> Option<Self::Item> {
        let (number, bytes) = match self.block.take()? {
            Ok(block) => block,
            Err(error) => return Some(Err(error)),
        };
        let rest = bytes.get(self.offset..).filter(|rest| !rest.is_empty())?;
        let place = Place::new(number, self.offset);
        let next = split(rest).and_then(|(laid, length)| Ok((Due::unpacked(self.route, laid)?, length)));
        Some(next.map(|(due, length)| {
            self.offset += length;
            self.block = Some(Ok((number, bytes)));
            (place, due)
        }))
    }
}

//! When will all that waits have left, if every window gives what it can and answers come at once?

#[cfg(test)]
mod tests;

use super::{Ledger, Meter, Permit, Urgency};
use crate::model::Timestamp;

/// Moments that are gone through before the rest is told by the rule of three. At each one some window gives something
/// free again, and no two are closer than a bucket: this many are seven hours at the least, in a fraction of a second.
const MOMENTS_MAX: u32 = 100_000;

/// What waits in one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// May it use a window to its last write?
    pub urgency: Urgency,
    /// Object writes.
    pub writes: u64,
    /// So many of them are invitations, each followed by its share of the others.
    pub invitations: u64,
}

/// One target: its windows as they are filled now, and its lanes in their order.
#[derive(Clone, Debug)]
pub struct Target {
    /// Windows of its object writes.
    pub writes: Meter,
    /// Windows of its invitations.
    pub invitations: Meter,
    /// What the app has spent in it, in order of time: whoever has had less of the app's window comes first.
    pub spent: Vec<(Timestamp, u32)>,
    /// Nothing is written into it before.
    pub from: Timestamp,
    /// What waits.
    pub lanes: Vec<Load>,
}

/// When the last write of each lane leaves: for each of the targets that share the windows of `app`, in their order.
/// A lane in which nothing waits is done when its turn comes.
///
/// Nothing is asked write by write: between two moments at which a window gives something free, all that may leave does.
/// It is what the meters would grant; networks only make it later.
pub fn forecast(now: Timestamp, app: Meter, targets: Vec<Target>) -> Vec<Vec<Timestamp>> {
    gone_through(now, app, targets, |_, _, _| {})
}

/// The same, and tells of each target when so many of its writes leave.
fn gone_through(
    now: Timestamp,
    mut app: Meter,
    targets: Vec<Target>,
    mut tell: impl FnMut(usize, Timestamp, u32),
) -> Vec<Vec<Timestamp>> {
    let mut courses: Vec<Course> = targets.into_iter().map(|target| Course::new(now, target, &app)).collect();
    for _ in 0..MOMENTS_MAX {
        let Some(at) = courses.iter().filter(|c| c.waits().is_some()).map(|c| c.next).min() else { break };
        moment(at, &mut app, &mut courses, &mut tell);
    }
    let open = courses.iter().filter(|c| c.waits().is_some()).count() as u64;
    courses.iter_mut().for_each(|course| course.rule_of_three(&app, open));
    courses.into_iter().map(|course| course.done).collect()
}

/// One target on its way.
struct Course {
    target: Target,
    /// Its part of the app's window.
    share: Option<Ledger>,
    /// It is of no use to look before.
    next: Timestamp,
    /// Writes of the lane in front that have left.
    written: u64,
    /// When each of the lanes before it was done.
    done: Vec<Timestamp>,
}

impl Course {
    fn new(now: Timestamp, mut target: Target, app: &Meter) -> Self {
        let share = app.ledgers.first().map(|ledger| {
            let mut share = Ledger { window: ledger.window, spent: std::collections::VecDeque::new(), used: 0 };
            target.spent.iter().for_each(|(bucket, writes)| share.spend(*bucket, *writes));
            share
        });
        target.lanes.iter_mut().for_each(|load| load.invitations = load.invitations.min(load.writes));
        let next = now.max(target.from);
        let mut course = Self { target, share, next, written: 0, done: Vec::new() };
        course.pass_what_is_done(next);
        course
    }

    /// The lane in front.
    fn waits(&self) -> Option<Load> {
        self.target.lanes.get(self.done.len()).copied()
    }

    fn pass_what_is_done(&mut self, at: Timestamp) {
        while self.waits().is_some_and(|load| self.written >= load.writes) {
            self.done.push(at);
            self.written = 0;
        }
    }

    fn used(&mut self, at: Timestamp) -> u64 {
        self.share.as_mut().map_or(0, |share| {
            share.forget(at);
            u64::from(share.used)
        })
    }

    /// How many writes its own windows let go at this instant; where none, when it is worth looking again.
    fn may(&mut self, load: Load, at: Timestamp) -> Result<u32, Timestamp> {
        let mut most = u64::from(self.target.writes.room(at, load.urgency)).min(load.writes - self.written);
        let invited = load.invited(self.written);
        if load.invitations > 0 {
            let room = u64::from(self.target.invitations.room(at, load.urgency));
            most = most.min(load.reach(invited + room).saturating_sub(self.written));
        }
        if let Some(most) = u32::try_from(most).ok().filter(|most| *most > 0) {
            return Ok(most);
        }
        let mut looks = vec![self.target.writes.look(at, load.urgency)];
        if load.invited(self.written + 1) > invited {
            looks.push(self.target.invitations.look(at, load.urgency));
        }
        Err(looks.into_iter().map(|permit| until(permit, at)).max().unwrap_or(at))
    }

    /// So many writes leave, and are answered at once.
    fn leave(&mut self, load: Load, at: Timestamp, writes: u32) {
        let invited = load.invited(self.written);
        self.written += u64::from(writes);
        let invitations = u32::try_from(load.invited(self.written) - invited).unwrap_or(writes);
        self.target.writes.pass(at, writes);
        self.target.invitations.pass(at, invitations);
        if let Some(share) = &mut self.share {
            share.spend(Meter::bucket(at), writes);
        }
        self.pass_what_is_done(at);
    }

    /// What is left after so many moments takes as long as the slowest of its windows makes it, of the app's window an
    /// equal part.
    fn rule_of_three(&mut self, app: &Meter, open: u64) {
        while let Some(load) = self.waits() {
            let rest = load.writes - self.written;
            let invitations = load.invitations - load.invited(self.written);
            let own = self.target.writes.takes_millis(rest, load.urgency);
            let own = own.max(self.target.invitations.takes_millis(invitations, load.urgency));
            let all = app.takes_millis(rest.saturating_mul(open), load.urgency);
            self.next = self.next.plus_millis(own.max(all));
            self.done.push(self.next);
            self.written = 0;
        }
    }
}

impl Load {
    /// Invitations among the first so many writes: spread evenly, the first write is one.
    fn invited(&self, written: u64) -> u64 {
        let (written, all) = (u128::from(written), u128::from(self.writes.max(1)));
        u64::try_from((written * u128::from(self.invitations)).div_ceil(all)).unwrap_or(u64::MAX)
    }
    /// The most writes that hold no more than so many invitations.
    fn reach(&self, invited: u64) -> u64 {
        let reach = u128::from(invited) * u128::from(self.writes) / u128::from(self.invitations.max(1));
        u64::try_from(reach).unwrap_or(u64::MAX)
    }
}

/// Everything that happens at one instant: who may write does, leavers first, and what the app's window does not give to
/// all is shared so that nobody gets ahead.
fn moment(at: Timestamp, app: &mut Meter, courses: &mut [Course], tell: &mut impl FnMut(usize, Timestamp, u32)) {
    loop {
        let mut wishes: Vec<(usize, Load, u32)> = Vec::new();
        for (place, course) in courses.iter_mut().enumerate().filter(|(_, course)| course.next <= at) {
            let Some(load) = course.waits() else { continue };
            match course.may(load, at) {
                Ok(most) => wishes.push((place, load, most)),
                Err(until) => course.next = until,
            }
        }
        if wishes.is_empty() {
            return;
        }
        for urgency in [Urgency::Urgent, Urgency::Ordinary] {
            let of_it = wishes.iter().filter(|(_, load, _)| load.urgency == urgency);
            let equals: Vec<(usize, Load, u32)> = of_it.copied().collect();
            let claims: Vec<(u64, u32)> =
                equals.iter().map(|(place, _, most)| (courses[*place].used(at), *most)).collect();
            let given = shared(app.room(at, urgency), &claims);
            for ((place, load, most), writes) in equals.into_iter().zip(given) {
                if writes > 0 {
                    app.pass(at, writes);
                    courses[place].leave(load, at, writes);
                    tell(place, at, writes);
                }
                if writes < most {
                    courses[place].next = until(app.look(at, urgency), at);
                }
            }
        }
    }
}

/// Gives `room` to those who have used so much and want so much more: whoever has used the least comes first, until it
/// has caught up with the next.
fn shared(room: u32, claims: &[(u64, u32)]) -> Vec<u32> {
    let wanted: u64 = claims.iter().map(|(_, more)| u64::from(*more)).sum();
    if wanted <= u64::from(room) {
        return claims.iter().map(|(_, more)| *more).collect();
    }
    let up_to = |level: u64, (used, more): &(u64, u32)| level.saturating_sub(*used).min(u64::from(*more));
    let given = |level: u64| claims.iter().map(|claim| up_to(level, claim)).sum::<u64>();
    // The highest level that all can reach together.
    let (mut low, mut high) = (0, claims.iter().map(|(used, more)| used + u64::from(*more)).max().unwrap_or(0));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if given(middle) <= u64::from(room) { low = middle } else { high = middle - 1 }
    }
    // What is left is less than one for each that would go on.
    let mut left = u64::from(room) - given(low);
    let mut give = |claim: &(u64, u32)| {
        let more = u64::from(left > 0 && up_to(low + 1, claim) > up_to(low, claim));
        left -= more;
        u32::try_from(up_to(low, claim) + more).unwrap_or(claim.1)
    };
    claims.iter().map(&mut give).collect()
}

/// Always later than now.
fn until(permit: Permit, at: Timestamp) -> Timestamp {
    let soonest = at.plus_millis(1);
    match permit {
        Permit::WaitUntil(until) => until.max(soonest),
        Permit::Granted | Permit::WaitForAnswer => soonest,
    }
}

impl Meter {
    /// How many writes may leave at this instant, one right after the other.
    fn room(&mut self, now: Timestamp, urgency: Urgency) -> u32 {
        let in_flight = self.in_flight;
        let room = |ledger: &mut Ledger| {
            ledger.forget(now);
            ledger.most(urgency, None).saturating_sub(ledger.used + in_flight)
        };
        self.ledgers.iter_mut().map(room).min().unwrap_or(u32::MAX)
    }

    /// So many writes leave and are answered at this instant.
    fn pass(&mut self, now: Timestamp, writes: u32) {
        if writes > 0 {
            let bucket = Self::bucket(now);
            self.ledgers.iter_mut().for_each(|ledger| ledger.spend(bucket, writes));
        }
    }

    /// How long so many writes take in the long run.
    fn takes_millis(&self, writes: u64, urgency: Urgency) -> u64 {
        let takes = |ledger: &Ledger| {
            let (most, millis) = (ledger.most(urgency, None).max(1), ledger.window.millis);
            u64::try_from(u128::from(writes) * u128::from(millis) / u128::from(most)).unwrap_or(u64::MAX)
        };
        self.ledgers.iter().map(takes).max().unwrap_or(0)
    }
}

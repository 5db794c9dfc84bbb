//! Which history does a seed stand for?

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::act::HOSTILE_FROM;
use crate::operation::{Away, Body, Expiry, Field, Forgery, Guest, History, Lie, Meddle, On, Op, Policy};

/// People of each tenant, at most.
const PEOPLE: u32 = 4;
/// Operations after the first cycle: at least, and how many more at most.
const OPERATIONS: (u32, u32) = (8, 22);

const LIES_OF_BATCHES: [Lie; 6] =
    [Lie::BatchMissing, Lie::BatchExtra, Lie::BatchTwice, Lie::BatchReversed, Lie::BatchText, Lie::BatchThrottled];

struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, n: u32) -> u32 {
        self.0.next_u32() % n.max(1)
    }
    fn byte(&mut self, n: u32) -> u8 {
        u8::try_from(self.below(n.min(256))).unwrap_or(0)
    }
    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(u32::try_from(of.len()).unwrap_or(1)) as usize]
    }
    fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }
}

/// The history of a seed.
pub(crate) fn history(seed: u64) -> History {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
    let tenants = 2 + dice.byte(2);
    let mut operations = Vec::new();
    for t in 0..tenants {
        for p in 0..1 + dice.byte(PEOPLE) {
            operations.push(Op::Add { t, p });
            if dice.chance(20) {
                operations.push(Op::Manage { t, p, q: 0 });
            }
            if dice.chance(20) {
                let of = (t + 1) % tenants;
                operations.push(Op::GuestBefore { of, t, p, kind: dice.one(Guest::ALL) });
            }
        }
    }
    if dice.chance(70) {
        operations.push(engine(&mut dice));
    }
    for _ in 0..OPERATIONS.0 + dice.below(OPERATIONS.1) {
        let next = match dice.below(100) {
            0..27 => engine(&mut dice),
            27..55 => at_home(&mut dice, tenants),
            55..65 => in_target(&mut dice, tenants),
            65..90 => disturbance(&mut dice, tenants),
            _ => around(&mut dice),
        };
        // Only who is missed in a reading is looked at in batches: a home that shows nobody makes several of them.
        if let Op::Lies { t, lie, .. } = next
            && LIES_OF_BATCHES.contains(&lie)
        {
            operations.push(Op::Lies { t, lie: Lie::EmptyHome, skip: 0 });
            operations.push(Op::Lies { t, lie, skip: 0 });
            operations.push(Op::Full {});
            continue;
        }
        operations.push(next);
    }
    operations.push(Op::Cycle {});
    let (hub, one_app, tight) = (dice.chance(25), dice.chance(20), dice.chance(25));
    let rules = if dice.chance(50) { 0 } else { rules(&mut dice) };
    History { seed, tenants, hub, one_app, tight, rules, operations }
}

fn rules(dice: &mut Dice) -> u16 {
    let number = dice.below(2_048);
    // A rule for nobody is rare, or nothing else is ever tried.
    let number = if number % 4 == 3 && dice.chance(70) { number - 3 } else { number };
    u16::try_from(number).unwrap_or(0)
}

fn engine(dice: &mut Dice) -> Op {
    match dice.below(100) {
        0..45 => Op::Cycle {},
        45..65 => Op::Crash { after: u16::try_from(1 + dice.below(60)).unwrap_or(1) },
        65..70 => Op::Full {},
        70..75 => Op::Plan {},
        75..80 => Op::Planned {},
        80..84 => Op::Approve {},
        84..90 => Op::Stop { millis: dice.below(4_000) },
        90..95 => Op::Serve { minutes: u16::try_from(1 + dice.below(20)).unwrap_or(1) },
        _ => Op::ServeKilled { seconds: u16::try_from(dice.below(600)).unwrap_or(1) },
    }
}

fn value(dice: &mut Dice) -> u16 {
    let n = dice.below(6);
    u16::try_from(if dice.chance(12) { u32::from(HOSTILE_FROM) + dice.below(10) } else { n }).unwrap_or(0)
}

fn at_home(dice: &mut Dice, tenants: u8) -> Op {
    let (t, p) = (dice.byte(u32::from(tenants)), dice.byte(PEOPLE));
    match dice.below(100) {
        0..10 => Op::Add { t, p: dice.byte(PEOPLE + 2) },
        10..38 => Op::Edit { t, p, what: dice.one(Field::ALL), value: value(dice) },
        38..45 => Op::Clear { t, p, what: dice.one(&[Field::JobTitle, Field::Department]) },
        45..54 => Op::Leave { t, p },
        54..60 => Op::Return { t, p },
        60..66 => Op::Block { t, p },
        66..70 => Op::Unblock { t, p },
        70..79 => Op::SoftDelete { t, p },
        79..83 => Op::HardDelete { t, p },
        83..89 => Op::Restore { t, p },
        89..94 => Op::Manage { t, p, q: dice.byte(PEOPLE) },
        94..96 => Op::Rename { t, p, n: dice.byte(3) },
        96..98 => Op::SameMail { t, p, q: dice.byte(PEOPLE) },
        _ => Op::Visitor { t, n: dice.byte(3) },
    }
}

fn in_target(dice: &mut Dice, tenants: u8) -> Op {
    let (t, p) = (dice.byte(u32::from(tenants)), dice.byte(PEOPLE));
    let of = (t + 1 + dice.byte(u32::from(tenants) - 1)) % tenants;
    match dice.below(100) {
        0..20 => Op::GuestBefore { of, t, p, kind: dice.one(Guest::ALL) },
        20..50 => Op::Tamper { of, t, p, what: dice.one(Field::ALL), value: value(dice) },
        _ => Op::Admin { of, t, p, does: dice.one(Meddle::ALL) },
    }
}

fn disturbance(dice: &mut Dice, tenants: u8) -> Op {
    let t = dice.byte(u32::from(tenants));
    let (on, times) = (dice.one(On::ALL), 1 + dice.byte(4));
    match dice.below(100) {
        0..12 => Op::Throttle { t, on, times, after: dice.byte(8) },
        12..26 => {
            let status = dice.one(&[400, 401, 403, 404, 409, 500, 502, 503, 504]);
            Op::Refuse { t, on, status, times, body: dice.one(Body::ALL), applied: dice.chance(40) }
        }
        26..36 => Op::Lose { t, on, times, applied: dice.chance(60) },
        36..39 => Op::Hang { t, on, times: 1, applied: dice.chance(50) },
        39..43 => Op::Slow { t, on, times, millis: 100 + dice.below(40_000) },
        43..46 => Op::Down { t, times: 5 + dice.byte(30) },
        46..50 => Op::Cut { t, on, times },
        50..52 => Op::Loop { t },
        52..54 => Op::LeadAway { t, to: dice.one(Away::ALL) },
        54..61 => Op::Expire { t, shape: dice.one(Expiry::ALL) },
        61..63 => Op::VoidTokens {},
        63..76 => Op::Lies { t, lie: dice.one(Lie::ALL), skip: dice.byte(3) },
        76..78 => Op::OtherApp { t, writes: u16::try_from(1_000 + dice.below(20_000)).unwrap_or(1_000) },
        78..80 => Op::Limit { t, writes: u16::from(2 + dice.byte(20)), seconds: u16::from(1 + dice.byte(60)) },
        80..87 => {
            Op::Pages { t, twice: dice.byte(60), replay: dice.byte(8), empty: dice.byte(60), reorder: dice.chance(50) }
        }
        87..92 => Op::Lag { t, seconds: u16::from(dice.byte(180)), reads: dice.chance(30) },
        92..95 => Op::Unseen { t, seconds: u16::from(dice.byte(60)) },
        95..97 => Op::Silent { t, on: dice.chance(60) },
        _ => Op::Invitations { t, policy: dice.one(Policy::ALL) },
    }
}

fn around(dice: &mut Dice) -> Op {
    match dice.below(100) {
        0..25 => Op::Wait { minutes: dice.one(&[1, 5, 20, 60, 1_500, 12_000]) },
        25..40 => Op::Rules { shape: rules(dice) },
        40..45 => Op::Clock { seconds: dice.one(&[-3_600, 3_600, 86_400, -60, 0, -86_400]) },
        45..53 => Op::BadConfig { n: dice.byte(12) },
        53..58 => Op::SecondWriter {},
        58..63 => Op::OtherHost {},
        63..70 => Op::Backup {},
        70..73 => Op::Rollback {},
        73..75 => Op::Forget {},
        75..81 => Op::Damage { n: dice.byte(3) },
        81..90 => Op::Forge { how: dice.one(Forgery::ALL) },
        _ => Op::Calm {},
    }
}

//! Does the meter keep its windows when the clock jumps, writes overlap, and a restart takes over?

use crosstie::model::Timestamp;
use crosstie::quota::{BUCKET_MILLIS, Meter, Permit, Urgency, Window, eta_seconds};
use proptest::prelude::*;

const WINDOWS: [Window; 2] = [Window { writes_max: 4, millis: 1_000 }, Window { writes_max: 7, millis: 5_000 }];

#[derive(Clone, Debug)]
enum Event {
    Pause(u64),
    StepBack(u64),
    Ask,
    Answer,
    Restart,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => (0u64..1_500).prop_map(Event::Pause),
        1 => (0u64..400).prop_map(Event::StepBack),
        6 => Just(Event::Ask),
        4 => Just(Event::Answer),
        1 => Just(Event::Restart),
    ];
    proptest::collection::vec(event, 1..120)
}

proptest! {
    /// Many under way at once, answers in any order: what the tenant could have counted never exceeds a window.
    #[test]
    fn overlapping_writes_never_overrun_a_window(events in events()) {
        let mut meter = Meter::new(&WINDOWS);
        // Our clock may step back; the tenant's time only goes forward.
        let (mut now, mut real) = (Timestamp(1_000_000), 0u64);
        let (mut open, mut counted, mut rows): (u32, Vec<u64>, Vec<(Timestamp, u32)>) = Default::default();
        for event in events {
            match event {
                Event::Pause(millis) => (now, real) = (now.plus_millis(millis), real + millis),
                Event::StepBack(millis) => now = Timestamp(now.0 - millis),
                Event::Ask => match meter.ask(now, Urgency::Urgent) {
                    Permit::Granted => open += 1,
                    Permit::WaitUntil(at) => prop_assert!(at > now),
                    Permit::WaitForAnswer => prop_assert!(open > 0),
                },
                Event::Answer => if open > 0 {
                    open -= 1;
                    meter.answered(now);
                    counted.push(real);
                    rows.push((Meter::bucket(now), 1));
                },
                Event::Restart => if open == 0 {
                    rows.sort_unstable();
                    meter = Meter::new(&WINDOWS);
                    meter.remember(now, rows.iter().copied());
                },
            }
        }
        // The tenant may count a write as late as its answer, and those under way at any time from now on.
        counted.extend((0..open).map(|_| real));
        for window in WINDOWS {
            for start in &counted {
                let inside = counted.iter().filter(|t| **t >= *start && **t < start + window.millis).count();
                prop_assert!(inside <= window.writes_max as usize, "{} in {:?}", inside, window);
            }
        }
        // And it always grants in the end.
        (0..open).for_each(|_| meter.answered(now));
        prop_assert_eq!(meter.ask(now.plus_seconds(600), Urgency::Urgent), Permit::Granted);
    }

    #[test]
    fn a_bucket_is_later_than_its_writes_by_at_most_its_width(at in 0u64..10_000_000) {
        let bucket = Meter::bucket(Timestamp(at));
        prop_assert!(bucket.0 > at && bucket.0 - at <= BUCKET_MILLIS && bucket.0.is_multiple_of(BUCKET_MILLIS));
    }

    #[test]
    fn the_eta_never_shrinks_with_more_writes(writes in 0u64..200) {
        prop_assert!(eta_seconds(&WINDOWS, writes) <= eta_seconds(&WINDOWS, writes + 1));
    }
}

#[test]
fn what_is_left_counts_what_is_under_way_and_what_was_spent() {
    let mut meter = Meter::new(&WINDOWS);
    let left = |meter: &mut Meter, at: u64| meter.left(Timestamp(at)).iter().map(|(_, n)| *n).collect::<Vec<_>>();
    assert_eq!(left(&mut meter, 10_000), [4, 7]);
    assert_eq!(meter.ask(Timestamp(10_000), Urgency::Urgent), Permit::Granted);
    assert_eq!(left(&mut meter, 10_000), [3, 6]);
    meter.answered(Timestamp(10_000));
    // Spent under the bucket that ends at 10,250: out of the first window at 11,250, of the second at 15,250.
    assert_eq!(left(&mut meter, 11_249), [3, 6]);
    assert_eq!(left(&mut meter, 11_250), [4, 6]);
    assert_eq!(left(&mut meter, 15_249), [4, 6]);
    assert_eq!(left(&mut meter, 15_250), [4, 7]);
}

#[test]
fn looking_takes_no_permit() {
    let mut meter = Meter::new(&[Window { writes_max: 1, millis: 1_000 }]);
    for _ in 0..3 {
        assert_eq!(meter.look(Timestamp(1), Urgency::Urgent), Permit::Granted);
    }
    assert_eq!(meter.ask(Timestamp(1), Urgency::Urgent), Permit::Granted);
    assert_eq!(meter.look(Timestamp(1), Urgency::Urgent), Permit::WaitForAnswer);
    meter.answered(Timestamp(1));
    assert_eq!(meter.ask(Timestamp(2), Urgency::Urgent), Permit::WaitUntil(Timestamp(1_250)));
}

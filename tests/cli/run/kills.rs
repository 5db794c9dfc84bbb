//! Is a schedule that was killed in the middle of its lanes gone on with at once, exactly where it stood?

use super::*;

#[test]
fn killed_in_mid_lane_it_goes_on_at_once_and_doubles_nothing() {
    let (place, sim) = school(90, SELDOM);
    let narrow = limits(&sim, 25, 3);
    configure(&place, &sim, SELDOM, &narrow);
    let before = sim.everybody();
    for round in 0..4 {
        let since = sim.ledger().len();
        let run = place.start(&["run"]);
        eventually("writes", || sim.ledger().len() >= since + 15 + 7 * round);
        let said = run.said();
        run.kill();
        assert_eq!(said.contains("its process was killed; going on at once"), round > 0, "{said}");
        assert_eq!(said.contains("its process died"), round > 0, "{said}");
    }
    let run = place.start(&["run"]);
    until_ended(&run, 1);
    stop(&place, run);
    assert_eq!(unanswered(&place), 0);
    place.run(&["plan"]).code(0);
    assert_mesh(&sim, &before);
    assert_log_matches(&place, &sim, false);
    no_window_was_over(&sim);
    // In order this time: nothing to pick up.
    let run = place.start(&["-vv", "run"]);
    until_said(&run, "waiting for the next cycle");
    let done = stop(&place, run);
    assert!(!done.err.contains("killed") && !done.err.contains("a cycle begins"), "{}", done.err);
}

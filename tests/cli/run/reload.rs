//! Is a new configuration taken over where it is sound, and is the old one kept where it is not?

use super::*;

fn reload(run: &Running) {
    run.signal("HUP");
}

/// The order to reload is refused with one line of the log that says why, and everything goes on as before.
#[track_caller]
fn refused(sim: &Sim, run: &Running, why: &[&str], title: &str) {
    let before = lines_with(run, "stays in force");
    reload(run);
    eventually("the refusal", || lines_with(run, "stays in force") > before);
    let said = run.said();
    let line = said.lines().rfind(|line| line.contains("stays in force")).unwrap();
    assert!(line.contains("ERROR"), "{line}");
    for part in why {
        assert!(line.contains(part), "no `{part}` in {line}");
    }
    assert_eq!(lines_with(run, "stays in force"), before + 1);
    assert!(said.lines().all(|line| line.starts_with("20")), "not only lines of the log:\n{said}");
    let mover = promote(sim, "north", title);
    eventually("the promotion", || has_title(sim, "south", &mover, title));
}

#[test]
fn new_rules_are_in_force_at_once_also_for_those_who_wait() {
    let (place, sim) = school(90, SELDOM);
    let narrow = limits(&sim, 12, 600);
    configure(&place, &sim, SELDOM, &narrow);
    let run = place.start(&["run"]);
    eventually("full windows", || sim.ledger().len() >= 36);
    let wide = limits(&sim, 3_000, 150);
    configure(&place, &sim, SELDOM, &wide);
    place.edit_rules("\"[companyName]\"", "{ constant = \"The School\" }");
    reload(&run);
    until_said(&run, "the new configuration is in force");
    // No tick comes: the cycle that was cut short goes on, under new rules and new limits.
    until_ended(&run, 2);
    stop(&place, run);
    place.run(&["plan"]).code(0);
    let accounts = sim.users("south").into_iter().filter(|u| u["companyName"] == "The School").count();
    assert_eq!(accounts, sim.staff("north").len() + sim.staff("west").len());
    assert_log_matches(&place, &sim, false);
}

#[test]
fn a_new_schedule_is_in_force_at_once() {
    let (place, sim) = school(30, SELDOM);
    let run = place.start(&["run"]);
    until_ended(&run, 1);
    let mover = promote(&sim, "north", "Dean");
    configure(&place, &sim, OFTEN, "");
    reload(&run);
    eventually("the promotion", || has_title(&sim, "south", &mover, "Dean"));
    stop(&place, run);
}

#[test]
fn routes_come_and_go_and_come_back() {
    let (place, sim) = school(30, OFTEN);
    let all = std::fs::read_to_string(place.path("crosstie.toml")).unwrap();
    let without_west = all.replace("[\"north\", \"south\", \"west\"]", "[\"north\", \"south\"]");
    let in_force = |run: &Running, times| eventually("in force", || lines_with(run, "is in force") >= times);
    place.write("crosstie.toml", &without_west);
    let run = place.start(&["run"]);
    until_ended(&run, 1);
    let mover = text(&sim.staff("north")[3], "mail").to_owned();
    place.write("crosstie.toml", &all);
    reload(&run);
    in_force(&run, 1);
    eventually("accounts in west", || !sim.accounts("west", &mover).is_empty());
    let ended = lines_with(&run, "the cycle has ended");
    until_ended(&run, ended + 2);
    place.write("crosstie.toml", &without_west);
    reload(&run);
    in_force(&run, 2);
    promote(&sim, "north", "Dean");
    eventually("the promotion", || has_title(&sim, "south", &mover, "Dean"));
    assert!(!has_title(&sim, "west", &mover, "Dean"));
    place.write("crosstie.toml", &all);
    reload(&run);
    in_force(&run, 3);
    // Nobody was looking when it changed; whoever comes back is considered anew.
    eventually("the promotion in west", || has_title(&sim, "west", &mover, "Dean"));
    stop(&place, run);
    place.settle();
}

#[test]
fn what_is_not_sound_is_refused_and_everything_goes_on() {
    let (place, sim) = school(30, OFTEN);
    let run = place.start(&["run"]);
    until_ended(&run, 1);
    let config = std::fs::read_to_string(place.path("crosstie.toml")).unwrap();
    let rules = std::fs::read_to_string(place.path("sync-rules/staff.toml")).unwrap();

    place.edit_rules("\"[jobTitle]\"", "\"[jobTitle\"");
    refused(&sim, &run, &["staff.toml:"], "Title 1");
    place.write("sync-rules/staff.toml", &rules);

    place.write("crosstie.toml", &config.replace("state/crosstie.db", "state/other.db"));
    refused(&sim, &run, &["state/other.db", "store", "restart"], "Title 2");
    assert!(!place.path("state/other.db").exists());

    place.write("crosstie.toml", &config);
    std::fs::remove_file(place.path("secrets/west")).unwrap();
    refused(&sim, &run, &["tenant west", "secrets/west"], "Title 3");
    place.secret("west", "west-secret\n");

    // A name may not move to another directory while there is a store.
    let moved = config.replace("6f1c0d3e-0000-4000-8000-000000000003", "6f1c0d3e-0000-4000-8000-00000000000f");
    place.write("crosstie.toml", &moved);
    refused(&sim, &run, &["west", "was directory"], "Title 4");

    place.write("crosstie.toml", "[store\n");
    refused(&sim, &run, &["crosstie.toml:1"], "Title 5");
    std::fs::remove_file(place.path("crosstie.toml")).unwrap();
    refused_without_config(&place, &sim, &run);
    place.write("crosstie.toml", &config);
    reload(&run);
    until_said(&run, "the new configuration is in force");
    stop(&place, run);
    place.settle();
    assert_log_matches(&place, &sim, false);
}

fn refused_without_config(place: &Place, sim: &Sim, run: &Running) {
    let before = lines_with(run, "stays in force");
    reload(run);
    eventually("the refusal", || lines_with(run, "stays in force") > before);
    let mover = promote(sim, "north", "Title 6");
    eventually("the promotion", || has_title(sim, "south", &mover, "Title 6"));
    assert!(!place.path("crosstie.toml").exists());
}

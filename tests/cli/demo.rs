//! Does the story run anywhere, twice, and leave something to play with?

use std::path::Path;

use super::support::{Running, Sim, crosstie};

fn told(folder: &Path) -> String {
    let mut command = crosstie();
    command.arg("demo").arg("--dir").arg(folder);
    Running::start(command).end().code(0).out
}

#[test]
fn the_demo_tells_its_story_twice_and_its_folder_works_on() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("story");
    told(&folder);
    let story = told(&folder);
    for part in ["First sync", "a joiner, a mover, a leaver", "an outage", "an auditor asks", "the change log is whole"]
    {
        assert!(story.contains(part), "no `{part}` in\n{story}");
    }
    for line in ["(exit code 0)", "(exit code 2)", "(exit code 4)"] {
        assert!(story.contains(line), "no `{line}`");
    }
    let run = |arguments: &[&str]| {
        let mut command = crosstie();
        command.arg("--config").arg(folder.join("crosstie.toml")).args(arguments);
        Running::start(command).end()
    };
    run(&["check"]).code(0);
    run(&["status"]).code(0);
    run(&["log", "verify"]).code(0);
    run(&["plan", "--offline"]).code(0);

    // As the farewell says.
    let text = std::fs::read_to_string(folder.join("crosstie.toml")).unwrap();
    let root = text.lines().find_map(|l| l.strip_prefix("graph = ")).unwrap().trim_matches('"');
    let address = root.trim_start_matches("http://");
    assert!(story.contains(&format!("--listen {address}")), "{story}");
    let sim = Sim::start_at(address, &folder.join("tenants"), &[]);
    run(&["plan"]).code(0);
    let joiner = super::support::teacher("west", "late.joiner");
    sim.add("west", &joiner);
    run(&["sync"]).code(0);
    sim.account("north", "late.joiner@west.fine-arts.example");
    run(&["log", "verify"]).code(0);
}

#[test]
fn the_demo_takes_no_folder_that_is_somebody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let thesis = folder.path().join("thesis.txt");
    std::fs::write(&thesis, "ten years of work").unwrap();
    let mut command = crosstie();
    command.arg("demo").arg("--dir").arg(folder.path());
    Running::start(command).end().code(1).says("was not made by the demo");
    assert_eq!(std::fs::read_to_string(thesis).unwrap(), "ten years of work");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

//! Whose values does `eval` see, at what time, and does it tell how it went?

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::support::{Done, Place};

/// `eval` in an empty folder, with something piped in.
fn eval(arguments: &[&str], piped: &str) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("crosstie"))
        .arg("eval")
        .args(arguments)
        .current_dir(folder.path())
        .env_remove("CROSSTIE_CONFIG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(piped.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn the_time_is_the_one_that_is_named() {
    let done = eval(&["DateDiff(\"d\", Now(), CDate(\"2026-12-01\"))", "--now", "2026-11-27"], "").code(0);
    assert_eq!(done.out, "4\n");
    let done = eval(&["Now()", "--now", "2021-07-02T15:33:38Z"], "").code(0);
    assert_eq!(done.out, "\"7/2/2021 3:33:38 PM\"\n");
    eval(&["Now()", "--now", "yesterday"], "").code(64).says("write it like 2026-11-27T09:00:00Z");
}

#[test]
fn a_trace_tells_each_part_on_stderr_and_leaves_stdout_alone() {
    let done =
        eval(&["IIF([a] = \"x\", Left([b], [n]), \"no\")", "--trace", "--user", "-"], r#"{"a":"x","b":"word","n":2}"#)
            .code(0);
    assert_eq!(done.out, "\"wo\"\n");
    for line in
        ["[a] is \"x\"", "[b] is \"word\"", "  ([a] = \"x\") gave true", "  Left([b], [n]) gave \"wo\"", "gave \"wo\""]
    {
        assert!(done.err.contains(line), "no `{line}` in\n{}", done.err);
    }
    assert!(!done.err.contains("\"no\" gave"), "a branch that was not taken");
    let failed = eval(&["Append(Left([b], [n]), \"x\")", "--trace"], r#"{"b":"word","n":"two"}"#).code(1);
    assert!(failed.out.is_empty());
    failed.says("Left([b], [n]) gave failed: Left: `two` is no whole number").says("EXPR:1:18");
}

#[test]
fn dialects_are_told_apart() {
    assert_eq!(eval(&["\"a\" & \"b\"", "--dialect", "connect"], "").code(0).out, "\"ab\"\n");
    eval(&["\"a\" & \"b\""], "").code(64).says("Append(a, b)");
    assert_eq!(eval(&["UpperCase(\"a\")", "--dialect", "mim"], "").code(0).out, "\"A\"\n");
    eval(&["UpperCase(\"a\")"], "").code(64).says("did you mean `ToUpper`?");
    eval(&["\"a\"", "--dialect", "vba"], "").code(64).says("provisioning, connect and mim");
    eval(&["SingleAppRoleAssignment([appRoleAssignments])"], "{}").code(64).says("is not supported, because");
}

#[test]
fn names_that_nobody_has_are_told() {
    let done = eval(&["Coalesce([jobTitel], [telephoneNumber], \"none\")"], "{}").code(0);
    assert_eq!(done.out, "\"none\"\n");
    done.says("no user property `jobTitel` is known\nhint: did you mean `jobTitle`?")
        .says("Graph calls it `businessPhones`");
    assert_eq!(eval(&["[jobTitel]"], r#"{"jobTitel":"x"}"#).code(0).err, "");
    eval(&["ignoreAttributeFlow"], "{}").code(64).says("did you mean `IgnoreAttributeFlow`?");
    eval(&["Joinn"], "{}").code(64).says("did you mean `Join(…)`?");
    eval(&["[a] eq \"b\""], "{}").code(64).says("comparisons are = <> > >= < <=");
    eval(&["[a] = 1 && [b] = 2"], "{}").code(64).says("conditions are combined with And(a, b)");
}

#[test]
fn chance_is_the_persons_own() {
    let drawn = |id: &str| eval(&["Guid()", "--user", "-"], &format!("{{\"id\":\"{id}\"}}")).code(0).out;
    assert_eq!(drawn("one"), drawn("one"));
    assert_ne!(drawn("one"), drawn("two"));
}

#[test]
fn somebody_whom_the_store_remembers_is_found_and_nothing_is_written() {
    let (place, sim) = Place::school(60);
    let nobody = place.run(&["eval", "[displayName]", "--user", "ada@north.fine-arts.example"]).code(1);
    nobody.says("nobody is remembered as \"ada@north.fine-arts.example\" in north, south, west").says("hint:");
    place.run(&["sync"]).code(0);
    let (before, seq) = (place.state(), sim.seq());
    let everybody = sim.everybody();
    let person =
        everybody["north"].iter().find(|u| u["userType"] == "Member" && u["mail"].is_string()).unwrap().clone();
    let name = person["userPrincipalName"].as_str().unwrap();
    let shown = |arguments: &[&str]| place.run(&[&["eval", "[displayName]", "--user"], arguments].concat());
    let wanted = format!("{}\n", person["displayName"]);
    assert_eq!(shown(&[&name.to_uppercase()]).code(0).out, wanted);
    assert_eq!(shown(&[person["id"].as_str().unwrap()]).code(0).out, wanted);
    assert_eq!(shown(&[name, "--tenant", "north"]).code(0).out, wanted);
    place
        .run(&["eval", "[mobilePhone]", "--user", name])
        .code(1)
        .says("north was never asked for mobilePhone")
        .says("hint:");
    place.run(&["eval", "[displayName]", "--user", ""]).code(64);
    for verb in ["plan", "explain"] {
        let asked = if verb == "explain" { vec![verb, ""] } else { vec![verb, "--user", ""] };
        place.run(&asked).code(64);
    }
    shown(&[name, "--tenant", "west"]).code(1).says("nobody is remembered");
    shown(&[name, "--tenant", "wst"]).code(64).says("hint: there are north, south, west");
    assert!(place.state() == before, "an evaluation left a trace in the store");
    assert_eq!(sim.seq(), seq, "an evaluation wrote");
}

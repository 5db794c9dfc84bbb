//! What do the verbs say where something is not as it should be, and does a secret ever leave its place?

use serde_json::json;

use super::receiver::{SECRET, events, of_type, status, taking};
use super::stories::{waiting, webhooks};
use super::support::{Place, Server, files, status as answering};

#[test]
fn a_test_says_what_each_receiver_answered() {
    let (place, _sim) = Place::school(30);
    place.run(&["notify", "test"]).code(64).says("no webhook is configured").says("hint:");
    let (works, refuses) = (taking(), Server::start(|_| status(403)));
    let gone = {
        let server = taking();
        server.root.clone()
    };
    let path = "/a-path-that-is-as-good-as-a-password";
    let urls = [&works.root, &refuses.root, &gone].map(|root| format!("{root}{path}"));
    webhooks(
        &place,
        &[("works", &urls[0], "events = [\"log-head\"]"), ("refuses", &urls[1], ""), ("gone", &urls[2], "")],
    );
    let done = place.run(&["notify", "test", "--webhook", "works"]).code(0);
    assert_eq!(done.out, format!("works: {} answered 204\n", works.root));
    let done = place.run(&["notify", "test"]).code(1);
    assert_eq!(done.out, format!("works: {} answered 204\n", works.root));
    let done = done.says(&format!("refuses: {}: answered 403", refuses.root)).says(&format!("gone: {gone}: "));
    assert!(!done.err.contains(path), "{}", done.err);
    let told = of_type(&works, "test");
    assert_eq!(told.len(), 2);
    assert_eq!((events(&works).len(), events(&refuses).len()), (2, 1));
    assert_ne!(told[0]["id"], told[1]["id"], "another test is another event");
    place.run(&["notify", "test", "--webhook", "work"]).code(64).says("did you mean `works`?");
    assert!(waiting(&place).is_empty(), "a test is sent now or not at all");
    assert!(!place.db().exists());
}

#[test]
fn without_its_secret_nothing_begins() {
    let (place, sim) = Place::school(30);
    let server = taking();
    webhooks(&place, &[("ops", &server.root, "")]);
    place.run(&["check"]).code(0);
    std::fs::remove_file(place.path("secrets/webhook")).unwrap();
    place.run(&["check"]).code(0).says("no secret for webhook `ops`");
    for verb in [&["sync"] as &[&str], &["plan"], &["notify", "test"]] {
        place.run(verb).code(64).says("webhook ops: cannot read").says("secrets/webhook");
    }
    place.secret("webhook", "whsec_this is no base64");
    place.run(&["sync"]).code(64).says("begins with whsec_, and what follows is no base64");
    assert!(!place.db().exists(), "nothing was read");
    assert!(sim.ledger().is_empty() && server.seen().is_empty());
    place.run(&["notify", "list"]).code(0);
}

#[test]
fn what_waits_for_a_webhook_that_is_gone_is_kept_and_can_be_forgotten() {
    let (place, _sim) = Place::school(30);
    let plain = std::fs::read_to_string(place.path("crosstie.toml")).unwrap();
    let server = Server::start(|_| status(500));
    webhooks(&place, &[("former", &server.root, "")]);
    place.run(&["sync"]).code(0);
    place.write("crosstie.toml", &plain);
    place.run(&["sync"]).code(0);
    let works = taking();
    webhooks(&place, &[("ops", &works.root, "")]);
    let hint = "crosstie notify drop --webhook former";
    place.run(&["sync"]).code(0).says("webhook former is not configured: 1 alert still to be sent").says(hint);
    assert_eq!(server.seen().len(), 1);
    let shown = place.run(&["notify", "list"]).code(0).out;
    assert!(shown.contains("webhook former is not configured: 1 alert still to be sent"), "{shown}");
    assert_eq!(waiting(&place)[0]["configured"], json!(false));
    place.run(&["notify", "drop"]).code(64).says("--webhook");
    assert_eq!(place.run(&["notify", "drop", "--webhook", "other"]).code(0).out, "webhook other: 0 alerts forgotten\n");
    assert_eq!(
        place.run(&["notify", "drop", "--webhook", "former"]).code(0).out,
        "webhook former: 1 alert forgotten\n"
    );
    assert!(waiting(&place).is_empty());
    let done = place.run(&["sync"]).code(0);
    assert!(!done.err.contains("former"), "{}", done.err);
}

#[test]
fn neither_the_secret_nor_the_path_of_a_webhook_is_in_any_output_or_file() {
    const PATH: &str = "canary-path-7c3b";
    let (place, sim) = Place::school(30);
    let (works, refuses) = (taking(), Server::start(|_| status(500)));
    let urls = [&works, &refuses].map(|s| format!("{}/{PATH}?key={PATH}", s.root));
    let gone = format!("http://127.0.0.1:9/{PATH}");
    webhooks(&place, &[("works", &urls[0], ""), ("refuses", &urls[1], ""), ("gone", &gone, "")]);
    let mut outputs = Vec::new();
    let mut run = |arguments: &[&str]| {
        let done = place.run(arguments);
        outputs.push((format!("{arguments:?}"), done.out + &done.err));
        done.code
    };
    for format in ["text", "json"] {
        let verbs: [&[&str]; 7] = [
            &["sync"],
            &["notify", "test"],
            &["notify", "list"],
            &["notify", "list", "--format", "json"],
            &["status", "--format", "json"],
            &["check"],
            &["plan"],
        ];
        for verb in verbs {
            let code = run(&[&["-vvv", "--log-format", format], verb].concat());
            assert_ne!(code, Some(64), "{verb:?}");
        }
        sim.fault("north", &answering(500));
    }
    assert!(works.seen().iter().all(|r| r.path.contains(PATH)), "it is sent where it belongs");
    assert!(works.seen().len() > 3);
    // Under -vvv the transport itself tells of connections, which have an origin and no path.
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, SECRET);
    for (what, told) in &outputs {
        for canary in [SECRET, encoded.as_str(), PATH] {
            assert!(!told.contains(canary), "{canary} in the output of {what}:\n{told}");
        }
    }
    for (path, bytes) in files(&place.path("state")) {
        for canary in [SECRET, encoded.as_str(), PATH] {
            assert!(!bytes.windows(canary.len()).any(|w| w == canary.as_bytes()), "{canary} in {}", path.display());
        }
    }
}

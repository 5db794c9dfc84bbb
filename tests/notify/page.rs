//! Is what the page on alerts says of signatures true?

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crosstie::notify::Key;
use secrecy::SecretSlice;

use super::receiver::{SECRET, sign};
use super::stories::webhooks;
use super::support::{Place, Running, eventually};

const PAGE: &str = include_str!("../../docs/alerts.md");

/// The block behind this mark.
fn block(mark: &str) -> &'static str {
    let start = PAGE.split_once(&format!("```{mark}\n")).unwrap_or_else(|| panic!("no block {mark}")).1;
    start.split_once("```").unwrap().0
}

/// What the example says of this name.
fn example(name: &str) -> &'static str {
    let example = PAGE.split("```text\n").find(|b| b.starts_with("secret ")).unwrap();
    example.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}")).trim()
}

/// Machines without the tool are spared; where it is there, its answer counts.
fn run(folder: &Path, tool: &str, arguments: &[&str], input: &str) -> Option<String> {
    let mut command = Command::new(tool);
    command.args(arguments).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().ok()?;
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{tool} {arguments:?}");
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

#[test]
fn the_example_is_signed_as_we_sign() {
    use base64::Engine as _;
    let secret = example("secret").strip_prefix("whsec_").unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(secret).unwrap();
    let (id, timestamp, body) = (example("webhook-id"), example("webhook-timestamp"), example("body"));
    assert_eq!(sign(&bytes, id, timestamp, body), example("webhook-signature"));
    let ours = Key::new(&SecretSlice::from(bytes)).unwrap().sign(id, timestamp.parse().unwrap(), body.as_bytes());
    assert_eq!(ours, example("webhook-signature"));
}

#[test]
fn the_shell_script_signs_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("sign.sh", block("sh file=sign.sh"));
    file("body", example("body"));
    if run(folder.path(), "openssl", &["version"], "").is_none() {
        return;
    }
    let (id, timestamp) = (example("webhook-id"), example("webhook-timestamp"));
    let signed = |secret: &str| run(folder.path(), "sh", &["sign.sh", secret, id, timestamp, "body"], "").unwrap();
    assert_eq!(signed(example("secret")), example("webhook-signature"));
    assert_eq!(signed(SECRET), sign(SECRET.as_bytes(), id, timestamp, example("body")));
}

#[test]
fn the_receiver_takes_what_is_ours_and_nothing_else() {
    let (place, _sim) = Place::school(30);
    let folder = place.folder.path();
    for (mark, name) in [("python file=verify.py", "verify.py"), ("python file=receiver.py", "receiver.py")] {
        place.write(name, block(mark));
    }
    let check = format!(
        "from verify import verify\nheaders = {{'webhook-id': '{}', 'webhook-timestamp': '{}', 'webhook-signature': 'v1,x {}'}}\n\
         print(verify('{secret}', headers, b'{body}', 10**12), verify('{secret}', headers, b'{body} ', 10**12),\n\
         verify('{secret}', headers, b'{body}'), verify('other', headers, b'{body}', 10**12))\n",
        example("webhook-id"),
        example("webhook-timestamp"),
        example("webhook-signature"),
        secret = example("secret"),
        body = example("body"),
    );
    let Some(said) = run(folder, "python3", &["-"], &check) else { return };
    assert_eq!(said, "True False False False");

    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut receiver = Command::new("python3");
    receiver.args(["receiver.py", &port.to_string()]).current_dir(folder).env("OPERATIONS_WEBHOOK", SECRET);
    let receiver = Running::start(receiver);
    webhooks(&place, &[("ops", &format!("http://127.0.0.1:{port}/"), "")]);
    eventually("the receiver", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    place.run(&["notify", "test"]).code(0);
    place.run(&["sync"]).code(0);
    place.secret("webhook", "another secret, which the receiver does not know");
    place.run(&["notify", "test"]).code(1).says("answered 403");
    // Not INT: that is ignored by whatever a shell has put into the background.
    receiver.signal("TERM");
    let told = receiver.end().out;
    let types: Vec<String> = told
        .lines()
        .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(types, ["io.crosstie.test", "io.crosstie.log.head"]);
}

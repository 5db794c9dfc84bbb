//! Does a secret ever leave the place where the admin put it?

use serde_json::json;

use super::support::{Place, Reply, Request, Server, TENANTS, files};

const CANARY: &str = "canary-9f3a77-secret";

fn bearer(request: &Request) -> Option<String> {
    request.header("authorization").and_then(|a| a.strip_prefix("Bearer ")).map(str::to_owned)
}

/// The real secret of every tenant is the canary; a server in between learns the tokens.
#[test]
fn secrets_tokens_and_redeem_links_are_in_no_output_and_no_file() {
    let (place, sim) = Place::school(30);
    drop(sim);
    for tenant in TENANTS {
        let file = place.tenants().join(tenant).join("tenant.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, text.replace(&format!("{tenant}-secret"), &format!("{CANARY}-{tenant}"))).unwrap();
        place.secret(tenant, &format!("{CANARY}-{tenant}\n"));
    }
    let sim = super::support::Sim::start(&place.tenants(), &[]);
    let root = sim.root.clone();
    let between = Server::start(move |_| Reply::Forward(root.clone()));
    place.configure(&[&between.root; 3]);

    let mut outputs = Vec::new();
    let mut run = |arguments: &[&str]| {
        let done = place.run(arguments);
        outputs.push((format!("{arguments:?}"), done.out + &done.err));
        done.code
    };
    for format in ["text", "json"] {
        let file = format!("plan.{format}.jsonl");
        assert_eq!(run(&["-vvv", "--log-format", format, "plan", "--format", "jsonl", "--out", &file]), Some(2));
        sim.fault("north", &json!({ "kind": "patch", "times": 2, "effect": { "do": "status", "status": 400 } }));
        sim.control("POST", "expire-tokens", &json!(null));
        let code = run(&["-vvv", "--log-format", format, "sync"]);
        assert!(matches!(code, Some(0 | 4)), "{code:?}");
        sim.add("west", &super::support::teacher("west", &format!("one.more.{format}")));
        let code = run(&["-vvv", "--log-format", format, "run", "--once"]);
        assert!(matches!(code, Some(0 | 4)), "{code:?}");
        for verb in ["check", "status", "log"] {
            run(&["-vvv", "--log-format", format, verb]);
        }
        run(&["-vvv", "log", "--format", "jsonl"]);
        let who = format!("one.more.{format}@west.fine-arts.example");
        let verbs: [&[&str]; 13] = [
            &["log", "--format", "csv"],
            &["log", "--format", "html"],
            &["log", "--format", "ocsf"],
            &["log", "show", "1"],
            &["log", "history", &who],
            &["log", "verify"],
            &["log", "runs"],
            &["doctor"],
            &["retry"],
            &["explain", &who],
            &["undo", "1", "--dry-run"],
            &["plan", "--format", "json"],
            &["adopt", "--user", &who, "--account", "nobody@north.fine-arts.example", "--dry-run"],
        ];
        for verb in verbs {
            let code = run(&[&["-vvv", "--log-format", format], verb].concat());
            assert!(code.is_some_and(|code| code != 64), "{verb:?} ended with {code:?}");
        }
        sim.add("west", &super::support::teacher("west", &format!("another.{format}")));
    }
    sim.fault("south", &json!({ "kind": "token", "effect": { "do": "status", "status": 401 } }));
    sim.control("POST", "expire-tokens", &json!(null));
    run(&["-vvv", "--log-format", "json", "sync"]);

    let tokens: std::collections::BTreeSet<String> = between.seen().iter().filter_map(bearer).collect();
    assert!(tokens.len() >= 4, "only {} tokens were seen", tokens.len());
    let mut forbidden: Vec<String> = tokens.into_iter().collect();
    forbidden.extend([CANARY.to_owned(), "redeem?rd=".to_owned(), "inviteRedeemUrl".to_owned()]);
    for (what, told) in &outputs {
        for secret in &forbidden {
            assert!(!told.contains(secret.as_str()), "{secret} in the output of {what}");
        }
    }
    for (path, bytes) in files(place.folder.path()) {
        if path.starts_with(place.path("secrets")) || path.starts_with(place.tenants()) {
            continue;
        }
        for secret in &forbidden {
            let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
            assert!(!found, "{secret} in {}", path.display());
        }
    }
}

#[test]
fn a_token_is_shown_to_its_own_tenant_alone() {
    let (place, sim) = Place::school(30);
    let servers = TENANTS.map(|_| {
        let root = sim.root.clone();
        Server::start(move |_| Reply::Forward(root.clone()))
    });
    place.configure(&[&servers[0].root, &servers[1].root, &servers[2].root]);
    place.settle();
    let shown =
        servers.each_ref().map(|s| s.seen().iter().filter_map(bearer).collect::<std::collections::BTreeSet<String>>());
    let distinct: std::collections::BTreeSet<&String> = shown.iter().flatten().collect();
    assert!(shown.iter().all(|s| !s.is_empty()));
    assert_eq!(
        distinct.len(),
        shown.iter().map(std::collections::BTreeSet::len).sum::<usize>(),
        "a token went to two tenants"
    );
}

#[test]
fn log_lines_are_one_json_object_each() {
    let (place, sim) = Place::school(30);
    let mut odd = super::support::teacher("north", "odd");
    odd["displayName"] = json!("two\nlines \"and\" quotes");
    sim.add("north", &odd);
    sim.fault(
        "west",
        &json!({ "kind": "patch", "times": 1, "effect": { "do": "status", "status": 400, "message": "a\nb" } }),
    );
    let done = place.run(&["--log-format", "json", "-vvv", "sync"]);
    let mut lines = 0;
    for line in done.err.lines().filter(|l| l.starts_with('{')) {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(event["timestamp"].is_string() && event["level"].is_string(), "{line}");
        lines += 1;
    }
    assert!(lines > 50, "{}", done.err);
    let plain: Vec<&str> = done.err.lines().filter(|l| !l.starts_with("{")).collect();
    // What is said to a person beside the log begins like this.
    assert!(plain.iter().all(|l| l.starts_with("error: ") || l.starts_with("hint: ")), "{plain:?}");
}

//! Does all of it hold over a real socket, and does the control endpoint do what it says?

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use crosstie::sim::{Effect, Fault, Kind, serve};
use serde_json::{Value, json};

use crate::bench::{Bench, GOOD_FORM, NORTH};

#[tokio::test]
async fn over_a_socket_a_lost_answer_closes_the_connection() {
    let bench = Bench::new().await;
    let id = bench.add("ada");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = serve(listener, Arc::clone(&bench.world), async {
        let _ = stopped.await;
    });
    let client = async {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let form = http.post(format!("{root}/{NORTH}/oauth2/v2.0/token"));
        let form = form.header("content-type", "application/x-www-form-urlencoded").body(GOOD_FORM);
        let token: Value = serde_json::from_str(&form.send().await.unwrap().text().await.unwrap()).unwrap();
        let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
        let get = |url: String| http.get(url).header("authorization", &bearer);
        let page = get(format!("{root}/v1.0/users/delta")).send().await.unwrap().text().await.unwrap();
        let page: Value = serde_json::from_str(&page).unwrap();
        let link = page["@odata.deltaLink"].as_str().unwrap().to_owned();
        assert!(link.starts_with(&format!("{root}/v1.0/users/delta?$deltatoken=")), "{link}");
        assert_eq!(get(link).send().await.unwrap().status(), 200);
        bench.north().fault(Fault::next(1, Kind::Patch, Effect::Drop { applied: true })).unwrap();
        let patch = http.patch(format!("{root}/v1.0/users/{id}")).header("authorization", &bearer);
        let lost = patch.body(json!({ "jobTitle": "Dev" }).to_string()).send().await;
        assert!(lost.is_err(), "{lost:?}");
        assert_eq!(bench.north().user(&id).unwrap()["jobTitle"], "Dev");
        assert_eq!(get(format!("{root}/v1.0/users/{id}")).send().await.unwrap().status(), 200);
        drop(http);
        stop.send(()).unwrap();
    };
    let (served, ()) = tokio::join!(server, client);
    served.unwrap();
}

#[tokio::test]
async fn the_control_endpoint_has_an_admins_hands() {
    let bench = Bench::new().await;
    let control = async |method: &str, path: &str, body: Value| {
        let got = bench.call(method, &format!("http://sim/_sim{path}"), body).await;
        assert_eq!(got.status, 200, "{method} {path}: {}", got.text);
        got.body
    };
    let user = json!({ "displayName": "Ada", "userPrincipalName": "ada@north.example", "mail": "ada@north.example" });
    let id = control("POST", "/tenants/north/users", user).await["id"].as_str().unwrap().to_owned();
    let one = format!("/tenants/north/users/{id}");
    assert_eq!(control("PATCH", &one, json!({ "jobTitle": "Dev" })).await["jobTitle"], "Dev");
    assert_eq!(control("GET", "/tenants/north/users?address=ADA@north.example", Value::Null).await[0]["id"], json!(id));
    control("DELETE", &one, Value::Null).await;
    assert_eq!(control("GET", "/tenants/north/deleted", Value::Null).await[0]["id"], json!(id));
    control("POST", &format!("{one}/restore"), Value::Null).await;
    let group = control("POST", "/tenants/north/groups", json!({ "displayName": "G", "role": true })).await;
    let group = group["id"].as_str().unwrap();
    control("PUT", &format!("/tenants/north/groups/{group}/members/{id}"), Value::Null).await;
    assert_eq!(control("GET", "/tenants/north/groups", Value::Null).await[0]["members"], json!([id]));
    let changed =
        control("PATCH", "/tenants/north/settings", json!({ "page_size": 7, "delta": { "reorder": true } })).await;
    assert_eq!(
        (&changed["page_size"], &changed["delta"]["reorder"], &changed["delta"]["replay"]),
        (&json!(7), &json!(true), &json!(0))
    );
    let fault = json!({ "kind": "delta", "times": 1, "effect": { "do": "resync" } });
    let number = control("POST", "/tenants/north/faults", fault).await["id"].clone();
    assert_eq!(control("GET", "/tenants/north/faults", Value::Null).await[0]["effect"]["do"], "resync");
    control("DELETE", &format!("/tenants/north/faults/{number}"), Value::Null).await;
    control("DELETE", &format!("{one}?hard=true"), Value::Null).await;
    assert_eq!(control("GET", "/tenants", Value::Null).await[0]["users"], 0);
    assert_eq!(control("GET", "/clock", Value::Null).await["now"], "2026-11-22T00:00:00.000Z");
    assert!(bench.world.ledger().is_empty(), "control is not in the ledger");
    let bad = bench.call("POST", "http://sim/_sim/tenants/north/faults", json!({ "effect": { "do": "magic" } })).await;
    assert_eq!(bad.status, 400);
    assert_eq!(bench.get("http://sim/_sim/nothing").await.status, 404);
    // What the control endpoint shows holds no secret.
    let all = bench.get("http://sim/_sim/tenants").await.text;
    assert!(!all.contains("north-secret"));
}

#[tokio::test]
async fn the_bytes_of_answers_are_counted_and_those_of_control_are_not() {
    let bench = Bench::new().await;
    bench.add("ada");
    let traffic = async || bench.get("http://sim/_sim/traffic").await.body["sent"].as_u64().unwrap();
    let before = traffic().await;
    assert!(before > 0, "a token was asked for");
    let (page, read) = (bench.get("/users/delta").await, bench.get("/users/ada@north.example").await);
    assert_eq!((page.body["value"].as_array().map(Vec::len), read.status), (Some(1), 200));
    let told = (page.text.len() + read.text.len()) as u64;
    assert_eq!((traffic().await - before, traffic().await - before), (told, told));
}

#[test]
fn the_command_says_where_it_listens_and_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let crosstie = || Command::new(env!("CARGO_BIN_EXE_crosstie"));
    let sim = |more: &[&str]| {
        let mut command = crosstie();
        command.arg("sim").arg("--dir").arg(folder.path()).args(more);
        command
    };
    let empty = sim(&["--listen", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(empty.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&empty.stderr).contains("hint: crosstie sim --generate school"));
    assert!(sim(&["--generate", "school", "--people", "30"]).status().unwrap().success());
    let open = sim(&["--listen", "0.0.0.0:0"]).output().unwrap();
    assert_eq!((open.status.code(), open.stdout.len()), (Some(64), 0));
    let mut command = sim(&["--listen", "127.0.0.1:0", "--save-on-exit"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let port = line.strip_prefix("listening on http://127.0.0.1:").unwrap().trim();
    assert!(port.parse::<u16>().unwrap() > 0);
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let saved = std::fs::read_to_string(folder.path().join("north/users.jsonl")).unwrap();
    assert!(saved.lines().all(|l| l.contains("\"_change\":")));
}

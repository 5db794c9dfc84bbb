//! What can a tenant that lies, stalls or points elsewhere make the program do? Nothing but leave that tenant alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::support::{Place, Reply, Request, Server, Sim, TENANTS, someone_without_reports, text, try_ask};

/// A school in step; one leaver each; `north` behind a server that does as the test says.
fn with_north_behind(between: impl Fn(&str, &Request) -> Reply + Send + Sync + 'static) -> (Place, Sim, Server) {
    let (place, sim) = Place::school(30);
    let (root, armed) = (sim.root.clone(), Arc::new(AtomicBool::new(false)));
    let is_armed = Arc::clone(&armed);
    let server = Server::start(move |request| {
        if is_armed.load(Ordering::SeqCst) { between(&root, request) } else { Reply::Forward(root.clone()) }
    });
    place.configure(&[&server.root, &sim.root, &sim.root]);
    place.settle();
    for tenant in TENANTS {
        sim.delete(tenant, text(&someone_without_reports(&sim, tenant), "id"));
    }
    armed.store(true, Ordering::SeqCst);
    (place, sim, server)
}

/// The others went on without the sick one, and nothing was concluded from what it said.
#[track_caller]
fn only_north_was_left_alone(place: &Place, sim: &Sim, since: u64) {
    let writes = sim.ledger_since(since);
    assert!(writes.iter().all(|w| w["tenant"] != "north"), "wrote to a tenant that could not be read");
    let deletes: Vec<&Value> = writes.iter().filter(|w| w["kind"] == "delete").collect();
    assert_eq!(deletes.len(), 2, "south->west and west->south have one leaver each: {deletes:#?}");
    assert_eq!(writes.len(), 2, "{writes:#?}");
    place.run(&["log", "verify"]).code(0);
}

fn is_delta(request: &Request) -> bool {
    request.path.contains("/users/delta")
}
fn is_token(request: &Request) -> bool {
    request.path.contains("/oauth2/v2.0/token")
}
fn html(status: u16) -> Reply {
    let headers = vec![("Content-Type".to_owned(), "text/html".to_owned())];
    Reply::Answer { status, headers, body: "<html><script>alert(1)</script>Sign in to the hotel".to_owned() }
}

#[test]
fn a_sign_in_page_instead_of_a_token() {
    let (place, sim, _server) =
        with_north_behind(|root, request| if is_token(request) { html(200) } else { Reply::Forward(root.to_owned()) });
    let since = sim.seq();
    place.run(&["sync"]).code(4).says("north");
    only_north_was_left_alone(&place, &sim, since);
}

#[test]
fn a_token_endpoint_that_is_broken_for_good() {
    let (place, sim, _server) =
        with_north_behind(|root, request| if is_token(request) { html(500) } else { Reply::Forward(root.to_owned()) });
    let since = sim.seq();
    place.run(&["sync"]).code(4).says("north").says("500");
    only_north_was_left_alone(&place, &sim, since);
}

#[test]
fn a_redirect_is_not_followed() {
    for what in [is_token as fn(&Request) -> bool, is_delta] {
        let elsewhere = Server::start(|_| Reply::json("{}"));
        let away = elsewhere.root.clone();
        let (place, sim, _server) = with_north_behind(move |root, request| {
            if !what(request) {
                return Reply::Forward(root.to_owned());
            }
            let headers = vec![("Location".to_owned(), format!("{away}{}", request.path))];
            Reply::Answer { status: 307, headers, body: String::new() }
        });
        let since = sim.seq();
        place.run(&["sync"]).code(4).says("north");
        assert!(elsewhere.seen().is_empty(), "a redirect was followed: {:?}", elsewhere.seen());
        only_north_was_left_alone(&place, &sim, since);
    }
}

/// Replaces the page's link by one that leads elsewhere in many ways; none is followed.
#[test]
fn a_link_that_leads_elsewhere_is_not_followed() {
    let elsewhere = Server::start(|_| Reply::json(json!({ "value": [], "@odata.deltaLink": "http://x/" })));
    let port = elsewhere.root.rsplit(':').next().unwrap().to_owned();
    let links = [
        format!("{}/v1.0/users/delta?$skiptoken=x", elsewhere.root),
        format!("http://localhost:{port}/v1.0/users/delta?$skiptoken=x"),
        format!("http://me@127.0.0.1:{port}/v1.0/users/delta?$skiptoken=x"),
        "//elsewhere.example/v1.0/users/delta?$skiptoken=x".to_owned(),
        "SELF@elsewhere.example/v1.0/users/delta?$skiptoken=x".to_owned(),
        "SELF/beta/users/delta?$skiptoken=x".to_owned(),
        "SELF/v1.0/../evil/users/delta?$skiptoken=x".to_owned(),
        "file:///etc/passwd".to_owned(),
    ];
    for link in links {
        let (away, own) = (link.clone(), std::sync::OnceLock::<String>::new());
        let (place, sim, server) = with_north_behind(move |root, request| {
            if !is_delta(request) {
                return Reply::Forward(root.to_owned());
            }
            let mut page: Value = serde_json::from_str(&try_ask(root, request).unwrap().body).unwrap();
            let own = own.get_or_init(|| format!("http://{}", request.header("host").unwrap()));
            page.as_object_mut().unwrap().remove("@odata.deltaLink");
            page["@odata.nextLink"] = json!(away.replace("SELF", own));
            Reply::json(page)
        });
        let since = sim.seq();
        let done = place.run(&["sync"]).code(4).says("north");
        assert!(!done.err.contains("panicked"));
        assert!(elsewhere.seen().is_empty(), "{link} was followed: {:?}", elsewhere.seen());
        let asked = server.seen();
        assert!(asked.iter().all(|r| !r.path.contains("evil") && !r.path.contains("beta")), "{link} was followed");
        only_north_was_left_alone(&place, &sim, since);
    }
}

#[test]
fn a_page_without_end_is_cut_off() {
    let (place, sim, _server) =
        with_north_behind(
            |root, request| if is_delta(request) { Reply::Endless } else { Reply::Forward(root.to_owned()) },
        );
    let since = sim.seq();
    place.run(&["sync"]).code(4).says("north").says("larger than");
    only_north_was_left_alone(&place, &sim, since);
}

/// How long it may drip is the deadline of one answer, minutes; that a person need not wait for it is seen here.
#[test]
fn a_page_that_drips_can_be_broken_off() {
    let (place, sim, server) =
        with_north_behind(
            |root, request| if is_delta(request) { Reply::Trickle } else { Reply::Forward(root.to_owned()) },
        );
    let (since, before) = (sim.seq(), server.seen().iter().filter(|r| is_delta(r)).count());
    let sync = place.start(&["sync"]);
    super::support::eventually("the page", || server.seen().iter().filter(|r| is_delta(r)).count() > before);
    sync.signal("TERM");
    sync.end_within(Duration::from_secs(5)).code(1);
    assert_eq!(sim.seq(), since);
}

#[test]
fn pages_that_make_no_sense_cost_nobody_an_account() {
    let bodies = [
        "{\"value\":[{\"id\":\"f154",
        "{\"value\":[]}",
        "{\"value\":{},\"@odata.deltaLink\":\"SELF/v1.0/users/delta?$deltatoken=x\"}",
        "{\"value\":[{\"id\":7}],\"@odata.deltaLink\":\"SELF/v1.0/users/delta?$deltatoken=x\"}",
        "{\"value\":[null],\"@odata.deltaLink\":\"SELF/v1.0/users/delta?$deltatoken=x\"}",
        "{\"error\":{\"code\":\"nonsense\",\"message\":\"in a 200\"}}",
        "[]",
        "null",
        "\u{feff}",
        "",
    ];
    for body in bodies {
        let (place, sim, _server) = with_north_behind(move |root, request| {
            if !is_delta(request) {
                return Reply::Forward(root.to_owned());
            }
            let own = format!("http://{}", request.header("host").unwrap());
            Reply::json(body.replace("SELF", &own))
        });
        let since = sim.seq();
        let done = place.run(&["sync"]).code(4).says("north");
        assert!(!done.err.contains("panicked"), "{body}: {}", done.err);
        only_north_was_left_alone(&place, &sim, since);
    }
}

/// Depth is what parsers that recurse die of.
#[test]
fn a_page_of_a_hundred_thousand_brackets() {
    let (place, sim, _server) = with_north_behind(|root, request| {
        if is_delta(request) {
            Reply::json("{\"value\":".to_owned() + &"[".repeat(100_000))
        } else {
            Reply::Forward(root.to_owned())
        }
    });
    let since = sim.seq();
    place.run(&["sync"]).code(4).says("north");
    only_north_was_left_alone(&place, &sim, since);
}

/// An empty directory, said in due form: absence is asked about by name before anything follows from it.
#[test]
fn a_full_reading_that_mentions_nobody_deletes_nobody() {
    let (place, sim, _server) = with_north_behind(|root, request| {
        if !is_delta(request) {
            return Reply::Forward(root.to_owned());
        }
        let own = format!("http://{}", request.header("host").unwrap());
        Reply::json(json!({ "value": [], "@odata.deltaLink": format!("{own}/v1.0/users/delta?$deltatoken=x") }))
    });
    let since = sim.seq();
    place.run(&["sync", "--full"]).code(0);
    let deletes = sim.ledger_since(since).iter().filter(|w| w["kind"] == "delete").count();
    assert_eq!(deletes, 6, "the three leavers have two accounts each");
}

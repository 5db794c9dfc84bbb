//! What happens to the accounts of people who change, leave, come back, and of tenants that cannot be read?

use serde_json::{Value, json};

use super::support::{Place, Sim, TENANTS, assert_log_matches, assert_mesh, someone_without_reports, text};

fn ids(sim: &Sim, mail: &str) -> Vec<Value> {
    ["south", "west"].map(|t| sim.account(t, mail)["id"].clone()).to_vec()
}
fn deletes(sim: &Sim, since: u64) -> Vec<Value> {
    sim.ledger_since(since).into_iter().filter(|e| e["kind"] == "delete").collect()
}

#[test]
fn changes_at_home_arrive_and_returns_bring_the_same_account_back() {
    let (place, sim) = Place::school(90);
    let before = sim.everybody();
    place.settle();
    let people = sim.staff("north");
    let [cleared, mover, gone, blocked] = [1, 2, 3, 4].map(|n| text(&people[n], "mail"));
    let gone_id = text(&people[3], "id");
    let (of_mover, of_gone) = (ids(&sim, mover), ids(&sim, gone));

    sim.edit("north", cleared, &json!({ "department": null }));
    sim.edit("north", mover, &json!({ "employeeType": "Student" }));
    sim.delete("north", gone);
    sim.edit("north", blocked, &json!({ "accountEnabled": false }));
    let since = sim.seq();
    place.settle();
    for target in ["south", "west"] {
        assert!(sim.account(target, cleared)["department"].is_null());
        assert!(sim.accounts(target, mover).is_empty());
        assert!(sim.accounts(target, gone).is_empty());
        assert_eq!(sim.account(target, blocked)["accountEnabled"], false);
    }
    assert_eq!(deletes(&sim, since).len(), 4);

    sim.edit("north", mover, &json!({ "employeeType": "Teacher" }));
    sim.restore("north", gone_id);
    sim.edit("north", blocked, &json!({ "accountEnabled": true }));
    place.settle();
    assert_eq!(ids(&sim, mover), of_mover, "another account instead of the restored one");
    assert_eq!(ids(&sim, gone), of_gone, "another account instead of the restored one");
    assert_mesh(&sim, &before);
    assert_log_matches(&place, &sim, false);
}

#[test]
fn a_reading_that_has_to_start_over_costs_nobody_an_account() {
    for effect in ["resync", "expired"] {
        let (place, sim) = Place::school_with(90, &["--page-size", "4"]);
        let before = sim.everybody();
        place.settle();
        let leaver = someone_without_reports(&sim, "north");
        for student in sim.users("north").iter().filter(|u| u["employeeType"] == "Student").take(15) {
            sim.edit("north", text(student, "id"), &json!({ "jobTitle": "Freshman" }));
        }
        sim.delete("north", text(&leaver, "id"));
        // In the middle of the round, and the one that begins anew opens with empty pages.
        sim.settings("north", &json!({ "delta": { "empty_page_chance": 0.7 } }));
        sim.fault("north", &json!({ "kind": "delta", "skip": 2, "times": 1, "effect": { "do": effect } }));
        let since = sim.seq();
        place.settle();
        assert_eq!(sim.get("tenants/north/faults"), json!([]), "{effect} never struck");
        let deletes = deletes(&sim, since);
        assert_eq!(deletes.len(), 2, "{effect}: {deletes:#?}");
        assert_eq!(sim.ledger_since(since).len(), 2, "{effect} caused other writes");
        assert_mesh(&sim, &before);
    }
}

#[test]
fn a_watermark_that_is_dead_costs_nobody_an_account() {
    let (place, sim) = Place::school(90);
    place.settle();
    let since = sim.seq();
    TENANTS.iter().for_each(|t| drop(sim.control("POST", &format!("tenants/{t}/expire-links"), &Value::Null)));
    place.settle();
    assert_eq!(sim.seq(), since, "reading anew wrote");
}

#[test]
fn a_tenant_that_is_down_holds_up_nobody_and_loses_nobody() {
    let (place, sim) = Place::school(90);
    let before = sim.everybody();
    place.settle();
    let leavers = TENANTS.map(|t| someone_without_reports(&sim, t));
    let mover = sim.staff("north").remove(0);
    for (tenant, leaver) in TENANTS.iter().zip(&leavers) {
        sim.delete(tenant, text(leaver, "id"));
    }
    sim.edit("north", text(&mover, "id"), &json!({ "jobTitle": "Dean" }));
    // Writing would still work there: that nobody does is no accident.
    sim.fault("south", &json!({ "method": "GET", "effect": { "do": "status", "status": 503 } }));
    let since = sim.seq();
    place.run(&["sync"]).code(4).says("south");

    let writes = sim.ledger_since(since);
    assert!(writes.iter().all(|w| w["tenant"] != "south"), "wrote to a tenant that was not read");
    assert_eq!(sim.account("west", text(&mover, "mail"))["jobTitle"], "Dean");
    assert!(sim.accounts("west", text(&leavers[0], "mail")).is_empty());
    assert!(sim.accounts("north", text(&leavers[2], "mail")).is_empty());
    assert_eq!(deletes(&sim, since).len(), 2, "a deletion that was not due");
    sim.account("north", text(&leavers[1], "mail"));

    sim.clear_faults();
    place.settle();
    assert_eq!(deletes(&sim, since).len(), 6);
    assert_mesh(&sim, &before);
    assert_log_matches(&place, &sim, false);
}

#[test]
fn a_tenant_that_reads_and_does_not_write_holds_up_nobody() {
    let (place, sim) = Place::school(90);
    let before = sim.everybody();
    for kind in ["invite", "patch", "manager", "delete"] {
        sim.fault("south", &json!({ "kind": kind, "effect": { "do": "status", "status": 403 } }));
    }
    place.run(&["sync"]).code(4).says("south");
    let staff = sim.staff("north");
    assert!(staff.iter().all(|u| sim.accounts("west", text(u, "mail")).len() == 1), "west had to wait for south");
    assert!(sim.ledger().iter().all(|w| w["tenant"] != "south" || w["applied"] == false));
    sim.clear_faults();
    place.settle();
    assert_mesh(&sim, &before);
    assert_log_matches(&place, &sim, false);
}

//! Does a world come back from disk as it was, and does a seed always make the same school?

use std::path::Path;
use std::sync::Arc;

use crosstie::model::Timestamp;
use crosstie::sim::{World, generate_school};
use serde_json::{Value, json};

use crate::bench::{Bench, GOOD_FORM, START, token};

#[tokio::test]
async fn a_saved_world_comes_back_with_its_links() {
    let bench = Bench::new().await;
    let ids: Vec<String> = (0..4).map(|n| bench.add(&format!("user{n}"))).collect();
    bench.north().edit_user(&ids[0], &json!({ "jobTitle": "x", "manager": ids[1] })).unwrap();
    let (_, link) = bench.round("/users/delta?$select=displayName,jobTitle").await;
    bench.north().edit_user(&ids[0], &json!({ "jobTitle": null })).unwrap();
    bench.north().soft_delete(&ids[2]).unwrap();
    bench.north().hard_delete(&ids[3]).unwrap();
    let (want, _) = bench.round(&link).await;
    let folder = tempfile::tempdir().unwrap();
    bench.world.save(folder.path()).unwrap();
    let world = Arc::new(World::load(folder.path(), Arc::new(|| Timestamp(START)), 7).unwrap());
    assert_eq!(world.tenant("north").users(), bench.north().users());
    assert_eq!(world.tenant("north").deleted_users(), bench.north().deleted_users());
    let token = token(&world, GOOD_FORM).await.body["access_token"].as_str().unwrap().to_owned();
    let again = Bench { world, clock: bench.clock.clone(), token };
    assert_eq!(again.round(&link).await.0, want);
    // New ids do not meet old ones, though the seed is the same.
    again.add("eve");
}

fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for tenant in ["north", "south", "west"] {
        for name in ["tenant.toml", "users.jsonl", "groups.jsonl"] {
            all.push((format!("{tenant}/{name}"), std::fs::read(dir.join(tenant).join(name)).unwrap()));
        }
    }
    all
}

#[test]
fn the_committed_school_is_what_the_command_makes() {
    let folder = tempfile::tempdir().unwrap();
    generate_school(folder.path(), 180, 1).unwrap();
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/school-of-fine-arts");
    for ((name, made), (_, kept)) in files(folder.path()).into_iter().zip(files(&committed)) {
        assert!(made == kept, "{name}: crosstie sim --generate school --people 180 --dir fixtures/school-of-fine-arts");
    }
    let other = tempfile::tempdir().unwrap();
    generate_school(other.path(), 180, 2).unwrap();
    assert!(files(other.path()) != files(folder.path()));
}

#[test]
fn a_school_has_somebody_of_every_kind() {
    let folder = tempfile::tempdir().unwrap();
    generate_school(folder.path(), 600, 3).unwrap();
    let world = World::load(folder.path(), Arc::new(|| Timestamp(START)), 7).unwrap();
    for name in ["north", "south", "west"] {
        let (users, tenant) = (world.tenant(name).users(), world.tenant(name));
        let count = |wanted: &dyn Fn(&Value) -> bool| users.iter().filter(|u| wanted(u)).count();
        let is = |name: &'static str, value: Value| move |u: &Value| u[name] == value;
        let home = count(&|u| u.get("creationType").is_none()) + tenant.deleted_users().len();
        assert_eq!(home, 200);
        assert!(count(&is("employeeType", json!("Student"))) > 170);
        assert!(count(&is("employeeType", json!("Teacher"))) >= 6 && count(&is("employeeType", json!("Staff"))) >= 5);
        assert!(count(&is("accountEnabled", json!(false))) > 0);
        assert!(count(&is("externalUserState", json!("Accepted"))) > 1);
        assert!(count(&is("externalUserState", json!("PendingAcceptance"))) > 1);
        assert!(count(&|u| u["displayName"].as_str().unwrap().chars().any(|c| c > '\u{400}')) > 0);
        assert!(count(&|u| u["mail"].as_str().unwrap().contains(['2', '3'])) > 0, "nobody shares a name");
        let namesakes = |u: &Value| users.iter().filter(|other| other["displayName"] == u["displayName"]).count();
        let guest = |u: &Value| u["creationType"] == "Invitation";
        assert!(count(&|u| guest(u) && namesakes(u) > 1) > 1, "no two guests share a name");
        assert_eq!(tenant.deleted_users().len(), 1);
        // Managers lead upwards, and end.
        for user in &users {
            let mut at = Some(user.clone());
            for _ in 0..50 {
                at = at.and_then(|u| tenant.user(u.get("manager")?.as_str()?));
            }
            assert!(at.is_none(), "a circle of managers");
        }
        let groups = tenant.groups();
        assert!(groups.iter().any(|g| g.members.iter().any(|m| groups.iter().any(|inner| inner.id == *m))));
    }
}

#[test]
fn a_broken_file_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    generate_school(folder.path(), 30, 1).unwrap();
    let path = folder.path().join("west/users.jsonl");
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.insert_str(text.find('\n').unwrap() + 1, "{\"id\":\"x\"}\n");
    std::fs::write(&path, text).unwrap();
    let error = World::load(folder.path(), Arc::new(|| Timestamp(START)), 1).unwrap_err().to_string();
    assert!(error.contains("west/users.jsonl: line 2: a user needs an id"), "{error}");
    assert!(World::load(&folder.path().join("west"), Arc::new(|| Timestamp(START)), 1).is_err());
}

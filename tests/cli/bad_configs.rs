//! Is a broken configuration refused by the verbs that would act on it, before anybody is asked?

use std::path::Path;

use super::support::{Place, Running, Server, crosstie, files};

#[test]
fn no_verb_acts_on_a_broken_configuration() {
    // Whatever leaves for a tenant elsewhere would come by here.
    let proxy = Server::start(|_| super::support::Reply::json("{}"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bad");
    let mut tried = 0;
    for entry in std::fs::read_dir(root).unwrap() {
        let folder = entry.unwrap().path();
        let copy = tempfile::tempdir().unwrap();
        for (path, bytes) in files(&folder) {
            let to = copy.path().join(path.strip_prefix(&folder).unwrap());
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::write(to, bytes).unwrap();
        }
        let before = files(copy.path());
        let expected = std::fs::read_to_string(folder.join("expected.txt")).unwrap();
        let place = expected.split(' ').next().unwrap();
        for verb in [&["plan"] as &[&str], &["sync"], &["plan", "--offline"], &["status"], &["log", "verify"]] {
            let mut command = crosstie();
            command.args(verb).current_dir(copy.path()).env("NORTH_SECRET", "there").env("SOUTH_SECRET", "there");
            for name in ["HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "ALL_PROXY"] {
                command.env(name, &proxy.root);
            }
            let done = Running::start(command).end().code(64).says(place);
            assert!(done.out.is_empty(), "{}: {verb:?} printed {}", folder.display(), done.out);
        }
        assert!(files(copy.path()) == before, "{}: files were made or changed", folder.display());
        tried += 1;
    }
    assert!(tried >= 60, "only {tried} broken configurations are left");
    assert!(proxy.seen().is_empty(), "somebody was asked: {:?}", proxy.seen());
}

/// Whoever can change these files owns every target.
#[test]
fn what_anybody_may_change_is_not_worked_with() {
    use std::os::unix::fs::PermissionsExt as _;
    let (place, sim) = Place::school(30);
    for name in ["crosstie.toml", "sync-rules/staff.toml"] {
        let set = |mode| std::fs::set_permissions(place.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
        set(0o666);
        for verb in ["check", "plan", "sync"] {
            let done = place.run(&[verb]).code(64);
            assert!(done.err.contains("anybody on this system may change") && done.err.contains(name), "{}", done.err);
        }
        // A group may work on it together.
        set(0o664);
    }
    assert!(sim.ledger().is_empty());
    place.run(&["check"]).code(0);
}

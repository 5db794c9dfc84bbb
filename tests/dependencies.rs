//! Is everything that is linked in permissive, from the one registry, and pinned?
#![allow(clippy::unwrap_used, clippy::print_stdout, unused_crate_dependencies, unreachable_pub, reason = "a test")]

#[path = "../examples/sbom.rs"]
#[allow(unused_attributes, reason = "a tool that is tried here has those of a crate")]
mod sbom;

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Is one of the alternatives such that each part of it is allowed?
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], "");
    let all = |alternative: &str| alternative.split(" AND ").all(|part| allowed.contains(&part.trim()));
    // In `A OR B AND C` without brackets either reading must do: the stricter one asks for C as well.
    expression.split(" OR ").any(all)
}

#[test]
fn everything_that_is_linked_in_is_permissive_and_from_one_registry() {
    let deny = include_str!("../deny.toml").parse::<toml::Table>().unwrap();
    let allowed: Vec<&str> = deny["licenses"]["allow"].as_array().unwrap().iter().filter_map(|l| l.as_str()).collect();
    let banned: Vec<&str> =
        deny["bans"]["deny"].as_array().unwrap().iter().filter_map(|b| b.get("crate")?.as_str()).collect();
    let metadata = sbom::metadata();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100, "only {} packages", packages.len());
    for package in packages.iter().filter(|p| !p["source"].is_null()) {
        let name = package["name"].as_str().unwrap();
        assert_eq!(package["source"], REGISTRY, "{name} comes from elsewhere");
        let license = package["license"].as_str().unwrap_or("none that is named");
        assert!(is_allowed(license, &allowed), "{name} is under {license}");
        assert!(!banned.contains(&name), "{name} is banned");
    }
    assert!(!is_allowed("GPL-3.0", &allowed) && !is_allowed("MIT AND GPL-3.0", &allowed));
    assert!(is_allowed("GPL-3.0 OR MIT", &allowed));
}

#[test]
fn the_bill_of_materials_names_everything_with_its_checksum() {
    let bill = sbom::bill();
    let components = bill["components"].as_array().unwrap();
    assert_eq!(bill["metadata"]["component"]["name"], "crosstie");
    for component in components {
        assert_eq!(component["hashes"][0]["content"].as_str().map(str::len), Some(64), "{component}");
        assert_ne!(component["licenses"][0]["expression"], "NOASSERTION", "{component}");
    }
    for name in ["tokio", "reqwest", "rusqlite", "rustls"] {
        assert!(components.iter().any(|c| c["name"] == name), "{name} is missing");
    }
}

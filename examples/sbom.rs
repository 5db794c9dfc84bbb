//! What is linked in, from where, and under which licences?
//!
//! `cargo run --example sbom > crosstie.cdx.json` writes a software bill of materials in CycloneDX 1.5, of what is
//! linked on this machine, as `Cargo.lock` pins it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    dead_code,
    reason = "a tool for whoever makes a release, and its test"
)]
#![allow(unused_crate_dependencies, reason = "the package's other targets use them")]

use serde_json::{Value, json};

/// The machine that this is built on and for, as the compiler names it.
fn host() -> String {
    let told = std::process::Command::new("rustc").arg("-vV").output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    told.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

/// What cargo itself says of the package and everything that it links on this machine, without asking anybody.
pub fn metadata() -> Value {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let mut command = std::process::Command::new(cargo);
    command.args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", &host()]);
    let told = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    serde_json::from_slice(&told.stdout).unwrap()
}

/// The checksums of `Cargo.lock`, by name and version.
pub fn checksum(lock: &toml::Table, name: &str, version: &str) -> Option<String> {
    let packages = lock["package"].as_array()?;
    let is = |p: &&toml::Value| p["name"].as_str() == Some(name) && p["version"].as_str() == Some(version);
    packages.iter().find(is)?.get("checksum")?.as_str().map(str::to_owned)
}

fn component(package: &Value, lock: &toml::Table) -> Value {
    let (name, version) = (package["name"].as_str().unwrap(), package["version"].as_str().unwrap());
    let purl = format!("pkg:cargo/{name}@{version}");
    let mut component = json!({
        "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, "scope": "required",
        "licenses": [{ "expression": package["license"].as_str().unwrap_or("NOASSERTION").replace('/', " OR ") }],
    });
    if let Some(sum) = checksum(lock, name, version) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
    }
    component
}

/// The whole bill.
pub fn bill() -> Value {
    let (metadata, lock) = (metadata(), include_str!("../Cargo.lock").parse::<toml::Table>().unwrap());
    let (ours, others): (Vec<&Value>, Vec<&Value>) =
        metadata["packages"].as_array().unwrap().iter().partition(|p| p["source"].is_null());
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": { "component": component(ours[0], &lock) },
        "components": others.into_iter().map(|p| component(p, &lock)).collect::<Vec<_>>(),
    })
}

fn main() {
    println!("{:#}", bill());
}

//! How does a world lie on disk?
//!
//! `DIR/<tenant>/tenant.toml`, `users.jsonl` and `groups.jsonl`; one JSON object a line, so that two million users
//! stream in and out. `docs/simulator.md` tells the format.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use uuid::Uuid;

use super::group::Group;
use super::tenant::{Tenant, TenantSpec};
use super::user::{State, User};
use super::world::{Clock, SimError, World};
use crate::model::Timestamp;

const TENANT: &str = "tenant.toml";
const USERS: &str = "users.jsonl";
const GROUPS: &str = "groups.jsonl";

fn file(path: &Path) -> impl Fn(std::io::Error) -> SimError {
    let path = path.to_owned();
    move |source| SimError::File { path: path.clone(), source }
}
fn content(path: &Path, problem: impl std::fmt::Display) -> SimError {
    SimError::Content { path: path.to_owned(), problem: problem.to_string() }
}

impl World {
    /// Reads every tenant that has a folder in `dir`.
    pub fn load(dir: &Path, clock: Clock, seed: u64) -> Result<World, SimError> {
        let world = World::new(clock, seed);
        let mut folders = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(file(dir))? {
            let path = entry.map_err(file(dir))?.path();
            if path.join(TENANT).is_file() {
                folders.push(path);
            }
        }
        if folders.is_empty() {
            return Err(content(dir, format!("no tenant: no folder in it holds a {TENANT}")));
        }
        folders.sort();
        let now = world.now();
        {
            let mut state = world.lock();
            for folder in folders {
                let tenant = load_tenant(&folder, state.seed, now)?;
                state.tenants.insert(tenant.name.clone(), tenant);
            }
            state.folder = Some(dir.to_owned());
        }
        Ok(world)
    }

    /// Writes every tenant into `dir`, so that `load` gives the same directory, delta links included. Bearer tokens,
    /// faults and the ledger are not saved.
    pub fn save(&self, dir: &Path) -> Result<(), SimError> {
        let now = self.now();
        let mut state = self.lock();
        for tenant in state.tenants.values_mut() {
            tenant.settle(now);
            save_tenant(tenant, &dir.join(&tenant.name))?;
        }
        state.folder = Some(dir.to_owned());
        Ok(())
    }

    /// Writes to where it was loaded from or saved last.
    pub fn save_again(&self) -> Result<PathBuf, SimError> {
        let folder = self.lock().folder.clone();
        let folder = folder.ok_or_else(|| SimError::Edit("this world has no folder".to_owned()))?;
        self.save(&folder)?;
        Ok(folder)
    }

    /// What each tenant is, and how many it holds. Secrets are left out.
    pub fn describe(&self) -> Vec<Value> {
        let state = self.lock();
        let describe = |t: &Tenant| {
            let live = t.users.iter().filter(|u| u.face.state == State::Live).count();
            json!({
                "name": t.name, "id": t.spec.id, "displayName": t.spec.display_name,
                "initialDomain": t.spec.initial_domain, "domains": t.spec.domains,
                "users": live, "deletedUsers": t.deleted().count(), "groups": t.groups.len(),
                "clientIds": t.spec.apps.iter().map(|a| &a.client_id).collect::<Vec<_>>(),
                "change": t.last_change(),
            })
        };
        state.tenants.values().map(describe).collect()
    }
}

fn load_tenant(folder: &Path, seed: u64, now: Timestamp) -> Result<Tenant, SimError> {
    let path = folder.join(TENANT);
    let text = std::fs::read_to_string(&path).map_err(file(&path))?;
    let spec: TenantSpec = toml::from_str(&text).map_err(|e| content(&path, e))?;
    let name = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut tenant = Tenant::new(&name, spec, seed);
    read_lines(&folder.join(USERS), |user| {
        let id = user.get("id").and_then(Value::as_str).and_then(|id| Uuid::parse_str(id).ok());
        let id = id.ok_or_else(|| SimError::Edit("a user needs an id, a GUID".to_owned()))?;
        if tenant.slot(id).is_some() {
            return Err(SimError::Edit(format!("user {id} stands here twice")));
        }
        let changed = user.get("_change").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
        let face = tenant.face(&user, now)?;
        tenant.load(id, face, changed);
        Ok(())
    })?;
    read_lines(&folder.join(GROUPS), |group| {
        let group: Group = serde_json::from_value(group).map_err(|e| SimError::Edit(e.to_string()))?;
        tenant.groups.insert(group.id, group);
        Ok(())
    })?;
    Ok(tenant)
}

/// A file that is not there has no lines.
fn read_lines(path: &Path, mut each: impl FnMut(Value) -> Result<(), SimError>) -> Result<(), SimError> {
    let reader = match File::open(path) {
        Ok(open) => BufReader::with_capacity(1 << 20, open),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(file(path)(error)),
    };
    for (number, line) in (1..).zip(reader.lines()) {
        let line = line.map_err(file(path))?;
        if line.trim().is_empty() {
            continue;
        }
        let at = |problem: String| content(path, format!("line {number}: {problem}"));
        let value = serde_json::from_str(&line).map_err(|e| at(e.to_string()))?;
        each(value).map_err(|e| at(e.to_string()))?;
    }
    Ok(())
}

fn save_tenant(tenant: &Tenant, folder: &Path) -> Result<(), SimError> {
    std::fs::create_dir_all(folder).map_err(file(folder))?;
    let mut spec = tenant.spec.clone();
    spec.extensions = tenant.catalogue.extensions().to_vec();
    write_file(&folder.join(TENANT), |out| {
        let text = toml::to_string(&spec).map_err(std::io::Error::other)?;
        out.write_all(text.as_bytes())
    })?;
    write_file(&folder.join(USERS), |out| {
        tenant.users.iter().try_for_each(|user| writeln!(out, "{}", saved(tenant, user)))
    })?;
    write_file(&folder.join(GROUPS), |out| {
        tenant.groups.values().try_for_each(|group| {
            let text = serde_json::to_string(group).map_err(std::io::Error::other)?;
            writeln!(out, "{text}")
        })
    })
}

fn saved(tenant: &Tenant, user: &User) -> Value {
    let mut all = tenant.export(user).unwrap_or_else(|| json!({ "id": user.id.to_string(), "_gone": true }));
    // What no replica shows yet is published by being loaded.
    if user.changed > 0 && user.shadow.is_none() {
        all["_change"] = json!(user.changed);
    }
    all
}

/// Writes beside the file first: a save that is cut off leaves the one before.
pub(super) fn write_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<(), SimError> {
    let beside = path.with_extension("tmp");
    let go = || {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&beside)?);
        write(&mut out)?;
        out.flush()?;
        drop(out);
        std::fs::rename(&beside, path)
    };
    go().map_err(file(path))
}

//! How is a plan kept in a file, until somebody has looked at it?

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;

use super::output::complain;
use super::{Exit, render, session};
use crate::config::Config;
use crate::engine::Drafted;
use crate::model::{FileMode, TenantName};
use crate::plan::{self, SavedPlan};

/// A longer file is no plan: a million changes take less.
const BYTES_MAX: u64 = 2 << 30;

/// A new file takes no place that is taken: what lies there may have been approved, or lead elsewhere.
pub(super) fn must_be_new(path: &Path) -> Result<(), Exit> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    complain(format_args!(
        "{}: there is something already, and it was left as it is; nothing was read\nhint: name another file, or remove this one first",
        path.display()
    ));
    Err(Exit::Usage)
}

/// Writes the whole plan. It is written beside its place and moved there, so that no half plan is ever found.
pub(super) fn save(drafted: &Drafted, config: &Config, path: &Path) -> Result<(), Exit> {
    written(path, |file| lines(drafted, config, |line| writeln!(file, "{line}")))
        .map_err(|e| session::failed(format_args!("{}: {e}\nthe plan was not saved", path.display())))
}

/// Makes a file that only its owner can read, whole or not at all.
pub(super) fn written(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = folder.join(name);
    let made = || -> io::Result<()> {
        let file = OpenOptions::new().write(true).create_new(true).mode(FileMode::PRIVATE.0).open(&beside)?;
        let mut file = BufWriter::new(file);
        write(&mut file)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        // Unlike a rename this takes nobody's place.
        std::fs::hard_link(&beside, path)
    };
    let made = made();
    let _ = std::fs::remove_file(&beside);
    made
}

fn lines(drafted: &Drafted, config: &Config, each: impl FnMut(&Json) -> io::Result<()>) -> io::Result<()> {
    let routes = drafted.plan.routes.iter().map(|route| &route.route);
    let tenants = routes.flat_map(|route| [&route.home, &route.target]);
    let directory = |name: &TenantName| Some((name.clone(), config.tenants.get(name)?.id.to_string()));
    let directories = tenants.filter_map(directory).collect();
    plan::file_lines(&drafted.plan, &directories, render::summary(drafted, config)?, each)
}

/// Reads a plan file that this configuration made.
pub(super) fn load(path: &Path, config: &Config) -> Result<Arc<SavedPlan>, Exit> {
    let saved = whole(path)?;
    for (tenant, id) in &saved.tenants {
        let known = config.tenants.get(tenant).map(|tenant| tenant.id.to_string());
        if known.as_ref() == Some(id) {
            continue;
        }
        let what = match known {
            Some(known) => format!("tenant {tenant} is the directory {id} there, and {known} here"),
            None => format!("there is no tenant {tenant} here"),
        };
        complain(format_args!(
            "{}: the plan is of another configuration: {what}\nnothing was read or written",
            path.display()
        ));
        return Err(Exit::Usage);
    }
    Ok(Arc::new(saved))
}

/// Reads a plan file, of whichever configuration: it is whole, and what it was when it was written.
pub(super) fn whole(path: &Path) -> Result<SavedPlan, Exit> {
    let refused = |why: String| {
        let hint = "hint: `crosstie plan --out FILE` writes a plan file, and `crosstie undo RUN --out FILE`";
        complain(format_args!("{}: {why}\nnothing was read or written\n{hint}", path.display()));
        Exit::Usage
    };
    let text = text(path, BYTES_MAX).map_err(refused)?;
    SavedPlan::parse(&text).map_err(|why| refused(format!("this is no plan that can be carried out: {why}")))
}

/// The text of a file whose content something hangs on: of one that others cannot write.
pub(super) fn text(path: &Path, bytes_max: u64) -> Result<String, String> {
    read(path, bytes_max, |mode| {
        let why = "others can write to it\nhint: look at it again, then chmod go-w";
        mode.others_may_write().then_some(why)
    })
}

/// The text of a file that nobody else may even read.
pub(super) fn secret(path: &Path, bytes_max: u64) -> Result<String, String> {
    read(path, bytes_max, |mode| {
        let why = "others can read it\nhint: it is no secret any more; make a new key";
        mode.is_open_to_others().then_some(why)
    })
}

fn read(
    path: &Path,
    bytes_max: u64,
    forbidden: impl FnOnce(FileMode) -> Option<&'static str>,
) -> Result<String, String> {
    let mut text = String::new();
    let file = OpenOptions::new().read(true).custom_flags(nofollow()).open(path).map_err(|e| e.to_string())?;
    let known = file.metadata().map_err(|e| e.to_string())?;
    if !known.is_file() {
        return Err("it is no ordinary file".to_owned());
    }
    if let Some(why) = forbidden(FileMode(known.mode())) {
        return Err(why.to_owned());
    }
    if known.len() > bytes_max {
        return Err(format!("it is longer than {bytes_max} bytes"));
    }
    file.take(bytes_max).read_to_string(&mut text).map_err(|e| e.to_string())?;
    Ok(text)
}

/// A link in the place of a file would be somebody else's choice of what is read; opening a pipe must not wait.
fn nofollow() -> i32 {
    (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed()
}

/// Beside the file, with the same name and this at its end.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

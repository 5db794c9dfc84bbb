//! Who has looked at a plan, and stands for it?

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use clap::Args;
use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};

use super::output::{complain, say};
use super::{Exit, Output, keys, plan_file, render, session};
use crate::config::{Approval, public_key};
use crate::plan::SavedPlan;

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["file", "new_key"]))]
pub(super) struct Arguments {
    /// The plan file.
    #[arg(value_name = "FILE", requires = "key", conflicts_with = "new_key")]
    file: Option<PathBuf>,
    /// The private key to sign with: Ed25519 as PKCS #8 in PEM.
    #[arg(long, value_name = "KEYFILE", requires = "file")]
    key: Option<PathBuf>,
    /// Makes a key, and prints its public half for `[approval]`.
    #[arg(long, value_name = "FILE")]
    new_key: Option<PathBuf>,
}

/// Signed before every digest: no other text of ours can pass for an approval.
const DOMAIN: &str = "crosstie approval v1";
/// What stands at the end of an approval's name.
const ENDING: &str = ".approval";
/// A key or an approval has some hundred bytes: a longer file is another file.
const BYTES_MAX: u64 = 16 * 1024;

/// What lies in an approval.
#[derive(Serialize, Deserialize)]
struct Signed {
    digest: String,
    approver: String,
    signature: String,
}

pub(super) fn run(arguments: &Arguments, out: &mut Output) -> Exit {
    let done = match (&arguments.file, &arguments.key, &arguments.new_key) {
        (Some(file), Some(key), _) => approve(file, key, out),
        (_, _, Some(path)) => new_key(path, out),
        _ => Err(Exit::Usage),
    };
    done.err().unwrap_or(Exit::Done)
}

fn message(digest: &str) -> String {
    format!("{DOMAIN}\n{digest}\n")
}

fn new_key(path: &Path, out: &mut Output) -> Result<(), Exit> {
    plan_file::must_be_new(path)?;
    let refused = |_| session::failed("no key could be made: the system gives no random numbers");
    let document = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).map_err(refused)?;
    let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(document.as_ref()).map_err(session::failed)?;
    let text = keys::pem(document.as_ref());
    let written = plan_file::written(path, |file| file.write_all(text.as_bytes()));
    written.map_err(|e| session::failed(format_args!("{}: {e}", path.display())))?;
    out.line(format_args!("{}", keys::name(&key)));
    out.flush();
    say(format_args!(
        "keep {} to yourself; the line above goes into `approvers` of [approval], or `signers` of [log]",
        path.display()
    ));
    Ok(())
}

fn private_key(path: &Path) -> Result<Ed25519KeyPair, Exit> {
    let refused = |why: String| {
        let hint = "hint: `crosstie approve --new-key FILE` makes one";
        complain(format_args!("{}: {why}\nnothing was signed\n{hint}", path.display()));
        Exit::Usage
    };
    let text = Zeroizing::new(plan_file::secret(path, BYTES_MAX).map_err(refused)?);
    keys::parse(&text).ok_or_else(|| refused("this is no Ed25519 key in PEM (PKCS #8)".to_owned()))
}

fn approve(file: &Path, key: &Path, out: &mut Output) -> Result<(), Exit> {
    let saved = plan_file::whole(file)?;
    let key = private_key(key)?;
    let approver = keys::name(&key);
    let mark: String = key.public_key().as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let path = plan_file::beside(file, &format!(".{mark}{ENDING}"));
    plan_file::must_be_new(&path)?;
    if let Some(run) = saved.undo {
        out.line(format_args!("takes back what run {run} did:"));
    }
    for (route, kinds) in saved.counts() {
        let kinds: Vec<String> = kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        out.line(format_args!("{route}: {}", kinds.join(", ")));
    }
    let signature = keys::sign(&key, &message(&saved.digest));
    let signed = Signed { digest: saved.digest.clone(), approver, signature };
    let text = serde_json::to_string(&signed).map_err(session::failed)?;
    let written = plan_file::written(&path, |file| writeln!(file, "{text}"));
    written.map_err(|e| session::failed(format_args!("{}: {e}", path.display())))?;
    out.line(format_args!("approved {}", saved.digest));
    out.line(format_args!("wrote {}", path.display()));
    Ok(())
}

/// Who has signed the plan, where those are enough; nobody where none are needed. Too few where they are needed is an error.
pub(super) fn signed_by(path: &Path, saved: &SavedPlan, approval: Option<&Approval>) -> Result<Vec<String>, Exit> {
    let Some(approval) = approval else { return Ok(Vec::new()) };
    let (mut signed, mut strange) = (BTreeSet::new(), BTreeMap::new());
    for file in approvals(path) {
        match verified(&file, saved, approval) {
            Ok(approver) => drop(signed.insert(approver)),
            Err(why) => drop(strange.insert(file, why)),
        }
    }
    for (file, why) in &strange {
        complain(format_args!("{}: {why}; it does not count", file.display()));
    }
    if signed.len() >= approval.needed {
        return Ok(signed.into_iter().collect());
    }
    let changes = saved.writing_changes();
    if changes <= approval.required_above {
        return Ok(Vec::new());
    }
    let missing: Vec<&str> = approval.approvers.iter().filter(|a| !signed.contains(*a)).map(String::as_str).collect();
    complain(format_args!(
        "the plan has {changes} changes, and above {} [approval] asks for {} signatures: it has {}, and {} more of these are \
         missing:\n  {}\nnothing was read or written\nhint: crosstie approve {} --key KEYFILE",
        approval.required_above,
        approval.needed,
        signed.len(),
        approval.needed - signed.len(),
        missing.join("\n  "),
        path.display()
    ));
    Err(Exit::Refused)
}

/// The approvals that lie beside a plan file.
fn approvals(path: &Path) -> Vec<PathBuf> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned() + ".";
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let of_plan = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.ok()?;
        let found = entry.file_name().to_string_lossy().into_owned();
        (found.starts_with(&name) && found.ends_with(ENDING)).then(|| entry.path())
    };
    let mut all: Vec<PathBuf> = entries.filter_map(of_plan).collect();
    all.sort();
    all
}

/// The approver whose valid signature it is.
fn verified(file: &Path, saved: &SavedPlan, approval: &Approval) -> Result<String, String> {
    let text = plan_file::text(file, BYTES_MAX)?;
    let signed: Signed = serde_json::from_str(&text).map_err(|_| "this is no approval".to_owned())?;
    if signed.digest != saved.digest {
        return Err("it is of another plan".to_owned());
    }
    let same = |known: &&String| public_key(known).is_some() && public_key(known) == public_key(&signed.approver);
    let Some(approver) = approval.approvers.iter().find(same) else {
        return Err(format!("{} is none of the approvers", render::inert(&signed.approver)));
    };
    if !keys::has_signed(approver, &message(&saved.digest), &signed.signature) {
        return Err("its signature is not that of its approver".to_owned());
    }
    Ok(approver.clone())
}

//! Where is a secret, and is it there? The configuration holds the place only.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use secrecy::zeroize::Zeroize;

use super::{Config, Credential, SecretSource};
#[cfg(unix)]
use crate::model::FileMode;
use crate::model::TenantName;

/// Client secrets have 40 characters, tokens a few KiB: a longer file is another file.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Why a secret is not to be had. No variant holds any part of a secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment does not have it.
    #[error("the environment variable {0} is not set")]
    NoVariable(String),
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    NoFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// It is there, and there is nothing in it.
    #[error("{0} is empty")]
    Empty(String),
    /// The file is too long for a secret, or is not text.
    #[error("{0} holds no secret: it is too long, or not text")]
    NotASecret(PathBuf),
    /// It says that it is encoded, and is not.
    #[error("the secret in {0} begins with whsec_, and what follows is no base64")]
    NotBase64(String),
}

impl SecretSource {
    /// Reads it. Trailing line ends are cut.
    pub fn read(&self) -> Result<SecretString, SecretError> {
        self.read_with(&environment)
    }
    /// Where it is, in words.
    pub(super) fn place(&self) -> String {
        match self {
            SecretSource::Env(name) => format!("the environment variable {name}"),
            SecretSource::File(path) => path.display().to_string(),
        }
    }
    pub(super) fn read_with(&self, environment: &dyn Fn(&str) -> Option<String>) -> Result<SecretString, SecretError> {
        match self {
            SecretSource::Env(name) => {
                let value = environment(name).ok_or_else(|| SecretError::NoVariable(name.clone()))?;
                trimmed(value).ok_or_else(|| SecretError::Empty(self.place()))
            }
            SecretSource::File(path) => read_file(path),
        }
    }
}

/// Reads a file that holds a secret or a token. Trailing line ends are cut.
pub fn read_file(path: &Path) -> Result<SecretString, SecretError> {
    let no_file = |source| SecretError::NoFile { path: path.to_owned(), source };
    let length = std::fs::metadata(path).map_err(no_file)?.len();
    if length > SECRET_BYTES_MAX {
        return Err(SecretError::NotASecret(path.to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::InvalidData => SecretError::NotASecret(path.to_owned()),
        _ => no_file(source),
    })?;
    trimmed(text).ok_or_else(|| SecretError::Empty(path.display().to_string()))
}

fn trimmed(mut text: String) -> Option<SecretString> {
    let secret = text.trim_end_matches(['\r', '\n']).to_owned();
    text.zeroize();
    (!secret.is_empty()).then(|| SecretString::from(secret))
}

/// The process's environment: the one place that reads it, besides the command line's own options.
#[expect(clippy::disallowed_methods, reason = "the one door to the environment: secret sources name their variables")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Where systemd keeps the files of `LoadCredential=` for a service: one folder for each, named in its environment.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// The file that a configuration in `folder` means. `$CREDENTIALS_DIRECTORY/NAME` is one that systemd handed over, so that
/// one configuration serves several units; outside of them the name stays as it is written, and leads to no file.
pub(super) fn place(folder: &Path, text: &str) -> PathBuf {
    let handed_over = text.strip_prefix('$').and_then(|rest| rest.strip_prefix(CREDENTIALS)?.strip_prefix('/'));
    match handed_over {
        Some(name) => environment(CREDENTIALS).map_or_else(|| PathBuf::from(text), |dir| Path::new(&dir).join(name)),
        None => folder.join(text),
    }
}

/// May others read this file of secrets? Always false where the system has no such permissions.
#[cfg(unix)]
pub(super) fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    // The service's own user is let in by an access list there, which shows as the group's permission (0440).
    if environment(CREDENTIALS).is_some_and(|folder| !folder.is_empty() && path.starts_with(folder)) {
        return false;
    }
    std::fs::metadata(path).is_ok_and(|m| FileMode(m.permissions().mode()).is_open_to_others())
}
/// May others read this file of secrets? Always false where the system has no such permissions.
#[cfg(not(unix))]
pub(super) fn is_open_to_others(_path: &Path) -> bool {
    false
}

impl Credential {
    /// Is what it names there? The secret itself is dropped at once.
    pub fn try_out(&self, environment: &dyn Fn(&str) -> Option<String>) -> Result<(), SecretError> {
        match self {
            Credential::Secret(source) => source.read_with(environment).map(drop),
            Credential::FederatedToken(path) => read_file(path).map(drop),
            Credential::Certificate(source) => {
                read_file(&source.pem)?;
                source.password.as_ref().map_or(Ok(()), |password| password.read_with(environment).map(drop))
            }
            // The machine has it, or has not: that is found out by asking.
            Credential::ManagedIdentity { .. } => Ok(()),
        }
    }
}

impl Config {
    /// Tenants whose credential is not to be had right now. Verbs that go online ask this first, and refuse (exit 64)
    /// while nothing has been read or written.
    pub fn missing_secrets(&self) -> Vec<(TenantName, SecretError)> {
        let try_out = |t: &super::Tenant| t.credential.try_out(&environment).err().map(|e| (t.name.clone(), e));
        self.tenants.values().filter_map(try_out).collect()
    }
}

//! What do the tenants say? Each is asked in a lane of its own, so that one that is slow holds up no other.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::super::Exit;
use super::super::clock::SystemClock;
use super::super::session::{self, Reader};
use super::needs::Part;
use super::route::HeardRoute;
use crate::config::{Cloud, Config, Tenant, environment};
use crate::graph::{Access, Claims, DirectorySize, HttpTransport, Organization, Proof};
use crate::model::{Cursor, RouteName, TenantName, Timestamp};
use crate::ports::{Clock, DirectoryError, DirectoryRead};

/// What somebody was asked, and answered.
pub(super) type Asked<T> = Result<T, DirectoryError>;

/// What one tenant said.
pub(super) struct Heard {
    /// The credential that was found, or why there is none.
    pub(super) credential: Result<Found, String>,
    /// What it said once it had given a token; `None` where it could not be asked for one.
    pub(super) answers: Option<Answers>,
    /// Our clock when it was asked.
    pub(super) now: Timestamp,
    reader: Option<Reader>,
}

#[cfg(test)]
impl Heard {
    pub(super) fn test(credential: Result<Found, String>, answers: Option<Answers>, now: Timestamp) -> Self {
        Heard { credential, answers, now, reader: None }
    }
}

/// A credential that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Of what kind, in words.
    pub(super) kind: &'static str,
    /// Of a certificate: from when until when it is good.
    pub(super) validity: Option<(Timestamp, Timestamp)>,
}

/// Everything that a tenant was asked.
pub(super) struct Answers {
    /// The token's own words.
    pub(super) claims: Asked<Option<Claims>>,
    /// What was asked with it; `None` where there was no token.
    pub(super) told: Option<Told>,
    /// How far ahead its clock is, in milliseconds.
    pub(super) clock_ahead: Option<i64>,
}

/// What a tenant told whoever had a token for it.
pub(super) struct Told {
    pub(super) users: Asked<()>,
    pub(super) delta: Asked<()>,
    pub(super) organization: Asked<Organization>,
    pub(super) size: Asked<Option<DirectorySize>>,
    /// Only targets are asked.
    pub(super) allow_invites_from: Option<Asked<String>>,
    /// How many accounts are protected, and which of them are not there; only asked where there are any.
    pub(super) protected: Option<Asked<Named>>,
    /// The same of the groups that rules of routes from here name.
    pub(super) groups: Option<Asked<Named>>,
}

/// What became of objects that the configuration or the rules name.
pub(super) struct Named {
    pub(super) all: usize,
    pub(super) absent: Vec<String>,
}

impl Named {
    fn new(all: usize, absent: &[&str]) -> Self {
        Named { all, absent: absent.iter().map(|name| (*name).to_owned()).collect() }
    }
}

/// Asks every tenant.
pub(super) async fn tenants(config: &Config) -> Result<BTreeMap<TenantName, Heard>, Exit> {
    let (transport, clock) = (HttpTransport::new().map_err(session::failed)?, SystemClock::start());
    let lanes = config.tenants.iter().map(async |(name, tenant)| {
        let (credential, reader) = match connect(tenant, &transport, clock) {
            Ok((found, reader)) => (Ok(found), Some(reader)),
            Err(why) => (Err(why), None),
        };
        let answers = match &reader {
            Some(reader) => Some(one(config, name, reader).await),
            None => None,
        };
        (name.clone(), Heard { credential, answers, now: clock.now(), reader })
    });
    Ok(join_all(lanes).await.into_iter().collect())
}

fn connect(tenant: &Tenant, transport: &HttpTransport, clock: SystemClock) -> Result<(Found, Reader), String> {
    tenant.credential.try_out(&environment).map_err(|e| e.to_string())?;
    let proof = session::proof(tenant)?;
    let (kind, validity) = match &proof {
        Proof::Secret(_) => ("a client secret", None),
        Proof::AssertionFile(_) => ("another identity provider's token", None),
        Proof::Certificate(certificate) => ("a certificate with its key", Some(certificate.validity())),
        Proof::Managed(_) => ("this machine's identity", None),
    };
    let reader = session::reader(tenant, proof, transport, clock).map_err(|e| e.to_string())?;
    Ok((Found { kind, validity }, reader))
}

async fn one(config: &Config, name: &TenantName, reader: &Reader) -> Answers {
    let claims = reader.token_claims().await;
    let told = match &claims {
        Err(_) => None,
        Ok(_) => {
            let selection = config.selection(name);
            Some(Told {
                users: reader.users_readable(&selection).await,
                delta: reader.delta_page(&selection, &Cursor::Start).await.map(drop),
                organization: reader.organization().await,
                size: reader.directory_size().await,
                allow_invites_from: match Part::of(config, name).target {
                    true => Some(reader.allow_invites_from().await),
                    false => None,
                },
                protected: match config.protected(name).count() {
                    0 => None,
                    all => {
                        let absent = reader.absent_accounts(config.protected(name)).await;
                        Some(absent.map(|absent| Named::new(all, &absent)))
                    }
                },
                groups: match config.home_groups(name) {
                    groups if groups.is_empty() => None,
                    groups => {
                        let absent = reader.absent_groups(groups.iter().map(String::as_str)).await;
                        Some(absent.map(|absent| Named::new(groups.len(), &absent)))
                    }
                },
            })
        }
    };
    Answers { claims, told, clock_ahead: reader.clock_ahead_millis() }
}

/// Asks both ends of every route what they allow each other.
pub(super) async fn routes(config: &Config, heard: &BTreeMap<TenantName, Heard>) -> Vec<(RouteName, HeardRoute)> {
    let lanes = config.routes.iter().map(async |route| {
        let (home, target) = (&route.name.home, &route.name.target);
        let asked = HeardRoute {
            clouds: (cloud(config, home), cloud(config, target)),
            home: access(config, heard, home, target).await,
            target: access(config, heard, target, home).await,
            sync: match (usable(heard, target), id(config, heard, home)) {
                (Some(reader), Some(home)) => Some(reader.allows_sync_from(&home).await),
                _ => None,
            },
            allowed_clouds: (clouds(config, heard, home, target).await, clouds(config, heard, target, home).await),
        };
        (route.name.clone(), asked)
    });
    join_all(lanes).await
}

fn cloud(config: &Config, tenant: &TenantName) -> Option<Cloud> {
    config.tenants.get(tenant).and_then(crate::config::Tenant::cloud)
}

/// The connection to a tenant that gave a token.
fn usable<'a>(heard: &'a BTreeMap<TenantName, Heard>, tenant: &TenantName) -> Option<&'a Reader> {
    let heard = heard.get(tenant)?;
    heard.answers.as_ref()?.told.as_ref()?;
    heard.reader.as_ref()
}

/// A tenant's GUID: by its own words, or as it was configured, where that is one.
fn id(config: &Config, heard: &BTreeMap<TenantName, Heard>, tenant: &TenantName) -> Option<String> {
    let answers = heard.get(tenant).and_then(|h| h.answers.as_ref());
    let own = answers.and_then(|a| a.told.as_ref()?.organization.as_ref().ok()).map(|o| o.id.clone());
    let claimed = answers.and_then(|a| a.claims.as_ref().ok()?.as_ref()?.tid.clone());
    let written = config.tenants.get(tenant).map(|t| t.id.clone());
    [own, claimed, written].into_iter().flatten().find(|id| crate::rules::is_guid(id))
}

async fn access(
    config: &Config,
    heard: &BTreeMap<TenantName, Heard>,
    of: &TenantName,
    towards: &TenantName,
) -> Option<Asked<Access>> {
    let (reader, partner) = (usable(heard, of)?, id(config, heard, towards)?);
    Some(reader.access_of(&partner).await)
}

/// Only where two clouds meet.
async fn clouds(
    config: &Config,
    heard: &BTreeMap<TenantName, Heard>,
    of: &TenantName,
    towards: &TenantName,
) -> Option<Asked<Vec<String>>> {
    let (here, there) = (cloud(config, of)?, cloud(config, towards)?);
    match here.is_one_with(there) {
        true => None,
        false => Some(usable(heard, of)?.allowed_clouds().await),
    }
}

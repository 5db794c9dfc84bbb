//! What does a tenant's admin allow other tenants, and how large may the directory grow?

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Cross-tenant access settings, and the directory's size.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policies {
    /// What holds for tenants that are not named. What it leaves open is Microsoft's own default: B2B collaboration is
    /// allowed, nothing is redeemed automatically.
    pub default: Access,
    /// Tenants that are named.
    pub partners: Vec<Partner>,
    /// Other clouds that B2B collaboration is open to: `microsoftonline.us`, `partner.microsoftonline.cn`.
    pub allowed_clouds: Vec<String>,
    /// Objects that the directory may hold; nothing said: 50,000, or 300,000 with a verified domain.
    pub objects_max: Option<u64>,
}

/// What is allowed in each direction; nothing said: what the level above says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// B2B collaboration, from there to here.
    pub inbound: Option<Reach>,
    /// B2B collaboration, from here to there.
    pub outbound: Option<Reach>,
    /// People from there redeem their invitations without being asked.
    pub redeems_inbound: Option<bool>,
    /// People from here do so there.
    pub redeems_outbound: Option<bool>,
}

/// Who is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// Everybody, to every application.
    Allowed,
    /// Everybody but one group.
    Partly,
    /// Nobody.
    Blocked,
}

/// What is said of one tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Partner {
    /// Its GUID.
    pub tenant_id: String,
    /// What it may.
    pub access: Access,
    /// `userSyncInbound.isSyncAllowed` of its identity synchronization; nothing said: there is none.
    pub sync_inbound: Option<bool>,
}

/// A group that nobody has, for settings that let some through.
const SOME_GROUP: &str = "0c0ffee0-0000-4000-8000-000000000001";

impl Policies {
    pub(super) fn partner(&self, tenant_id: &str) -> Option<&Partner> {
        self.partners.iter().find(|p| p.tenant_id.eq_ignore_ascii_case(tenant_id))
    }
    /// `GET /policies/crossTenantAccessPolicy/default`.
    pub(super) fn default_json(&self) -> Value {
        let access = &self.default;
        let access = Access {
            inbound: access.inbound.or(Some(Reach::Allowed)),
            outbound: access.outbound.or(Some(Reach::Allowed)),
            redeems_inbound: access.redeems_inbound.or(Some(false)),
            redeems_outbound: access.redeems_outbound.or(Some(false)),
        };
        let mut body = access.json();
        body["isServiceDefault"] = json!(self.default == Access::default());
        body
    }
}

impl Partner {
    /// `GET /policies/crossTenantAccessPolicy/partners/{tenantId}`.
    pub(super) fn json(&self) -> Value {
        let mut body = self.access.json();
        body["tenantId"] = json!(self.tenant_id);
        body["isServiceProvider"] = Value::Null;
        body
    }
    /// `…/identitySynchronization`.
    pub(super) fn sync_json(&self) -> Option<Value> {
        let allowed = self.sync_inbound?;
        Some(
            json!({ "tenantId": self.tenant_id, "displayName": "sync", "userSyncInbound": { "isSyncAllowed": allowed } }),
        )
    }
}

impl Access {
    fn json(&self) -> Value {
        let side = |reach: Option<Reach>| reach.map_or(Value::Null, Reach::json);
        let redeems = match (self.redeems_inbound, self.redeems_outbound) {
            (None, None) => Value::Null,
            (inbound, outbound) => json!({ "inboundAllowed": inbound, "outboundAllowed": outbound }),
        };
        json!({
            "b2bCollaborationInbound": side(self.inbound),
            "b2bCollaborationOutbound": side(self.outbound),
            "automaticUserConsentSettings": redeems,
        })
    }
}

impl Reach {
    fn json(self) -> Value {
        let (access, (target, kind)) = match self {
            Reach::Allowed => ("allowed", ("AllUsers", "user")),
            Reach::Partly => ("blocked", (SOME_GROUP, "group")),
            Reach::Blocked => ("blocked", ("AllUsers", "user")),
        };
        let applications = if self == Reach::Blocked { "blocked" } else { "allowed" };
        json!({
            "usersAndGroups": { "accessType": access, "targets": [{ "target": target, "targetType": kind }] },
            "applications": {
                "accessType": applications, "targets": [{ "target": "AllApplications", "targetType": "application" }] },
        })
    }
}

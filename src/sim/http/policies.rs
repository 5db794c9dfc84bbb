//! What does a tenant tell of its own settings?

use serde_json::{Value, json};

use crate::sim::refusal::Refusal;
use crate::sim::tenant::Tenant;

use super::call::Call;
use super::graph::Done;
use super::operation::Operation;
use super::reads::{collection, entity};

/// Objects that a directory may hold, without and with a verified domain; documented.
const OBJECTS_MAX: [u64; 2] = [50_000, 300_000];

pub(super) fn perform(tenant: &Tenant, operation: &Operation, call: &Call) -> Result<Done, Refusal> {
    let policies = &tenant.spec.settings.policies;
    let told = |set: &str, body: Value| entity(call, set, body.as_object().cloned().unwrap_or_default());
    let partner = |id: &str| policies.partner(id).ok_or_else(|| Refusal::not_found(id));
    Ok(match operation {
        Operation::Size => size(tenant, call),
        Operation::AccessPolicy => {
            let body =
                json!({ "displayName": "CrossTenantAccessPolicy", "allowedCloudEndpoints": policies.allowed_clouds });
            told("policies/crossTenantAccessPolicy", body)
        }
        Operation::AccessDefault => told("policies/crossTenantAccessPolicy/default", policies.default_json()),
        Operation::Partner(id) => told("policies/crossTenantAccessPolicy/partners", partner(id)?.json()),
        Operation::PartnerSync(id) => {
            let body = partner(id)?.sync_json().ok_or_else(|| Refusal::not_found(id))?;
            told("policies/crossTenantAccessPolicy/partners/identitySynchronization", body)
        }
        _ => return Err(Refusal::bad("Resource not found for the segment, or not simulated.")),
    })
}

/// `GET /beta/organization?$select=directorySizeQuota`. Deleted users count until they are purged; documented.
fn size(tenant: &Tenant, call: &Call) -> Done {
    let used = tenant.live + tenant.deleted().count() + tenant.groups.len();
    let usual = OBJECTS_MAX[usize::from(!tenant.spec.domains.is_empty())];
    let total = tenant.spec.settings.policies.objects_max.unwrap_or(usual);
    let one = json!({ "id": tenant.spec.id, "directorySizeQuota": { "used": used, "total": total } });
    collection(call, "organization", vec![one], None)
}

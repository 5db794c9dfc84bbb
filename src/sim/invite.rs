//! What does an invitation make, and which ones are refused?

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::property::{Key, MAIL, OTHER_MAILS, PROXY_ADDRESSES, UPN};
use super::refusal::Refusal;
use super::show::whole_seconds;
use super::tenant::Tenant;
use super::user::{Datum, Face};
use crate::model::Timestamp;

/// Not allowed in an invited address, by the notes on the property. `@` stands between the two parts only.
const BAD_CHARACTERS: &str = "~!#$%^&*()+=[]{}\\/|;:'<>?,\" ";

impl Tenant {
    /// The answer's body, and the account it names.
    pub(super) fn invite(&mut self, body: &Value, now: Timestamp) -> Result<(Value, Uuid), Refusal> {
        let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
        let required = |name: &str| {
            text(name).ok_or_else(|| Refusal::bad(format!("Property {name} is required for this request.")))
        };
        let address = required("invitedUserEmailAddress")?.trim().to_owned();
        required("inviteRedirectUrl")?;
        let user_type = match text("invitedUserType") {
            None => "Guest",
            Some(t) if t.eq_ignore_ascii_case("Guest") => "Guest",
            Some(t) if t.eq_ignore_ascii_case("Member") => "Member",
            Some(_) => return Err(Refusal::bad("Invalid value specified for property 'invitedUserType'.")),
        };
        if body.get("resetRedemption") == Some(&Value::Bool(true)) {
            return Err(Refusal::new(501, "NotImplemented", "Reset redemption is not simulated."));
        }
        check_address(&address)?;
        self.check_policies(&address)?;
        let id = match self.holder_of(&address)? {
            Some(id) => id,
            None if self.spec.settings.invitations.silent => self.new_id(),
            None => self.make_guest(&address, user_type, text("invitedUserDisplayName"), now)?,
        };
        Ok((self.answer(body, &address, user_type, id), id))
    }

    fn check_policies(&self, address: &str) -> Result<(), Refusal> {
        let settings = &self.spec.settings.invitations;
        if !matches!(settings.allow_from.as_str(), "everyone" | "adminsGuestInvitersAndAllMembers") {
            let message =
                "Guest invitations not allowed for your company. Contact your company administrator for more details.";
            return Err(Refusal::new(403, "Forbidden", message));
        }
        let domain = address.rsplit('@').next().unwrap_or_default();
        if settings.blocked_domains.iter().any(|d| d == "*" || d.eq_ignore_ascii_case(domain)) {
            let message = "This invitation is blocked by cross-tenant access settings. Admins in both your organization \
                and the invited user's organization must configure cross-tenant access settings to allow the invitation.";
            return Err(Refusal::new(403, "Forbidden", message));
        }
        Ok(())
    }

    /// The guest that the address belongs to already. A native user or a verified domain refuses.
    fn holder_of(&self, address: &str) -> Result<Option<Uuid>, Refusal> {
        let holders: Vec<_> =
            self.with_address(&address.to_lowercase()).into_iter().filter_map(|slot| self.user(slot)).collect();
        if let Some(guest) = holders.iter().find(|u| u.face.is_external()) {
            if guest.face.get(self.key("accountEnabled")?) == Some(&Datum::Bool(false)) {
                return Err(Refusal::bad(format!(
                    "The invited user already exists in the directory as object ID: {}, but the account is blocked \
                     from signing in. If the account is unblocked, they can use that account to sign in to shared \
                     apps and resources.",
                    guest.id
                )));
            }
            return Ok(Some(guest.id));
        }
        if !holders.is_empty() || self.is_own_domain(address) {
            let message = "The invited user already exists in the directory, or the address is of a verified domain.";
            return Err(Refusal::new(400, "BadRequest", message));
        }
        Ok(None)
    }

    fn make_guest(
        &mut self,
        address: &str,
        user_type: &str,
        display_name: Option<&str>,
        now: Timestamp,
    ) -> Result<Uuid, Refusal> {
        let nickname = format!("{}#EXT#", address.replace('@', "_"));
        let principal = format!("{nickname}@{}", self.spec.initial_domain);
        if self.find(&principal).is_some() {
            return Err(Refusal::conflict("userPrincipalName"));
        }
        let redeemed = self.spec.settings.invitations.redeemed;
        let state = if redeemed { "Accepted" } else { "PendingAcceptance" };
        let at = whole_seconds(now);
        // Where nobody gave a name, the part before the @ stands in (observed in tenants, not documented).
        let display_name = display_name.unwrap_or_else(|| address.split('@').next().unwrap_or(address));
        let mut identities = vec![json!({ "signInType": "userPrincipalName", "issuer": self.spec.initial_domain,
                                          "issuerAssignedId": principal })];
        if redeemed {
            identities
                .push(json!({ "signInType": "federated", "issuer": "ExternalAzureAD", "issuerAssignedId": null }));
        }
        let mut face = Face::new();
        let values = [
            ("userPrincipalName", json!(principal)),
            ("displayName", json!(display_name)),
            ("mailNickname", json!(nickname)),
            ("userType", json!(user_type)),
            ("accountEnabled", json!(true)),
            ("creationType", json!("Invitation")),
            ("externalUserState", json!(state)),
            ("externalUserStateChangeDateTime", json!(at)),
            ("createdDateTime", json!(at)),
            ("identities", json!(identities)),
        ];
        for (name, value) in values {
            let key = self.key(name)?;
            let datum = self.datum(key, &value)?;
            face.set(key, datum);
        }
        // A contact that owns the address keeps it.
        if !self.spec.contacts.contains(&address.to_lowercase()) {
            let text = |t: String| Arc::<str>::from(t);
            face.set(*MAIL, Datum::Text(text(address.to_owned())));
            face.set(*PROXY_ADDRESSES, Datum::Texts([text(format!("SMTP:{address}"))].into()));
        }
        face.set(*OTHER_MAILS, Datum::Texts([Arc::from(address)].into()));
        let id = self.new_id();
        let slot = self.insert(id, face, now);
        let hidden_millis = self.spec.settings.lag.created_millis;
        if hidden_millis > 0 {
            self.hide(slot, now.plus_millis(hidden_millis));
        }
        Ok(id)
    }

    fn answer(&mut self, body: &Value, address: &str, user_type: &str, id: Uuid) -> Value {
        let user = self.slot(id).and_then(|slot| self.user(slot));
        let (principal, accepted) = match user {
            Some(user) => {
                let state = self.catalogue.find("externalUserState").map_or("", |key| user.face.text(key));
                (user.face.text(*UPN).to_owned(), state == "Accepted")
            }
            None => (format!("{}#EXT#@{}", address.replace('@', "_"), self.spec.initial_domain), false),
        };
        let redirect = body.get("inviteRedirectUrl").cloned().unwrap_or_default();
        let invitation = super::tenant::random_id(&mut self.rng);
        json!({
            "id": invitation.to_string(),
            "inviteRedeemUrl": format!("https://login.microsoftonline.com/redeem?rd={invitation}&ver=2.0"),
            "invitedUserDisplayName": body.get("invitedUserDisplayName"),
            "invitedUserType": user_type,
            "invitedUserEmailAddress": address,
            "sendInvitationMessage": body.get("sendInvitationMessage") == Some(&Value::Bool(true)),
            "resetRedemption": false,
            "inviteRedirectUrl": redirect,
            "status": if accepted { "Completed" } else { "PendingAcceptance" },
            "invitedUserMessageInfo": { "messageLanguage": null, "customizedMessageBody": null,
                "ccRecipients": [{ "emailAddress": { "name": null, "address": null } }] },
            "invitedUser": { "id": id.to_string(), "userPrincipalName": principal },
        })
    }

    /// A key of Graph's own names; an error of ours, not of the caller, where the table lacks it.
    pub(super) fn key(&self, name: &str) -> Result<Key, Refusal> {
        self.catalogue
            .find(name)
            .ok_or_else(|| Refusal::bad(format!("Resource 'User' does not have a property '{name}'.")))
    }
}

fn check_address(address: &str) -> Result<(), Refusal> {
    let invalid = || Refusal::new(400, "BadRequest", "The invited user email address is not valid.");
    let (local, domain) = address.split_once('@').ok_or_else(invalid)?;
    let edge = |c: char| c == '.' || c == '-';
    let bad = |part: &str| {
        part.is_empty()
            || part.contains('@')
            || part.starts_with(edge)
            || part.ends_with(edge)
            || part.chars().any(|c| BAD_CHARACTERS.contains(c) || c.is_control())
    };
    if bad(local) || bad(domain) || !domain.contains('.') { Err(invalid()) } else { Ok(()) }
}

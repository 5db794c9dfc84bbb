//! Which accounts of a target are out of reach, and how do ours say whose they are?

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Route;
use super::tenant::Tenants;
use crate::model::{Attribute, Ownership, Protected, Stamping, TenantName, folded};
use crate::rules::table::{Section, Word};
use crate::rules::{Diagnostic, is_guid};

/// Whoever needs more than this protects a whole department: that is what scopes are for.
const PROTECTED_MAX: usize = 10_000;
/// Texts that Graph keeps for whoever administers the directory, and that nothing else of Entra writes in a cloud account.
const STAMPS: u32 = 15;

/// Reads `protected` and `stamp` of every tenant, and gives them to the routes that enter it.
pub(super) fn read(root: &Section<'_>, tenants: &Tenants, routes: &mut [Route], findings: &mut Vec<Diagnostic>) {
    let Some(section) = root.section("tenants", "[tenants]", &mut Vec::new()) else { return };
    let (mut protected, mut stamps) = (BTreeMap::new(), BTreeMap::new());
    for field in section.fields() {
        // That it is no table, or which of its keys are unknown, is told where tenants are read.
        let Some(table) = field.section(format!("[tenants.{}]", field.key), &mut Vec::new()) else { continue };
        let name = TenantName::new(field.key);
        if let Some(list) = list(&table, findings) {
            protected.insert(name.clone(), list);
        }
        if let Some(word) = table.word("stamp", findings)
            && let Some(attribute) = stamp(&name, &word, tenants, routes, findings)
        {
            stamps.insert(name, attribute);
        }
    }
    for route in routes {
        let home = tenants.get(&route.name.home).and_then(|(tenant, _)| tenant.as_ref());
        let stamping = stamps.get(&route.name.target).zip(home).map(|(attribute, home): (&Attribute, _)| Stamping {
            attribute: attribute.clone(),
            home: home.id.to_ascii_lowercase().into(),
        });
        let protected = protected.get(&route.name.target).cloned().unwrap_or_default();
        route.ownership = Ownership { protected, stamping };
    }
}

fn list(table: &Section<'_>, findings: &mut Vec<Diagnostic>) -> Option<Arc<Protected>> {
    let field = table.field("protected")?;
    let words = field.words(false, findings)?;
    let mut sound: Vec<&str> = Vec::new();
    let mut complain = |word: &Word<'_>, message: String, hint: &str| {
        findings.push(Diagnostic::error("protected", message).at(word.span.clone()).hint(hint));
    };
    for word in &words {
        let twice = sound.iter().any(|known| folded(known) == folded(word.text));
        match () {
            () if !is_account(word.text) => {
                let message = format!("`{}` is neither an object id nor a user principal name", word.text);
                complain(word, message, "name an account by its object id (a GUID); names can be changed, ids cannot");
            }
            () if twice => complain(word, format!("`{}` stands here twice", word.text), "keep one of the two"),
            () => sound.push(word.text),
        }
    }
    if words.len() > PROTECTED_MAX {
        let message = format!("{} protected accounts, and {PROTECTED_MAX} is the most", words.len());
        let hint = "leave their people out of the rules' scope instead";
        findings.push(Diagnostic::error("protected", message).at(field.span).hint(hint));
        return None;
    }
    Some(Arc::new(Protected::new(sound)))
}

/// A pattern, a group's name or a display name would look like protection, and protect nobody.
fn is_account(text: &str) -> bool {
    let legal = |part: &str| {
        !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control() || "*?%\"<>()[]{}".contains(c))
    };
    is_guid(text)
        || text.rsplit_once('@').is_some_and(|(name, domain)| legal(name) && legal(domain) && domain.contains('.'))
}

fn stamp(
    name: &TenantName,
    word: &Word<'_>,
    tenants: &Tenants,
    routes: &[Route],
    findings: &mut Vec<Diagnostic>,
) -> Option<Attribute> {
    let before = findings.len();
    let mut complain = |message: String, hint: &str| {
        findings.push(Diagnostic::error("stamp", message).at(word.span.clone()).hint(hint));
    };
    let number = word.text.strip_prefix("extensionAttribute").and_then(|n| n.parse::<u32>().ok());
    let attribute = Attribute::new(word.text);
    if number.is_none_or(|n| !(1..=STAMPS).contains(&n) || word.text != format!("extensionAttribute{n}")) {
        complain(
            format!("`{}` cannot hold a stamp", word.text),
            "one of extensionAttribute1 to extensionAttribute15, that nobody uses in this tenant",
        );
        return None;
    }
    for route in routes.iter().filter(|route| route.name.target == *name) {
        if let Some(rules) = route.rules.iter().find(|rules| rules.attributes.contains_key(&attribute)) {
            let message = format!("the rule set `{}` writes {attribute}, which is the stamp of `{name}`", rules.name);
            complain(message, "choose another attribute for the stamp, or take the mapping out");
            break;
        }
    }
    let homes = routes.iter().filter(|route| route.name.target == *name).map(|route| &route.name.home);
    let mut nameless = homes.filter(|home| {
        tenants.get(*home).and_then(|(tenant, _)| tenant.as_ref()).is_some_and(|tenant| !is_guid(&tenant.id))
    });
    if let Some(home) = nameless.next() {
        complain(
            format!("a stamp names the home tenant by its GUID, and `{home}` is configured by a domain name"),
            "write the tenant's GUID as its id (Entra admin center, Overview: \"Tenant ID\")",
        );
    }
    (findings.len() == before).then_some(attribute)
}

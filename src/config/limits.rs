//! How fast may we be?

use toml::de::DeValue;

use super::{AppLimit, Limits};
use crate::model::TenantName;
use crate::rules::Diagnostic;
use crate::rules::table::Section;

/// Longest window worth counting: a day.
const WINDOW_SECONDS_MAX: i64 = 86_400;
/// A batch of looks costs 20 units; a share that it would not fit into could not be kept.
const READS_MIN: i64 = 100;
const KEYS: [&str; 7] =
    ["writes", "window_seconds", "writes_per_hour", "invitations", "invitations_window_seconds", "reads", "share"];
/// The whole, in thousandths.
const WHOLE: u32 = 1_000;

impl Default for Limits {
    /// What the vendor documents for one app in one tenant: 3,000 writes in 150 seconds, 72,000 an hour; and 150 invitations
    /// in 5 seconds for all apps together (Graph throttling limits, 2026-02). And 3,500 resource units in 10 seconds where
    /// there are fewer than 50 users: larger tenants have more (5,000 to 500 users, 8,000 above), but nothing tells us the
    /// size that counts, and what is asked for within the least share is never refused.
    fn default() -> Self {
        Self {
            writes: 3_000,
            window_seconds: 150,
            writes_per_hour: 72_000,
            invitations: 150,
            invitations_window_seconds: 5,
            share_permille: WHOLE,
            reads: 3_500,
        }
    }
}

impl Limits {
    /// So much of a limit is ours: its share, and one at the least.
    pub fn shared(&self, limit: u32) -> u32 {
        let part = u64::from(limit) * u64::from(self.share_permille) / u64::from(WHOLE);
        u32::try_from(part).unwrap_or(limit).max(1)
    }
}

impl Default for AppLimit {
    /// The newer and lower of two figures that the vendor publishes for one app over all its tenants (Graph throttling
    /// limits, 2026-02).
    fn default() -> Self {
        Self { writes: 35_000, window_seconds: 300 }
    }
}

/// Reads `[tenants.NAME.limits]`.
pub(super) fn read(name: &TenantName, section: &Section<'_>, findings: &mut Vec<Diagnostic>) -> Limits {
    let mut limits = Limits::default();
    let Some(section) = section.section("limits", &format!("[tenants.{name}.limits]"), findings) else {
        return limits;
    };
    section.only(&KEYS, findings);
    let mut number = |key: &str, most: i64, usual: u32| {
        section.integer(key, 1..=most, findings).and_then(|n| u32::try_from(n).ok()).unwrap_or(usual)
    };
    limits.writes = number("writes", i64::from(u32::MAX), limits.writes);
    limits.window_seconds = number("window_seconds", WINDOW_SECONDS_MAX, limits.window_seconds);
    limits.writes_per_hour = number("writes_per_hour", i64::from(u32::MAX), limits.writes_per_hour);
    limits.invitations = number("invitations", i64::from(u32::MAX), limits.invitations);
    limits.invitations_window_seconds =
        number("invitations_window_seconds", WINDOW_SECONDS_MAX, limits.invitations_window_seconds);
    let reads = section.integer("reads", READS_MIN..=i64::from(u32::MAX), findings);
    limits.reads = reads.and_then(|n| u32::try_from(n).ok()).unwrap_or(limits.reads);
    limits.share_permille = share(&section, findings).unwrap_or(limits.share_permille);
    limits
}

/// `share = 0.7`: the rest is left to other tools.
fn share(section: &Section<'_>, findings: &mut Vec<Diagnostic>) -> Option<u32> {
    let field = section.field("share")?;
    let number: Option<f64> = match field.value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        DeValue::Integer(whole) => whole.as_str().parse().ok(),
        _ => None,
    };
    // A thousandth is the least that a whole number of thousandths can say.
    let permille = number.filter(|n| (0.001..=1.0).contains(n)).map(|n| (n * f64::from(WHOLE)).round() as u32);
    if permille.is_none() {
        let finding = Diagnostic::error("out-of-range", "`share` must be from 0.001 to 1").at(field.span.clone());
        findings.push(finding.hint("`share = 0.7` leaves three tenths of each limit to other tools"));
    }
    permille
}

/// Reads `[limits]`: what one app may do over all its tenants.
pub(super) fn read_app(root: &Section<'_>, findings: &mut Vec<Diagnostic>) -> AppLimit {
    let mut limit = AppLimit::default();
    let Some(section) = root.section("limits", "[limits]", findings) else { return limit };
    section.only(&["app_writes", "app_window_seconds"], findings);
    let mut number = |key: &str, most: i64, usual: u32| {
        section.integer(key, 1..=most, findings).and_then(|n| u32::try_from(n).ok()).unwrap_or(usual)
    };
    limit.writes = number("app_writes", i64::from(u32::MAX), limit.writes);
    limit.window_seconds = number("app_window_seconds", WINDOW_SECONDS_MAX, limit.window_seconds);
    limit
}

//! Where does `crosstie run` tell how it is, and to whom?

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use super::load::open_secret;
use super::{SecretSource, tenant};
use crate::rules::Diagnostic;
use crate::rules::table::Section;

/// `[listen]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listen {
    /// Where; `None`: nowhere.
    pub address: Option<SocketAddr>,
    /// Whoever asks has to show this. A reference only: no secret is held here.
    pub token: Option<SecretSource>,
}

/// Where `[listen]` names no address: where OpenTelemetry's exporter for Prometheus listens, too.
const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9_464);
const HINT: &str = "write an IP address and a port: 127.0.0.1:9464, [::1]:9464, 0.0.0.0:9464";

/// Only this machine can reach it there.
pub fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// `IP:PORT`, or `localhost:PORT`. Other names are not looked up: what they stand for may change.
///
/// # Errors
/// What is wrong with it.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let local = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    let local = local.map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    local.or_else(|| text.parse().ok()).ok_or_else(|| format!("`{text}` is no address to listen on"))
}

/// Reads `[listen]`.
pub(super) fn read(
    root: &Section<'_>,
    folder: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    findings: &mut Vec<Diagnostic>,
) -> Listen {
    let Some(section) = root.section("listen", "[listen]", findings) else { return Listen::default() };
    section.only(&["address", "token"], findings);
    let (mut address, mut place) = (Some(USUAL), section.span.clone());
    if let Some(field) = section.field("address") {
        place = field.span.clone();
        address = field.word(findings).and_then(|word| {
            let refused = |message| Diagnostic::error("listen-address", message).at(word.span.clone()).hint(HINT);
            listen_address(word.text).map_err(|message| findings.push(refused(message))).ok()
        });
    }
    let field = section.field("token");
    let token = field.as_ref().and_then(|field| tenant::secret(field, folder, findings));
    if field.is_none() && address.is_some_and(|address| !is_loopback(address)) {
        let message = "whoever reaches this address can ask: it needs a `token`";
        let hint = "add `token = { env = \"NAME\" }` or `token = { file = \"PATH\" }`, or listen on 127.0.0.1";
        findings.push(Diagnostic::error("listen-token", message).at(place).hint(hint));
    }
    if let (Some(token), Some(field)) = (&token, &field) {
        if let Err(error) = token.read_with(environment) {
            let finding = Diagnostic::warning("missing-secret", format!("no token for `[listen]`: {error}"));
            let hint = "`crosstie run` will refuse to start without it";
            findings.push(finding.at(field.key_span.clone()).hint(hint));
        }
        findings.extend(open_secret(token).map(|finding| finding.at(field.key_span.clone())));
    }
    Listen { address, token }
}

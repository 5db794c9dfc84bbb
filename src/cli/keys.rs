//! How does an Ed25519 key sign for us, and whose signature is this?

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroizing;

use crate::config::{Config, KEY_PREFIX, public_key};

const PEM: [&str; 2] = ["-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"];

/// A private key in PEM (PKCS #8); `None`: it is none.
pub(super) fn parse(pem: &str) -> Option<Ed25519KeyPair> {
    let body = pem.trim().strip_prefix(PEM[0])?.strip_suffix(PEM[1])?;
    let body = Zeroizing::new(body.split_whitespace().collect::<String>());
    let bytes = Zeroizing::new(STANDARD.decode(body.as_str()).ok()?);
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(&bytes).ok()
}

/// The PEM text of a key's PKCS #8 bytes.
pub(super) fn pem(pkcs8: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(pkcs8));
    Zeroizing::new(format!("{}\n{}\n{}\n", PEM[0], body.as_str(), PEM[1]))
}

/// The public half, as it is written in a configuration.
pub(super) fn name(key: &Ed25519KeyPair) -> String {
    format!("{KEY_PREFIX}{}", STANDARD.encode(key.public_key().as_ref()))
}

/// The signature, in base64.
pub(super) fn sign(key: &Ed25519KeyPair, message: &str) -> String {
    STANDARD.encode(key.sign(message.as_bytes()))
}

/// Has this key signed that?
pub(super) fn has_signed(by: &str, message: &str, signature: &str) -> bool {
    let Some(key) = public_key(by) else { return false };
    let Ok(signature) = STANDARD.decode(signature) else { return false };
    UnparsedPublicKey::new(&ED25519, key).verify(message.as_bytes(), &signature).is_ok()
}

/// The key of `[log]`, where one is configured; or why it is not to be had, in words.
pub(super) fn of_the_log(config: &Config) -> Result<Option<Ed25519KeyPair>, String> {
    let Some(source) = &config.log.sign_with else { return Ok(None) };
    let text = source.read().map_err(|e| format!("the key of [log]: {e}"))?;
    let key = parse(text.expose_secret());
    key.map(Some).ok_or_else(|| "the key of [log] is no Ed25519 key in PEM (PKCS #8)".to_owned())
}

/// Public keys whose signature counts for the log; none where nothing is said of that.
pub(super) fn trusted(config: &Config) -> Vec<String> {
    let mut keys = config.log.signers.clone();
    // Whoever verifies on another machine has the public halves alone.
    keys.extend(of_the_log(config).ok().flatten().map(|key| name(&key)));
    keys
}

/// Is it one of these keys, however it is written?
pub(super) fn is_among(key: &str, keys: &[String]) -> bool {
    public_key(key).is_some_and(|key| keys.iter().any(|known| public_key(known) == Some(key)))
}

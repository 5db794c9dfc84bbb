//! How does a receiver know that it was us, and that it is now? The symmetric scheme of Standard Webhooks 1.0.
//!
//! `webhook-signature` is `v1,` and the base64 of the HMAC-SHA-256, under the shared secret, of `ID.TIMESTAMP.BODY`: the
//! header `webhook-id`, the header `webhook-timestamp` (seconds since 1970) and the body, byte for byte, with full stops
//! between. A receiver computes the same and compares in constant time; it refuses timestamps that are minutes off, and ids
//! that it has seen. `docs/alerts.md` has it as a script.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::digest::InvalidLength;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// What one receiver's alerts are signed with. Cannot be read or printed.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// The key with these bytes.
    ///
    /// # Errors
    /// None: HMAC takes keys of any length. Its interface cannot say so.
    pub fn new(bytes: &SecretSlice<u8>) -> Result<Self, InvalidLength> {
        Hmac::new_from_slice(bytes.expose_secret()).map(Self)
    }

    /// The header `webhook-signature` for a body that leaves at `seconds` since 1970. An id never holds a full stop.
    pub fn sign(&self, id: &str, seconds: u64, body: &[u8]) -> String {
        let head = format!("{id}.{seconds}.");
        let mac = self.0.clone().chain_update(head.as_bytes()).chain_update(body).finalize();
        format!("v1,{}", STANDARD.encode(mac.into_bytes()))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(bytes: &[u8]) -> Key {
        Key::new(&SecretSlice::from(bytes.to_vec())).unwrap()
    }

    #[test]
    fn a_signature_is_that_of_other_implementations() {
        // The example by which the libraries of Standard Webhooks are tested.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = key(&secret).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_under_the_signature_is_the_text_with_full_stops() {
        // RFC 4231, test case 2: the same bytes, cut at two places.
        let mac = key(b"Jefe").0.chain_update(b"what do ya want for nothing?").finalize().into_bytes();
        let hex: String = mac.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let signed = key(b"Jefe").0.chain_update(b"a.7.{}").finalize().into_bytes();
        assert_eq!(key(b"Jefe").sign("a", 7, b"{}"), format!("v1,{}", STANDARD.encode(signed)));
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", key(b"canary-key")), "Key([redacted])");
    }
}

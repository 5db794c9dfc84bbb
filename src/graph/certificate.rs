//! How does a certificate prove who we are? A short text that only its key can sign, made anew for every token.

use std::fmt;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pkcs8::EncryptedPrivateKeyInfo;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use x509_cert::der::Decode as _;

use crate::config::SigningAlgorithm;
use crate::model::Timestamp;

/// How long an assertion is good. Microsoft recommends five to ten minutes; its own SDKs take five.
const ASSERTION_SECONDS: u64 = 300;

/// Why a certificate cannot be used. No variant holds any part of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// No certificate in the file.
    #[error(
        "there is no certificate in it\nhint: the file holds both, `-----BEGIN CERTIFICATE-----` and a private key"
    )]
    NoCertificate,
    /// No key in the file.
    #[error(
        "there is no private key in it\nhint: the file holds both, the certificate and `-----BEGIN PRIVATE KEY-----`"
    )]
    NoKey,
    /// The key is encrypted, and nothing says with what.
    #[error("its key is encrypted\nhint: add `password = {{ env = \"NAME\" }}` or `{{ file = \"PATH\" }}`")]
    NoPassword,
    /// The password is another one, or the encryption is one that is not known.
    #[error(
        "its key cannot be decrypted: another password, or an old kind of encryption\nhint: encrypt it as PKCS#8 with \
         AES: openssl pkcs8 -topk8 -v2 aes-256-cbc"
    )]
    WrongPassword,
    /// Not a key that Microsoft takes.
    #[error("its key is no RSA key of 2048 to 8192 bits\nhint: Entra takes RSA keys only")]
    NotRsa,
    /// A block that cannot be read.
    #[error("its block {0} cannot be read\nhint: is the file whole? An encrypted key is one of PKCS#8")]
    Unreadable(String),
    /// Two files that do not belong together were put into one.
    #[error("its key belongs to none of its certificates\nhint: put the certificate of this key into the file")]
    NotItsKey,
    /// The system's random numbers failed.
    #[error("it could not sign")]
    NotSigned,
}

/// A certificate with its key, ready to sign.
pub struct Certificate {
    key: RsaKeyPair,
    sha256: String,
    sha1: String,
    not_before: Timestamp,
    not_after: Timestamp,
    algorithm: SigningAlgorithm,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.sha256)
    }
}

impl Certificate {
    /// Reads a PEM file's text: a key and its certificate in any order, others of its chain beside them.
    pub fn read(
        pem: &str,
        password: Option<&SecretString>,
        algorithm: SigningAlgorithm,
    ) -> Result<Self, CertificateError> {
        let blocks = blocks(pem)?;
        let key = blocks.iter().find_map(|(label, der)| key(label, der, password)).ok_or(CertificateError::NoKey)??;
        let mut any = false;
        for (_, der) in blocks.iter().filter(|(label, _)| label == "CERTIFICATE") {
            any = true;
            let unreadable = |_| CertificateError::Unreadable("CERTIFICATE".to_owned());
            let certificate = x509_cert::Certificate::from_der(der).map_err(unreadable)?.tbs_certificate;
            if certificate.subject_public_key_info.subject_public_key.raw_bytes() != key.public_key().as_ref() {
                continue;
            }
            let millis = |time: x509_cert::time::Time| {
                Timestamp(u64::try_from(time.to_unix_duration().as_millis()).unwrap_or(u64::MAX))
            };
            return Ok(Self {
                key,
                sha256: URL_SAFE_NO_PAD.encode(digest(&SHA256, der)),
                sha1: URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, der)),
                not_before: millis(certificate.validity.not_before),
                not_after: millis(certificate.validity.not_after),
                algorithm,
            });
        }
        Err(if any { CertificateError::NotItsKey } else { CertificateError::NoCertificate })
    }

    /// From when until when it is good.
    pub fn validity(&self) -> (Timestamp, Timestamp) {
        (self.not_before, self.not_after)
    }

    /// A signed text that says to `audience`, a token endpoint, that we are `client_id`.
    pub(super) fn assertion(
        &self,
        audience: &str,
        client_id: &str,
        now: Timestamp,
    ) -> Result<SecretString, CertificateError> {
        let mut id = [0; 16];
        aws_lc_rs::rand::fill(&mut id).map_err(|_| CertificateError::NotSigned)?;
        let (header, padding): (_, &'static dyn aws_lc_rs::signature::RsaEncoding) = match self.algorithm {
            SigningAlgorithm::Ps256 => {
                (json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.sha256 }), &RSA_PSS_SHA256)
            }
            SigningAlgorithm::Rs256 => (json!({ "alg": "RS256", "typ": "JWT", "x5t": self.sha1 }), &RSA_PKCS1_SHA256),
        };
        let seconds = now.0 / 1000;
        let claims = json!({
            "aud": audience, "iss": client_id, "sub": client_id,
            "jti": uuid::Builder::from_random_bytes(id).into_uuid().to_string(),
            "iat": seconds, "nbf": seconds, "exp": seconds + ASSERTION_SECONDS,
        });
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let done = self.key.sign(padding, &SystemRandom::new(), signed.as_bytes(), &mut signature);
        done.map_err(|_| CertificateError::NotSigned)?;
        Ok(SecretString::from(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

/// The key in a block; `None` where the block is something else.
fn key(label: &str, der: &[u8], password: Option<&SecretString>) -> Option<Result<RsaKeyPair, CertificateError>> {
    let not_rsa = |_| CertificateError::NotRsa;
    Some(match label {
        "PRIVATE KEY" => RsaKeyPair::from_pkcs8(der).map_err(not_rsa),
        "RSA PRIVATE KEY" => RsaKeyPair::from_der(der).map_err(not_rsa),
        "EC PRIVATE KEY" => Err(CertificateError::NotRsa),
        "ENCRYPTED PRIVATE KEY" => decrypted(der, password),
        _ => return None,
    })
}

fn decrypted(der: &[u8], password: Option<&SecretString>) -> Result<RsaKeyPair, CertificateError> {
    let password = password.ok_or(CertificateError::NoPassword)?;
    let wrong = |_| CertificateError::WrongPassword;
    let info = EncryptedPrivateKeyInfo::try_from(der).map_err(wrong)?;
    let plain = info.decrypt(password.expose_secret()).map_err(wrong)?;
    RsaKeyPair::from_pkcs8(plain.as_bytes()).map_err(|_| CertificateError::NotRsa)
}

/// A block's label and its bytes, which may be a key's.
type Block = (String, Zeroizing<Vec<u8>>);

/// The blocks of a PEM text. What stands between them is people's (`Bag Attributes` and the like).
fn blocks(pem: &str) -> Result<Vec<Block>, CertificateError> {
    let mut blocks = Vec::new();
    let mut rest = pem;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let Some((label, after)) = after.split_once("-----") else { break };
        let unreadable = || CertificateError::Unreadable(label.chars().filter(|c| !c.is_control()).take(40).collect());
        let (body, after) = after.split_once(&format!("-----END {label}-----")).ok_or_else(unreadable)?;
        let body = Zeroizing::new(body.split_whitespace().collect::<String>());
        let der = STANDARD.decode(body.as_bytes()).map_err(|_| unreadable())?;
        blocks.push((label.to_owned(), Zeroizing::new(der)));
        rest = after;
    }
    Ok(blocks)
}

//! Does each kind of credential sync a mesh, against tenants that verify it, and does a wrong one get nothing?

use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use crosstie::config::SigningAlgorithm;
use crosstie::graph::{Certificate, CertificateError};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, date_time_ymd};
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{Place, Request, Sim, TENANTS, try_ask};

/// A key and its certificate, PEM.
struct Made {
    key: KeyPair,
    certificate: String,
}

fn made(until_year: i32) -> Made {
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(until_year, 1, 1));
    let certificate = params.self_signed(&key).unwrap().pem();
    Made { key, certificate }
}

impl Made {
    fn pem(&self) -> String {
        format!("{}{}", self.key.serialize_pem(), self.certificate)
    }
    /// The key encrypted, as `openssl pkcs8 -topk8 -v2 aes-256-cbc` does it.
    fn encrypted(&self, password: &str) -> String {
        let der = self.key.serialize_der();
        let how = pkcs8::pkcs5::pbes2::Parameters::pbkdf2_sha256_aes256cbc(2048, &[7; 16], &[9; 16]).unwrap();
        let info = pkcs8::PrivateKeyInfo::try_from(der.as_slice()).unwrap();
        let sealed = info.encrypt_with_params(how, password).unwrap();
        let body = STANDARD.encode(sealed.as_bytes());
        format!("-----BEGIN ENCRYPTED PRIVATE KEY-----\n{body}\n-----END ENCRYPTED PRIVATE KEY-----\n")
    }
    fn thumbprint(&self) -> String {
        let body: String = self.certificate.lines().filter(|line| !line.starts_with("-----")).collect();
        URL_SAFE_NO_PAD.encode(Sha256::digest(STANDARD.decode(body).unwrap()))
    }
    fn signed(&self, how: &'static dyn RsaEncoding, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let key = RsaKeyPair::from_pkcs8(&self.key.serialize_der()).unwrap();
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(how, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// What the simulator knows of an app in place of its secret, and what the configuration says in place of its own.
fn school(app: impl Fn(usize, &str) -> String, own: impl Fn(usize, &str) -> String) -> (Place, Sim) {
    let (place, first) = Place::school(30);
    drop(first);
    for (n, tenant) in (1..).zip(TENANTS) {
        replace(
            &place.tenants().join(tenant).join("tenant.toml"),
            &format!("secret = \"{tenant}-secret\""),
            &app(n, tenant),
        );
    }
    let sim = Sim::start(&place.tenants(), &[]);
    place.configure(&[&sim.root; 3]);
    for (n, tenant) in (1..).zip(TENANTS) {
        let secret = format!("client_secret = {{ file = \"secrets/{tenant}\" }}");
        replace(&place.path("crosstie.toml"), &secret, &own(n, tenant));
        std::fs::remove_file(place.path(&format!("secrets/{tenant}"))).unwrap();
    }
    (place, sim)
}

#[track_caller]
fn replace(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "no `{from}` in {text}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

/// A text of TOML on one line.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}

#[track_caller]
fn syncs(place: &Place, sim: &Sim, environment: &[(&str, &str)]) {
    let run = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.envs(environment.iter().copied());
        crate::support::Running::start(command).end()
    };
    run(&["plan"]).code(2);
    run(&["sync"]).code(0);
    run(&["plan"]).code(0);
    assert!(sim.ledger().iter().any(|entry| entry["applied"] == true));
    let checks = run(&["doctor", "--format", "json"]).code(0).json();
    assert_eq!(checks["failed"], 0, "{checks:#}");
}

#[test]
fn certificates_sync_a_mesh() {
    let made: Vec<Made> = (0..3).map(|_| made(2096)).collect();
    let app = |n: usize, _: &str| format!("certificate_pem = {}", quoted(&made[n - 1].certificate));
    let (place, sim) = school(app, |n, tenant| match n {
        1 => format!("client_certificate = {{ file = \"secrets/{tenant}.pem\" }}"),
        2 => format!("client_certificate = {{ file = \"secrets/{tenant}.pem\", algorithm = \"RS256\" }}"),
        _ => format!("client_certificate = {{ file = \"secrets/{tenant}.pem\", password = {{ env = \"KEY\" }} }}"),
    });
    place.secret("north.pem", &made[0].pem());
    // The other order, with what openssl writes between.
    let bag = "Bag Attributes\n    localKeyID: 01\n";
    place.secret("south.pem", &format!("{bag}{}{bag}{}", made[1].certificate, made[1].key.serialize_pem()));
    place.secret("west.pem", &format!("{}{}", made[2].encrypted("pass word"), made[2].certificate));
    syncs(&place, &sim, &[("KEY", "pass word")]);
    for (key, says) in [(None, "KEY is not set"), (Some("canary-password"), "cannot be decrypted")] {
        let mut command = place.command(&["plan"]);
        key.map(|key| command.env("KEY", key));
        let done = crate::support::Running::start(command).end().code(64).says(says);
        assert!(!done.err.contains("canary-password"), "{}", done.err);
    }
}

#[test]
fn tokens_of_another_identity_provider_sync_a_mesh() {
    let issuer = made(2096);
    let claims = |tenant: &str| {
        json!({"iss": "https://cluster.example", "sub": format!("system:serviceaccount:{tenant}"),
            "aud": "api://AzureADTokenExchange", "exp": 4_000_000_000_u64})
    };
    let (place, sim) = school(
        |_, tenant| {
            let subject = format!("system:serviceaccount:{tenant}");
            let pem = quoted(&issuer.certificate);
            format!(
                "federated = {{ issuer = \"https://cluster.example\", subject = \"{subject}\", certificate_pem = {pem} }}"
            )
        },
        |_, tenant| format!("federated_token = {{ file = \"secrets/{tenant}.jwt\" }}"),
    );
    let header = json!({"alg": "RS256", "typ": "JWT"});
    for tenant in TENANTS {
        place.secret(&format!("{tenant}.jwt"), &issuer.signed(&RSA_PKCS1_SHA256, &header, &claims(tenant)));
    }
    syncs(&place, &sim, &[]);
    // Whoever else signs such a text gets nothing.
    place.secret("south.jwt", &made(2096).signed(&RSA_PKCS1_SHA256, &header, &claims("south")));
    place.run(&["plan"]).code(4).says("AADSTS50013");
}

#[test]
fn identities_of_the_machine_sync_a_mesh() {
    let (place, sim) = school(
        |n, _| format!("managed_identity = \"{}\"", if n == 1 { "system" } else { "user" }),
        |n, _| match n {
            1 => "managed_identity = true".to_owned(),
            _ => format!("managed_identity = {{ client_id = \"0b9b0d64-0000-4000-8000-{n:012}\" }}"),
        },
    );
    // App Service and its kin give each process an address and a header of its own.
    syncs(
        &place,
        &sim,
        &[("IDENTITY_ENDPOINT", &format!("{}/msi/token", sim.root)), ("IDENTITY_HEADER", "canary-header")],
    );
    // A virtual machine's metadata service, at a stand-in's address.
    let mut command = place.command(&["plan"]);
    command.env("AZURE_POD_IDENTITY_AUTHORITY_HOST", &sim.root);
    crate::support::Running::start(command).end().code(0);
    // An identity that the machine does not have.
    replace(
        &place.path("crosstie.toml"),
        "{ client_id = \"0b9b0d64-0000-4000-8000-000000000003\" }",
        "{ client_id = \"0b9b0d64-0000-4000-8000-000000000009\" }",
    );
    let mut command = place.command(&["plan"]);
    command.env("AZURE_POD_IDENTITY_AUTHORITY_HOST", &sim.root);
    let done = crate::support::Running::start(command).end().code(4).says("Identity not found");
    assert!(done.err.contains("hint: no such identity is assigned"), "{}", done.err);
}

#[test]
fn only_the_registered_key_is_believed() {
    let (known, other) = (made(2096), made(2096));
    let (place, sim) = school(
        |n, tenant| match n {
            2 => format!("certificate_pem = {}", quoted(&known.certificate)),
            _ => format!("secret = \"{tenant}-secret\""),
        },
        |n, tenant| match n {
            2 => format!("client_certificate = {{ file = \"secrets/{tenant}.pem\" }}"),
            _ => format!("client_secret = {{ env = \"SECRET{n}\" }}"),
        },
    );
    place.secret("south.pem", &other.pem());
    let mut command = place.command(&["plan"]);
    command.env("SECRET1", "north-secret").env("SECRET3", "west-secret");
    let done = crate::support::Running::start(command).end().code(4).says("AADSTS700027");
    let key: String = other.key.serialize_pem().lines().nth(3).unwrap().to_owned();
    assert!(!done.err.contains(&key) && !done.out.contains(&key), "no part of the key is told");

    // The right thumbprint, and somebody else's signature; and one change at a time of a good text.
    let (id, client) = ("6f1c0d3e-0000-4000-8000-000000000002", "0b9b0d64-0000-4000-8000-000000000002");
    let path = format!("/{id}/oauth2/v2.0/token");
    let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": known.thumbprint()});
    let now = sim.get("clock")["millis"].as_u64().unwrap() / 1000;
    let claims = json!({"aud": format!("{}{path}", sim.root), "iss": client, "sub": client, "jti": "1", "nbf": now, "exp": now + 300});
    let with = |name: &str, value: Value| {
        let mut changed = claims.clone();
        changed[name] = value;
        known.signed(&RSA_PSS_SHA256, &header, &changed)
    };
    let good = known.signed(&RSA_PSS_SHA256, &header, &claims);
    let bent = good.replacen(good.split('.').nth(1).unwrap(), &URL_SAFE_NO_PAD.encode(with("jti", json!("2"))), 1);
    let cases = [
        (good.clone(), 200, "access_token"),
        (other.signed(&RSA_PSS_SHA256, &header, &claims), 401, "50012"),
        (known.signed(&RSA_PKCS1_SHA256, &header, &claims), 401, "50012"),
        (bent, 400, "50027"),
        (with("aud", json!(format!("{}/other/oauth2/v2.0/token", sim.root))), 401, "700027"),
        (with("jti", json!("")), 401, "700027"),
        (with("exp", json!(now - 1)), 401, "500133"),
        (with("nbf", json!(now + 4000)), 401, "500133"),
    ];
    for (assertion, status, says) in cases {
        let body = format!(
            "grant_type=client_credentials&client_id={client}&scope=https%3A%2F%2Fgraph.example%2F.default&\
             client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={assertion}"
        );
        let headers = vec![("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        let answer = try_ask(&sim.root, &Request { method: "POST".into(), path: path.clone(), headers, body }).unwrap();
        assert!(answer.status == status && answer.body.contains(says), "{says}: {} {}", answer.status, answer.body);
    }
}

#[test]
fn a_file_that_is_no_certificate_says_what_is_wrong_with_it() {
    let (one, other) = (made(2096), made(2096));
    let password = SecretString::from("pass word");
    let read = |pem: &str, password: Option<&SecretString>| Certificate::read(pem, password, SigningAlgorithm::Ps256);
    let certificate = read(&format!("{}{}", other.certificate, one.pem()), None).unwrap();
    assert_eq!(certificate.validity().1.rfc3339().get(..10), Some("2096-01-01"), "its own among those of its chain");
    assert!(!format!("{certificate:?}").contains("PRIVATE"));
    let ec = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
    let encrypted = format!("{}{}", one.encrypted("pass word"), one.certificate);
    assert!(read(&encrypted, Some(&password)).is_ok());
    let wrong = SecretString::from("canary-password");
    let cases = [
        (String::new(), None, CertificateError::NoKey),
        (one.certificate.clone(), None, CertificateError::NoKey),
        (one.key.serialize_pem(), None, CertificateError::NoCertificate),
        (format!("{}{}", one.key.serialize_pem(), other.certificate), None, CertificateError::NotItsKey),
        (format!("{ec}{}", one.certificate), None, CertificateError::NotRsa),
        (encrypted.clone(), None, CertificateError::NoPassword),
        (encrypted, Some(&wrong), CertificateError::WrongPassword),
        (
            one.pem().replace("-----END PRIVATE KEY-----", ""),
            None,
            CertificateError::Unreadable("PRIVATE KEY".to_owned()),
        ),
        (one.pem().replacen("MII", "!!!", 1), None, CertificateError::Unreadable("PRIVATE KEY".to_owned())),
    ];
    for (pem, password, expected) in cases {
        let error = read(&pem, password).unwrap_err();
        assert_eq!(error, expected);
        assert!(!error.to_string().contains("canary-password"));
    }
}

//! What stands between us and the tenants? It watches where tokens and data go, and lies when told to.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use crosstie::graph::TransportError;
use http::{Request, Response, Uri, header};
use serde_json::{Value, json};

use crate::bench::{Answered, Meddler};
use crate::fault::Counts;
use crate::operation::Lie;

/// A lie that waits for its request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Armed {
    pub(crate) tenant: usize,
    pub(crate) lie: Lie,
    pub(crate) skip: u8,
}

/// Everything that it knows and has seen.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// `host:port` of each tenant.
    pub(crate) hosts: Vec<String>,
    /// Which home's data each tenant may see, by number.
    pub(crate) homes_of: Vec<Vec<usize>>,
    /// Which token was minted by which tenant.
    pub(crate) tokens: BTreeMap<String, usize>,
    pub(crate) lies: VecDeque<Armed>,
    pub(crate) struck: Counts,
    /// Laws that a request broke.
    pub(crate) broken: Vec<(&'static str, String)>,
    pub(crate) requests: u64,
    /// The canary of each tenant's data, in no rule.
    pub(crate) canaries: Vec<String>,
    /// The mail domain of each tenant.
    pub(crate) domains: Vec<String>,
    pub(crate) secret: String,
}

/// The knob that a history holds, and the part that sits in the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Between(pub(crate) std::rc::Rc<std::cell::RefCell<Watch>>);

impl Watch {
    fn tenant(&self, uri: &Uri) -> Option<usize> {
        let authority = uri.authority()?.as_str();
        self.hosts.iter().position(|host| host == authority).filter(|_| uri.scheme_str() == Some("http"))
    }

    fn inspect(&mut self, request: &Request<Bytes>) {
        self.requests += 1;
        let uri = request.uri();
        let Some(tenant) = self.tenant(uri) else {
            self.broken.push(("I12", format!("a request left for {uri}")));
            return;
        };
        let bearer = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        if let Some(token) = bearer.and_then(|v| v.strip_prefix("Bearer ")) {
            match self.tokens.get(token) {
                Some(minted) if *minted == tenant => {}
                other => self.broken.push(("I11", format!("a token of tenant {other:?} was shown to {tenant}: {uri}"))),
            }
        }
        let body = String::from_utf8_lossy(request.body());
        let is_token_request = uri.path().ends_with("/token");
        if self.canaries.iter().any(|c| body.contains(c.as_str()) || uri.to_string().contains(c.as_str())) {
            self.broken.push(("I13", format!("data of no rule left for tenant {tenant}: {uri} {body}")));
        }
        for (home, domain) in self.domains.iter().enumerate().filter(|_| request.method() != http::Method::GET) {
            let address = format!("@{domain}");
            if home != tenant && !self.homes_of[tenant].contains(&home) && body.contains(&address) {
                self.broken.push(("I13", format!("data of tenant {home} left for tenant {tenant}: {body}")));
            }
        }
        if !is_token_request && body.contains(&self.secret) {
            self.broken.push(("I21", format!("a secret left for {uri}")));
        }
    }

    /// The first lie that fits, if its turn has come.
    fn take(&mut self, tenant: usize, fits: impl Fn(Lie) -> bool) -> Option<Lie> {
        let at = self.lies.iter().position(|a| a.tenant == tenant && fits(a.lie))?;
        if self.lies[at].skip > 0 {
            self.lies[at].skip -= 1;
            return None;
        }
        self.lies.remove(at).map(|a| a.lie)
    }
}

fn is_write(request: &Request<Bytes>) -> bool {
    request.method() != http::Method::GET && !request.uri().path().ends_with("$batch") && !is_token(request.uri())
}
fn is_token(uri: &Uri) -> bool {
    uri.path().ends_with("/token")
}
fn is_delta(uri: &Uri) -> bool {
    uri.path().ends_with("/users/delta")
}

fn answer(status: u16, body: impl Into<Bytes>) -> Answered {
    let built = Response::builder().status(status).header(header::CONTENT_TYPE, "application/json").body(body.into());
    Ok(built.unwrap())
}

/// A token that says itself that it is another tenant's.
fn foreign_token() -> String {
    use base64::Engine as _;
    let part = |v: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(v.to_string());
    let claims = json!({ "tid": "99999999-0000-4000-8000-000000000009", "aud": "https://graph.example", "exp": 4_000_000_000u64 });
    format!("{}.{}.c2ln", part(json!({ "alg": "RS256", "typ": "JWT" })), part(claims))
}

impl Meddler for Between {
    fn instead(&mut self, request: &Request<Bytes>) -> Option<Answered> {
        let mut watch = self.0.borrow_mut();
        watch.inspect(request);
        let uri = request.uri();
        let tenant = watch.tenant(uri)?;
        let fits = |lie: Lie| match lie {
            Lie::NotSent | Lie::Reset => is_write(request),
            Lie::Redirect => !is_token(uri),
            Lie::TooLarge => is_delta(uri),
            Lie::OtherToken => is_token(uri),
            Lie::EmptyHome => is_delta(uri) && !uri.query().is_some_and(|q| q.contains("token")),
            _ => false,
        };
        let lie = watch.take(tenant, fits)?;
        let (class, answer) = match lie {
            Lie::NotSent => (5, Err(TransportError::not_sent("no connection"))),
            Lie::Reset => (5, Err(TransportError::lost("the connection was reset"))),
            Lie::TooLarge => (6, Err(TransportError::too_large(64 << 20))),
            Lie::Redirect => {
                let to = "http://evil.example/v1.0/users/delta";
                (10, Ok(Response::builder().status(302).header(header::LOCATION, to).body(Bytes::new()).unwrap()))
            }
            Lie::OtherToken => {
                let token = foreign_token();
                watch.tokens.insert(token.clone(), usize::MAX);
                let body = json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": token });
                (11, answer(200, body.to_string()))
            }
            _ => {
                let link = format!("http://{}/v1.0/users/delta?$deltatoken=bm90aGluZw", watch.hosts[tenant]);
                (13, answer(200, json!({ "value": [], "@odata.deltaLink": link }).to_string()))
            }
        };
        watch.struck.add(class, 1);
        Some(answer)
    }

    fn answer(&mut self, uri: &Uri, answered: Answered) -> Answered {
        let mut watch = self.0.borrow_mut();
        let (Some(tenant), Ok(response)) = (watch.tenant(uri), &answered) else { return answered };
        if is_token(uri) {
            let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
            if let Some(token) = body["access_token"].as_str() {
                watch.tokens.entry(token.to_owned()).or_insert(tenant);
            }
            return answered;
        }
        if response.status() != 200 && response.status() != 201 {
            return answered;
        }
        let batch = uri.path().ends_with("$batch");
        let last = std::str::from_utf8(response.body()).is_ok_and(|b| b.contains("@odata.deltaLink"));
        let fits = |lie: Lie| match lie {
            Lie::NoDeltaLink | Lie::BothLinks => is_delta(uri) && last,
            Lie::WrongTypes | Lie::TwiceKeys | Lie::Deep | Lie::BadUtf8 | Lie::Surrogate => is_delta(uri),
            Lie::ErrorIn200 => !batch,
            Lie::BatchMissing
            | Lie::BatchExtra
            | Lie::BatchTwice
            | Lie::BatchReversed
            | Lie::BatchText
            | Lie::BatchThrottled => batch,
            _ => false,
        };
        let Some(lie) = watch.take(tenant, fits) else { return answered };
        watch.struck.add(class_of(lie), 1);
        let body = response.body().clone();
        Ok(answered.unwrap().map(|_| told(lie, &body)))
    }
}

fn class_of(lie: Lie) -> u8 {
    match lie {
        Lie::NoDeltaLink | Lie::BothLinks => 9,
        Lie::ErrorIn200 => 4,
        Lie::BatchThrottled => 3,
        Lie::BatchMissing | Lie::BatchExtra | Lie::BatchTwice | Lie::BatchReversed | Lie::BatchText => 18,
        _ => 7,
    }
}

/// The answer as it is told.
fn told(lie: Lie, body: &Bytes) -> Bytes {
    let text = String::from_utf8_lossy(body).into_owned();
    let mut value: Value = serde_json::from_slice(body).unwrap_or_default();
    match lie {
        Lie::NoDeltaLink => {
            value.as_object_mut().map(|o| o.remove("@odata.deltaLink"));
        }
        Lie::BothLinks => value["@odata.nextLink"] = value["@odata.deltaLink"].clone(),
        Lie::WrongTypes => value["value"] = json!(7),
        Lie::TwiceKeys => return Bytes::from(format!("{{\"value\":[],{}", &text[1..])),
        Lie::Deep => return Bytes::from("[".repeat(100_000)),
        Lie::BadUtf8 => {
            let mut bytes = body.to_vec();
            let at = bytes.len() / 2;
            bytes[at] = 0xff;
            return bytes.into();
        }
        Lie::Surrogate => return Bytes::from(text.replacen("\"id\":\"", "\"jobTitle\":\"\\ud800\",\"id\":\"", 1)),
        Lie::ErrorIn200 => value = json!({ "error": { "code": "UnknownError", "message": "" } }),
        _ => batch_told(lie, &mut value),
    }
    Bytes::from(value.to_string())
}

fn batch_told(lie: Lie, value: &mut Value) {
    let Some(items) = value["responses"].as_array_mut() else { return };
    match lie {
        Lie::BatchMissing => {
            items.pop();
        }
        Lie::BatchExtra => items.push(json!({ "id": "999", "status": 200, "body": {} })),
        Lie::BatchTwice => {
            let first = items.first().cloned();
            items.extend(first);
        }
        Lie::BatchReversed => items.reverse(),
        Lie::BatchText => items.iter_mut().for_each(|i| i["status"] = json!(i["status"].to_string())),
        _ => {
            if let Some(first) = items.first_mut() {
                first["status"] = json!(429);
                first["headers"] = json!({ "Retry-After": "3" });
                first["body"] = json!({ "error": { "code": "TooManyRequests", "message": "later" } });
            }
        }
    }
}

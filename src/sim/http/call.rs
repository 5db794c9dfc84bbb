//! What does a request say, once HTTP is taken off?

use std::collections::BTreeMap;

use axum::body::Bytes;
use http::request::Parts;
use serde_json::Value;
use url::form_urlencoded;

use crate::sim::refusal::Refusal;

/// A request, on its own or as an item of a batch.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: String,
    /// As it came, the version included.
    pub(super) path: String,
    /// Decoded, without the version; `users('x')` is two of them.
    pub(super) segments: Vec<String>,
    pub(super) raw_query: String,
    query: Vec<(String, String)>,
    headers: BTreeMap<String, String>,
    pub(super) body: Bytes,
    /// Scheme and host, for links.
    pub(super) root: String,
}

impl Call {
    pub(super) fn new(parts: &Parts, body: Bytes) -> Self {
        let headers: BTreeMap<String, String> = parts
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        let host = headers.get("host").map(String::as_str).or_else(|| parts.uri.authority().map(|a| a.as_str()));
        let root = format!("http://{}", host.unwrap_or("localhost"));
        let query = parts.uri.query().unwrap_or_default();
        Call::of(parts.method.as_str(), parts.uri.path(), query, headers, body, root)
    }
    /// An item of a batch: its url is relative to the version.
    pub(super) fn item(&self, method: &str, url: &str, headers: BTreeMap<String, String>, body: Bytes) -> Self {
        let url = url.strip_prefix("/v1.0").unwrap_or(url).trim_start_matches('/');
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        Call::of(&method.to_uppercase(), &format!("/v1.0/{path}"), query, headers, body, self.root.clone())
    }
    fn of(method: &str, path: &str, query: &str, headers: BTreeMap<String, String>, body: Bytes, root: String) -> Self {
        Call {
            method: method.to_owned(),
            path: path.to_owned(),
            segments: segments(path),
            raw_query: query.to_owned(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers,
            body,
            root,
        }
    }

    /// A query option, its name in whatever case.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
    /// The options but the one that says where a page begins, to be told again in the link to the next page.
    pub(super) fn options_but(&self, name: &str) -> impl Iterator<Item = (&str, &str)> {
        self.query.iter().filter(move |(n, _)| !n.eq_ignore_ascii_case(name)).map(|(n, v)| (n.as_str(), v.as_str()))
    }
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
    /// `ConsistencyLevel: eventual` and `$count=true`: what advanced queries need.
    pub(super) fn is_advanced(&self) -> bool {
        self.header("consistencylevel").is_some_and(|v| v.eq_ignore_ascii_case("eventual"))
            && self.option("$count").is_some_and(|v| v.eq_ignore_ascii_case("true"))
    }
    /// The body as JSON; null where there is none.
    pub(super) fn json(&self) -> Result<Value, Refusal> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body)
            .map_err(|_| Refusal::new(400, "BadRequest", "Unable to read JSON request payload."))
    }
    /// The path without its version, as faults and the ledger name it.
    pub(super) fn short_path(&self) -> &str {
        self.path.strip_prefix("/v1.0").unwrap_or(&self.path)
    }
    /// The whole address, as it was asked.
    pub(super) fn url(&self) -> String {
        let mark = if self.raw_query.is_empty() { "" } else { "?" };
        format!("{}{}{mark}{}", self.root, self.path, self.raw_query)
    }
}

fn segments(path: &str) -> Vec<String> {
    let mut all = Vec::new();
    for raw in path.split('/').filter(|s| !s.is_empty()) {
        let segment = decoded(raw);
        let segment = segment.strip_suffix("()").unwrap_or(&segment);
        match segment.split_once("('").and_then(|(name, rest)| Some((name, rest.strip_suffix("')")?))) {
            Some((name, key)) => all.extend([name.to_owned(), key.replace("''", "'")]),
            None => all.push(segment.to_owned()),
        }
    }
    all
}

/// Percent-decodes; what is no UTF-8 then becomes a replacement character, and so finds nothing.
fn decoded(raw: &str) -> String {
    let bytes = raw.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = (bytes[i] == b'%').then(|| raw.get(i + 1..i + 3)).flatten();
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::segments;

    #[test]
    fn paths_come_apart() {
        assert_eq!(segments("/v1.0/users/a_b.c%23EXT%23@d"), ["v1.0", "users", "a_b.c#EXT#@d"]);
        assert_eq!(segments("/users('$x@y')/manager"), ["users", "$x@y", "manager"]);
        assert_eq!(segments("/users/microsoft.graph.delta()"), ["users", "microsoft.graph.delta"]);
        assert_eq!(segments("/a%zz%"), ["a%zz%"]);
    }
}

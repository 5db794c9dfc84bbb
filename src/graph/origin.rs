//! Is this address one of the tenant's own? A token goes nowhere else, whatever a link in an answer says.
//!
//! Links come from answers and from the store; both are outside input. Real clients have leaked tokens by following
//! them (a `starts_with` on the host, a redirect, another port), so the rule is equality of scheme, host and port, a path
//! compared segment by segment, and a short list of collections that may be followed at all.

use url::{Position, Url};

/// A watermark of a large tenant has a few KiB; front doors refuse request lines beyond 16 to 32 KiB anyway.
const LINK_BYTES_MAX: usize = 32 * 1024;
/// Graph's stable version. Links into another one (`beta`) are another API.
const VERSION: &str = "v1.0";

/// Why a link is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Not an address at all.
    #[error("the link is not an address")]
    NotAnAddress,
    /// Longer than any real one.
    #[error("the link is longer than {LINK_BYTES_MAX} bytes")]
    TooLong,
    /// Scheme, host or port differ.
    #[error("the link leads away from the tenant's Graph origin; it was not followed and no token was sent")]
    ForeignOrigin,
    /// `user:password@`, or a `#fragment`.
    #[error("the link holds user information or a fragment; it was not followed")]
    Decorated,
    /// Another version, another tenant's root, or a collection that was not asked for.
    #[error("the link leads to another resource than the one that was asked for; it was not followed")]
    ForeignPath,
    /// An id that would change the path: empty, `.` or `..`.
    #[error("an id that cannot stand in an address")]
    BadSegment,
}

/// Which collection a link may continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    /// `users/delta`, `users/microsoft.graph.delta()`.
    UsersDelta,
    /// `users`.
    Users,
    /// `groups/{id}/transitiveMembers`.
    GroupMembers,
    /// `users/{id}/transitiveMemberOf` or `/memberOf`.
    Memberships,
    /// `groups/{id}/memberOf`.
    GroupMemberships,
}

/// Scheme, host, port and root path of one tenant's Graph.
#[derive(Clone, Debug)]
pub struct GraphOrigin {
    /// Without a trailing slash in its path, query or fragment.
    root: Url,
}

/// What to ask of a tenant's Graph: path and query from the version on, with a leading slash. It names no host, so that no
/// token can be led away with it: a token puts its own tenant's origin before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphPath(String);

impl GraphPath {
    /// `/v1.0/users?$top=1`
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// As an item of a batch names it: below the version, with a leading slash.
    pub fn below_version(&self) -> Option<&str> {
        self.0.strip_prefix('/')?.strip_prefix(VERSION).filter(|rest| rest.starts_with('/'))
    }
}

impl GraphOrigin {
    /// `root` is Graph's root without the version; `None` where it cannot have a path, a query or user information.
    pub fn new(root: &Url) -> Option<Self> {
        let plain = root.has_host() && root.username().is_empty() && root.password().is_none();
        if root.cannot_be_a_base() || !plain || root.query().is_some() || root.fragment().is_some() {
            return None;
        }
        Some(Self { root: root.clone() })
    }

    /// `https://graph.microsoft.com`, without a trailing slash: what scopes and `@odata.id` are made from.
    pub fn root(&self) -> &str {
        self.root.as_str().trim_end_matches('/')
    }

    /// The whole address of `path`.
    pub fn url(&self, path: &GraphPath) -> String {
        format!("{}{}", self.root(), path.0)
    }

    /// Builds the path of `segments` below the version; `query` is a list of option and value, values not encoded.
    pub fn build(&self, segments: &[&str], query: &[(&str, &str)]) -> Result<GraphPath, LinkError> {
        self.build_in(VERSION, segments, query)
    }

    /// The same below another version.
    pub(super) fn build_in(
        &self,
        version: &str,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<GraphPath, LinkError> {
        let mut url = self.root.clone();
        {
            let mut path = url.path_segments_mut().map_err(|()| LinkError::NotAnAddress)?;
            path.pop_if_empty().push(version);
            for segment in segments {
                // The url crate drops `.` and `..` quietly: `users/..` would become `users`.
                if segment.is_empty() || matches!(*segment, "." | "..") {
                    return Err(LinkError::BadSegment);
                }
                path.push(segment);
            }
        }
        if !query.is_empty() {
            let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
            url.set_query(Some(&pairs.join("&")));
        }
        self.path(&url).ok_or(LinkError::NotAnAddress)
    }

    /// What follows the root in an address below it.
    fn path(&self, url: &Url) -> Option<GraphPath> {
        let rest = url[Position::BeforePath..].strip_prefix(self.root.path().trim_end_matches('/'))?;
        Some(GraphPath(rest.to_owned()))
    }

    /// Admits a link that an answer or the store gave, where it continues `collection` of this very tenant.
    pub fn admit(&self, link: &str, collection: Collection) -> Result<GraphPath, LinkError> {
        if link.len() > LINK_BYTES_MAX {
            return Err(LinkError::TooLong);
        }
        let url = Url::parse(link).map_err(|_| LinkError::NotAnAddress)?;
        let same_origin = url.scheme() == self.root.scheme()
            && url.host() == self.root.host()
            && url.port_or_known_default() == self.root.port_or_known_default();
        if !same_origin {
            return Err(LinkError::ForeignOrigin);
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(LinkError::Decorated);
        }
        let below = self.below_version(&url).ok_or(LinkError::ForeignPath)?;
        // A front door that decodes before it splits would read another path than the one that was compared.
        if below.iter().any(|segment| segment.contains(['/', '\\', '\0'])) {
            return Err(LinkError::ForeignPath);
        }
        let below: Vec<&str> = below.iter().map(String::as_str).collect();
        if !continues(&below, collection) {
            return Err(LinkError::ForeignPath);
        }
        self.path(&url).ok_or(LinkError::ForeignPath)
    }

    /// The path's segments after `{root path}/v1.0/`, percent-decoded one by one.
    fn below_version(&self, url: &Url) -> Option<Vec<String>> {
        let mut segments = url.path_segments()?;
        for expected in self.root.path_segments()?.filter(|s| !s.is_empty()).chain([VERSION]) {
            if segments.next()? != expected {
                return None;
            }
        }
        segments.map(decoded).collect()
    }
}

fn continues(path: &[&str], collection: Collection) -> bool {
    // `users('id')` is OData's other spelling of `users/id`.
    let keyed = |segment: &str, set: &str| {
        let rest = segment.get(..set.len()).filter(|s| s.eq_ignore_ascii_case(set)).and(segment.get(set.len()..));
        rest.is_some_and(|rest| rest.starts_with("('") && rest.ends_with("')"))
    };
    let delta = |segment: &str| {
        let name = segment.strip_suffix("()").unwrap_or(segment);
        name.eq_ignore_ascii_case("delta") || name.eq_ignore_ascii_case("microsoft.graph.delta")
    };
    let is = |segment: &str, name: &str| segment.eq_ignore_ascii_case(name);
    let of_one = |set: &str, last: &[&str]| match path {
        [first, id, end] => is(first, set) && !id.is_empty() && last.iter().any(|name| is(end, name)),
        [first, end] => keyed(first, set) && last.iter().any(|name| is(end, name)),
        _ => false,
    };
    match collection {
        Collection::UsersDelta => matches!(path, [users, end] if is(users, "users") && delta(end)),
        Collection::Users => matches!(path, [users] if is(users, "users")),
        Collection::GroupMembers => of_one("groups", &["transitiveMembers"]),
        Collection::Memberships => of_one("users", &["transitiveMemberOf", "memberOf"]),
        Collection::GroupMemberships => of_one("groups", &["memberOf"]),
    }
}

fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).ok()
}

/// Percent-encodes an option's value. Form encoding would not do: it writes spaces as `+`, which OData reads as a plus.
fn encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b'.' | b'_' | b'~' | b',' | b'(' | b')' | b':' | b'/' | b'@' | b'$' | b'=' => {
                out.push(char::from(byte))
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

//! A link in an answer or in the store: does whatever is admitted lead to the tenant's own Graph, as everybody reads it?

use crosstie::graph::{Collection, GraphOrigin, LinkError};

pub const WORDS: &[&str] = &[
    "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=a",
    "https://graph.example:8443/base/path/v1.0/users/delta()?$skiptoken=a",
    "http://127.0.0.1:8400/v1.0/groups/g/transitiveMembers",
    "http://[::1]:8400/v1.0/users/u/memberOf",
    "https://",
    "http://",
    "graph.microsoft.com",
    "/v1.0/",
    "/beta/",
    "users",
    "users('u')",
    "/delta",
    "microsoft.graph.delta()",
    "groups",
    "/memberOf",
    "/transitiveMemberOf",
    "@",
    ":443",
    ":8400",
    "\\",
    "//",
    "/../",
    "/./",
    "%2e%2e",
    "%2f",
    "%5c",
    "%00",
    "%",
    "#",
    "?",
    ";",
    ".evil.example",
    "。",
    "ⓖraph",
    "\t",
    "\n",
    " ",
    "xn--",
    "\u{202e}",
];

const ROOTS: [&str; 4] = [
    "https://graph.microsoft.com",
    "https://graph.example:8443/base/path",
    "http://127.0.0.1:8400",
    "http://[::1]:8400/",
];
const COLLECTIONS: [Collection; 5] = [
    Collection::UsersDelta,
    Collection::Users,
    Collection::GroupMembers,
    Collection::Memberships,
    Collection::GroupMemberships,
];

/// Tried at every tenant and for every collection, so that the bytes are the link alone.
pub fn link(data: &[u8]) -> bool {
    let Ok(link) = std::str::from_utf8(data) else { return false };
    let mut admitted = 0;
    for root in ROOTS {
        let origin = GraphOrigin::new(&root.parse().unwrap()).unwrap();
        for collection in COLLECTIONS {
            match origin.admit(link, collection) {
                Ok(path) => {
                    admitted += 1;
                    let (written, home) = (link.parse::<url::Url>().unwrap(), root.parse::<url::Url>().unwrap());
                    assert_eq!(written.origin(), home.origin(), "{link:?} is somebody else's");
                    leads_home(&origin.url(&path), root.trim_end_matches('/'), collection);
                    assert!(path.below_version().is_some_and(|rest| rest.starts_with('/')), "{link:?}");
                    let again = origin.admit(&origin.url(&path), collection);
                    assert_eq!(again.as_ref(), Ok(&path), "what was admitted once is admitted as it stands");
                }
                Err(error) => assert!(link.len() <= 32 * 1024 || error == LinkError::TooLong),
            }
        }
        an_id_stays_one_segment(&origin, root.trim_end_matches('/'), link);
    }
    // No root is another's, and no collection is another's (users/…/memberOf and groups/…/memberOf differ in the set).
    assert!(admitted <= 1, "{link:?} was admitted {admitted} times");
    admitted == 1
}

/// By the text alone, and by the reader that the request goes through (`http`), which is another one than the check's.
fn leads_home(url: &str, root: &str, collection: Collection) {
    let below = url.strip_prefix(root).and_then(|rest| rest.strip_prefix("/v1.0/"));
    let below = below.unwrap_or_else(|| panic!("{url:?} is not below {root}/v1.0/"));
    assert!(!url.contains(['#', '\t', '\n', '\r', ' ']), "{url:?}");
    let path = below.split('?').next().unwrap_or_default();
    assert!(!path.contains(['@', '\\']), "{url:?}");
    let segments: Vec<&str> = path.split('/').collect();
    assert!(segments.len() <= 3 && !segments.iter().any(|s| s.is_empty() || matches!(*s, "." | "..")), "{url:?}");
    let set = match collection {
        Collection::UsersDelta | Collection::Users | Collection::Memberships => "users",
        Collection::GroupMembers | Collection::GroupMemberships => "groups",
    };
    let first = decoded(segments[0]);
    assert!(first.get(..set.len()).is_some_and(|s| s.eq_ignore_ascii_case(set)), "{url:?} for {collection:?}");
    for segment in &segments {
        // A front door that decodes before it splits would read another path.
        let segment = decoded(segment);
        assert!(!segment.contains(['/', '\\', '\0']) && !matches!(&*segment, "." | ".."), "{url:?}");
    }
    let sent: http::Uri = url.parse().unwrap_or_else(|e| panic!("{url:?} cannot be sent: {e}"));
    let home: http::Uri = root.parse().unwrap();
    let port =
        |uri: &http::Uri| uri.port_u16().or(if uri.scheme_str() == Some("https") { Some(443) } else { Some(80) });
    assert_eq!((sent.scheme(), sent.host(), port(&sent)), (home.scheme(), home.host(), port(&home)), "{url:?}");
    assert!(!sent.authority().unwrap().as_str().contains('@'), "{url:?}");
}

fn decoded(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let (mut at, mut out) = (0, Vec::new());
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok());
        match hex.filter(|_| bytes[at] == b'%').and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Ids and filters come from answers, too: whatever stands in one, the address that is built of it stays where it was.
fn an_id_stays_one_segment(origin: &GraphOrigin, root: &str, id: &str) {
    let Ok(path) = origin.build(&["users", id, "memberOf"], &[("$filter", id)]) else { return };
    let url = origin.url(&path);
    let below = url.strip_prefix(root).and_then(|rest| rest.strip_prefix("/v1.0/users/"));
    let below = below.unwrap_or_else(|| panic!("{id:?} led to {url:?}"));
    let (path, query) = below.split_once('?').unwrap();
    assert_eq!(path.split('/').count(), 2, "{id:?} made more segments: {url:?}");
    assert!(path.ends_with("/memberOf"), "{id:?}: {url:?}");
    assert!(query.starts_with("$filter=") && !query.contains(['&', '#', '+', ' ', '?']), "{id:?}: {url:?}");
    assert!(url.parse::<http::Uri>().is_ok() || url.len() > 60_000, "{id:?}: {url:?}");
}

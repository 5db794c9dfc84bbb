//! Answers of a tenant and of its token endpoint: is nothing read out of them that does not stand in them, and does nothing
//! secret get into what is said of them? Through the client as it is, with a door that answers what the bytes say.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use crosstie::config::{Credential, Limits as Quota, SecretSource, Tenant};
use crosstie::graph::{
    GraphClient, GraphWriter, Limits, Proof, RETRY_AFTER_MILLIS_MAX, RequestIds, TRIES_MAX, Transport, TransportError,
};
use crosstie::model::{Cursor, Edit, Edits, ObjectId, Removal, Selection, Timestamp};
use crosstie::ports::{
    Clock, DirectoryError, DirectoryRead, DirectoryWrite, Invitation, Look, MemberOf, Retry, Write, Written,
};
use futures_util::FutureExt as _;
use http::{Method, Request, Response};
use secrecy::SecretString;
use serde_json::Value as Json;

const TENANT_ID: &str = "11111111-2222-3333-4444-555555555555";
const ROOT: &str = "https://graph.example";
const SECRET: &str = "canary-secret-7Kq~Zx.91";
/// As long as real ones are: longer than any message.
const TOKEN_PIECE: &str = "eyJcanary-Tk9xQ2.";
/// Nobody writes that much of a token by chance.
const PIECE_BYTES: usize = 16;

/// 2026-11-22T04:35:12Z; sleeping moves the time and takes none.
#[derive(Clone)]
struct JumpingClock(Rc<Cell<u64>>);
const BEGIN: u64 = 1_795_322_112_000;
impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.get())
    }
    async fn sleep_until(&self, at: Timestamp) {
        self.0.set(self.0.get().max(at.0));
    }
}

#[derive(Clone)]
struct Said {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}
impl Said {
    fn ok(body: &[u8]) -> Self {
        Self { status: 200, headers: Vec::new(), body: Bytes::copy_from_slice(body) }
    }
    fn not_found() -> Self {
        Self { status: 404, headers: Vec::new(), body: Bytes::new() }
    }
    fn answer(&self) -> Response<Bytes> {
        let mut answer = Response::new(self.body.clone());
        *answer.status_mut() = self.status.try_into().unwrap();
        for (name, value) in &self.headers {
            if let Ok(value) = http::HeaderValue::from_str(value) {
                answer.headers_mut().insert(*name, value);
            }
        }
        answer
    }
}

/// Answers every request of a kind alike.
struct Door {
    token: Said,
    batch: Said,
    get: Said,
    write: Said,
    /// Method, address and token of each request to the directory.
    seen: RefCell<Vec<(Method, String, String)>>,
}
impl Door {
    fn new() -> Self {
        let token = format!(r#"{{"token_type":"Bearer","expires_in":3599,"access_token":"{}"}}"#, canary());
        let (batch, get, write) = (Said::not_found(), Said::not_found(), Said::not_found());
        Self { token: Said::ok(token.as_bytes()), batch, get, write, seen: RefCell::default() }
    }
}
#[derive(Clone)]
struct Shared(Rc<Door>);
impl Transport for Shared {
    async fn send(&self, request: Request<Bytes>, _: Limits) -> Result<Response<Bytes>, TransportError> {
        let door = &self.0;
        if request.uri().host() != Some("graph.example") {
            assert_eq!(request.uri().host(), Some("login.example"), "a request to nobody's address");
            assert!(!request.headers().contains_key("authorization"));
            return Ok(door.token.answer());
        }
        let token = request.headers().get("authorization").map(|v| v.to_str().unwrap_or_default().to_owned());
        let uri = request.uri().to_string();
        assert!(!uri.contains(SECRET) && !String::from_utf8_lossy(request.body()).contains(SECRET));
        door.seen.borrow_mut().push((request.method().clone(), uri.clone(), token.unwrap_or_default()));
        let said = match *request.method() {
            Method::GET => &door.get,
            Method::POST if uri.ends_with("/$batch") => &door.batch,
            _ => &door.write,
        };
        Ok(said.answer())
    }
}

fn line_and_rest(data: &[u8]) -> (std::borrow::Cow<'_, str>, &[u8]) {
    match data.iter().position(|b| *b == b'\n') {
        Some(end) => (String::from_utf8_lossy(&data[..end]), &data[end + 1..]),
        None => ("".into(), data),
    }
}
fn status(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|status| (200..600).contains(status))
}

fn canary() -> String {
    TOKEN_PIECE.repeat(90)
}

struct House {
    door: Rc<Door>,
    clock: JumpingClock,
    writer: GraphWriter<Shared, JumpingClock>,
}
impl House {
    fn new(door: Door) -> Self {
        let tenant = Tenant {
            name: "hub".into(),
            id: TENANT_ID.to_owned(),
            client_id: "app-1".to_owned(),
            credential: Credential::Secret(SecretSource::Env("UNUSED".to_owned())),
            redirect_url: "https://myapps.example".to_owned(),
            authority: "https://login.example".parse().unwrap(),
            graph: ROOT.parse().unwrap(),
            limits: Quota::default(),
        };
        let (door, clock) = (Rc::new(door), JumpingClock(Rc::new(Cell::new(BEGIN))));
        let proof = Proof::Secret(SecretString::from(SECRET));
        let client = GraphClient::new(&tenant, proof, Shared(door.clone()), clock.clone(), RequestIds::seeded(7));
        Self { door, clock, writer: GraphWriter::new(client.unwrap()) }
    }
    /// Requests so far, each under its own tenant's token.
    fn requests(&self) -> usize {
        let seen = self.door.seen.borrow();
        assert!(seen.iter().all(|(_, uri, _)| uri.starts_with("https://graph.example/v1.0/")), "{seen:?}");
        seen.len()
    }
}

/// Everything waits for the clock alone, so whatever is asked is answered at once.
fn now<T>(asked: impl Future<Output = T>) -> T {
    asked.now_or_never().expect("something waits for nothing")
}

fn selection() -> Selection {
    Selection(["mail", "displayName", "manager"].into_iter().map(Into::into).collect())
}

/// What is said of any error: short, on one line but for the hint, and nothing secret in it.
fn decent(error: &DirectoryError, at: Timestamp) {
    let text = format!("{error}\n{error:?}");
    assert!(text.len() <= 12_000, "an error of {} bytes", text.len());
    assert!(!error.detail.message.chars().any(char::is_control), "{:?}", error.detail.message);
    assert!(!error.detail.code.chars().any(char::is_control), "{:?}", error.detail.code);
    assert!(!text.contains(SECRET), "the secret stands in {text}");
    let canary = canary();
    assert!(!text.contains(&canary[..PIECE_BYTES]), "the beginning of the token stands in {text}");
    if let Retry::Again { not_before: Some(until) } = error.retry {
        assert!(until.0 <= at.0 + RETRY_AFTER_MILLIS_MAX, "a wish without bounds: {until:?}");
    }
}

pub const BATCH_WORDS: &[&str] = &[
    "{\"responses\":[",
    "{\"id\":\"1\",\"status\":200,\"body\":{\"id\":\"a\"}}",
    "{\"id\":\"2\",\"status\":404}",
    "{\"id\":\"3\",\"status\":429,\"headers\":{\"Retry-After\":\"7\"},\"body\":",
    "\"status\":",
    "\"id\":",
    "\"1\"",
    "\"2\"",
    "\"3\"",
    "\"+1\"",
    "\"01\"",
    "\"4\"",
    "[\"1\",200,null,{\"id\":\"a\"}]",
    "\"body\":{\"id\":\"b\",\"mail\":\"x\"}",
    "\"headers\":{\"Retry-After\":",
    "{\"error\":{\"code\":\"TooManyRequests\",\"message\":\"",
    "eyJcanary-Tk9xQ2.eyJcanary-Tk9xQ2.eyJcanary-Tk9xQ2.",
    "{\"value\":[{\"id\":\"m\",\"@odata.type\":\"#microsoft.graph.user\"}]}",
    "\"@odata.type\":\"#microsoft.graph.directoryRole\"",
    "\"@odata.nextLink\":\"https://graph.example/v1.0/groups/g/transitiveMembers?$skiptoken=a\"",
    "503",
    "1e9",
    "-1",
    "null",
    "]}",
    "}",
    ",",
];

/// The answer to a batch of three, and to the small listings, which are read by the same reader.
pub fn batch(body: &[u8]) -> bool {
    let ids = ["a", "b", "c"].map(ObjectId::new);
    let asked = || {
        let house = House::new(Door { batch: Said::ok(body), ..Door::new() });
        let looks = now(house.writer.look(&selection(), &ids));
        assert!(house.requests() <= 4 * TRIES_MAX as usize, "{} requests", house.requests());
        assert!(house.clock.0.get() <= BEGIN + 2 * u64::from(TRIES_MAX) * RETRY_AFTER_MILLIS_MAX);
        (looks, house.clock.now())
    };
    let (looks, at) = asked();
    assert_eq!(looks, asked().0, "the same answer, read twice");
    assert_eq!(looks.len(), ids.len(), "an answer to each, in the order asked");
    let json = serde_json::from_slice::<Json>(body).ok();
    let mut taken = members(body, json.as_ref());
    for (at_item, (id, look)) in ids.iter().zip(&looks).enumerate() {
        match look {
            Err(error) => decent(error, at),
            Ok(look) => {
                taken = true;
                if let Some(json) = &json {
                    answered_once(json, at_item + 1, id, look);
                }
            }
        }
    }
    taken
}

/// Whoever is said to stand, or to be gone, was answered about: once, by number, with that status. Whoever was not answered is
/// asked again without those before them who were, and has a lower number then.
fn answered_once(json: &Json, number: usize, id: &ObjectId, look: &Look) {
    let replies = json["responses"].as_array().expect("a batch's answer is an object with a list");
    let numbered = |reply: &Json, number| reply["id"].as_str().and_then(|text| text.parse().ok()) == Some(number);
    let says_so = |reply: &Json| {
        let status = reply["status"].as_u64();
        match look {
            Look::Present(edits) => {
                assert_eq!(edits.len(), selection().0.len(), "a look tells every attribute that was selected");
                status.is_some_and(|status| (200..300).contains(&status))
                    && reply["body"]["id"].as_str().is_some_and(|told| told.eq_ignore_ascii_case(id.as_str()))
                    && matches!(edits.get("mail"), Some(Edit::Clear)) == reply["body"]["mail"].is_null()
            }
            Look::Removed(Removal::Soft | Removal::Hard) => status == Some(404),
        }
    };
    let answers = (1..=number).filter_map(|number| {
        let mut own = replies.iter().filter(|reply| numbered(reply, number));
        own.next().filter(|_| own.next().is_none())
    });
    assert!(answers.into_iter().any(says_so), "{id} was not told to be so: {look:?}");
}

/// The same bytes as a page of a group's members, of a user's groups, and of the roles that it holds.
fn members(body: &[u8], json: Option<&Json>) -> bool {
    let house = House::new(Door { get: Said::ok(body), ..Door::new() });
    let users = now(house.writer.group_members("g"));
    let roles = now(house.writer.privileges(&ObjectId::new("a")));
    let groups = now(house.writer.groups_of(MemberOf::User("a")));
    // A page that names itself as the next one, or any other circle, ends.
    assert!(house.requests() <= 6 * TRIES_MAX as usize + 6, "{} requests", house.requests());
    for error in [users.as_ref().err(), roles.as_ref().err(), groups.as_ref().err()].into_iter().flatten() {
        decent(error, house.clock.now());
    }
    let Some(json) = json else { return users.is_ok() };
    let listed = |kind: &str| {
        let all = json["value"].as_array().into_iter().flatten();
        all.filter(|m| m["@odata.type"].as_str().is_some_and(|k| k.eq_ignore_ascii_case(kind))).count()
    };
    if let Ok(users) = &users {
        assert!(json["value"].is_array(), "a listing is an object with a list");
        let told = json["value"].as_array().unwrap();
        assert!(users.iter().all(|user| told.iter().any(|m| m["id"].as_str() == Some(user.as_str()))));
        assert!(users.len() <= told.len());
    }
    if let Ok(roles) = &roles {
        // Whoever holds a role is left alone: none may be overlooked.
        assert!(json["value"].is_array());
        assert_eq!(roles.roles.is_empty(), listed("#microsoft.graph.directoryRole") == 0, "{roles:?}");
        assert!(json["value"].as_array().unwrap().iter().all(|m| m["@odata.type"].is_string()));
    }
    if let Ok(groups) = &groups {
        assert_eq!(groups.len(), listed("#microsoft.graph.group"));
    }
    users.is_ok()
}

pub const ERROR_WORDS: &[&str] = &[
    "400||\n",
    "401||\n",
    "403||\n",
    "404||\n",
    "410||\n",
    "429|17|TenantId_AppId/Write/a/b\n",
    "429|Wed, 21 Oct 2026 07:28:00 GMT|\n",
    "503|999999999999|\n",
    "200||\n",
    "201||\n",
    "204||\n",
    "302||\n",
    "504|-1|\n",
    "{\"error\":{\"code\":\"",
    "\",\"message\":\"",
    "\",\"innerError\":{\"code\":\"",
    "\"details\":[{\"code\":\"",
    "syncStateNotFound",
    "resyncRequired",
    "Directory_QuotaExceeded",
    "Authorization_RequestDenied",
    "Request_ThrottledTemporarily",
    "eyJcanary-Tk9xQ2.eyJcanary-Tk9xQ2.eyJcanary-Tk9xQ2.eyJcanary-Tk9xQ2.",
    "{\"invitedUser\":{\"id\":\"",
    "\"status\":\"PendingAcceptance\"",
    "\"invitedUserType\":\"Guest\"",
    "<html>",
    "\\u202e",
    "\\n",
    "\u{1b}[31m",
    "}}",
    "\"}}",
];

/// `status|Retry-After|x-ms-throttle-scope`, and below that line the body: as the answer to a reading and to each write.
pub fn error(data: &[u8]) -> bool {
    let (head, body) = line_and_rest(data);
    let mut head = head.split('|');
    let status = head.next().and_then(status).unwrap_or(400);
    let mut headers = Vec::new();
    for (name, value) in ["retry-after", "x-ms-throttle-scope"].into_iter().zip(head) {
        headers.extend((!value.is_empty()).then(|| (name, value.to_owned())));
    }
    let said = Said { status, headers, body: Bytes::copy_from_slice(body) };
    let refusal = serde_json::from_slice::<Json>(body).ok().is_some_and(|json| !json["error"].is_null());
    reading(&said, refusal) | writing(&said, refusal)
}

fn reading(said: &Said, refusal: bool) -> bool {
    let house = House::new(Door { get: said.clone(), ..Door::new() });
    let link = Cursor::Link(format!("{ROOT}/v1.0/users/delta?$deltatoken=a"));
    let page = now(house.writer.delta_page(&selection(), &link));
    assert!(house.requests() <= 2 * TRIES_MAX as usize);
    assert!(house.clock.0.get() <= BEGIN + u64::from(TRIES_MAX) * RETRY_AFTER_MILLIS_MAX);
    match page {
        Ok(_) => assert!((200..300).contains(&said.status), "a page in a refusal"),
        Err(error) => {
            decent(&error, house.clock.now());
            assert!(!matches!(error.retry, Retry::LookAgain), "a reading has nothing to look for: {error:?}");
            // Starting over costs a whole reading: only where the tenant says that the watermark is dead.
            let dead = matches!(said.status, 400 | 404 | 410 | 200..300);
            assert!(dead || error.retry != Retry::StartOver, "{error:?}");
            return false;
        }
    }
    !refusal
}

fn writing(said: &Said, refusal: bool) -> bool {
    let account = || ObjectId::new("a");
    let invitation = Invitation {
        address: "ada@north.example".to_owned(),
        display_name: Some("Ada".to_owned()),
        user_type: "Guest".to_owned(),
    };
    let edits = Edits::from_iter([("jobTitle".into(), Edit::Set("Lead".into()))]);
    let writes = [
        Write::Invite(invitation),
        Write::Patch { account: account(), edits },
        Write::SetManager { account: account(), manager: Some(account()) },
        Write::Delete { account: account() },
        Write::Restore { account: account() },
    ];
    let mut any = false;
    for write in writes {
        let house = House::new(Door { write: said.clone(), ..Door::new() });
        let written = now(house.writer.write("r-1", &write));
        // Once, whatever the answer: whoever counts writes asks again.
        assert_eq!(house.requests(), 1, "{write:?}");
        assert_eq!(house.clock.0.get(), BEGIN, "a write does not wait");
        let success = (200..300).contains(&said.status);
        match written {
            Ok(written) => {
                assert!(success && !refusal, "{write:?}: a refusal was taken for a success");
                if let (Written::Invited(invited), Ok(json)) = (&written, serde_json::from_slice::<Json>(&said.body)) {
                    assert_eq!(json["invitedUser"]["id"].as_str(), Some(invited.account.as_str()));
                    assert!(!invited.account.as_str().chars().any(char::is_control));
                }
                assert_eq!(matches!(written, Written::Invited(_)), matches!(write, Write::Invite(_)));
                any = true;
            }
            Err(error) => {
                decent(&error, house.clock.now());
                assert!(error.retry != Retry::StartOver, "{error:?}");
                // What may have happened is looked for, before anything is asked again.
                let unknown = matches!(said.status, 408 | 500 | 502 | 504);
                let throttled = error.throttled;
                assert!(!unknown || throttled || error.retry == Retry::LookAgain, "{write:?}: {error:?}");
                // An invitation that was confirmed without a name has made somebody.
                let unsure = success && !refusal && matches!(write, Write::Invite(_));
                assert!(!unsure || error.retry == Retry::LookAgain, "{error:?}");
            }
        }
    }
    any
}

pub const TOKEN_WORDS: &[&str] = &[
    "200\n",
    "400\n",
    "401\n",
    "503\n",
    "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"",
    "\"token_type\":\"bearer\"",
    "\"token_type\":\"mac\"",
    "\"expires_in\":",
    "\"access_token\":\"",
    "eyJhbGciOiJub25lIn0.",
    "eyJ0aWQiOiIxMTExMTExMS0yMjIyLTMzMzMtNDQ0NC01NTU1NTU1NTU1NTUifQ.s",
    "eyJ0aWQiOiI5OTk5OTk5OS0yMjIyLTMzMzMtNDQ0NC01NTU1NTU1NTU1NTUifQ.s",
    "eyJ0aWQiOiI5OTk5OTk5OS0yMjIyLTMzMzMtNDQ0NC01NTU1NTU1NTU1NTUiLCJhdWQiOlsieCJdfQ.s",
    "eyJhdWQiOiJodHRwczovL3ZhdWx0LmV4YW1wbGUifQ.s",
    "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: ",
    "\"error_codes\":[7000215]",
    "\"trace_id\":\"",
    "canary-secret-7Kq~Zx.91",
    "temporarily_unavailable",
    "99999999999999999999",
    "\\r\\n",
    "\"}",
    "}",
];

/// The status on the first line, and below it the answer of the token endpoint.
pub fn token(data: &[u8]) -> bool {
    let (head, body) = line_and_rest(data);
    let (status, body) = (status(&head).unwrap_or(200), Bytes::copy_from_slice(body));
    let page = format!(r#"{{"value":[],"@odata.deltaLink":"{ROOT}/v1.0/users/delta?$deltatoken=1"}}"#);
    let said = Said { status, headers: Vec::new(), body: body.clone() };
    let house = House::new(Door { token: said, get: Said::ok(page.as_bytes()), ..Door::new() });
    let read = now(house.writer.delta_page(&selection(), &Cursor::Start));
    let json = serde_json::from_slice::<Json>(&body).ok();
    let told = json.as_ref().and_then(|json| json["access_token"].as_str().map(str::to_owned));
    match read {
        Ok(_) => {
            assert!((200..300).contains(&status), "a token in a refusal");
            let seen = house.door.seen.borrow();
            let bearer = seen.iter().map(|(_, _, token)| token.strip_prefix("Bearer ").unwrap()).next().unwrap();
            if let Some(json) = &json {
                assert_eq!(Some(bearer), told.as_deref());
                assert!(json["token_type"].as_str().is_some_and(|t| t.eq_ignore_ascii_case("bearer")));
            }
            ours(bearer);
            true
        }
        Err(error) => {
            decent(&error, house.clock.now());
            assert_eq!(house.requests(), 0, "a request without a token that is ours");
            let text = format!("{error} {error:?}");
            let leaked = told.filter(|t| t.len() >= PIECE_BYTES).is_some_and(|t| text.contains(&t));
            assert!(!leaked, "the token stands in {text}");
            false
        }
    }
}

/// A token that can be read and names a tenant or a resource names ours.
fn ours(token: &str) {
    let parts: Vec<&str> = token.split('.').collect();
    let [_, claims, _] = parts.as_slice() else { return };
    let Ok(claims) = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')) else { return };
    let Ok(Json::Object(claims)) = serde_json::from_slice(&claims) else { return };
    if let Some(tid) = claims.get("tid").filter(|tid| !tid.is_null()) {
        assert!(tid.as_str().is_some_and(|t| t.eq_ignore_ascii_case(TENANT_ID)), "a token of tenant {tid} was shown");
    }
    if let Some(aud) = claims.get("aud").filter(|aud| !aud.is_null()) {
        let known =
            ["https://graph.example", "00000003-0000-0000-c000-000000000000", "https://graph.microsoft.", "graph"];
        let text = aud.to_string().to_ascii_lowercase();
        assert!(known.iter().any(|k| text.contains(k)), "a token for {aud} was shown");
    }
}

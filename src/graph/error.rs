//! Why did a tenant not do what it was asked? One error for the room, and its way into the engine's words.

use http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::model::{TenantName, Timestamp, WriteError};
use crate::ports::{DirectoryError, Retry, Throttle};

use super::auth::TokenError;
use super::load;
use super::origin::LinkError;
use super::retry::{self, Failure, Operation, Verdict, is_reset_code};
use super::transport::{TransportError, TransportErrorKind};
use super::wire::{Object, PageError};

/// Everything that can go wrong in this room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// The client could not be made.
    #[error("{0}")]
    Setup(String),
    /// No answer.
    #[error("{0}")]
    Transport(#[from] TransportError),
    /// No token.
    #[error("{0}")]
    Token(#[from] TokenError),
    /// An answer that is a refusal.
    #[error("{}", .0.message)]
    Answer(Answer),
    /// A write was refused with a token that is over: nothing was done, and the next request has a fresh one. It is not
    /// asked again here, because each time counts in the tenant's windows, and those who write keep count.
    #[error("{}", .0.message)]
    TokenOver(Answer),
    /// An answer that cannot be believed.
    #[error("{0}")]
    Page(#[from] PageError),
    /// An address that is not the tenant's own.
    #[error("{0}")]
    Link(#[from] LinkError),
    /// A write was confirmed without saying what it must say.
    #[error("{0}")]
    Unconfirmed(&'static str),
    /// Something that we do not ask for.
    #[error("{0}")]
    NotAsked(&'static str),
}

/// What was being done: decides the meaning of an error, and its words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asking {
    /// In words: `reading users`.
    pub(super) doing: &'static str,
    /// Its kind.
    pub(super) operation: Operation,
    /// The application permission that it takes.
    pub(super) permission: &'static str,
    /// The largest answer that is believed.
    pub(super) body_bytes_max: usize,
}

/// A refusal, read out of its envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The code that says most.
    pub code: String,
    /// Every code in the envelope, outermost first.
    pub codes: Vec<String>,
    /// Cleaned and bounded.
    pub message: String,
    /// In milliseconds, bounded.
    pub retry_after: Option<u64>,
    /// Whose limit was met, where a header says so.
    pub throttle: Option<Throttle>,
}

/// Graph's messages have one or two sentences; a whole HTML page in one (seen: docs#4549) says no more than its start.
const MESSAGE_CHARS_MAX: usize = 400;
/// Real codes have some forty characters.
const CODE_CHARS_MAX: usize = 80;
/// Real envelopes nest twice.
const INNER_DEPTH_MAX: usize = 8;

/// Codes that say something definite, with the status that they usually come with.
const KNOWN: [(&str, u16); 24] = [
    ("Authentication_MissingOrMalformed", 401),
    ("Authentication_Unauthorized", 401),
    ("Authentication_ExpiredToken", 401),
    ("InvalidAuthenticationToken", 401),
    ("Authorization_IdentityNotFound", 403),
    ("Authorization_IdentityDisabled", 403),
    ("Authorization_RequestDenied", 403),
    ("Directory_QuotaExceeded", 403),
    ("Request_ResourceNotFound", 404),
    ("Directory_ObjectNotFound", 404),
    ("Request_BadRequest", 400),
    ("Request_UnsupportedQuery", 400),
    ("Request_MultipleObjectsWithSameKeyValue", 409),
    ("ObjectConflict", 409),
    ("Directory_ConcurrencyViolation", 409),
    ("Directory_ReplicaUnavailable", 503),
    ("Service_InternalServerError", 500),
    ("TooManyRequests", 429),
    ("activityLimitReached", 429),
    ("throttledRequest", 429),
    ("Request_ThrottledTemporarily", 429),
    ("Request_ThrottledPermanently", 429),
    ("NotImplemented", 501),
    ("Directory_ExpiredPageToken", 400),
];

impl Answer {
    /// Reads a refusal. Tolerates any body: HTML, nothing, JSON of another shape.
    pub(super) fn read(status: u16, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Self {
        Self::new(status, body, retry::retry_after(headers, now), load::throttle(headers))
    }

    /// The same with headers that were read already.
    pub(super) fn new(status: u16, body: &[u8], retry_after: Option<u64>, throttle: Option<Throttle>) -> Self {
        let envelope = envelope(body).unwrap_or_default();
        let known = |code: &&String| known_status(code).is_some();
        let code = envelope.codes.iter().rev().find(known).or(envelope.codes.first()).cloned();
        let message = if envelope.message.is_empty() { without_text(status) } else { envelope.message };
        let code = code.unwrap_or_else(|| format!("HTTP{status}"));
        Self { status, code, codes: envelope.codes, message, retry_after, throttle }
    }

    fn verdict(&self, operation: Operation, now: Timestamp) -> Verdict {
        let inside_success = (200..300).contains(&self.status);
        // An error inside a 200 is judged by its code; one that says nothing counts as a failure of the server.
        let implied = || self.codes.iter().rev().find_map(|c| known_status(c)).unwrap_or(500);
        let status = if inside_success { implied() } else { self.status };
        let failure = Failure { status, codes: &self.codes, message: &self.message, retry_after: self.retry_after };
        retry::judge(operation, &failure, now)
    }

    /// The whole tenant wants a pause.
    pub(super) fn is_throttled(&self) -> bool {
        self.verdict(Operation::Read, Timestamp::default()).throttled
    }

    fn hint(&self, asking: Asking) -> Option<String> {
        let is = |code: &str| self.code.eq_ignore_ascii_case(code);
        if is("Authorization_RequestDenied") {
            let or_admin = match asking.operation {
                Operation::Change => {
                    "; sign-in state, phone numbers, other mails and deletion of an administrator's account need a \
                     directory role as well"
                }
                _ => "",
            };
            let permission = asking.permission;
            return Some(format!("grant the app the application permission {permission}, with consent{or_admin}"));
        }
        if is("Directory_QuotaExceeded") {
            return Some("the tenant holds as many objects as it may; deleted ones count for 30 days".to_owned());
        }
        if self.message.contains("Guest invitations not allowed") {
            return Some("the target's external collaboration settings (allowInvitesFrom) refuse apps".to_owned());
        }
        if self.status == 401 {
            return Some("a fresh token was refused too: is the app still enabled in this tenant?".to_owned());
        }
        (300..400)
            .contains(&self.status)
            .then(|| "redirects are never followed: is the graph address right?".to_owned())
    }
}

/// Can this be the body of a success? Nothing, or one object. A page of something in between confirms nothing.
pub(super) fn is_confirmation(body: &[u8]) -> bool {
    body.iter().all(u8::is_ascii_whitespace) || serde_json::from_slice::<Object<Top<'_>>>(body).is_ok()
}

/// The error inside a body that came as a success, if there is one.
pub(super) fn error_inside(status: u16, body: &[u8]) -> Option<Answer> {
    let Object(top): Object<Top<'_>> = serde_json::from_slice(body).ok()?;
    top.error.is_some().then(|| Answer::new(status, body, None, None))
}

impl GraphError {
    /// In the engine's words.
    pub(super) fn told(self, tenant: &TenantName, asking: Asking, request_id: &str, now: Timestamp) -> DirectoryError {
        let verdict = self.verdict(asking.operation, now);
        let status = match &self {
            GraphError::Answer(answer) | GraphError::TokenOver(answer) => Some(answer.status),
            GraphError::Token(error) => error.status,
            _ => None,
        };
        let hint = match &self {
            GraphError::Answer(answer) => answer.hint(asking),
            GraphError::Token(error) => error.hint.map(str::to_owned),
            // Nothing was asked yet, so the link came from the store.
            GraphError::Link(_) if asking.operation == Operation::Resume && request_id.is_empty() => {
                let way_out =
                    "if this tenant's graph address was changed on purpose, read it anew: crosstie sync --full";
                Some(way_out.to_owned())
            }
            _ => None,
        };
        let throttle = if let GraphError::Answer(answer) = &self { answer.throttle } else { None };
        let message = bounded(&self.to_string(), MESSAGE_CHARS_MAX);
        DirectoryError {
            tenant: tenant.clone(),
            doing: asking.doing.to_owned(),
            status,
            detail: WriteError { code: self.code(), message },
            hint,
            retry: verdict.retry,
            throttled: verdict.throttled,
            throttle: throttle.filter(|_| verdict.throttled),
            request_id: request_id.to_owned(),
        }
    }

    fn verdict(&self, operation: Operation, now: Timestamp) -> Verdict {
        let plain = |retry| Verdict { retry, throttled: false };
        let write = matches!(operation, Operation::Invite | Operation::Change);
        match self {
            GraphError::Transport(error) => retry::judge_transport(operation, error.kind),
            GraphError::Answer(answer) => answer.verdict(operation, now),
            GraphError::TokenOver(_) => plain(Retry::Again { not_before: None }),
            // Nothing was asked of the directory yet, so a write is as free to be repeated as a read.
            GraphError::Token(error) => error.verdict(now),
            // A write whose answer makes no sense may have happened; a reading may make sense the next time.
            GraphError::Page(_) if write => plain(Retry::LookAgain),
            GraphError::Page(_) => plain(Retry::Again { not_before: None }),
            GraphError::Unconfirmed(_) => plain(Retry::LookAgain),
            GraphError::Link(_) | GraphError::NotAsked(_) | GraphError::Setup(_) => plain(Retry::Never),
        }
    }

    fn code(&self) -> String {
        match self {
            GraphError::Setup(_) => "Setup".to_owned(),
            GraphError::Transport(error) => match error.kind {
                TransportErrorKind::NotSent => "NotSent".to_owned(),
                TransportErrorKind::Lost => "AnswerLost".to_owned(),
                TransportErrorKind::TooLarge => "AnswerTooLarge".to_owned(),
            },
            GraphError::Token(error) => error.code.clone(),
            GraphError::Answer(answer) | GraphError::TokenOver(answer) => answer.code.clone(),
            GraphError::Page(_) => "AnswerUnreadable".to_owned(),
            GraphError::Link(_) => "LinkRefused".to_owned(),
            GraphError::Unconfirmed(_) => "AnswerIncomplete".to_owned(),
            GraphError::NotAsked(_) => "NotAsked".to_owned(),
        }
    }
}

fn known_status(code: &str) -> Option<u16> {
    let listed = KNOWN.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|(_, status)| *status);
    listed.or_else(|| is_reset_code(code).then_some(410))
}

fn without_text(status: u16) -> String {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("unknown");
    format!("HTTP {status} ({reason}), without a Graph error in the body")
}

#[derive(Deserialize)]
struct Top<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Default)]
struct Envelope {
    codes: Vec<String>,
    message: String,
}

fn envelope(body: &[u8]) -> Option<Envelope> {
    let Object(top): Object<Top<'_>> = serde_json::from_slice(body).ok()?;
    let raw = top.error?.get();
    if raw.len() > super::transport::ERROR_BODY_BYTES_MAX {
        return None;
    }
    let error: Value = serde_json::from_str(raw).ok()?;
    let mut found = Envelope::default();
    if let Value::String(code) = &error {
        found.codes.push(bounded(code, CODE_CHARS_MAX));
        return Some(found);
    }
    let mut level = Some(&error);
    for _ in 0..INNER_DEPTH_MAX {
        let Some(Value::Object(fields)) = level else { break };
        if let Some(Value::String(code)) = fields.get("code").filter(|code| !code.as_str().unwrap_or("").is_empty()) {
            found.codes.push(bounded(code, CODE_CHARS_MAX));
        }
        if let (true, Some(Value::String(message))) = (found.message.is_empty(), fields.get("message")) {
            found.message = bounded(message, MESSAGE_CHARS_MAX);
        }
        let details = fields.get("details").and_then(Value::as_array).into_iter().flatten();
        let details = details.filter_map(|d| d.get("code").and_then(Value::as_str)).take(INNER_DEPTH_MAX);
        found.codes.extend(details.map(|code| bounded(code, CODE_CHARS_MAX)));
        level = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("innererror")).map(|(_, inner)| inner);
    }
    Some(found)
}

/// One line, no control characters, no marks that turn the direction of writing, no more than `chars_max`.
pub(super) fn bounded(text: &str, chars_max: usize) -> String {
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
    };
    let mut out = String::new();
    for (count, c) in text.trim().chars().enumerate() {
        if count == chars_max {
            out.push('…');
            break;
        }
        out.push(if unseen(c) { ' ' } else { c });
    }
    out
}

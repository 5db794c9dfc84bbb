//! What does an answer look like on its way out?

use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::model::Timestamp;
use crate::sim::refusal::Refusal;

/// Marks a response whose answer is lost. Over a socket the connection closes without a byte of it. A transport that
/// calls the router in process finds this among the response's extensions and must treat the request as unanswered;
/// one that does not look gets a body that fails to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DroppedAnswer;

#[derive(Clone, Debug)]
pub(super) enum Payload {
    Empty,
    Json(Value),
    /// JSON that is written out already.
    Written(Vec<u8>),
    Text {
        content_type: String,
        text: String,
    },
}

/// An answer, before HTTP is put on.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) payload: Payload,
    pub(super) delay_millis: u64,
    /// It does not come.
    pub(super) dropped: bool,
    /// And nothing comes in its place, ever.
    pub(super) hangs: bool,
}

/// The two ids that every answer tells.
#[derive(Clone, Debug)]
pub(super) struct Ids {
    pub(super) request: String,
    pub(super) client: String,
    pub(super) now: Timestamp,
}

impl Payload {
    /// What was written out as a tree again, for whoever has to look into it.
    pub(super) fn opened(self) -> Self {
        match self {
            Payload::Written(json) => Payload::Json(serde_json::from_slice(&json).unwrap_or_default()),
            other => other,
        }
    }
}

impl Answer {
    pub(super) fn new(status: u16, payload: Payload) -> Self {
        Answer { status, headers: Vec::new(), payload, delay_millis: 0, dropped: false, hangs: false }
    }
    pub(super) fn json(status: u16, body: Value) -> Self {
        Answer::new(status, Payload::Json(body))
    }
    pub(super) fn empty(status: u16) -> Self {
        Answer::new(status, Payload::Empty)
    }
    pub(super) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn response(self, ids: &Ids) -> Response {
        if self.dropped {
            return dropped();
        }
        let (content_type, body) = match self.payload {
            Payload::Empty => (None, Body::empty()),
            Payload::Json(value) => (Some("application/json".to_owned()), Body::from(value.to_string())),
            Payload::Written(json) => (Some("application/json".to_owned()), Body::from(json)),
            Payload::Text { content_type, text } => (Some(content_type), Body::from(text)),
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            http::StatusCode::from_u16(self.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
        let fixed = [
            ("request-id".to_owned(), ids.request.clone()),
            ("client-request-id".to_owned(), ids.client.clone()),
            ("date".to_owned(), http_date(ids.now)),
            ("cache-control".to_owned(), "no-cache".to_owned()),
        ];
        let typed = content_type.map(|t| ("content-type".to_owned(), t));
        for (name, value) in fixed.into_iter().chain(typed).chain(self.headers) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// A body that fails before its first byte: the server then closes the connection instead of answering.
fn dropped() -> Response {
    let lost = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "the answer is lost");
    let body = Body::from_stream(futures_util::stream::iter([Err::<axum::body::Bytes, _>(lost)]));
    let mut response = Response::new(body);
    response.extensions_mut().insert(DroppedAnswer);
    response
}

pub(super) fn http_date(now: Timestamp) -> String {
    let seconds = i64::try_from(now.0 / 1000).unwrap_or(i64::MAX);
    match chrono::DateTime::from_timestamp(seconds, 0) {
        Some(t) => t.format("%a, %d %b %Y %H:%M:%S GMT").to_string(),
        None => String::new(),
    }
}

impl Refusal {
    /// In Graph's envelope.
    pub(super) fn answer(&self, ids: &Ids) -> Answer {
        let date = ids.now.rfc3339();
        let mut inner = json!({
            "date": date.split('.').next().unwrap_or_default(),
            "request-id": ids.request,
            "client-request-id": ids.client,
        });
        if self.status == 429 {
            inner["code"] = json!("429");
            inner["message"] = json!("Please retry after");
            inner["status"] = json!("429");
        }
        let mut error = json!({ "code": self.code, "message": self.message, "innerError": inner });
        if let Some(details) = &self.details {
            error["details"] = details.clone();
        }
        let mut answer = Answer::json(self.status, json!({ "error": error }));
        answer.headers = self.headers.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        answer
    }
}

//! How does a directory say no?

use serde_json::{Value, json};

/// A documented error answer, before it is dressed in the envelope.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) details: Option<Value>,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Refusal { status, code: code.to_owned(), message: message.into(), details: None, headers: Vec::new() }
    }
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Refusal::new(400, "Request_BadRequest", message)
    }
    pub(super) fn unsupported(message: impl Into<String>) -> Self {
        Refusal::new(400, "Request_UnsupportedQuery", message)
    }
    pub(super) fn not_found(id: &str) -> Self {
        let message =
            format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present.");
        Refusal::new(404, "Request_ResourceNotFound", message)
    }
    pub(super) fn denied() -> Self {
        Refusal::new(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    }
    pub(super) fn conflict(property: &str) -> Self {
        let message = format!("Another object with the same value for property {property} already exists.");
        let details = json!([{ "code": "ObjectConflict", "target": property, "message": message }]);
        Refusal { details: Some(details), ..Refusal::bad(message) }
    }
    pub(super) fn invalid(property: &str) -> Self {
        Refusal::bad(format!("Invalid value specified for property '{property}' of resource 'User'."))
    }
}

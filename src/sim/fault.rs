//! What goes wrong, where, and how often?

use serde::{Deserialize, Serialize};

use super::ledger::Kind;
use super::refusal::Refusal;

/// One fault of one tenant. All given conditions must hold; none given = every request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Given by the simulator.
    #[serde(default)]
    pub id: u64,
    /// HTTP method.
    #[serde(default)]
    pub method: Option<String>,
    /// How the path begins, without `/v1.0`: `/users/`.
    #[serde(default)]
    pub path: Option<String>,
    /// What the request is about.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// Let so many matching requests pass first.
    #[serde(default)]
    pub skip: u32,
    /// Strike so many times, then go; absent = until cleared.
    #[serde(default)]
    pub times: Option<u32>,
    /// Strike with this probability; absent = always.
    #[serde(default)]
    pub chance: Option<f64>,
    /// What happens.
    pub effect: Effect,
}

impl Fault {
    /// Strikes every request until cleared.
    pub fn always(effect: Effect) -> Self {
        Fault { id: 0, method: None, path: None, kind: None, skip: 0, times: None, chance: None, effect }
    }
    /// Strikes the next `times` requests of this kind.
    pub fn next(times: u32, kind: Kind, effect: Effect) -> Self {
        Fault { kind: Some(kind), times: Some(times), ..Fault::always(effect) }
    }
    /// Strikes requests of this kind with this probability.
    pub fn sometimes(chance: f64, kind: Option<Kind>, effect: Effect) -> Self {
        Fault { kind, chance: Some(chance), ..Fault::always(effect) }
    }
    fn matches(&self, method: &str, path: &str, kind: Kind) -> bool {
        self.method.as_ref().is_none_or(|m| m.eq_ignore_ascii_case(method))
            && self.path.as_ref().is_none_or(|p| path.starts_with(p.as_str()))
            && self.kind.is_none_or(|k| k == kind)
    }
}

/// What a fault does to a request that it strikes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Effect {
    /// Another answer than the true one.
    Status {
        /// The status.
        status: u16,
        /// The text of `Retry-After`, as it is: `"2"`, `"2.128"`, a date.
        #[serde(default)]
        retry_after: Option<String>,
        /// Graph's error code; absent = the usual one of the status.
        #[serde(default)]
        code: Option<String>,
        /// Graph's error message.
        #[serde(default)]
        message: Option<String>,
        /// A body instead of the envelope, as it is: HTML, nothing, half a document.
        #[serde(default)]
        body: Option<String>,
        /// Its type.
        #[serde(default)]
        content_type: Option<String>,
        /// The text of `Location`.
        #[serde(default)]
        location: Option<String>,
        /// Do what was asked all the same, before answering so.
        #[serde(default)]
        applied: bool,
    },
    /// The connection closes instead of an answer.
    Drop {
        /// Do what was asked all the same: the answer is lost, not the request.
        applied: bool,
    },
    /// No answer ever comes: the connection stays open, and in process the future never ends.
    Hang {
        /// Do what was asked all the same.
        #[serde(default)]
        applied: bool,
    },
    /// The answer takes longer. The directory changes at once.
    Delay {
        /// By so many milliseconds.
        millis: u64,
    },
    /// The true answer, cut in the middle of its JSON.
    Malformed,
    /// `@odata.nextLink` and `@odata.deltaLink` lead to this host.
    ForeignLink {
        /// Scheme and host, such as `https://evil.example`.
        root: String,
    },
    /// `@odata.nextLink` leads back to the request itself.
    Loop,
    /// 410 with a `Location` whose `$deltatoken` is empty. Strikes delta requests that carry a token.
    Resync,
    /// The answer to an expired link. Strikes delta requests that carry a token.
    Expired,
}

impl Effect {
    /// A plain status with the usual code.
    pub fn status(status: u16) -> Self {
        Effect::Status {
            status,
            retry_after: None,
            code: None,
            message: None,
            body: None,
            content_type: None,
            location: None,
            applied: false,
        }
    }
    /// The same with `Retry-After`.
    pub fn throttled(status: u16, retry_after: &str) -> Self {
        let mut effect = Effect::status(status);
        if let Effect::Status { retry_after: text, .. } = &mut effect {
            *text = Some(retry_after.to_owned());
        }
        effect
    }
    /// Does the directory still do what was asked?
    pub(super) fn applies(&self) -> bool {
        match self {
            Effect::Status { applied, .. } | Effect::Drop { applied } | Effect::Hang { applied } => *applied,
            Effect::Resync | Effect::Expired => false,
            Effect::Delay { .. } | Effect::Malformed | Effect::ForeignLink { .. } | Effect::Loop => true,
        }
    }
    fn needs_token(&self) -> bool {
        matches!(self, Effect::Resync | Effect::Expired)
    }
}

/// The code and message that a status usually carries.
pub(super) fn usual(status: u16) -> Refusal {
    let (code, message) = match status {
        401 => ("InvalidAuthenticationToken", "Access token has expired or is not yet valid."),
        403 => ("Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
        404 => ("Request_ResourceNotFound", "Resource does not exist or one of its queried objects is not present."),
        409 => ("Directory_ConcurrencyViolation", "The request conflicted with another one; wait briefly and retry."),
        410 => ("resyncRequired", "Resync required. Replace any local items with the server's version."),
        429 => ("TooManyRequests", "Please retry again later."),
        501 => ("NotImplemented", "This operation target is not yet supported."),
        502 => ("BadGateway", "The upstream service did not answer correctly."),
        503 => ("Directory_ReplicaUnavailable", "The directory is temporarily unavailable."),
        504 => ("GatewayTimeout", "The upstream service did not answer in time."),
        400..=499 => ("Request_BadRequest", "The request was refused."),
        _ => ("Service_InternalServerError", "Encountered an internal server error."),
    };
    Refusal::new(status, code, message)
}

/// A tenant's faults.
#[derive(Debug, Default)]
pub(super) struct Faults {
    faults: Vec<Fault>,
    given: u64,
}

/// What strikes one request.
#[derive(Debug, Default)]
pub(super) struct Struck {
    pub(super) delay_millis: u64,
    pub(super) effect: Option<Effect>,
}

impl Faults {
    pub(super) fn add(&mut self, mut fault: Fault) -> u64 {
        self.given += 1;
        fault.id = self.given;
        self.faults.push(fault);
        self.given
    }
    /// All where no id is given.
    pub(super) fn clear(&mut self, id: Option<u64>) {
        self.faults.retain(|f| id.is_some_and(|id| f.id != id));
    }
    pub(super) fn all(&self) -> &[Fault] {
        &self.faults
    }
    /// Delays add up; of the other effects, the first that strikes counts.
    pub(super) fn strike(
        &mut self,
        (method, path, kind): (&str, &str, Kind),
        has_token: bool,
        mut draw: impl FnMut() -> f64,
    ) -> Struck {
        let mut struck = Struck::default();
        for fault in &mut self.faults {
            let is_delay = matches!(fault.effect, Effect::Delay { .. });
            if !fault.matches(method, path, kind)
                || (fault.effect.needs_token() && !has_token)
                || (!is_delay && struck.effect.is_some())
                || fault.times == Some(0)
            {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if fault.chance.is_some_and(|chance| draw() >= chance) {
                continue;
            }
            fault.times = fault.times.map(|n| n - 1);
            match &fault.effect {
                Effect::Delay { millis } => struck.delay_millis += millis,
                effect => struck.effect = Some(effect.clone()),
            }
        }
        self.faults.retain(|f| f.times != Some(0));
        struck
    }
}

//! How is one question asked? With the tenant's own token, an id to find it by, and a few tries where it only reads.

use std::cell::Cell;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::config;
use crate::model::{TenantName, Timestamp};
use crate::ports::{Clock, DirectoryError, Pressure, Retry, ThrottledOperations};

use super::auth::{Proof, TokenError, TokenSource};
use super::claims::Claims;
use super::error::{Answer, Asking, GraphError, bounded};
use super::load;
use super::origin::{GraphOrigin, GraphPath};
use super::retry::{http_date, pause_until};
use super::transport::{Limits, Transport, TransportError};
use super::units::{Share, WRITE_UNITS, read_units};

/// A page of 1,000 users with every attribute has some 2 MB; Graph chooses the size of its pages itself.
pub(super) const PAGE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Twenty users of a batch, a listing's page of 999 ids, or a write's echo.
pub(super) const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The slowest delta page that is still worth waiting for; Graph's own gateway gives up after 60 to 100 s (guess).
const READ_DEADLINE: Duration = Duration::from_secs(120);
/// A write that takes longer has an unknown outcome, and is looked for instead.
const WRITE_DEADLINE: Duration = Duration::from_secs(60);

/// Where `client-request-id`s come from: random, or from a seed, so that one seed is one history.
pub struct RequestIds(Mutex<ChaCha8Rng>);

impl RequestIds {
    /// The same ids for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(ChaCha8Rng::seed_from_u64(seed)))
    }
    /// Ids that nobody else has.
    #[expect(clippy::disallowed_methods, reason = "the one source for real tenants; everything else is seeded")]
    pub fn random() -> Result<Self, GraphError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|e| GraphError::Setup(format!("this system gives no random numbers: {e}")))?;
        Ok(Self(Mutex::new(ChaCha8Rng::from_seed(seed))))
    }
    /// The next GUID.
    pub fn next_id(&self) -> String {
        let mut bytes = [0; 16];
        // A panic elsewhere cannot leave a generator half advanced in a way that matters.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }
}
impl fmt::Debug for RequestIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestIds")
    }
}

/// Reading one tenant through Graph. Has no way to write: see [`super::GraphWriter`]. A tenant that no route enters is given
/// this and nothing else, so that no code could send it a write:
///
/// ```compile_fail
/// use crosstie::{graph::GraphClient, ports::{Clock, DirectoryWrite}, graph::Transport};
/// fn write(_to: &impl DirectoryWrite) {}
/// fn only_home<T: Transport, C: Clock>(home: GraphClient<T, C>) {
///     write(&home);
/// }
/// ```
///
/// What fails there is the write, for the same compiles where writing was added:
///
/// ```
/// use crosstie::{graph::GraphClient, ports::{Clock, DirectoryWrite}, graph::Transport};
/// fn write(_to: &impl DirectoryWrite) {}
/// fn target<T: Transport, C: Clock>(target: GraphClient<T, C>) {
///     write(&crosstie::graph::GraphWriter::new(target));
/// }
/// ```
pub struct GraphClient<T, C> {
    pub(super) name: TenantName,
    pub(super) clock: C,
    pub(super) redirect_url: String,
    /// What the last answer to a write told.
    pub(super) write_pressure: Cell<Option<Pressure>>,
    /// Answers to reads that told us to wait.
    throttled_reads: Cell<u64>,
    pub(super) share: Share,
    /// How far ahead the tenant's clock was at its last answer, in milliseconds.
    pub(super) clock_ahead: Cell<Option<i64>>,
    tokens: TokenSource,
    transport: T,
    ids: RequestIds,
}

impl<T, C> GraphClient<T, C> {
    /// Where the tenant's Graph is.
    pub(super) fn origin(&self) -> &GraphOrigin {
        self.tokens.origin()
    }
}

impl<T, C> fmt::Debug for GraphClient<T, C> {
    /// Whose it is and where it leads: nothing of its credential, and nothing of a transport that may remember requests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GraphClient({} at {})", self.name, self.origin().root())
    }
}

/// What a request is to the tenant's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    /// Its items tell what they cost, each for itself.
    Batch,
    Write,
}

/// One request, ready but for its token.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: GraphPath,
    pub(super) body: Option<Vec<u8>>,
    pub(super) limits: Limits,
    kind: Kind,
    /// What it costs by the table.
    pub(super) units: u32,
}

impl Call {
    pub(super) fn get(url: GraphPath, body_bytes_max: usize) -> Self {
        let limits = Limits { body_bytes_max, deadline: READ_DEADLINE };
        let units = read_units(url.as_str());
        Self { method: Method::GET, url, body: None, limits, kind: Kind::Read, units }
    }
    /// `units` is what its items cost together.
    pub(super) fn batch(url: GraphPath, body: Vec<u8>, units: u32) -> Self {
        let limits = Limits { body_bytes_max: BODY_BYTES_MAX, deadline: READ_DEADLINE };
        Self { method: Method::POST, url, body: Some(body), limits, kind: Kind::Batch, units }
    }
    pub(super) fn write(method: Method, url: GraphPath, body: Option<Vec<u8>>) -> Self {
        let limits = Limits { body_bytes_max: BODY_BYTES_MAX, deadline: WRITE_DEADLINE };
        Self { method, url, body, limits, kind: Kind::Write, units: WRITE_UNITS }
    }
}

impl<T: Transport, C: Clock> GraphClient<T, C> {
    /// A client for one tenant. `transport` may be shared: `&T`, `Rc<T>` and `Arc<T>` are transports too.
    pub fn new(
        tenant: &config::Tenant,
        proof: Proof,
        transport: T,
        clock: C,
        ids: RequestIds,
    ) -> Result<Self, GraphError> {
        Ok(Self {
            name: tenant.name.clone(),
            tokens: TokenSource::new(tenant, proof)?,
            redirect_url: tenant.redirect_url.clone(),
            write_pressure: Cell::new(None),
            throttled_reads: Cell::new(0),
            clock_ahead: Cell::new(None),
            share: Share::new(tenant.limits.reads),
            transport,
            clock,
            ids,
        })
    }

    /// The next `client-request-id`.
    pub(super) fn next_id(&self) -> String {
        self.ids.next_id()
    }

    /// An error of this room in the engine's words.
    pub(super) fn told(&self, error: GraphError, asking: Asking, request_id: &str) -> DirectoryError {
        let mut error = error.told(&self.name, asking, request_id, self.clock.now());
        error.detail.message = self.tokens.scrub(&error.detail.message);
        error.detail.code = self.tokens.scrub(&error.detail.code);
        error
    }

    /// Asks once. A 401 is asked a second time with a fresh token: whatever it was, it was not done. Of writes it is told.
    pub(super) async fn once(&self, call: &Call, request_id: &str) -> Result<Response<Bytes>, GraphError> {
        let mut renewed = false;
        loop {
            let token = self.tokens.token(&self.transport, &self.clock).await?;
            let request = token.authorize(&call.url, request(call, request_id)?)?;
            let answer = self.send(call, request).await?;
            if answer.status().is_success() {
                self.tokens.works();
                return Ok(answer);
            }
            let is_over = answer.status() == StatusCode::UNAUTHORIZED && self.tokens.discard(&token).await;
            if is_over && !renewed && call.kind != Kind::Write {
                tracing::debug!(tenant = %self.name, "the token was refused; a fresh one is fetched");
                renewed = true;
                continue;
            }
            let now = self.clock.now();
            let refusal = Answer::read(answer.status().as_u16(), answer.headers(), answer.body(), now);
            self.heed_throttle(&refusal, call.kind);
            let over = is_over && call.kind == Kind::Write;
            return Err(if over { GraphError::TokenOver(refusal) } else { GraphError::Answer(refusal) });
        }
    }

    /// Sends once the tenant's limits allow it. Whatever becomes of it, it has cost what it costs: usage counts on while a
    /// tenant throttles.
    async fn send(&self, call: &Call, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let under_way = match call.kind {
            Kind::Write => self.share.write(&self.clock).await,
            Kind::Read | Kind::Batch => self.share.read(&self.clock, call.units).await,
        };
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let (asked_at, id) = (self.clock.now(), request.headers().get("client-request-id").cloned());
        let answer = self.transport.send(request, call.limits).await;
        let (millis, id) = (self.clock.now().millis_since(asked_at), id.as_ref().and_then(|id| id.to_str().ok()));
        match &answer {
            Ok(answer) => {
                let status = answer.status().as_u16();
                // Without the query: where a watermark stands is nobody's business, and long.
                tracing::debug!(tenant = %self.name, %method, path, request_id = id, status, millis, "request");
            }
            Err(error) => {
                let why = &error.message;
                tracing::debug!(tenant = %self.name, %method, path, request_id = id, why, millis, "request without an answer");
            }
        }
        let answer = answer?;
        self.heed_date(&answer, asked_at);
        let told = load::resource_units(answer.headers()).filter(|_| call.kind != Kind::Batch);
        under_way.answered(told);
        if call.kind == Kind::Write {
            self.heed_pressure(call, &answer);
        }
        Ok(answer)
    }

    /// Compares clocks. The tenant wrote its date somewhere between our question and its answer.
    fn heed_date(&self, answer: &Response<Bytes>, asked_at: Timestamp) {
        let date = answer.headers().get(header::DATE).and_then(|date| date.to_str().ok()).and_then(http_date);
        let (Some(date), now) = (date, self.clock.now()) else { return };
        let between = asked_at.plus_millis(now.millis_since(asked_at) / 2);
        // The date has no fraction of a second: half of one is the best guess.
        let signed = |t: Timestamp| i64::try_from(t.0).unwrap_or(i64::MAX);
        self.clock_ahead.set(Some(signed(date.plus_millis(500)).saturating_sub(signed(between))));
    }

    /// What the tenant's token says of itself.
    pub(super) async fn claims(&self) -> Result<Option<Claims>, TokenError> {
        let token = self.tokens.token(&self.transport, &self.clock).await?;
        Ok(token.claims().cloned())
    }

    /// A throttle that counts for reads is all reads' concern: those that wait already wait with the one that met it. One
    /// that names no scope is taken for the kind of request that met it.
    fn heed_throttle(&self, refusal: &Answer, kind: Kind) {
        if refusal.is_throttled() && kind != Kind::Write {
            self.throttled_reads.set(self.throttled_reads.get().saturating_add(1));
        }
        let of_reads = refusal.throttle.map_or(kind != Kind::Write, |t| t.what != ThrottledOperations::Write);
        if refusal.is_throttled() && of_reads {
            let now = self.clock.now();
            let not_before = refusal.retry_after.map(|millis| now.plus_millis(millis));
            if let Some(until) = pause_until(1, Retry::Again { not_before }, now) {
                tracing::debug!(tenant = %self.name, until = %until.rfc3339(), "throttled: all reading pauses");
                self.share.pause_reads(until);
            }
        }
    }

    /// The same for an item of a batch.
    pub(super) fn heed_item(&self, refusal: &Answer) {
        self.heed_throttle(refusal, Kind::Batch);
    }

    /// How many answers to reads have told us to wait since this client was made, items of batches included. Of those to
    /// writes the engine hears.
    pub fn throttled_reads(&self) -> u64 {
        self.throttled_reads.get()
    }

    /// Takes over what was spent in resource units before a restart: instants and units, in order of time.
    pub fn remember_units(&self, spent: &[(Timestamp, u32)]) {
        self.share.remember(spent, self.clock.now());
    }

    /// A write that is carried out in silence ends the pressure; a refusal in silence says nothing of it, it may come from
    /// a front door. Answers to reads are not heeded: they tell of the share of reads, and must not slow down writes.
    fn heed_pressure(&self, call: &Call, answer: &Response<Bytes>) {
        match answer.headers().get(load::LOAD) {
            // Invitations have a limit of their own beside that of writes, and a fuller one is not named.
            Some(_) if call.url.as_str().ends_with("/invitations") => {}
            Some(told) => {
                if let Some(permille) = load::load_permille(told) {
                    let (reading, at) = (self.share.filled(self.clock.now()), self.clock.now());
                    self.write_pressure.set(Some(Pressure { permille, reading, at }));
                }
            }
            None if answer.status().is_success() => self.write_pressure.set(None),
            None => {}
        }
    }

    /// Reads with a few tries. Gives the id of the last one, too, for errors that are found in the body.
    pub(super) async fn read(&self, asking: Asking, url: GraphPath) -> Result<(Bytes, String), DirectoryError> {
        let call = Call::get(url, asking.body_bytes_max);
        let mut try_number = 1;
        loop {
            let id = self.next_id();
            let error = match self.once(&call, &id).await {
                Ok(answer) => return Ok((answer.into_body(), id)),
                Err(error) => self.told(error, asking, &id),
            };
            if !self.pause(try_number, &error).await {
                return Err(error);
            }
            try_number += 1;
        }
    }

    /// Pauses before the next try of a read; false where there is none.
    pub(super) async fn pause(&self, try_number: u32, error: &DirectoryError) -> bool {
        let Some(until) = pause_until(try_number, error.retry, self.clock.now()) else { return false };
        tracing::debug!(tenant = %self.name, try_number, %error, until = %until.rfc3339(), "reading pauses");
        self.clock.sleep_until(until).await;
        true
    }
}

/// All of a request but where it goes and what shows that we may: see [`super::auth`].
fn request(call: &Call, id: &str) -> Result<Request<Bytes>, GraphError> {
    let body = call.body.clone().map_or_else(Bytes::new, Bytes::from);
    let mut request = Request::new(body);
    *request.method_mut() = call.method.clone();
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let id = HeaderValue::from_str(id).map_err(|_| GraphError::NotAsked("an unusable request id"))?;
    request.headers_mut().insert("client-request-id", id);
    if call.body.is_some() {
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    } else if call.method == Method::POST {
        // hyper leaves it out of an empty body, and some front doors answer 411 then.
        request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    Ok(request)
}

/// For ids in messages.
pub(super) fn short(id: &str) -> String {
    bounded(id, 64)
}

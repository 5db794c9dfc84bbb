//! Does it live, is it ready, and what does it measure? Told over HTTP, from a thread of its own: a main loop that hangs can
//! still be said to hang.

mod seats;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::future::{Either, select};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::Exit;
use super::metrics::Metrics;
use super::output::complain;
use super::render::inert;
use crate::config::{Config, Listen, is_loopback, listen_address};
use seats::{CONNECTION_SECONDS_MAX, Door};

/// A main loop that did not go round for so many seconds hangs. It beats every second; the longest that it may be busy in one
/// go is one statement of the store, such as marking a million people when rules change, some seconds even on a slow disk,
/// and five more where somebody else holds the file.
const SILENT_SECONDS_MAX: u64 = 60;
/// Reasons, and characters of each, that a page tells.
const REASONS_MAX: usize = 50;
const REASON_CHARACTERS_MAX: usize = 300;
/// Tokens that are shorter can be guessed by whoever can ask quickly.
const TOKEN_CHARACTERS_MIN: usize = 16;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// Why it does not listen.
#[derive(Debug, thiserror::Error)]
pub(super) enum ListenError {
    /// Others can reach the address, and nothing is asked of them.
    #[error("{0} can be reached from other machines: listening there needs a token\nhint: configure [listen] token")]
    NeedsToken(SocketAddr),
    /// The system refuses.
    #[error("cannot listen on {0}: {1}\nhint: is another program there already?")]
    System(SocketAddr, #[source] std::io::Error),
}

/// What whoever asks has to show; only its hash is kept.
#[derive(Clone)]
pub(super) struct Token([u8; 32]);

impl Token {
    pub(super) fn of(secret: &SecretString) -> Self {
        Self(Sha256::digest(secret.expose_secret().as_bytes()).into())
    }
    /// Takes as long whatever is wrong with it: the hashes are compared whole, and say nothing of the token.
    fn fits(&self, shown: &[u8]) -> bool {
        let shown: [u8; 32] = Sha256::digest(shown).into();
        self.0.iter().zip(shown).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }
    /// One header, `Bearer` and the token.
    fn is_shown(&self, headers: &HeaderMap) -> bool {
        let mut all = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(only), None) = (all.next(), all.next()) else { return false };
        let Some((scheme, shown)) = only.as_bytes().split_at_checked(b"Bearer ".len()) else { return false };
        scheme.eq_ignore_ascii_case(b"Bearer ") && self.fits(shown.trim_ascii())
    }
}

/// Where to listen, and what has to be shown there: `--listen` goes before `[listen]`. `None`: nowhere. A mistake is said,
/// and is one of usage: nothing was read or written yet.
pub(super) fn wanted(config: &Config, option: Option<&str>) -> Result<Option<(SocketAddr, Option<Token>)>, Exit> {
    let usage = |text: String| {
        complain(format_args!("{text}"));
        Exit::Usage
    };
    let Listen { address, token } = &config.listen;
    let address = match option {
        Some(text) => {
            let hint = "hint: write an IP address and a port, such as 127.0.0.1:9464";
            Some(listen_address(text).map_err(|what| usage(format!("--listen: {what}\n{hint}")))?)
        }
        None => *address,
    };
    let Some(address) = address else { return Ok(None) };
    let Some(source) = token else {
        return if is_loopback(address) {
            Ok(Some((address, None)))
        } else {
            Err(usage(ListenError::NeedsToken(address).to_string()))
        };
    };
    let secret = source.read().map_err(|error| usage(format!("[listen] token: {error}")))?;
    if secret.expose_secret().chars().count() < TOKEN_CHARACTERS_MIN {
        tracing::warn!("the token of [listen] has less than {TOKEN_CHARACTERS_MIN} characters: it can be guessed");
    }
    Ok(Some((address, Some(Token::of(&secret)))))
}

/// What the main loop tells, and the listener passes on.
#[derive(Debug)]
pub(super) struct Shared {
    metrics: Metrics,
    ready: Mutex<Result<(), Vec<String>>>,
}

impl Shared {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { metrics, ready: Mutex::new(Err(vec!["the first cycle has not ended".to_owned()])) }
    }
    /// The main loop goes round: to be called every second or so.
    pub(super) fn beat(&self) {
        self.metrics.beat();
    }
    /// It does its work; or why it does not. Reasons hold no secrets: whoever may ask whether it lives reads them.
    pub(super) fn ready(&self, ready: Result<(), Vec<String>>) {
        *self.ready.lock().unwrap_or_else(PoisonError::into_inner) = ready;
    }
    /// Why the main loop does not live; `None`: it does.
    fn silence(&self) -> Option<String> {
        let silent = self.metrics.silent_seconds();
        (silent >= SILENT_SECONDS_MAX).then(|| format!("the main loop gave no sign of life for {silent} s"))
    }
    fn reasons(&self) -> Vec<String> {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut reasons: Vec<String> = self.silence().into_iter().collect();
        match ready {
            Ok(()) => {}
            Err(why) if why.is_empty() => reasons.push("not ready".to_owned()),
            Err(why) => reasons.extend(why.iter().take(REASONS_MAX).map(|reason| bounded(reason))),
        }
        reasons
    }
}

/// One line, and not a long one.
fn bounded(reason: &str) -> String {
    inert(&reason.chars().take(REASON_CHARACTERS_MAX).collect::<String>())
}

/// Serves until it is dropped.
#[derive(Debug)]
pub(super) struct Listener {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Begins to listen; answers where, which is news where port 0 was asked for.
    ///
    /// # Errors
    /// The system's; and an address that others can reach, without a token.
    pub(super) fn start(
        address: SocketAddr,
        token: Option<Token>,
        shared: Arc<Shared>,
    ) -> Result<(Self, SocketAddr), ListenError> {
        Self::begin(address, token, shared, Duration::from_secs(CONNECTION_SECONDS_MAX))
    }

    /// The same, with connections that last no longer than so.
    fn begin(
        address: SocketAddr,
        token: Option<Token>,
        shared: Arc<Shared>,
        lasts: Duration,
    ) -> Result<(Self, SocketAddr), ListenError> {
        if token.is_none() && !is_loopback(address) {
            return Err(ListenError::NeedsToken(address));
        }
        let refused = |error| ListenError::System(address, error);
        let listener = std::net::TcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let real = listener.local_addr().map_err(refused)?;
        let face = Arc::new(Face { shared, token, loopback: is_loopback(real) });
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::sync_channel(1);
        let work = move || serve(listener, lasts, face, stopped, &tell);
        #[expect(clippy::disallowed_methods, reason = "the main loop cannot say itself that it hangs")]
        let thread = std::thread::Builder::new().name("listen".to_owned()).spawn(work).map_err(refused)?;
        let started = Self { stop: Some(stop), thread: Some(thread) };
        // The thread says how it began before it does anything else.
        told.recv().unwrap_or_else(|_| Err(std::io::Error::other("its thread ended at once"))).map_err(refused)?;
        Ok((started, real))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Where nobody listens any more, the thread has ended already.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The thread's whole life.
fn serve(
    listener: std::net::TcpListener,
    lasts: Duration,
    face: Arc<Face>,
    stopped: oneshot::Receiver<()>,
    tell: &mpsc::SyncSender<std::io::Result<()>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tell.send(Err(error)).unwrap_or_default(),
    };
    runtime.block_on(async {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tell.send(Err(error)).unwrap_or_default(),
        };
        let _ = tell.send(Ok(()));
        let router = Router::new().fallback(answer).with_state(face);
        let served = std::pin::pin!(async { axum::serve(Door::new(listener, lasts), router).await });
        if let Either::Left((Err(error), _)) = select(served, stopped).await {
            tracing::error!(%error, "nobody is told any more how the process is");
        }
    });
}

/// What it shows to whom.
struct Face {
    shared: Arc<Shared>,
    token: Option<Token>,
    /// Only this machine can ask.
    loopback: bool,
}

async fn answer(State(face): State<Arc<Face>>, request: Request) -> Response {
    let mut response = face.answer(request.method(), request.uri().path(), request.headers());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // One request a connection: nothing that follows can be taken for another one.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

impl Face {
    fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response {
        if !self.may_ask(path, headers) {
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer"), (header::CONTENT_TYPE, PLAIN)];
            return (StatusCode::UNAUTHORIZED, challenge, "unauthorized\n").into_response();
        }
        if !matches!(path, "/healthz" | "/readyz" | "/metrics") {
            return page(StatusCode::NOT_FOUND, PLAIN, "there are /healthz, /readyz and /metrics\n".to_owned());
        }
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut response = page(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "only GET and HEAD\n".to_owned());
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match path {
            "/healthz" => match self.shared.silence() {
                None => page(StatusCode::OK, PLAIN, "ok\n".to_owned()),
                Some(why) => page(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{why}\n")),
            },
            "/readyz" => match self.shared.reasons() {
                none if none.is_empty() => page(StatusCode::OK, PLAIN, "ready\n".to_owned()),
                why => page(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{}\n", why.join("\n"))),
            },
            _ => match self.shared.metrics.render() {
                Ok(metrics) => page(StatusCode::OK, OPENMETRICS, metrics),
                Err(_) => page(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, "no metrics\n".to_owned()),
            },
        }
    }

    /// Whoever stands at this machine may see whether it lives; numbers, and everything from elsewhere, take the token.
    fn may_ask(&self, path: &str, headers: &HeaderMap) -> bool {
        let open = self.loopback && matches!(path, "/healthz" | "/readyz");
        open || self.token.as_ref().is_none_or(|token| token.is_shown(headers))
    }
}

fn page(status: StatusCode, kind: &'static str, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, kind)], text).into_response()
}

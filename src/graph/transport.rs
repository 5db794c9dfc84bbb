//! How does one request become one answer? The one door between this room and the bytes, with limits on both sides.

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::{Request, Response};

/// How long an answer may take and how large it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a successful answer's body, after decompression; more is an error.
    pub body_bytes_max: usize,
    /// From the first byte out to the last byte in.
    pub deadline: Duration,
}

/// Bytes that are read of an answer that is not a success. An error envelope is under 2 KiB; the rest (a proxy's HTML
/// page, a hostile stream) is cut off, not refused: the status still counts.
pub const ERROR_BODY_BYTES_MAX: usize = 64 * 1024;

/// What is known of a request that brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// It never left: no name, no connection, no TLS, or refused by ourselves.
    NotSent,
    /// It may have arrived, and may have been acted on: deadline, reset, an answer cut short.
    Lost,
    /// An answer came and was larger than we read.
    TooLarge,
}

/// Why a request brought no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TransportError {
    /// What is known.
    pub kind: TransportErrorKind,
    /// For people. Never holds an address's query, a header or a body.
    pub message: String,
}

impl TransportError {
    /// A request that never left.
    pub fn not_sent(message: impl Into<String>) -> Self {
        Self { kind: TransportErrorKind::NotSent, message: message.into() }
    }
    /// A request that may have arrived.
    pub fn lost(message: impl Into<String>) -> Self {
        Self { kind: TransportErrorKind::Lost, message: message.into() }
    }
    /// An answer larger than we read.
    pub fn too_large(bytes_max: usize) -> Self {
        Self { kind: TransportErrorKind::TooLarge, message: format!("the answer is larger than {bytes_max} bytes") }
    }
    /// An answer that did not end within the deadline.
    pub fn late(deadline: Duration) -> Self {
        Self::lost(format!("no complete answer within {} s", deadline.as_secs_f64()))
    }
}

/// One request in, one answer out. No redirects, no retries, no cookies: whoever asks decides.
pub trait Transport {
    /// Sends once.
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> impl Future<Output = Result<Response<Bytes>, TransportError>>;
}

impl<T: Transport> Transport for &T {
    async fn send(&self, request: Request<Bytes>, limits: Limits) -> Result<Response<Bytes>, TransportError> {
        (**self).send(request, limits).await
    }
}
impl<T: Transport> Transport for Rc<T> {
    async fn send(&self, request: Request<Bytes>, limits: Limits) -> Result<Response<Bytes>, TransportError> {
        (**self).send(request, limits).await
    }
}
impl<T: Transport> Transport for Arc<T> {
    async fn send(&self, request: Request<Bytes>, limits: Limits) -> Result<Response<Bytes>, TransportError> {
        (**self).send(request, limits).await
    }
}

/// Reads a body up to the limit that its status gives it.
pub(super) async fn collect<E: std::fmt::Display>(
    success: bool,
    mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
    limits: Limits,
) -> Result<Bytes, TransportError> {
    let bytes_max = if success { limits.body_bytes_max } else { ERROR_BODY_BYTES_MAX.min(limits.body_bytes_max) };
    let mut body = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            // A refusal whose text broke off is still a refusal.
            Err(_) if !success => break,
            Err(error) => return Err(TransportError::lost(format!("the answer broke off: {error}"))),
        };
        let room = bytes_max - body.len();
        if chunk.len() > room {
            if success {
                return Err(TransportError::too_large(bytes_max));
            }
            body.extend_from_slice(&chunk[..room]);
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Asks an [`axum::Router`] in this process: no sockets, no threads, so paused time stays deterministic.
#[derive(Clone, Debug)]
pub struct RouterTransport {
    router: axum::Router,
}

/// A router that sets this response header (to `1`) has acted on the request, and the answer is dropped on its way:
/// the in-process stand-in for a connection reset after the commit.
pub const DROPPED_HEADER: &str = "x-sim-dropped";

impl RouterTransport {
    /// Asks this router.
    pub fn new(router: axum::Router) -> Self {
        Self { router }
    }
}

impl Transport for RouterTransport {
    async fn send(&self, request: Request<Bytes>, limits: Limits) -> Result<Response<Bytes>, TransportError> {
        use tower::ServiceExt as _;
        let asked = async {
            let answered = self.router.clone().oneshot(request.map(axum::body::Body::from)).await;
            let answer = answered.unwrap_or_else(|impossible| match impossible {});
            if answer.headers().contains_key(DROPPED_HEADER) {
                return Err(TransportError::lost("the connection was reset before the answer came"));
            }
            let (head, body) = answer.into_parts();
            let body = collect(head.status.is_success(), body.into_data_stream(), limits).await?;
            Ok(Response::from_parts(head, body))
        };
        tokio::time::timeout(limits.deadline, asked).await.unwrap_or(Err(TransportError::late(limits.deadline)))
    }
}

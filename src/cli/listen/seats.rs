//! Whom does the listener serve, and for how long? Whoever is slow takes a seat from nobody.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;

/// Connections at once. A monitoring system, two probes and a person are four; where more come, the oldest one goes.
pub(super) const SEATS_MAX: usize = 64;
/// From its first byte to its last a connection lasts no longer: monitoring systems themselves give up after ten seconds
/// (Prometheus' default), and an answer takes milliseconds.
pub(super) const CONNECTION_SECONDS_MAX: u64 = 10;
/// What is read of one request: a path, a token and what browsers and proxies add are a tenth of it.
pub(super) const REQUEST_BYTES_MAX: usize = 16 * 1_024;
/// How HTTP/2 begins. The server below would answer it where some other part of this program has asked for HTTP/2; but one
/// connection of it holds many requests, and nobody who asks here needs it.
const HTTP_2: [u8; 4] = *b"PRI ";
/// After a failure to accept, such as too many open files: until somebody has closed one.
const PAUSE: Duration = Duration::from_millis(200);

/// One connection's place, as it and the door see it.
#[derive(Debug, Default)]
struct Seat {
    /// Somebody else needs it.
    taken: AtomicBool,
    waker: AtomicWaker,
}

/// Where connections come in.
#[derive(Debug)]
pub(super) struct Door {
    listener: TcpListener,
    /// The oldest in front; those that have ended are gone from it sooner or later.
    seats: VecDeque<Weak<Seat>>,
    lasts: Duration,
}

impl Door {
    /// No connection lasts longer than `lasts`.
    pub(super) fn new(listener: TcpListener, lasts: Duration) -> Self {
        Self { listener, seats: VecDeque::new(), lasts }
    }

    fn seat(&mut self) -> Arc<Seat> {
        self.seats.retain(|seat| seat.strong_count() > 0);
        while self.seats.len() >= SEATS_MAX {
            if let Some(oldest) = self.seats.pop_front().and_then(|seat| seat.upgrade()) {
                oldest.taken.store(true, Ordering::Release);
                oldest.waker.wake();
            }
        }
        let seat = Arc::<Seat>::default();
        self.seats.push_back(Arc::downgrade(&seat));
        seat
    }
}

impl axum::serve::Listener for Door {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, from)) => return (Connection::new(stream, self.seat(), self.lasts), from),
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that is given up when it lasts too long, asks too much, or another one needs its seat.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    seat: Arc<Seat>,
    deadline: Pin<Box<Sleep>>,
    bytes_left: usize,
    /// The first bytes, no more than tell HTTP/2 from others.
    first: Vec<u8>,
}

impl Connection {
    fn new(stream: TcpStream, seat: Arc<Seat>, lasts: Duration) -> Self {
        let deadline = Box::pin(tokio::time::sleep(lasts));
        Self { stream, seat, deadline, bytes_left: REQUEST_BYTES_MAX, first: Vec::new() }
    }

    /// Is it still a request as we take them?
    fn take(&mut self, more: &[u8]) -> bool {
        let wanted = HTTP_2.len() - self.first.len();
        self.first.extend(more.iter().take(wanted));
        let left = self.bytes_left.checked_sub(more.len());
        self.bytes_left = left.unwrap_or(0);
        left.is_some() && self.first != HTTP_2
    }

    /// Why it ends now.
    fn end(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        self.seat.waker.register(context.waker());
        if self.seat.taken.load(Ordering::Acquire) {
            return Poll::Ready(io::ErrorKind::ConnectionAborted.into());
        }
        ready!(self.deadline.as_mut().poll(context));
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(error) = self.end(context) {
            return Poll::Ready(Err(error));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
        let fine = self.take(into.filled().get(before..).unwrap_or_default());
        Poll::Ready(if fine { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) })
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        match self.end(context) {
            Poll::Ready(error) => Poll::Ready(Err(error)),
            Poll::Pending => Pin::new(&mut self.stream).poll_write(context, from),
        }
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

//! How do bytes travel over a real network? One pool of connections, no redirects, no silent second sending.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Request, Response, Uri};

use super::error::GraphError;
use super::transport::{Limits, Transport, TransportError, collect};

/// A name, a connection and TLS: seconds even on bad lines; more means that the way is shut.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two reads. Graph answers a delta page within seconds; a peer that sends nothing for so long is gone.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Under the idle time after which Graph's front doors close a connection (guess: two minutes), so that a request is
/// seldom written to a connection that is being closed, which would make its outcome unknown.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The network, through `reqwest` and rustls.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    /// For TLS; takes the system's proxies.
    outside: reqwest::Client,
    /// For a directory on this machine, and for Azure's identity service, which only this machine reaches: never through a
    /// proxy, which would be another machine's.
    loopback: reqwest::Client,
}

impl HttpTransport {
    /// Trusts the roots of this system, or the bundled ones of Mozilla where it has none (bare containers).
    pub fn new() -> Result<Self, GraphError> {
        let system = |proxy| builder(proxy).build();
        let bundled = |proxy| {
            let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS
                .iter()
                .map(|der| reqwest::Certificate::from_der(der))
                .collect::<Result<Vec<_>, _>>()?;
            builder(proxy).tls_certs_only(roots).build()
        };
        let build = |proxy| system(proxy).or_else(|_| bundled(proxy)).map_err(|e| GraphError::Setup(e.to_string()));
        Ok(Self { outside: build(true)?, loopback: build(false)? })
    }

    fn client_for(&self, uri: &Uri) -> Result<&reqwest::Client, TransportError> {
        match (uri.scheme_str(), is_loopback(uri) || is_link_local(uri)) {
            (Some("http" | "https"), true) => Ok(&self.loopback),
            (Some("https"), false) => Ok(&self.outside),
            // A bearer token in clear text is everybody's.
            (Some("http"), false) => Err(TransportError::not_sent("plain http is spoken with this machine only")),
            _ => Err(TransportError::not_sent("neither http nor https")),
        }
    }
}

fn builder(system_proxy: bool) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("crosstie/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        // Its default sends again on HTTP/2 REFUSED_STREAM and GOAWAY: writes that neither quota nor log would know.
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .gzip(true);
    if system_proxy { builder } else { builder.no_proxy() }
}

/// Any address of 169.254.0.0/16: no router passes them on. Azure's identity services answer there, over plain http; no
/// tenant's address may be one (see `config::tenant`), so no tenant's token goes there.
fn is_link_local(uri: &Uri) -> bool {
    uri.host().unwrap_or_default().parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_link_local())
}

/// `localhost` by name, or any address of 127.0.0.0/8 or `::1`.
fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl Transport for HttpTransport {
    async fn send(&self, request: Request<Bytes>, limits: Limits) -> Result<Response<Bytes>, TransportError> {
        let client = self.client_for(request.uri())?;
        let request = reqwest::Request::try_from(request)
            .map_err(|e| TransportError::not_sent(format!("not a request: {}", told(e))))?;
        let asked = async {
            let answer = client.execute(request).await.map_err(failed)?;
            let mut head = Response::new(());
            *head.status_mut() = answer.status();
            *head.headers_mut() = answer.headers().clone();
            let success = answer.status().is_success();
            let chunks = answer.bytes_stream().map(|chunk| chunk.map_err(told));
            let body = collect(success, Box::pin(chunks), limits).await?;
            Ok(head.map(|()| body))
        };
        tokio::time::timeout(limits.deadline, asked).await.unwrap_or(Err(TransportError::late(limits.deadline)))
    }
}

fn failed(error: reqwest::Error) -> TransportError {
    // Everything up to and including the TLS handshake counts as connecting; no byte of the request has left by then.
    if error.is_connect() || error.is_builder() {
        TransportError::not_sent(told(error))
    } else {
        TransportError::lost(told(error))
    }
}

/// The error with its causes, without the address: its query may hold a watermark.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

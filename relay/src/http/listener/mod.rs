//! Accepts connections and serves HTTP/1.1 on them.
//!
//! Not `axum::serve`: that has no time limit for a request's head, no limit on connections, and would speak HTTP/2, which
//! our sockets do not. Who is over a limit is told so in HTTP (503 and `Retry-After`) before anything is read.

mod admission;
mod client;
mod shed;
mod stream;

#[cfg(feature = "fuzzing")]
pub(crate) use client::address as client_address;

use std::{convert::Infallible, io, net::IpAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, response::Response};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use self::{
    admission::{Admission, Permit},
    stream::ClientStream,
};
use super::pace::Pace;
use crate::{client_address::ClientAddress, config::AddressRange, limiter::Rate, metrics::ConnectionMetrics};

/// The most headers of one request; a browser sends some twenty.
const MAX_HEADERS: usize = 64;
/// The longest head of a request, in bytes; also the size of a connection's read buffer.
const MAX_HEAD: usize = 16 * 1024;
/// How long to wait when no more connections can be accepted because the process is out of file descriptors.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(100);
/// The time in which an address may open as many connections as it may have: who opens them faster is served later.
const REOPENED_WITHIN: Duration = Duration::from_secs(5);
/// Connections that an address may open at once in any case.
const FEW: usize = 8;

/// Limits of one listener.
#[derive(Clone, Debug)]
pub struct ListenerSettings {
    /// Connections that may be open at once.
    pub max_connections: usize,
    /// Connections that may be open at once from one IPv4 address or one IPv6 /64, trusted proxies excepted. A quarter of them may be
    /// opened at once, and as many in five seconds; those beyond are served later.
    pub max_connections_per_address: usize,
    /// For how long a client may take to send the head of a request, and stay idle before it.
    pub header_timeout: Duration,
    /// For how long a client may take no byte of what waits for it.
    pub write_timeout: Duration,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<AddressRange>,
}

impl ListenerSettings {
    fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|range| range.contains(peer))
    }

    fn connection_rate(&self) -> Rate {
        let whole = u32::try_from(self.max_connections_per_address).unwrap_or(u32::MAX);
        let at_once = (self.max_connections_per_address / 4).max(FEW);
        Rate {
            burst: u32::try_from(at_once).unwrap_or(u32::MAX),
            refill: REOPENED_WITHIN / whole.max(1),
        }
    }
}

/// A listener with what it serves.
pub struct Server {
    settings: ListenerSettings,
    router: Router,
    metrics: ConnectionMetrics,
    admission: Arc<Admission>,
    pace: Pace,
}

impl Server {
    /// Serves `router`; every request carries a [`ClientAddress`].
    #[must_use]
    pub fn new(router: Router, settings: ListenerSettings, metrics: ConnectionMetrics) -> Self {
        let admission = Admission::new(settings.max_connections, settings.max_connections_per_address);
        // Those who wait have a place, so none waits for longer than it takes to open all of them.
        let pace = Pace::new(settings.connection_rate(), REOPENED_WITHIN);
        Self {
            settings,
            router,
            metrics,
            admission: Arc::new(admission),
            pace,
        }
    }

    /// Accepts until `stop`; then lets the requests in flight end. Upgraded connections are their owners' to end, but
    /// go on counting as open.
    pub async fn run(self, listener: TcpListener, stop: CancellationToken) {
        let server = Arc::new(self);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                // Ends first, so that a flood of connections cannot hold it up.
                biased;
                () = stop.cancelled() => break,
                Some(_ended) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => server.take_in(stream, peer.ip(), &stop, &mut connections),
                    Err(error) => wait_out(&error).await,
                },
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    /// Finds a place for a connection. One that finds none, and cannot even be told so, costs no task.
    fn take_in(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: IpAddr,
        stop: &CancellationToken,
        connections: &mut JoinSet<()>,
    ) {
        let limited_by_address = !self.settings.trusts(peer);
        if let Some(permit) = self.admission.admit(peer, limited_by_address) {
            self.metrics.accepted.inc();
            let permit = permit.counted_in(&self.metrics.open);
            connections.spawn(self.clone().handle(stream, permit, peer, stop.clone()));
            return;
        }
        self.metrics.shed.inc();
        if let Some(place) = self.admission.refuse() {
            connections.spawn(shed::refuse(stream, place));
        }
    }

    /// Serves a connection once it is its turn and it has something to say. Until then it has none of what serving takes, some
    /// 16 KiB: whoever opens connections and is silent should cost little.
    async fn handle(
        self: Arc<Self>,
        stream: TcpStream,
        permit: Permit,
        peer: IpAddr,
        stop: CancellationToken,
    ) {
        tokio::select! {
            // What has come is served, at the end too.
            biased;
            speaks = self.speaks(&stream, peer) => if !speaks { return },
            () = stop.cancelled() => return,
        }
        Box::pin(self.serve(stream, permit, peer, stop)).await;
    }

    async fn speaks(&self, stream: &TcpStream, peer: IpAddr) -> bool {
        // The wait for its turn is ours and has an end of its own, so it is not counted against the client.
        if !self.settings.trusts(peer) && self.pace.turn(peer).await.is_err() {
            return false;
        }
        let in_time = time::timeout(self.settings.header_timeout, stream.readable()).await;
        matches!(in_time, Ok(Ok(())))
    }

    async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        permit: Permit,
        peer: IpAddr,
        stop: CancellationToken,
    ) {
        let stream = ClientStream::new(stream, permit, self.settings.write_timeout);
        let mut protocol = http1::Builder::new();
        protocol
            .timer(TokioTimer::new())
            .header_read_timeout(self.settings.header_timeout)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD);
        let service = service_fn(|request| self.answer(request, peer));
        let mut connection = pin!(
            protocol
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
        );
        // How a connection ends is the client's affair: nothing here is worth a log line.
        tokio::select! {
            _ = connection.as_mut() => {}
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }

    async fn answer(&self, mut request: Request<Incoming>, peer: IpAddr) -> Result<Response, Infallible> {
        let client = client::address(peer, request.headers(), |hop| self.settings.trusts(hop));
        request.extensions_mut().insert(ClientAddress(client));
        self.router.clone().oneshot(request.map(Body::new)).await
    }
}

/// A connection that was gone before we took it concerns nobody; a full table of descriptors needs a pause.
pub(crate) async fn wait_out(error: &io::Error) {
    let gone = [
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::Interrupted,
    ];
    if !gone.contains(&error.kind()) {
        tracing::error!(%error, "cannot accept connections");
        time::sleep(OUT_OF_DESCRIPTORS).await;
    }
}

#[cfg(test)]
mod tests;

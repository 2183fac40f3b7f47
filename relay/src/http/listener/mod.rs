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
use crate::{client_address::ClientAddress, config::AddressRange, metrics::ConnectionMetrics};

/// The most headers of one request; a browser sends some twenty.
const MAX_HEADERS: usize = 64;
/// The longest head of a request, in bytes; also the size of a connection's read buffer.
const MAX_HEAD: usize = 16 * 1024;
/// How long to wait when no more connections can be accepted because the process is out of file descriptors.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(100);

/// Limits of one listener.
#[derive(Clone, Debug)]
pub struct ListenerSettings {
    /// Connections that may be open at once.
    pub max_connections: usize,
    /// Connections that may be open at once from one IPv4 address or one IPv6 /64, trusted proxies excepted.
    pub max_connections_per_address: usize,
    /// For how long a client may take to send the head of a request, and stay idle between two.
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
}

/// A listener with what it serves.
pub struct Server {
    settings: ListenerSettings,
    router: Router,
    metrics: ConnectionMetrics,
    admission: Arc<Admission>,
}

impl Server {
    /// Serves `router`; every request carries a [`ClientAddress`].
    #[must_use]
    pub fn new(router: Router, settings: ListenerSettings, metrics: ConnectionMetrics) -> Self {
        let admission = Admission::new(settings.max_connections, settings.max_connections_per_address);
        Self {
            settings,
            router,
            metrics,
            admission: Arc::new(admission),
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
                    Ok((stream, peer)) => {
                        let connection = server.clone().handle(stream, peer.ip(), stop.clone());
                        connections.spawn(connection);
                    }
                    Err(error) => wait_out(&error).await,
                },
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    async fn handle(self: Arc<Self>, stream: TcpStream, peer: IpAddr, stop: CancellationToken) {
        let limited_by_address = !self.settings.trusts(peer);
        match self.admission.admit(peer, limited_by_address) {
            Some(permit) => self.serve(stream, permit, peer, stop).await,
            None => {
                self.metrics.shed.inc();
                shed::refuse(stream, &self.admission).await;
            }
        }
    }

    async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        permit: Permit,
        peer: IpAddr,
        stop: CancellationToken,
    ) {
        self.metrics.accepted.inc();
        let permit = permit.counted_in(&self.metrics.open);
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
async fn wait_out(error: &io::Error) {
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

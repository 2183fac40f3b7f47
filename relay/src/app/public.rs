//! What clients reach: the HTTP API and the sockets.

use std::sync::Arc;

use axum::Router;
use sealpost_protocol::SUBPROTOCOL;

use super::{AppError, Parts, log::SpacesOfLog, settings};
use crate::{
    config::Config,
    http::{self, HttpState, RelayIdentity},
    log::LogService,
    metrics::Metrics,
    ws::{DirectorySessions, SocketMetrics, SocketParts, Sockets},
};

/// The sockets of this relay.
pub(super) async fn sockets(
    config: &Config,
    parts: &Parts,
    log: &LogService,
    metrics: &mut Metrics,
) -> Result<Sockets, AppError> {
    let counters = SocketMetrics::default();
    counters.register(metrics.registry());
    Ok(Sockets::new(SocketParts {
        settings: config.sockets.clone(),
        origin: config.server.public_url.origin(),
        allowed_origins: config.server.allowed_origins.clone(),
        write_timeout: config.server.write_timeout,
        incarnation: parts.directory.incarnation().await?,
        log: log.clone(),
        directory: Arc::new(DirectorySessions {
            directory: parts.directory.clone(),
            clock: parts.clock.clone(),
        }),
        entropy: parts.entropy.clone(),
        metrics: counters,
    }))
}

/// Every route of the public listener.
pub(super) fn router(config: &Config, parts: &Parts, log: &LogService, sockets: &Sockets) -> Router {
    let identity = RelayIdentity {
        version: env!("CARGO_PKG_VERSION"),
        subprotocols: vec![SUBPROTOCOL.to_owned()],
    };
    let spaces = Arc::new(SpacesOfLog(log.clone()));
    let settings = settings::http(&config.server);
    let state = HttpState::new(parts.directory.clone(), spaces, identity, settings);
    http::router(state, sockets.router())
}

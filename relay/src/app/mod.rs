//! Puts the parts together, serves, and takes them apart again.

mod checks;
mod error;
mod kms;
mod listeners;
mod log;
mod parts;
mod public;
mod settings;

use std::{sync::Arc, time::Duration};

use tokio::time::{self, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

pub use self::{error::AppError, listeners::Listeners, parts::Parts};
use crate::{
    atrest::DataKeys,
    config::{Config, ServerConfig},
    health::Health,
    http::listener::Server,
    lifecycle::{Shutdown, Tasks},
    log::LogService,
    metrics::{ConnectionMetrics, Metrics},
    ops::{self, OpsState},
    ws::{self, Sockets},
};

/// A relay that serves.
pub struct App {
    server: ServerConfig,
    parts: Parts,
    log: LogService,
    sockets: Sockets,
    health: Arc<Health>,
    public: Tasks,
    background: Tasks,
    stop_public: CancellationToken,
}

impl App {
    /// Starts a relay, serves until a shutdown is requested, and drains.
    ///
    /// # Errors
    /// When it cannot start, or when a part of it ends unasked.
    pub async fn run(config: Config, listeners: Listeners, shutdown: &Shutdown) -> Result<(), AppError> {
        tokio::select! {
            started = Self::start(config, listeners) => started?.until(shutdown).await,
            () = shutdown.requested() => Ok(()),
        }
    }

    /// Starts a relay; when this returns, it serves.
    ///
    /// # Errors
    /// When a part cannot be had.
    pub async fn start(config: Config, listeners: Listeners) -> Result<Self, AppError> {
        let (health, mut metrics) = (Arc::new(Health::default()), Metrics::default());
        let (mut public, mut background) = (Tasks::default(), Tasks::default());
        let addresses = (listeners.public_address()?, listeners.ops_address()?);
        let stop_public = CancellationToken::new();

        parts::prepare_schema(&config).await?;
        let parts = Parts::assemble(&config, &mut metrics).await?;
        parts.keys.check().await;
        background.spawn(
            "key service check",
            check_keys(parts.keys.clone(), config.jobs.kms_check),
        );

        let connections = ConnectionMetrics::default();
        connections.register(metrics.registry());
        let log = log::assemble(&config, &parts, &mut metrics)?;
        let sockets = public::sockets(&config, &parts, &log, &mut metrics).await?;
        background.spawn("log", follow_other_relays(log.clone()));
        background.spawn(
            "revoked sessions",
            ws::end_revoked(
                sockets.clone(),
                parts.directory.ended_sessions(),
                config.jobs.session_check,
            ),
        );
        let clients = Server::new(
            public::router(&config, &parts, &log, &sockets),
            settings::public_listener(&config.server),
            connections,
        );
        public.spawn(
            "public listener",
            clients.run(listeners.public, stop_public.clone()),
        );

        let state = OpsState {
            health: health.clone(),
            metrics: Arc::new(metrics),
        };
        let operators = Server::new(
            ops::router(state),
            settings::ops_listener(&config.server),
            ConnectionMetrics::default(),
        );
        background.spawn(
            "ops listener",
            operators.run(listeners.ops, CancellationToken::new()),
        );

        health.serve(checks::of(&parts));
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            address.public = %addresses.0,
            address.ops = %addresses.1,
            "serving"
        );
        Ok(Self {
            server: config.server,
            parts,
            log,
            sockets,
            health,
            public,
            background,
            stop_public,
        })
    }

    /// The parts, for who runs a relay inside another program.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Serves until a shutdown is requested, and drains.
    ///
    /// # Errors
    /// [`AppError::Crashed`] when a part ends unasked.
    pub async fn until(mut self, shutdown: &Shutdown) -> Result<(), AppError> {
        let crash = tokio::select! {
            () = shutdown.requested() => None,
            crash = self.public.crash() => Some(crash),
            crash = self.background.crash() => Some(crash),
        };
        if let Some(crash) = crash {
            tracing::error!(task = crash.name, "a task ended unasked");
            return Err(crash.into());
        }
        if time::timeout(self.server.shutdown_grace, self.drain())
            .await
            .is_err()
        {
            tracing::warn!("not everything ended within the grace: cutting the rest");
        }
        Ok(())
    }

    /// Says that it is not ready, serves on for proxies to see that, and then lets everything in flight end.
    async fn drain(&mut self) {
        self.health.drain();
        time::sleep(self.server.unready).await;
        self.sockets.go_away();
        self.log.drain().await;
        self.sockets.close_all().await;
        self.stop_public.cancel();
        self.public.ended().await;
        self.parts.store.close().await;
    }
}

/// Hears of what other relays append, until the bus is closed.
async fn follow_other_relays(log: LogService) {
    if let Err(closed) = log.run().await {
        tracing::error!(error.cause = %closed, "other relays are not heard any more");
    }
}

/// Tries the key service by the clock.
async fn check_keys(keys: DataKeys, every: Duration) {
    let mut ticks = time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        keys.check().await;
    }
}

//! Puts the parts together, serves, and takes them apart again.

mod background;
mod blobs;
mod checks;
mod error;
mod kms;
mod listeners;
mod parts;
mod restored;
mod services;
mod settings;

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpListener, time};
use tokio_util::sync::CancellationToken;

use self::services::Services;
pub use self::{
    blobs::{judge as judge_storage, keeper as blob_keeper, storage as blob_storage},
    error::AppError,
    listeners::Listeners,
    parts::Parts,
    restored::{Settled, count_relations, settle_restored},
};
use crate::{
    atrest::KeyScope,
    clock::SystemClock,
    config::{Config, ServerConfig},
    health::Health,
    http::listener::Server,
    lifecycle::{Shutdown, Tasks},
    log::LogService,
    metrics::{BackupCollector, ConnectionMetrics, Metrics},
    ops::{self, OpsState},
    ws::Sockets,
};

/// How long a start waits for the key service's first answer.
const FIRST_KEY_CHECK: Duration = Duration::from_secs(2);

/// A relay that serves.
pub struct App {
    server: ServerConfig,
    parts: Parts,
    log: LogService,
    sockets: Sockets,
    health: Arc<Health>,
    clients: Tasks,
    background: Tasks,
    stop_accepting: CancellationToken,
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

    /// Starts a relay; when this returns, it serves. Health is told from the beginning.
    ///
    /// # Errors
    /// When a part cannot be had.
    pub async fn start(config: Config, listeners: Listeners) -> Result<Self, AppError> {
        let (public, ops) = (listeners.public_address()?, listeners.ops_address()?);
        let (health, metrics) = (Arc::<Health>::default(), Arc::<Metrics>::default());
        let mut background = Tasks::default();
        serve_operators(&mut background, &config.server, listeners.ops, &health, &metrics);

        parts::prepare_schema(&config).await?;
        let parts = Parts::assemble(&config, &metrics).await?;
        // So that the first question about readiness finds an answer; a key service that is away must not hold us up.
        let first_check = async {
            parts.keys.check().await;
            begin(&parts).await;
        };
        let _ = time::timeout(FIRST_KEY_CHECK, first_check).await;
        show_backups(&config, &metrics);
        let services = Services::assemble(&config, &parts, &metrics).await?;
        let shredded = services.log.replay_shreds().await.map_err(AppError::Shreds)?;
        if shredded > 0 {
            tracing::warn!(
                spaces = shredded,
                "spaces that a restore brought back were deleted again"
            );
        }
        background::start(&mut background, &config.jobs, &parts, &services);

        let (mut clients, stop_accepting) = (Tasks::default(), CancellationToken::new());
        clients.spawn(
            "public listener",
            services.server.run(listeners.public, stop_accepting.clone()),
        );
        health.serve(checks::of(&parts, services.storage.as_ref()));
        #[cfg(feature = "planted-leaks")]
        crate::planted::leak(&config, &parts, &metrics).await;
        let version = env!("CARGO_PKG_VERSION");
        tracing::info!(version, address.public = %public, address.ops = %ops, "serving");
        Ok(Self {
            server: config.server,
            parts,
            log: services.log,
            sockets: services.sockets,
            health,
            clients,
            background,
            stop_accepting,
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
        tokio::select! {
            () = shutdown.requested() => {}
            crash = self.clients.crash() => return Err(crash.into()),
            crash = self.background.crash() => return Err(crash.into()),
        }
        if time::timeout(self.server.shutdown_grace, self.drain())
            .await
            .is_err()
        {
            tracing::warn!("not everything ended within the grace: cutting the rest");
        }
        Ok(())
    }

    /// Not ready any more, and still serving, so that proxies can see it; then everybody is told to go, what is in
    /// flight is answered, and the sockets are closed.
    async fn drain(&mut self) {
        self.health.drain();
        time::sleep(self.server.unready).await;
        self.sockets.go_away();
        self.log.drain().await;
        self.sockets.close_all().await;
        self.stop_accepting.cancel();
        self.clients.ended().await;
        self.parts.store.close().await;
        tracing::info!("drained");
    }
}

/// Draws the OPAQUE setup and the keys of receipts and checkpoints, which every deployment has once: so that a backup finds them before the first client
/// came, by a role that may write nothing. Without the key service the first client does that.
async fn begin(parts: &Parts) {
    if let Err(error) = parts.directory.opaque_public_key().await {
        tracing::debug!(%error, "the OPAQUE setup is not there yet");
    }
    for scope in [KeyScope::Receipt, KeyScope::Checkpoint] {
        if let Err(error) = parts.keys.open_or_create(scope).await {
            tracing::debug!(%error, key = scope.name(), "a key is not there yet");
        }
    }
}

fn show_backups(config: &Config, metrics: &Metrics) {
    if let Some(folder) = config.backup.folder.clone() {
        let collector = BackupCollector {
            folder,
            clock: Arc::new(SystemClock),
        };
        metrics.show(|registry| registry.register_collector(Box::new(collector)));
    }
}

fn serve_operators(
    background: &mut Tasks,
    config: &ServerConfig,
    listener: TcpListener,
    health: &Arc<Health>,
    metrics: &Arc<Metrics>,
) {
    let router = ops::router(OpsState {
        health: health.clone(),
        metrics: metrics.clone(),
    });
    let server = Server::new(
        router,
        settings::ops_listener(config),
        ConnectionMetrics::default(),
    );
    background.spawn("ops listener", server.run(listener, CancellationToken::new()));
}

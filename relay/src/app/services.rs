//! What clients use: the log, the sockets and the HTTP API.

use std::sync::Arc;

use futures_util::{FutureExt, future::BoxFuture};
use sealpost_protocol::{SUBPROTOCOL, http::SpaceView, ids::PrincipalId, keys::PublicKey};

use super::{AppError, Parts, blobs, settings};
use crate::{
    access::AccessGate,
    atrest::RowSealer,
    blobs::{BlobKeeper, s3::S3Storage},
    bus::{Bus, LocalHub, postgres::PostgresBus},
    config::{BusKind, Config},
    entropy::Entropy,
    http::{self, AskLog, HttpState, RelayIdentity, listener::Server},
    log::{LogError, LogParts, LogService, ports::OptionalShredLedger},
    metrics::{BlobMetrics, ConnectionMetrics, LogMetrics, Metrics},
    shred_folder::ShredFolder,
    store_failure::StoreFailure,
    ws::{DirectorySessions, SocketMetrics, SocketParts, Sockets},
};

/// What clients use.
pub(super) struct Services {
    /// All logs.
    pub(super) log: LogService,
    /// All sockets.
    pub(super) sockets: Sockets,
    /// The blobs, where there is a storage for them.
    pub(super) blobs: Option<(BlobKeeper, BlobMetrics)>,
    /// Where blobs are, where there are any.
    pub(super) storage: Option<Arc<S3Storage>>,
    /// The public listener, not listening yet.
    pub(super) server: Server,
}

impl Services {
    /// Nothing runs yet but the log's own threads.
    pub(super) async fn assemble(
        config: &Config,
        parts: &Parts,
        metrics: &Metrics,
    ) -> Result<Self, AppError> {
        let log = log(config, parts, metrics).await?;
        let sockets = sockets(config, parts, log.clone(), metrics).await?;
        let storage = blobs::storage(config)?;
        if let Some(storage) = &storage {
            blobs::try_storage(config, storage).await?;
        }
        let blobs = storage.clone().zip(config.blobs.as_ref());
        let blobs = blobs.map(|(storage, blobs)| {
            let settings = settings::blobs(&config.limits, blobs);
            blobs::service(settings, parts, log.clone(), storage)
        });
        let state = HttpState::new(
            parts.directory.clone(),
            Arc::new(LogOfClients(log.clone())),
            blobs.clone(),
            identity(),
            settings::http(config),
        );
        let connections = ConnectionMetrics::default();
        metrics.show(|registry| connections.register(registry));
        let router = http::router(state, sockets.router(), access(config)?);
        let server = Server::new(router, settings::public_listener(&config.server), connections);
        let blobs = blobs.map(|blobs| {
            let counted = BlobMetrics::default();
            metrics.show(|registry| counted.register(registry));
            (blobs.keeper(), counted)
        });
        Ok(Self {
            blobs,
            log,
            sockets,
            storage,
            server,
        })
    }
}

fn access(config: &Config) -> Result<Option<Arc<AccessGate>>, AppError> {
    let Some(access) = &config.access else {
        return Ok(None);
    };
    let gate = AccessGate::new(&access.settings()).map_err(AppError::Access)?;
    Ok(Some(Arc::new(gate)))
}

/// All logs, read by nobody yet.
pub(super) async fn log(config: &Config, parts: &Parts, metrics: &Metrics) -> Result<LogService, AppError> {
    let observer = LogMetrics::default();
    metrics.show(|registry| observer.register(registry));
    let log_parts = LogParts {
        store: Arc::new(parts.store.clone()),
        incarnation: parts.directory.incarnation().await?,
        data_keys: parts.keys.clone(),
        sealer: RowSealer::new(parts.entropy.clone()),
        shreds: shreds(config, parts)?,
        bus: bus(config, &*parts.entropy)?,
        clock: parts.clock.clone(),
        observer: Arc::new(observer),
    };
    Ok(LogService::new(log_parts, settings::log(config)))
}

fn shreds(config: &Config, parts: &Parts) -> Result<OptionalShredLedger, AppError> {
    let Some(folder) = &config.shreds.folder else {
        return Ok(None);
    };
    let folder = ShredFolder::open(folder, parts.entropy.clone()).map_err(AppError::ShredFolder)?;
    Ok(Some(Arc::new(folder)))
}

fn bus(config: &Config, entropy: &dyn Entropy) -> Result<Arc<dyn Bus>, AppError> {
    let mut number = [0; 8];
    entropy.fill(&mut number);
    let relay = u64::from_le_bytes(number);
    Ok(match config.bus.kind {
        BusKind::Local => Arc::new(LocalHub::default().end(relay)),
        BusKind::Postgres => {
            let url = config.database.url().map_err(AppError::DatabaseUrl)?;
            Arc::new(PostgresBus::open(url.expose_secret(), relay)?)
        }
    })
}

async fn sockets(
    config: &Config,
    parts: &Parts,
    log: LogService,
    metrics: &Metrics,
) -> Result<Sockets, AppError> {
    let counters = SocketMetrics::default();
    metrics.show(|registry| counters.register(registry));
    let directory = DirectorySessions {
        directory: parts.directory.clone(),
        clock: parts.clock.clone(),
    };
    Ok(Sockets::new(SocketParts {
        settings: config.sockets.clone(),
        allowed_origins: config.server.allowed_origins.clone(),
        origin: config.server.public_url.origin(),
        write_timeout: config.server.write_timeout,
        incarnation: parts.directory.incarnation().await?,
        log,
        directory: Arc::new(directory),
        entropy: parts.entropy.clone(),
        metrics: counters,
    }))
}

fn identity() -> RelayIdentity {
    RelayIdentity {
        version: env!("CARGO_PKG_VERSION"),
        subprotocols: vec![SUBPROTOCOL.to_owned()],
    }
}

/// The log, as the HTTP API asks it.
struct LogOfClients(LogService);

impl AskLog for LogOfClients {
    fn spaces_of(&self, principal: PrincipalId) -> BoxFuture<'_, Result<Vec<SpaceView>, StoreFailure>> {
        async move {
            let spaces = self.0.spaces_of(&principal).await?;
            let view = |(space_id, head_seq)| SpaceView { space_id, head_seq };
            Ok(spaces.into_iter().map(view).collect())
        }
        .boxed()
    }

    fn checkpoint_key(&self) -> BoxFuture<'_, Result<PublicKey, LogError>> {
        self.0.checkpoint_key().boxed()
    }
}

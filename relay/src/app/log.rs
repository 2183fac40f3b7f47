//! The log with its bus, and what others want of it.

use std::sync::Arc;

use futures_util::{FutureExt, future::BoxFuture};
use sealpost_protocol::{http::SpaceView, ids::PrincipalId};

use super::{AppError, Parts, settings};
use crate::{
    atrest::RowSealer,
    bus::{Bus, LocalHub, postgres::PostgresBus},
    config::{BusKind, Config},
    http::ListSpaces,
    log::{LogParts, LogService},
    metrics::{LogMetrics, Metrics},
    store_failure::StoreFailure,
};

/// The log of this relay. [`LogService::run`] must run beside it.
pub(super) fn assemble(
    config: &Config,
    parts: &Parts,
    metrics: &mut Metrics,
) -> Result<LogService, AppError> {
    let observer = LogMetrics::default();
    observer.register(metrics.registry());
    let log = LogParts {
        store: Arc::new(parts.store.clone()),
        data_keys: parts.keys.clone(),
        sealer: RowSealer::new(parts.entropy.clone()),
        bus: bus(config, parts)?,
        clock: parts.clock.clone(),
        observer: Arc::new(observer),
    };
    Ok(LogService::new(log, settings::log(config)))
}

fn bus(config: &Config, parts: &Parts) -> Result<Arc<dyn Bus>, AppError> {
    let mut relay = [0; 8];
    parts.entropy.fill(&mut relay);
    let relay = u64::from_be_bytes(relay);
    match config.bus.kind {
        BusKind::Local => Ok(Arc::new(LocalHub::default().end(relay))),
        BusKind::Postgres => {
            let url = config.database.url().map_err(AppError::DatabaseUrl)?;
            Ok(Arc::new(PostgresBus::open(url.expose_secret(), relay)?))
        }
    }
}

/// The log, as the HTTP API asks it.
pub(super) struct SpacesOfLog(pub(super) LogService);

impl ListSpaces for SpacesOfLog {
    fn spaces_of(&self, principal: PrincipalId) -> BoxFuture<'_, Result<Vec<SpaceView>, StoreFailure>> {
        async move {
            let spaces = self.0.spaces_of(&principal).await?;
            let view = |(space_id, head_seq)| SpaceView { space_id, head_seq };
            Ok(spaces.into_iter().map(view).collect())
        }
        .boxed()
    }
}

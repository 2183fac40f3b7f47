//! What readiness looks at.

use super::Parts;
use crate::{
    atrest::{DataKeys, KeyServiceState},
    health::{Check, Condition},
    store::Store,
};

/// Database, schema and key service, each by name.
pub(super) fn of(parts: &Parts) -> Vec<Check> {
    let (store, keys) = (parts.store.clone(), parts.keys.clone());
    vec![
        Check {
            name: "database",
            look: Box::new(move || Box::pin(database(store.clone()))),
        },
        // A relay starts only on the schema that it needs, and a later relay changes it only compatibly.
        Check {
            name: "schema",
            look: Box::new(|| Box::pin(std::future::ready(Condition::Ok))),
        },
        Check {
            name: "kms",
            look: Box::new(move || Box::pin(std::future::ready(key_service(&keys)))),
        },
    ]
}

async fn database(store: Store) -> Condition {
    match store.ping().await {
        Ok(()) => Condition::Ok,
        Err(error) => Condition::Failed(error.to_string()),
    }
}

/// As the last call found it: the background check asks often enough, and keeps the credential alive.
fn key_service(keys: &DataKeys) -> Condition {
    let health = keys.health();
    let reason = || {
        health
            .last_error
            .as_ref()
            .map_or_else(|| "not reached yet".into(), ToString::to_string)
    };
    match health.state {
        KeyServiceState::Good => Condition::Ok,
        KeyServiceState::Degraded => Condition::Degraded(reason()),
        KeyServiceState::Down => Condition::Failed(reason()),
    }
}

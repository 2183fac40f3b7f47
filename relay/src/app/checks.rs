//! What readiness looks at.

use std::{sync::Arc, time::Duration};

use sealpost_migrations::{Error as SchemaError, Status};

use super::Parts;
use crate::{
    atrest::{DataKeys, KeyHealth, KeyServiceState},
    blobs::s3::S3Storage,
    health::{Check, Condition},
    store::Store,
};

/// How long a look waits for the key service. It then says "degraded" where keys in memory are still in use, so it has
/// to end before the look itself is given up.
const KEY_SERVICE_LIMIT: Duration = Duration::from_secs(2);

/// How long a look waits for the storage of blobs.
const STORAGE_LIMIT: Duration = Duration::from_secs(2);

/// Database, schema, key service and, where there is one, the storage of blobs, each by name.
pub(super) fn of(parts: &Parts, storage: Option<&Arc<S3Storage>>) -> Vec<Check> {
    let (pinged, described) = (parts.store.clone(), parts.store.clone());
    let (tried, known) = (parts.keys.clone(), parts.keys.clone());
    let mut checks = vec![
        Check::new("database", move || database(pinged.clone())),
        Check::new("schema", move || schema(described.clone())),
        Check {
            known: Some(Box::new(move || key_condition(&known.health()))),
            ..Check::new("kms", move || key_service(tried.clone()))
        },
    ];
    if let Some(storage) = storage.cloned() {
        checks.push(Check::new("blobs", move || blob_storage(storage.clone())));
    }
    checks
}

/// Without it messages still flow.
async fn blob_storage(storage: Arc<S3Storage>) -> Condition {
    match tokio::time::timeout(STORAGE_LIMIT, storage.ping()).await {
        Ok(Ok(())) => Condition::Ok,
        Ok(Err(error)) => Condition::Degraded(error.to_string()),
        Err(_) => Condition::Degraded("the storage of blobs gave no answer in time".into()),
    }
}

async fn database(store: Store) -> Condition {
    match store.ping().await {
        Ok(()) => Condition::Ok,
        Err(error) => Condition::Failed(error.to_string()),
    }
}

/// As the database has it now: it may have been restored or migrated since this relay began.
async fn schema(store: Store) -> Condition {
    match store.schema_history().await {
        Ok(history) => schema_condition(Status::of(history).verify()),
        Err(error) => Condition::Failed(error.to_string()),
    }
}

/// A newer relay changes the schema only so that this one can go on, or the change of relays would be an outage.
fn schema_condition(verified: Result<(), SchemaError>) -> Condition {
    match verified {
        Ok(()) => Condition::Ok,
        Err(error @ SchemaError::Newer { .. }) => Condition::Degraded(error.to_string()),
        Err(error) => Condition::Failed(error.to_string()),
    }
}

/// Tries it. What calls in service find meanwhile is known besides, from [`DataKeys::health`].
async fn key_service(keys: DataKeys) -> Condition {
    match tokio::time::timeout(KEY_SERVICE_LIMIT, keys.check()).await {
        Ok(health) => key_condition(&health),
        Err(_) => {
            let slow = Condition::Degraded("the key service gave no answer in time".into());
            key_condition(&keys.health()).max(slow)
        }
    }
}

fn key_condition(health: &KeyHealth) -> Condition {
    let reason = || {
        let error = health.last_error.as_ref();
        error.map_or_else(|| "not reached yet".into(), ToString::to_string)
    };
    match health.state {
        KeyServiceState::Good => Condition::Ok,
        KeyServiceState::Degraded => Condition::Degraded(reason()),
        KeyServiceState::Down => Condition::Failed(reason()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestDatabase;

    async fn schema_after(edit: &'static str) -> Condition {
        let database = TestDatabase::migrated().await;
        let store = database.store().await;
        assert_eq!(schema(store.clone()).await, Condition::Ok);
        database.execute(edit).await;
        schema(store).await
    }

    #[tokio::test]
    async fn a_schema_that_was_taken_back_while_we_run_has_failed() {
        let edit = "DELETE FROM refinery_schema_history
                    WHERE version = (SELECT max(version) FROM refinery_schema_history)";
        let found = schema_after(edit).await;
        assert!(
            matches!(&found, Condition::Failed(reason) if reason.contains("migrate first")),
            "{found:?}"
        );
    }

    #[tokio::test]
    async fn a_schema_of_a_newer_relay_is_served_on_and_shown() {
        let edit = "INSERT INTO refinery_schema_history VALUES (9999, 'future', '2030-01-01T00:00:00Z', '1')";
        let found = schema_after(edit).await;
        assert!(
            matches!(&found, Condition::Degraded(reason) if reason.contains("9999")),
            "{found:?}"
        );
    }

    #[tokio::test]
    async fn another_schema_under_the_same_numbers_has_failed() {
        let edit = "UPDATE refinery_schema_history SET checksum = '1' WHERE version = 1";
        assert!(matches!(schema_after(edit).await, Condition::Failed(_)));
    }

    #[tokio::test]
    async fn a_database_without_a_schema_has_failed() {
        let edit = "DROP TABLE refinery_schema_history";
        assert!(matches!(schema_after(edit).await, Condition::Failed(_)));
    }
}

//! Postgres, OpenBao and the relay.

use std::net::SocketAddr;

use anyhow::Result;
use sealpost_tests::{
    bare::ORIGIN,
    database::OwnPostgres,
    openbao::OwnOpenBao,
    relay::{ChildRelay, RelayOptions},
};

use super::{database::Limits, numbers::Numbers};
use crate::{database::Session, measure::Actor, report::LOAD};

/// What is configured otherwise than by default: limits that keep one client from taking the whole relay, which is what a
/// load generator is for. Checks, sealing and durability are as they always are.
pub const RAISED: &[(&str, &str)] = &[
    ("SEALPOST__ACCOUNTS__REGISTRATION", "open"),
    ("SEALPOST__LIMITS__ACCOUNT_QUOTA_BYTES", "1000000000000"),
    ("SEALPOST__LIMITS__SPACE_QUOTA_BYTES", "1000000000000"),
    ("SEALPOST__LIMITS__ENTRIES_PER_SECOND_PER_ACCOUNT", "10000000"),
    ("SEALPOST__LIMITS__ENTRIES_PER_SECOND_PER_SPACE", "10000000"),
    ("SEALPOST__LIMITS__REQUESTS_PER_ADDRESS", PER_SECOND),
    ("SEALPOST__LIMITS__REGISTRATIONS_PER_ADDRESS", PER_SECOND),
    ("SEALPOST__LIMITS__LOGINS_PER_ADDRESS", PER_SECOND),
    ("SEALPOST__LIMITS__LOGINS_PER_CREDENTIAL_AND_ADDRESS", PER_SECOND),
    ("SEALPOST__LIMITS__LOGINS_PER_CREDENTIAL", PER_SECOND),
    ("SEALPOST__LIMITS__CHANGES_PER_ACCOUNT", PER_SECOND),
    ("SEALPOST__SERVER__PUBLIC_URL", ORIGIN),
    ("SEALPOST__SERVER__MAX_CONNECTIONS", "200000"),
    ("SEALPOST__SERVER__MAX_CONNECTIONS_PER_ADDRESS", "200000"),
    ("SEALPOST__SOCKETS__MAX_SOCKETS", "200000"),
    ("SEALPOST__SOCKETS__MAX_SOCKETS_PER_ADDRESS", "200000"),
    ("SEALPOST__SOCKETS__MAX_SOCKETS_PER_ACCOUNT", "200000"),
    ("SEALPOST__SOCKETS__REQUESTS", RATE),
    ("SEALPOST__SOCKETS__BYTES", RATE),
    ("SEALPOST__SOCKETS__FRAMES", RATE),
    // The harness logs everything otherwise; this is the default of the configuration.
    (
        "SEALPOST__TELEMETRY__FILTER",
        "info,refinery_core=warn,tokio_postgres=warn,sqlx_core::pool=error",
    ),
];

/// Those of them that are no limits.
const NEEDED: &[&str] = &["SEALPOST__SERVER__PUBLIC_URL", "SEALPOST__TELEMETRY__FILTER"];

const PER_SECOND: &str = "{ times = 1000000, period_seconds = 1 }";
const RATE: &str = "{ per_second = 4000000000, burst = 4000000000 }";

/// Everything that must run for a row.
pub struct Stage {
    /// Nothing while it is stopped.
    relay: Option<ChildRelay>,
    postgres: OwnPostgres,
    openbao: OwnOpenBao,
    limits: Limits,
}

impl Stage {
    /// Starts all parts, with their files in a folder of their own that is removed at the end.
    pub async fn set() -> Result<Self> {
        let postgres = OwnPostgres::start().await;
        let openbao = OwnOpenBao::start().await;
        let relay = start_relay(&postgres, &openbao).await;
        let limits = Limits::prepare(&postgres).await?;
        Ok(Self {
            relay: Some(relay),
            postgres,
            openbao,
            limits,
        })
    }

    /// The relay's process.
    ///
    /// # Panics
    /// While it is stopped.
    #[must_use]
    pub fn child(&self) -> &ChildRelay {
        self.relay.as_ref().expect("it is stopped only to be started")
    }

    /// Ends the relay as an orchestrator does.
    pub async fn stop_relay(&mut self) {
        if let Some(relay) = self.relay.take() {
            relay.terminate();
            relay.ended().await;
        }
    }

    /// Starts it again, at another port; when this returns, it listens.
    pub async fn start_relay(&mut self) {
        self.relay = Some(start_relay(&self.postgres, &self.openbao).await);
    }

    /// Another relay on the same database, which has done nothing yet.
    pub async fn fresh_relay(&self) -> ChildRelay {
        start_relay(&self.postgres, &self.openbao).await
    }

    /// Another relay on another database of the same Postgres.
    pub async fn relay_at(&self, database: &str) -> ChildRelay {
        launch(&self.postgres.superuser_url(database), &self.openbao, RAISED).await
    }

    /// A connection to a database of the same Postgres, as its superuser.
    pub async fn connect(&self, database: &str) -> Result<Session> {
        Session::open(&self.postgres.superuser_url(database)).await
    }

    /// The same with its limits as they are shipped: for who is to be kept from taking the whole relay.
    pub async fn limited_relay(&self) -> ChildRelay {
        let is_needed = |(key, _): &&(&str, &str)| NEEDED.contains(key);
        let settings = RAISED.iter().filter(is_needed);
        launch(&self.postgres.url(), &self.openbao, settings).await
    }

    /// Where the relay listens for clients.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.child().addresses().public
    }

    /// The same Postgres without a relay.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The relay's own database.
    #[must_use]
    pub fn relay_database(&self) -> String {
        self.postgres.url()
    }

    /// Its name.
    pub async fn relay_database_name(&self) -> Result<String> {
        let mut session = Session::open(&self.relay_database()).await?;
        let name = session.name().await?;
        session.close().await?;
        Ok(name)
    }

    /// The relay.
    #[must_use]
    pub fn relay(&self) -> Actor {
        Actor {
            name: "relay",
            id: self.child().id(),
        }
    }

    /// Postgres.
    #[must_use]
    pub fn postgres(&self) -> Actor {
        Actor {
            name: "postgres",
            id: self.postgres.id(),
        }
    }

    /// OpenBao.
    #[must_use]
    pub fn openbao(&self) -> Actor {
        Actor {
            name: "openbao",
            id: self.openbao.id(),
        }
    }

    /// This process.
    #[must_use]
    pub fn load() -> Actor {
        Actor {
            name: LOAD,
            id: std::process::id(),
        }
    }

    /// Everybody who takes part where the relay is measured.
    #[must_use]
    pub fn everybody(&self) -> Vec<Actor> {
        vec![self.relay(), self.postgres(), self.openbao(), Self::load()]
    }

    /// Calls to the key service so far, as the relay counts them.
    pub async fn kms_calls(&self) -> Result<u64> {
        Numbers::of(self.child()).await.count("sealpost_kms_calls_total")
    }
}

async fn start_relay(postgres: &OwnPostgres, openbao: &OwnOpenBao) -> ChildRelay {
    launch(&postgres.url(), openbao, RAISED).await
}

async fn launch(
    database: &str,
    openbao: &OwnOpenBao,
    settings: impl IntoIterator<Item = &'static (&'static str, &'static str)>,
) -> ChildRelay {
    let options = RelayOptions::at(database).with_kms(openbao.section());
    let options = settings
        .into_iter()
        .fold(options, |options, (key, value)| options.with(key, value));
    ChildRelay::start(options).await
}

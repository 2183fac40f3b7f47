//! A relay, its database and its S3 server, each a process, with a network between any two that can fail.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sealpost_relay::{
    app::{Parts, blob_keeper},
    blobs::BlobKeeper,
    clock::{Clock, SystemClock},
    metrics::Metrics,
};
use sqlx::{Connection, PgConnection};

use super::{
    plan::{Fault, Kind},
    store::{Server, Store},
};
use crate::{
    database::OwnPostgres,
    proxy::{FaultProxy, Upstream, Weather},
    relay::{ChildRelay, RelayOptions},
};

/// The servers of the proof.
pub(super) struct Scene {
    pub(super) postgres: OwnPostgres,
    // Taken out only while they are dead.
    relay: Option<ChildRelay>,
    store: Option<Store>,
    /// Between clients and relay.
    clients: FaultProxy,
    /// Between clients and S3 server.
    public: FaultProxy,
    /// Between relay and S3 server.
    inside: FaultProxy,
    log: PathBuf,
}

/// The clock of a sweep at which everything that may ever become stale is.
pub struct Later;

impl Clock for Later {
    fn now(&self) -> time::OffsetDateTime {
        SystemClock.now() + time::Duration::days(3)
    }
}

impl Scene {
    pub(super) async fn set(folder: &Path, server: &Server) -> Self {
        let postgres = OwnPostgres::start_below(folder.join("postgres")).await;
        let store = server.start(&folder.join("store")).await;
        let [clients, public, inside] = [
            FaultProxy::start().await,
            FaultProxy::start().await,
            FaultProxy::start().await,
        ];
        let log = folder.join("relay.log");
        let options = options(folder, &postgres, &store, &public, &inside)
            .logging_to(log.clone())
            .behind(clients.address());
        for link in [&public, &inside] {
            link.lead_to(Upstream::Tcp(store.address()));
        }
        let relay = ChildRelay::start(options).await;
        clients.lead_to(Upstream::Tcp(relay.addresses().public));
        Self {
            postgres,
            relay: Some(relay),
            store: Some(store),
            clients,
            public,
            inside,
            log,
        }
    }

    /// What clients call the relay.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.clients.address())
    }

    /// Waits until so many bytes have passed between clients and S3 server.
    pub(super) async fn passed(&self, bytes: u64) {
        self.public.passed(bytes).await;
    }

    /// How many have.
    pub(super) fn bytes(&self) -> u64 {
        self.public.bytes()
    }

    /// Does to the servers what the fault says, as far as it does not last; returns how much it struck.
    pub(super) async fn inflict(&mut self, fault: &Fault) -> usize {
        match fault.kind {
            Kind::KillRelay => self.kill_relay().await,
            Kind::KillStore => self.kill_store().await,
            Kind::KillClients => return 0,
            Kind::Cut => return self.cut(),
            Kind::Busy => {
                self.set_weather(Weather::Busy);
                self.cut();
            }
            Kind::Silent => self.set_weather(Weather::Silent),
        }
        1
    }

    /// Ends what lasted.
    pub(super) fn clear_up(&self) {
        self.set_weather(Weather::Fair);
    }

    async fn kill_relay(&mut self) {
        let relay = self.relay.take().expect("it is dead in here only");
        let relay = relay.kill_9().restart_elsewhere().await;
        self.clients.lead_to(Upstream::Tcp(relay.addresses().public));
        self.relay = Some(relay);
    }

    async fn kill_store(&mut self) {
        let store = self.store.take().expect("it is dead in here only");
        let store = store.kill_9_and_restart().await;
        for link in [&self.public, &self.inside] {
            link.lead_to(Upstream::Tcp(store.address()));
        }
        self.store = Some(store);
    }

    fn cut(&self) -> usize {
        [&self.public, &self.inside].map(FaultProxy::cut).iter().sum()
    }

    fn set_weather(&self, weather: Weather) {
        for link in [&self.public, &self.inside] {
            link.set_weather(weather);
        }
    }

    /// Who sweeps and compares, three days later than now.
    pub(super) async fn keeper(&self) -> BlobKeeper {
        let config = self.relay.as_ref().expect("it runs").config();
        let parts = Parts::assemble(&config, &Metrics::default()).await.unwrap();
        let keeper = blob_keeper(&config, &parts).unwrap().expect("it has a storage");
        BlobKeeper {
            clock: Arc::new(Later),
            ..keeper
        }
    }

    /// The ledger.
    pub(super) async fn database(&self) -> PgConnection {
        PgConnection::connect(&self.postgres.url()).await.unwrap()
    }

    /// What rclone has to know to copy into the bucket on the way that clients take.
    pub(super) fn for_rclone(&self) -> [(&'static str, String); 6] {
        let store = self.store.as_ref().expect("it runs");
        store.for_rclone(self.public.address())
    }

    /// Files of the bucket's folder, where that can be looked at.
    pub(super) fn files(&self) -> Option<u64> {
        let found = self.store.as_ref().expect("it runs").objects()?;
        Some(found.len() as u64)
    }

    /// Panics of the relay, which count as a find.
    pub(super) fn panics(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let panicked = text.lines().filter(|line| line.contains("panicked"));
        panicked.map(str::to_owned).collect()
    }
}

fn options(
    folder: &Path,
    postgres: &OwnPostgres,
    store: &Store,
    public: &FaultProxy,
    inside: &FaultProxy,
) -> RelayOptions {
    let key = folder.join("kms.key").into_os_string().into_string().unwrap();
    let kms = toml::toml! {
        kind = "file"
        file.path = key
    };
    let options = RelayOptions::at(&postgres.url())
        .with_kms(kms)
        .with("SEALPOST__TELEMETRY__FILTER", "info,sealpost_relay=debug")
        .with("SEALPOST__ACCOUNTS__REGISTRATION", "open")
        // So that a silent server is given up while it is silent.
        .with("SEALPOST__BLOBS__REQUEST_TIMEOUT_MS", "1000");
    store.for_relay(options, inside.address(), public.address())
}

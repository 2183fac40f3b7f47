//! The servers, and what is done to them.

use std::path::{Path, PathBuf};

use toml::toml;

use super::plan::{Fault, Kind, Link};
use crate::{
    database::OwnPostgres,
    proxy::{FaultProxy, Upstream, Weather},
    relay::{ChildRelay, DeadRelay, RelayOptions},
};

const RELAYS: usize = 2;

/// Two relays on one Postgres, with a network before the relays and one behind them.
pub(super) struct Scene {
    /// Everything lies below it.
    pub(super) folder: PathBuf,
    // Taken out only while they are dead.
    postgres: Option<OwnPostgres>,
    relays: Vec<ChildRelay>,
    clients: FaultProxy,
    database: FaultProxy,
}

impl Scene {
    pub(super) async fn set(folder: &Path) -> Self {
        let postgres = OwnPostgres::start_below(folder.join("postgres")).await;
        let (clients, database) = (FaultProxy::start().await, FaultProxy::start().await);
        database.lead_to(Upstream::Unix(postgres.socket()));
        let mut relays = Vec::new();
        for number in 0..RELAYS {
            let options = options(folder, number, &database).behind(clients.address());
            relays.push(ChildRelay::start(options).await);
        }
        let scene = Self {
            folder: folder.to_owned(),
            postgres: Some(postgres),
            relays,
            clients,
            database,
        };
        scene.lead_to_relays();
        scene
    }

    fn lead_to_relays(&self) {
        let relays = self.relays.iter();
        let upstreams = relays.map(|relay| Upstream::Tcp(relay.addresses().public));
        self.clients.lead_to_any(upstreams.collect());
    }

    /// What clients call the relay.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.clients.address())
    }

    /// Does to the servers what the fault says; the clients' own deaths are not its business. Returns how many were struck:
    /// processes, connections, or networks.
    pub(super) async fn inflict(&mut self, fault: &Fault) -> usize {
        match fault.kind {
            Kind::KillRelay => {
                let struck = fault.struck.start % RELAYS;
                let relay = self.relays.swap_remove(struck).kill_9();
                self.restart(vec![relay]).await;
                1
            }
            Kind::KillPostgres => {
                self.kill_postgres().await;
                1
            }
            Kind::KillBoth => {
                let dead: Vec<_> = self.relays.drain(..).map(ChildRelay::kill_9).collect();
                self.kill_postgres().await;
                self.restart(dead).await;
                RELAYS + 1
            }
            Kind::Cut => self.network(fault.link).cut(),
            Kind::Delay => {
                self.network(fault.link).set_weather(Weather::Slow(fault.delay));
                1
            }
            Kind::HalfOpen => self
                .network(fault.link)
                .freeze(|number, of| fault.strikes(number, of)),
            Kind::KillClients => 0,
        }
    }

    /// Ends what a fault did to the networks, as far as it ends.
    pub(super) fn clear_up(&self, fault: &Fault) {
        self.network(fault.link).set_weather(Weather::Fair);
    }

    async fn restart(&mut self, dead: Vec<DeadRelay>) {
        for relay in dead {
            self.relays.push(relay.restart_elsewhere().await);
        }
        self.lead_to_relays();
    }

    async fn kill_postgres(&mut self) {
        let postgres = self.postgres.take().expect("it is dead in here only");
        let postgres = postgres.kill_9_and_restart().await;
        self.database.lead_to(Upstream::Unix(postgres.socket()));
        self.postgres = Some(postgres);
    }

    fn network(&self, link: Link) -> &FaultProxy {
        match link {
            Link::Clients => &self.clients,
            Link::Database => &self.database,
        }
    }

    /// Panics of the relays, which count as a find.
    pub(super) fn panics(&self) -> Vec<String> {
        let logs = (0..RELAYS).map(|number| log(&self.folder, number));
        let texts = logs.map(|log| std::fs::read_to_string(log).unwrap_or_default());
        let panicked = |text: String| {
            text.lines()
                .filter(|line| line.contains("panicked"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        texts.flat_map(panicked).collect()
    }
}

fn log(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("relay-{number}.log"))
}

/// Limits on how often are for others' proofs: here everybody calls from one address, as often as they die.
const OFTEN: [&str; 6] = [
    "REQUESTS_PER_ADDRESS",
    "REGISTRATIONS_PER_ADDRESS",
    "LOGINS_PER_ADDRESS",
    "LOGINS_PER_CREDENTIAL_AND_ADDRESS",
    "LOGINS_PER_CREDENTIAL",
    "CHANGES_PER_ACCOUNT",
];

fn options(folder: &Path, number: usize, database: &FaultProxy) -> RelayOptions {
    let key = folder.join("kms.key").into_os_string().into_string().unwrap();
    let kms = toml! {
        kind = "file"
        file.path = key
    };
    let url = format!("postgres://sealpost@{}/sealpost", database.address());
    let mut options = RelayOptions::at(&url)
        .with_kms(kms)
        .logging_to(log(folder, number))
        .with("SEALPOST__TELEMETRY__FILTER", "info,sealpost_relay=debug")
        .with("SEALPOST__ACCOUNTS__REGISTRATION", "open")
        .with("SEALPOST__BUS__KIND", "postgres")
        // So that both ends notice soon that nobody is there.
        .with("SEALPOST__SOCKETS__PING_INTERVAL_MS", "2000")
        .with("SEALPOST__DATABASE__STATEMENT_TIMEOUT_MS", "3000");
    for limit in OFTEN {
        options = options
            .with(&format!("SEALPOST__LIMITS__{limit}__TIMES"), "1000000")
            .with(&format!("SEALPOST__LIMITS__{limit}__PERIOD_SECONDS"), "1");
    }
    options
}

//! The proof of transfers: files are put and got by real commands; clients, relay and S3 server are killed at random, and the
//! networks between them fail. After each round, messages, ledger and bucket are held against each other.

mod audit;
mod job;
pub mod large;
mod plan;
mod report;
mod scene;
mod store;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sealpost_sdk::{Client, SpaceOptions, protocol::chain::Capabilities};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout},
};

pub use self::{
    audit::Found,
    report::{Failed, Report},
    store::{Server, Store},
};
use self::{
    audit::audit,
    job::{Done, Transfer, blob_id},
    plan::{End, Fault, Kind, Plan},
    scene::Scene,
};
use crate::{
    command::{PASSPHRASE, Sealpost},
    folders,
    removal::confirm_card,
};

/// How long all transfers of a round may take.
const STANDSTILL: Duration = Duration::from_secs(240);

/// What to prove.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many rounds.
    pub rounds: u64,
    /// The first round's seed; each has the next.
    pub seed: u64,
    /// Where the files go.
    pub server: Server,
}

/// Runs the proof; `tell` gets a line for each round.
///
/// # Errors
/// [`Failed`] at the first round after which something is lost, left over or counted wrong, or in which everything stands still.
///
/// # Panics
/// When the scene cannot be set.
pub async fn prove(options: Options, tell: impl FnMut(&str)) -> Result<Report, Failed> {
    Box::pin(run(options, tell)).await
}

async fn run(options: Options, mut tell: impl FnMut(&str)) -> Result<Report, Failed> {
    let folder = folders::target()
        .join("proofs")
        .join(format!("transfers-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    tell(&format!(
        "{}, seed {}; evidence in {}",
        options.server.name(),
        options.seed,
        folder.display()
    ));
    let mut proof = Proof::set(&folder, &options).await;
    let begun = Instant::now();
    for round in 0..options.rounds {
        proof.round(round, &mut tell).await.map_err(|what| Failed {
            round: round + 1,
            seed: options.seed + round,
            plan: Plan::of(options.seed + round).to_string(),
            what,
            evidence: folder.clone(),
        })?;
    }
    let report = Report {
        rounds: options.rounds,
        seed: options.seed,
        server: options.server.name(),
        seconds: begun.elapsed().as_secs_f64(),
        ..proof.report
    };
    drop(proof.scene);
    fs::remove_dir_all(&folder).unwrap();
    Ok(report)
}

struct Proof {
    folder: PathBuf,
    scene: Scene,
    first_seed: u64,
    /// Alice's and Bob's; either puts what the other gets.
    devices: [Arc<Sealpost>; 2],
    space: String,
    removed: BTreeSet<String>,
    /// Clients that were killed and not started again, by now.
    abandoned: u64,
    report: Report,
}

impl Proof {
    async fn set(folder: &Path, options: &Options) -> Self {
        let scene = Scene::set(folder, &options.server).await;
        let devices = ["alice", "bob"].map(|name| Arc::new(Sealpost::below(folder.join(name), &scene.url())));
        let space = meet(&devices).await;
        Self {
            folder: folder.to_owned(),
            scene,
            first_seed: options.seed,
            devices,
            space,
            removed: BTreeSet::new(),
            abandoned: 0,
            report: Report::default(),
        }
    }

    async fn round(&mut self, round: u64, tell: &mut impl FnMut(&str)) -> Result<(), String> {
        let begun = Instant::now();
        let plan = Plan::of(self.first_seed + round);
        let (mut transfers, kills) = self.begin(round, &plan);
        let ended = timeout(STANDSTILL, self.go_through(&plan, &kills, &mut transfers)).await;
        ended.map_err(|_| "everything stands still".to_owned())??;
        let abandoned = plan.jobs.iter().filter(|job| job.end == End::Abandoned);
        self.abandoned += abandoned.count() as u64;
        let found = audit(&self.scene, &self.kept().await?, self.abandoned).await?;
        self.report.note(found);
        tell(&format!(
            "round {} seed {} {plan}: {found} ({:.1} s)",
            round + 1,
            self.first_seed + round,
            begun.elapsed().as_secs_f64()
        ));
        match self.scene.panics().first() {
            Some(panic) => Err(format!("the relay panicked: {panic}")),
            None => Ok(()),
        }
    }

    fn begin(&self, round: u64, plan: &Plan) -> (Transfers, Vec<mpsc::UnboundedSender<()>>) {
        let (mut transfers, mut senders) = (JoinSet::new(), Vec::new());
        for (number, job) in plan.jobs.iter().enumerate() {
            let (kill, kills) = mpsc::unbounded_channel();
            let folder = self.folder.join(format!("round-{round}-{number}"));
            fs::create_dir(&folder).unwrap();
            let transfer = Transfer {
                job: job.clone(),
                writer: Arc::clone(&self.devices[number % 2]),
                reader: Arc::clone(&self.devices[(number + 1) % 2]),
                space: self.space.clone(),
                folder,
                kills,
            };
            transfers.spawn(transfer.run());
            senders.push(kill);
        }
        (transfers, senders)
    }

    /// Everybody transfers, and the faults come among it.
    async fn go_through(
        &mut self,
        plan: &Plan,
        kills: &[mpsc::UnboundedSender<()>],
        transfers: &mut Transfers,
    ) -> Result<(), String> {
        let before = self.scene.bytes();
        for fault in &plan.faults {
            let moment = self.scene.passed(before + fault.after);
            tokio::select! {
                () = moment => {}
                ended = all(transfers, &mut self.report, &mut self.removed) => return ended,
            }
            self.scene.inflict(fault).await;
            self.report.fault(fault.kind);
            if fault.kind == Kind::KillClients {
                self.report.killed += kill(fault, kills);
            }
            if matches!(fault.kind, Kind::Busy | Kind::Silent) {
                let lasting = all(transfers, &mut self.report, &mut self.removed);
                let ended = timeout(fault.lasts, lasting).await;
                self.scene.clear_up();
                ended.unwrap_or(Ok(()))?;
            }
        }
        all(transfers, &mut self.report, &mut self.removed).await
    }

    /// Blobs to which messages refer, but for those that were removed.
    async fn kept(&self) -> Result<BTreeSet<String>, String> {
        let (device, space) = (Arc::clone(&self.devices[1]), self.space.clone());
        let listed = tokio::task::spawn_blocking(move || device.json(["ls", &space]));
        let listed = listed.await.map_err(|_| "the files cannot be listed")?;
        let ids = listed.iter().map(blob_id);
        Ok(ids.filter(|id| !self.removed.contains(id)).collect())
    }
}

type Transfers = JoinSet<Result<Done, String>>;

/// Waits for all transfers. May be dropped and called again.
async fn all(
    transfers: &mut Transfers,
    report: &mut Report,
    removed: &mut BTreeSet<String>,
) -> Result<(), String> {
    while let Some(ended) = transfers.join_next().await {
        let done = ended.map_err(|error| error.to_string())??;
        report.again += done.again;
        let Some(id) = done.blob_id else { continue };
        report.files += 1;
        if done.removed {
            removed.insert(id);
        }
    }
    Ok(())
}

fn kill(fault: &Fault, kills: &[mpsc::UnboundedSender<()>]) -> u64 {
    let struck = kills.iter().enumerate();
    let struck = struck.filter(|(number, _)| fault.strikes(*number));
    // One that is done hears nothing any more.
    struck.filter(|(_, kill)| kill.send(()).is_ok()).count() as u64
}

/// Alice and Bob register and have a space.
async fn meet(devices: &[Arc<Sealpost>; 2]) -> String {
    let mut clients = Vec::new();
    for (device, handle) in devices.iter().zip(["alice", "bob"]) {
        let passphrase = sealpost_sdk::Passphrase::new(PASSPHRASE.to_owned());
        let registered = Client::register(device.config(), handle, &passphrase, None).await;
        clients.push(registered.unwrap().0);
    }
    let space = clients[0].create_space("garden", SpaceOptions::default());
    let space = space.await.unwrap();
    let contact = confirm_card(&clients[0], &clients[1]).await;
    space.add_member(&contact, Capabilities::WRITE).await.unwrap();
    space.id().to_string()
}

/// How often each kind of fault happened.
type Faults = BTreeMap<Kind, u64>;

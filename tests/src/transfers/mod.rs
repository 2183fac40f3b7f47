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
    collections::BTreeSet,
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
    report::Report,
    scene::Later,
    store::{Server, Store},
};
use self::{
    audit::audit,
    job::{Done, Transfer, blob_id},
    plan::{Fault, Kind, Plan},
    scene::Scene,
};
use crate::{
    command::{PASSPHRASE, Sealpost},
    removal::confirm_card,
    rounds::{Failed, Rounds, evidence},
};

/// How long all transfers of a round may take.
const STANDSTILL: Duration = Duration::from_secs(240);

/// Runs the proof; `tell` gets a line for each round.
///
/// # Errors
/// [`Failed`] at the first round after which something is lost, left over or counted wrong, or in which everything stands still.
///
/// # Panics
/// When the scene cannot be set.
pub async fn prove(rounds: Rounds, server: &Server, tell: impl FnMut(&str)) -> Result<Report, Failed> {
    Box::pin(run(rounds, server, tell)).await
}

async fn run(rounds: Rounds, server: &Server, mut tell: impl FnMut(&str)) -> Result<Report, Failed> {
    let folder = evidence("transfers");
    tell(&format!(
        "{}, seed {}; evidence in {}",
        server.name(),
        rounds.seed,
        folder.display()
    ));
    let mut proof = Proof::set(&folder, server, rounds.seed).await;
    let begun = Instant::now();
    for round in 0..rounds.count {
        let proven = proof.round(round, &mut tell).await;
        proven.map_err(|what| rounds.failed(round, Plan::of(rounds.seed + round), what, &folder))?;
    }
    let report = Report {
        rounds: rounds.count,
        seed: rounds.seed,
        server: server.name(),
        files: proof.ended.files,
        again: proof.ended.again,
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
    ended: Ended,
    report: Report,
}

/// What became of all transfers by now.
#[derive(Default)]
struct Ended {
    files: u64,
    again: u64,
    removed: BTreeSet<String>,
    /// Clients that were killed, or gave up, and were not started again.
    abandoned: u64,
}

impl Proof {
    async fn set(folder: &Path, server: &Server, first_seed: u64) -> Self {
        let scene = Scene::set(folder, server).await;
        let devices = ["alice", "bob"].map(|name| Arc::new(Sealpost::below(folder.join(name), &scene.url())));
        let space = meet(&devices).await;
        Self {
            folder: folder.to_owned(),
            scene,
            first_seed,
            devices,
            space,
            ended: Ended::default(),
            report: Report::default(),
        }
    }

    async fn round(&mut self, round: u64, tell: &mut impl FnMut(&str)) -> Result<(), String> {
        let begun = Instant::now();
        let plan = Plan::of(self.first_seed + round);
        let (mut transfers, kills) = self.begin(round, &plan);
        let ended = timeout(STANDSTILL, self.go_through(&plan, &kills, &mut transfers)).await;
        ended.map_err(|_| "everything stands still".to_owned())??;
        let found = audit(&self.scene, &self.kept().await?, self.ended.abandoned).await?;
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
                ended = all(transfers, &mut self.ended) => return ended,
            }
            let mut struck = self.scene.inflict(fault).await;
            if fault.kind == Kind::KillClients {
                struck = kill(fault, kills);
                self.report.killed += struck as u64;
            }
            // What struck nobody was no fault.
            if struck > 0 {
                self.report.fault(fault.kind);
            }
            if matches!(fault.kind, Kind::Busy | Kind::Silent) {
                let lasting = all(transfers, &mut self.ended);
                let ended = timeout(fault.lasts, lasting).await;
                self.scene.clear_up();
                ended.unwrap_or(Ok(()))?;
            }
        }
        all(transfers, &mut self.ended).await
    }

    /// Blobs to which messages refer, but for those that were removed.
    async fn kept(&self) -> Result<BTreeSet<String>, String> {
        let (device, space) = (Arc::clone(&self.devices[1]), self.space.clone());
        let listed = tokio::task::spawn_blocking(move || device.json(["ls", &space]));
        let listed = listed.await.map_err(|_| "the files cannot be listed")?;
        let ids = listed.iter().map(blob_id);
        Ok(ids.filter(|id| !self.ended.removed.contains(id)).collect())
    }
}

type Transfers = JoinSet<Result<Done, String>>;

/// Waits for all transfers. May be dropped and called again.
async fn all(transfers: &mut Transfers, ended: &mut Ended) -> Result<(), String> {
    while let Some(transfer) = transfers.join_next().await {
        let done = transfer.map_err(|error| error.to_string())??;
        ended.again += done.again;
        let Some(id) = done.blob_id else {
            ended.abandoned += 1;
            continue;
        };
        ended.files += 1;
        if done.removed {
            ended.removed.insert(id);
        }
    }
    Ok(())
}

fn kill(fault: &Fault, kills: &[mpsc::UnboundedSender<()>]) -> usize {
    let struck = kills.iter().enumerate();
    let struck = struck.filter(|(number, _)| fault.strikes(*number));
    // One that is done hears nothing any more.
    struck.filter(|(_, kill)| kill.send(()).is_ok()).count()
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

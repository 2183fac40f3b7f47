//! The crash proof: 32 writers and 4 readers, all real commands; relays, Postgres and clients are killed at random, and
//! the networks between them fail. After each round, what was acked is held against what a new device reads.

mod audit;
mod child;
mod crowd;
mod era;
mod follower;
mod plan;
mod scene;
mod writer;

use std::{fmt, time::Duration};

use sealpost_sdk::ClientConfig;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

pub(crate) use self::audit::Auditor;
use self::{
    crowd::{Crowd, PEOPLE},
    era::Era,
    plan::{Counts, Fault, KINDS, Kind, Plan},
    scene::Scene,
};
use crate::{
    command::Sealpost,
    ledger::Sums,
    rounds::{Failed, Rounds, evidence},
};

/// Rounds in the same spaces.
const ERA: u64 = 25;
/// Messages of each writer in a round.
const MESSAGES: u64 = 3;
/// How long bytes are late in a round, unless enough is acked before.
const LATE_FOR: Duration = Duration::from_millis(1_500);

/// What was proven.
#[derive(Clone, Debug)]
pub struct Report {
    /// Rounds that went well.
    pub rounds: u64,
    /// The first round's seed.
    pub seed: u64,
    /// All audits at the ends of eras together.
    pub sums: Sums,
    /// Faults by kind.
    pub faults: Vec<(&'static str, u64)>,
    /// Client processes killed.
    pub clients_killed: u64,
    /// Spaces, over all audits, of which the relay that was asked was still behind another one's acks.
    pub heads_behind: u64,
    /// How long it took.
    pub seconds: f64,
}

/// Runs the proof; `tell` gets a line for each round.
///
/// # Errors
/// [`Failed`] at the first round that loses, doubles or skips something, or in which everything stands still.
///
/// # Panics
/// When the scene cannot be set.
pub async fn prove(rounds: Rounds, mut tell: impl FnMut(&str)) -> Result<Report, Failed> {
    let folder = evidence("crash");
    tell(&format!("seed {}; evidence in {}", rounds.seed, folder.display()));
    let scene = Scene::set(&folder).await;
    let crowd = Crowd::gather(&folder, &scene.url()).await;
    let mut proof = Proof {
        rounds,
        scene,
        crowd,
        era: None,
        counts: Counts::default(),
        clients_killed: 0,
        heads_behind: 0,
        sums: Sums::default(),
    };
    let begun = Instant::now();
    for round in 0..rounds.count {
        let proven = proof.round(round, &mut tell).await;
        proven.map_err(|what| rounds.failed(round, Plan::of(rounds.seed + round), what, &folder))?;
    }
    let report = proof.report(begun.elapsed());
    drop(proof);
    std::fs::remove_dir_all(&folder).unwrap();
    Ok(report)
}

struct Proof {
    rounds: Rounds,
    scene: Scene,
    crowd: Crowd,
    /// The one that goes on; between two of them, none.
    era: Option<Era>,
    counts: Counts,
    clients_killed: u64,
    heads_behind: u64,
    sums: Sums,
}

impl Proof {
    async fn round(&mut self, round: u64, tell: &mut impl FnMut(&str)) -> Result<(), String> {
        let begun = Instant::now();
        let plan = Plan::of(self.rounds.seed + round);
        let mut era = match self.era.take() {
            Some(era) => era,
            None => Era::begin(&self.crowd, &self.scene).await,
        };
        self.go_through(&plan, &mut era).await?;
        let reader = PEOPLE[usize::try_from(round).unwrap_or_default() % PEOPLE.len()];
        let auditor = Auditor::log_in(&self.auditing_device(), reader).await?;
        let last = (round + 1).is_multiple_of(ERA) || round + 1 == self.rounds.count;
        let sums = if last {
            let sums = era.end(&auditor).await?;
            self.sums += sums;
            sums
        } else {
            let sums = era.audit(&auditor).await?;
            self.heads_behind += era.behind();
            self.era = Some(era);
            sums
        };
        auditor.leave().await?;
        tell(&format!(
            "round {}/{} seed {} {plan}: {sums} ({:.1} s)",
            round + 1,
            self.rounds.count,
            self.rounds.seed + round,
            begun.elapsed().as_secs_f64()
        ));
        match self.scene.panics().first() {
            _ if !sums.is_clean() => Err(sums.to_string()),
            Some(panic) => Err(format!("a relay panicked: {panic}")),
            None => Ok(()),
        }
    }

    /// Everybody writes, and the faults come among it. At the end, all together may be behind by one round: whoever was
    /// struck catches up while the others go on.
    async fn go_through(&mut self, plan: &Plan, era: &mut Era) -> Result<(), String> {
        let round = MESSAGES * crowd::WRITERS as u64;
        let before = era.granted();
        era.grant(MESSAGES);
        for fault in &plan.0 {
            let moment = before + round * fault.after / 1_000;
            era.until_settled(moment.saturating_sub(round)).await?;
            self.inflict(fault, era).await?;
        }
        era.until_settled(before).await
    }

    /// What struck nobody was no fault, and does not count.
    async fn inflict(&mut self, fault: &Fault, era: &mut Era) -> Result<(), String> {
        let struck = match fault.kind {
            Kind::KillClients => {
                let killed = era.kill_clients(fault);
                self.clients_killed += killed as u64;
                killed
            }
            Kind::Delay => {
                let struck = self.scene.inflict(fault).await;
                let late = era.until_settled(era.granted());
                if let Ok(ended) = timeout(LATE_FOR, late).await {
                    ended?;
                }
                self.scene.clear_up(fault);
                struck
            }
            _ => self.scene.inflict(fault).await,
        };
        if struck > 0 {
            self.counts.add(fault.kind);
        }
        Ok(())
    }

    /// One that knows nothing: it is taken away after each audit.
    fn auditing_device(&self) -> ClientConfig {
        Sealpost::below(self.scene.folder.join("auditor"), &self.scene.url()).config()
    }

    fn report(&self, took: Duration) -> Report {
        let count = |kind: Kind| self.counts.0.get(&kind).copied().unwrap_or_default();
        Report {
            rounds: self.rounds.count,
            seed: self.rounds.seed,
            sums: self.sums,
            faults: KINDS.map(|kind| (kind.name(), count(kind))).to_vec(),
            clients_killed: self.clients_killed,
            heads_behind: self.heads_behind,
            seconds: took.as_secs_f64(),
        }
    }
}

impl Report {
    /// The same for machines.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "rounds": self.rounds,
            "seed": self.seed,
            "acked": self.sums.acked,
            "lost": self.sums.lost,
            "doubled": self.sums.doubled,
            "gaps": self.sums.gaps,
            "faults": self.faults.iter().copied().collect::<std::collections::BTreeMap<_, _>>(),
            "clients_killed": self.clients_killed,
            "heads_behind": self.heads_behind,
            "seconds": self.seconds,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} rounds from seed {} in {:.0} s",
            self.rounds, self.seed, self.seconds
        )?;
        let faults: Vec<String> = self
            .faults
            .iter()
            .map(|(name, count)| format!("{name}={count}"))
            .collect();
        writeln!(
            f,
            "{} (client processes killed: {}; logs of which a relay was asked while it was behind another: {})",
            faults.join(" "),
            self.clients_killed,
            self.heads_behind
        )?;
        write!(f, "{}", self.sums)
    }
}

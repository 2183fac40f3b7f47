//! What proofs by rounds have in common: the seed of each, and how the first one that fails is told.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use sealpost_relay::entropy::{Entropy, SystemEntropy};

use crate::folders;

/// What to prove.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// How many.
    pub count: u64,
    /// The first one's seed; each has the next.
    pub seed: u64,
}

impl Rounds {
    /// `count` rounds from `seed`, or from one that nobody chose.
    #[must_use]
    pub fn new(count: u64, seed: Option<u64>) -> Self {
        Self {
            count,
            seed: seed.unwrap_or_else(any_seed),
        }
    }

    pub(crate) fn failed(self, round: u64, plan: impl fmt::Display, what: String, evidence: &Path) -> Failed {
        Failed {
            round: round + 1,
            seed: self.seed + round,
            plan: plan.to_string(),
            what,
            evidence: evidence.to_owned(),
        }
    }
}

fn any_seed() -> u64 {
    let mut bytes = [0; 4];
    SystemEntropy.fill(&mut bytes);
    u32::from_be_bytes(bytes).into()
}

/// A new folder for what a proof leaves behind when it fails.
///
/// # Panics
/// When it cannot be made.
pub(crate) fn evidence(proof: &str) -> PathBuf {
    let name = format!("{proof}-{}", std::process::id());
    let folder = folders::target().join("proofs").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// What failed, and where to look.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The round, from 1.
    pub round: u64,
    /// Its seed.
    pub seed: u64,
    /// What went wrong in it.
    pub plan: String,
    /// What does not hold.
    pub what: String,
    /// Databases, homes and logs.
    pub evidence: PathBuf,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            round,
            seed,
            plan,
            what,
            evidence,
        } = self;
        write!(
            f,
            "round {round} failed (seed {seed}: {plan}): {what}\nevidence: {}",
            evidence.display()
        )
    }
}

impl std::error::Error for Failed {}

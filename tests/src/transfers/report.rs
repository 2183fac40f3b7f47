//! What was proven, or what failed.

use std::{collections::BTreeMap, fmt};

use serde_json::{Value, json};

use super::{
    audit::Found,
    plan::{KINDS, Kind},
};

/// How often each kind of fault happened.
pub(super) type Faults = BTreeMap<Kind, u64>;

/// What was proven.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Rounds that went well.
    pub rounds: u64,
    /// The first round's seed.
    pub seed: u64,
    /// Where the files went.
    pub server: &'static str,
    /// Files that were put, and got with the same bytes.
    pub files: u64,
    /// Commands killed.
    pub killed: u64,
    /// Commands that were said again, killed ones included.
    pub again: u64,
    /// All sweeps together, and how ledger and bucket stood at the end.
    pub found: Found,
    /// How long it took.
    pub seconds: f64,
    pub(super) faults: Faults,
}

impl Report {
    pub(super) fn fault(&mut self, kind: Kind) {
        *self.faults.entry(kind).or_default() += 1;
    }

    pub(super) fn note(&mut self, found: Found) {
        self.found = Found {
            swept: self.found.swept + found.swept,
            uploads: self.found.uploads + found.uploads,
            late: self.found.late + found.late,
            ..found
        };
    }

    /// Faults by kind, all of them.
    pub fn faults(&self) -> impl Iterator<Item = (&'static str, u64)> {
        KINDS
            .into_iter()
            .map(|kind| (kind.name(), self.faults.get(&kind).copied().unwrap_or_default()))
    }

    /// The same for machines.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "server": self.server,
            "rounds": self.rounds,
            "seed": self.seed,
            "files": self.files,
            "killed": self.killed,
            "again": self.again,
            "swept": self.found.swept,
            "uploads_abandoned": self.found.uploads,
            "late": self.found.late,
            "unsent": self.found.unsent,
            "ledger": self.found.blobs,
            "bucket": self.found.objects,
            "bytes": self.found.bytes,
            "faults": self.faults().collect::<BTreeMap<_, _>>(),
            "seconds": self.seconds,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} rounds from seed {} in {:.0} s",
            self.server, self.rounds, self.seed, self.seconds
        )?;
        for (name, count) in self.faults() {
            write!(f, "{name}={count} ")?;
        }
        writeln!(
            f,
            "(commands killed: {}, said again: {})",
            self.killed, self.again
        )?;
        write!(f, "{} files came back whole; {}", self.files, self.found)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            swept,
            uploads,
            late,
            unsent,
            blobs,
            objects,
            bytes,
        } = self;
        write!(
            f,
            "swept={swept} uploads_abandoned={uploads} late={late} unsent={unsent} ledger={blobs} bucket={objects} bytes={bytes}"
        )
    }
}

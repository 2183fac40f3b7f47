//! What was measured.

use std::fmt;

use serde_json::{Value, json};

use crate::measured::Measured;

/// The most memory that any of the commands may take, however large the database.
const FLAT_KIB: u64 = 64 << 10;
const MIB: f64 = 1_048_576.0;

/// What was measured; of the commands Postgres' own programs, which they start, are not counted. What was written has come back, else there is no report.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Messages that were written.
    pub messages: u64,
    /// Their bytes.
    pub written: u64,
    /// How long that took.
    pub filled_seconds: f64,
    /// How large the database was then.
    pub database: u64,
    /// How large the backup is.
    pub backup: u64,
    /// `backup create`, beside a relay that serves.
    pub create: Measured,
    /// `backup verify`, with nothing else there.
    pub verify: Measured,
    /// `backup restore` into an empty folder.
    pub restore: Measured,
}

impl Report {
    /// Whether memory was flat.
    #[must_use]
    pub fn holds(&self) -> bool {
        let steps = [self.create, self.verify, self.restore];
        steps.iter().all(|step| (1..=FLAT_KIB).contains(&step.peak_kib))
    }

    /// The same for machines.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "messages": self.messages,
            "bytes": self.written,
            "filled_seconds": self.filled_seconds,
            "database_bytes": self.database,
            "backup_bytes": self.backup,
            "create": json_of(&self.create),
            "verify": json_of(&self.verify),
            "restore": json_of(&self.restore),
            "memory_is_flat": self.holds(),
        })
    }
}

fn json_of(Measured { seconds, peak_kib }: &Measured) -> Value {
    json!({ "seconds": seconds, "peak_kib": peak_kib })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (database, backup) = (self.database as f64 / MIB, self.backup as f64 / MIB);
        writeln!(
            f,
            "{} messages, a database of {database:.0} MiB, a backup of {backup:.0} MiB",
            self.messages
        )?;
        let steps = [
            ("create", self.create),
            ("verify", self.verify),
            ("restore", self.restore),
        ];
        for (name, step) in steps {
            writeln!(f, "{name:8} {step}, {:.0} MiB/s", database / step.seconds)?;
        }
        let verdict = match self.holds() {
            true => "memory is flat; a new device reads what was written",
            false => "NOT HELD: a command took more than 64 MiB",
        };
        write!(f, "{verdict}")
    }
}

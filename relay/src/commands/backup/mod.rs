//! `backup`: made, verified, restored, pruned.

mod create;
mod extract;
mod identity;
mod progress;
mod prune;
mod restore;
mod verify;

use std::{path::PathBuf, process::ExitCode};

use clap::Subcommand;
use serde::Serialize;

use crate::{
    backup::{BackupError, Identities, Programs},
    config::Sources,
};

/// What to do with backups.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Make one, while the relay serves or not.
    Create(create::Arguments),
    /// Check one as far as that can be done without any live system.
    Verify(verify::Arguments),
    /// Put one into an empty target. Everything that stands against it is named before anything is changed.
    Restore(restore::Arguments),
    /// Decrypt one file of one, such as an attached one.
    Extract(extract::Arguments),
    /// Remove old ones, dump and keys together.
    Prune(prune::Arguments),
    /// Make an identity, which opens backups: on another machine than the relay's.
    Identity(identity::Arguments),
}

/// Exit code 1 when something is not as it should be.
pub(super) async fn run(command: Command, sources: Sources) -> anyhow::Result<ExitCode> {
    match command {
        Command::Create(arguments) => create::run(arguments, sources).await?,
        Command::Verify(arguments) => verify::run(arguments).await?,
        Command::Restore(arguments) => restore::run(arguments, sources).await?,
        Command::Extract(arguments) => extract::run(&arguments)?,
        Command::Prune(arguments) => prune::run(&arguments)?,
        Command::Identity(arguments) => identity::run(&arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A backup, and what opens it.
#[derive(clap::Args)]
struct OpenedBackup {
    /// The backup: the folder with its manifest.json.
    #[arg(value_name = "DIR")]
    backup: PathBuf,
    /// The identity that opens it.
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
}

impl OpenedBackup {
    fn identities(&self) -> Result<Identities, BackupError> {
        Identities::read(&self.identity)
    }
}

/// Where the programs of Postgres are, for verbs that may run without a configuration.
#[derive(clap::Args)]
struct ProgramsOption {
    /// The folder with pg_dump and pg_restore; else backup.programs of the configuration, those of the embedded default, or
    /// those in PATH.
    #[arg(long, env = "SEALPOST_PG_PROGRAMS", value_name = "DIR")]
    programs: Option<PathBuf>,
}

impl ProgramsOption {
    fn locate(&self, configured: Option<&PathBuf>) -> Programs {
        Programs::locate(self.programs.as_ref().or(configured).map(PathBuf::as_path))
    }
}

/// Prints what came of it: one object for machines, or a sentence.
fn report(result: &impl Serialize, json: bool, sentence: impl FnOnce() -> String) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string(result)?);
    } else {
        println!("{}", sentence());
    }
    Ok(())
}

/// `1.5 MB`.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let mut tenths = bytes / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_told_as_people_read_them() {
        for (bytes, text) in [
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (1_550_000, "1.5 MB"),
            (10_000_000_000, "10.0 GB"),
            (u64::MAX, "18446744.0 TB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}

//! `pg_dump` and `pg_restore`: where they are, and what they are asked.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    process::Command,
};

use super::{BackupError, address::DatabaseAddress, piped::run};
use crate::embedded::Tools;

/// The client programs of Postgres.
#[derive(Clone, Debug)]
pub struct Programs(Option<PathBuf>);

impl Programs {
    /// Those in `folder` where one is named, else those that the embedded default brings along, else those in `PATH`.
    #[must_use]
    pub fn locate(folder: Option<&Path>) -> Self {
        let embedded = || {
            let program = Tools::locate().postgres("pg_dump").ok()?;
            program.parent().map(Path::to_owned)
        };
        Self(folder.map(Path::to_owned).or_else(embedded))
    }

    fn command(&self, program: &'static str) -> Command {
        let path = match &self.0 {
            Some(folder) => folder.join(program),
            None => program.into(),
        };
        let mut command = Command::new(path);
        command.env("TZ", "UTC").env("LC_ALL", "C");
        command
    }

    /// Dumps what the snapshot of this name shows. Blocks.
    ///
    /// What an attacker could use again after a restore, and what a restore has to begin anew, is left out: the incarnation,
    /// codes that were open, logins half done.
    pub(super) fn dump(
        &self,
        database: &DatabaseAddress,
        snapshot: &str,
        output: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
    ) -> Result<(), BackupError> {
        let mut command = self.command("pg_dump");
        command
            .args(["--format=custom", "--compress=1", "--no-owner", "--no-privileges"])
            .arg(format!("--snapshot={snapshot}"));
        for table in LEFT_OUT {
            command.arg(format!("--exclude-table-data=public.{table}"));
        }
        database.show_to(&mut command);
        run("pg_dump", command, None, output)
    }

    /// Makes a dump into SQL, which reads it from end to end. Blocks.
    pub(super) fn read(
        &self,
        dump: &mut (dyn Read + Send),
        output: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
    ) -> Result<(), BackupError> {
        let mut command = self.command("pg_restore");
        command.args(["--format=custom", "--file=-"]);
        run("pg_restore", command, Some(dump), output)
    }

    /// Puts a dump into an empty database: all of it or nothing. Blocks.
    pub(super) fn restore(
        &self,
        database: &DatabaseAddress,
        dump: &mut (dyn Read + Send),
    ) -> Result<(), BackupError> {
        let mut command = self.command("pg_restore");
        command.args([
            "--format=custom",
            "--single-transaction",
            "--exit-on-error",
            "--no-owner",
            "--no-privileges",
        ]);
        database.show_to(&mut command);
        run("pg_restore", command, Some(dump), &mut |_| Ok(()))
    }
}

/// Tables whose rows are in no backup.
pub(super) const LEFT_OUT: [&str; 4] = ["relay_state", "pairing_codes", "device_requests", "auth_attempts"];

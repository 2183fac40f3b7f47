//! What a relay that was killed left running.
//!
//! A process is recognised by what it is, not by a number in a file that may long belong to another: its program
//! has the server's name and its working folder is the server's data folder. Both servers keep it there.
//! Reads `/proc`, so this finds nothing where that does not exist.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::time::{Instant, sleep};

use super::EmbeddedError;

/// How often to look whether a process has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The processes of one server in one folder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leftovers<'a> {
    /// The name of the server's program.
    pub(super) program: &'static str,
    /// Its working folder, without symbolic links.
    pub(super) folder: &'a Path,
}

impl Leftovers<'_> {
    /// Asks those that `leads` picks to end, and waits until none is left; kills them all after `grace`.
    pub(super) async fn end(
        &self,
        signal: Signal,
        leads: impl Fn(Pid) -> bool,
        grace: Duration,
    ) -> Result<(), EmbeddedError> {
        for pid in self.running().filter(|pid| leads(*pid)) {
            tracing::warn!(
                program = self.program,
                pid = pid.as_raw_pid(),
                "ending what an earlier run left"
            );
            self.send(pid, signal);
        }
        if self.wait(grace).await.is_ok() {
            return Ok(());
        }
        self.running().for_each(|pid| self.send(pid, Signal::KILL));
        self.wait(grace).await
    }

    async fn wait(&self, grace: Duration) -> Result<(), EmbeddedError> {
        let deadline = Instant::now() + grace;
        while let Some(pid) = self.running().next() {
            if Instant::now() >= deadline {
                return Err(EmbeddedError::OrphanStays {
                    program: self.program,
                    pid: pid.as_raw_pid(),
                });
            }
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// Looks again once the handle is held: a process id may change hands, a handle may not.
    fn send(&self, pid: Pid, signal: Signal) {
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else {
            return;
        };
        if self.has(pid) {
            // It may have ended in between, which is all we want.
            let _ = pidfd_send_signal(handle, signal);
        }
    }

    fn running(&self) -> impl Iterator<Item = Pid> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw))
            .filter(|pid| self.has(*pid))
    }

    fn has(&self, pid: Pid) -> bool {
        let process = PathBuf::from(format!("/proc/{}", pid.as_raw_pid()));
        let in_folder = fs::read_link(process.join("cwd")).is_ok_and(|found| found == self.folder);
        in_folder && fs::read_link(process.join("exe")).is_ok_and(|found| has_name(&found, self.program))
    }
}

/// The kernel marks the path of a program that was replaced on disk with " (deleted)".
fn has_name(executable: &Path, program: &str) -> bool {
    let name = executable
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default();
    name.strip_suffix(" (deleted)").unwrap_or(&name) == program
}

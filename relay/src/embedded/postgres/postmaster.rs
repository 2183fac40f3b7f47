//! What `postmaster.pid` says, and what it does not.
//!
//! The file outlives a postmaster that was killed, and by then its number may be another process's: Postgres would
//! refuse to start because of a stranger. So a leftover is recognised by what runs in the data folder, and the file
//! only says which of those is the leader.

use std::{fs, path::Path, time::Duration};

use rustix::process::{Pid, Signal};

use super::super::{EmbeddedError, folder::remove_file, orphan::Leftovers};

/// How long a leftover may take for its shutdown checkpoint.
const GRACE: Duration = Duration::from_secs(60);
/// The line of `postmaster.pid` with the status, counted from 0 (`LOCK_FILE_LINE_PM_STATUS` - 1).
const STATUS_LINE: usize = 7;

/// Ends the Postgres that runs in `data`, and removes a `postmaster.pid` that names a stranger.
///
/// Only the postmaster may be signalled: to its children the same signals mean other things. Children whose
/// postmaster was killed end by themselves.
pub(super) async fn end_leftover(data: &Path) -> Result<(), EmbeddedError> {
    let leftovers = Leftovers {
        program: "postgres",
        folder: data,
    };
    let leader = leader(data);
    leftovers
        .end(Signal::INT, |pid| Some(pid) == leader, GRACE)
        .await?;
    match leader {
        Some(stranger) if is_alive(stranger) => remove_file(&data.join("postmaster.pid")),
        // Postgres itself removes a file that names nobody, after it has checked the shared memory named there.
        _ => Ok(()),
    }
}

/// Whether the postmaster with this process id accepts connections.
pub(super) fn is_ready(data: &Path, id: Option<u32>) -> bool {
    let content = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let ours = content.lines().next().and_then(|line| line.trim().parse().ok()) == id;
    ours && id.is_some()
        && content
            .lines()
            .nth(STATUS_LINE)
            .is_some_and(|line| line.trim() == "ready")
}

fn leader(data: &Path) -> Option<Pid> {
    let content = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    content
        .lines()
        .next()?
        .trim()
        .parse()
        .ok()
        .and_then(Pid::from_raw)
}

/// A process that has ended but was not waited for counts: Postgres takes it for alive too.
fn is_alive(pid: Pid) -> bool {
    Path::new(&format!("/proc/{}", pid.as_raw_pid())).exists()
}

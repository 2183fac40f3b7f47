//! What a command takes: time, and memory.

use std::{fmt, fs, future::Future, pin::pin, time::Duration};

use tokio::{
    process::Command,
    time::{Instant, interval},
};

/// How often a process is asked for its memory: what it had last, just before its end, counts.
const ASKED: Duration = Duration::from_millis(1);

/// What one took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// How long it took.
    pub seconds: f64,
    /// The most memory it had, in KiB; that of its children is theirs.
    pub peak_kib: u64,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.peak_kib as f64 / 1024.0;
        write!(f, "{:.1} s, at most {mib:.0} MiB of memory", self.seconds)
    }
}

/// Runs a command to its end, or until it is `enough` and it is killed.
///
/// # Panics
/// When it fails.
pub(crate) async fn run(command: std::process::Command, enough: impl Future<Output = ()>) -> Measured {
    let begun = Instant::now();
    let mut child = Command::from(command).kill_on_drop(true).spawn().unwrap();
    let id = child.id().expect("it was not waited for");
    let (mut ticks, mut enough) = (interval(ASKED), pin!(enough));
    let mut peak_kib = 0;
    loop {
        tokio::select! {
            ended = child.wait() => {
                assert!(ended.unwrap().success(), "a command failed");
                break;
            }
            () = &mut enough => {
                child.kill().await.unwrap();
                break;
            }
            _ = ticks.tick() => peak_kib = peak_of(id).max(peak_kib),
        }
    }
    Measured {
        seconds: begun.elapsed().as_secs_f64(),
        peak_kib,
    }
}

/// The most memory that a process has had; 0 once it has ended.
fn peak_of(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    number.unwrap_or_default()
}

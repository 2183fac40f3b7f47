//! What the relay's process uses (proc(5)).

use std::{fs, time::Duration};

use tokio::time::Instant;

/// `/proc/<pid>/stat` counts in ticks of this; Linux promises it to programs whatever the kernel's own clock is.
const TICK: Duration = Duration::from_millis(10);

/// Forgets how much memory the process had at its highest.
pub(super) fn forget_highest(id: u32) {
    fs::write(format!("/proc/{id}/clear_refs"), "5").unwrap();
}

/// What a process used from a moment on.
pub(super) struct Usage {
    highest: u64,
    cpu: Duration,
    since: Instant,
}

/// What it used in a time.
pub(super) struct Used {
    /// Memory at the highest beyond the highest before, in bytes.
    pub(super) growth: u64,
    pub(super) cpu: Duration,
    pub(super) time: Duration,
}

impl Usage {
    pub(super) fn begin(id: u32) -> Self {
        let highest = highest(id);
        forget_highest(id);
        Self {
            highest,
            cpu: cpu(id),
            since: Instant::now(),
        }
    }

    pub(super) fn end(self, id: u32) -> Used {
        Used {
            growth: highest(id).saturating_sub(self.highest),
            cpu: cpu(id).saturating_sub(self.cpu),
            time: self.since.elapsed(),
        }
    }
}

fn highest(id: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kib * 1024
}

fn cpu(id: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    // The command's name is in brackets and may hold anything.
    let (_, rest) = text.rsplit_once(')').unwrap();
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let ticks: u32 = fields[11..=12]
        .iter()
        .map(|field| field.parse::<u32>().unwrap())
        .sum();
    TICK * ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_taken_and_given_back_is_growth() {
        let id = std::process::id();
        forget_highest(id);
        let before = Usage::begin(id);
        let taken = std::hint::black_box(vec![1_u8; 32 << 20]);
        drop(taken);
        assert!(before.end(id).growth > 20 << 20);
    }
}

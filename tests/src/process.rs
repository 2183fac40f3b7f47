//! Signals.

use rustix::process::{Pid, Signal, kill_process};

/// Ends a process without a chance to tidy up.
pub(crate) fn kill_9(id: u32) {
    signal(id, Signal::KILL);
}

/// Asks a process to end.
pub(crate) fn terminate(id: u32) {
    signal(id, Signal::TERM);
}

/// What a terminal sends for Ctrl-C.
pub fn interrupt(id: u32) {
    signal(id, Signal::INT);
}

fn signal(id: u32, signal: Signal) {
    let pid = i32::try_from(id)
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process id is positive");
    kill_process(pid, signal).unwrap();
}

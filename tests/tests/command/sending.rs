//! A `send` under way.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout},
};

use rustix::process::{Pid, Signal, kill_process};
use sealpost_tests::command::{Ended, Sealpost};

use super::numbers;

/// A command that sends numbered lines of a file, each as an event of its own, and tells of their acks.
pub struct Sending {
    child: Child,
    acks: BufReader<ChildStdout>,
    told: String,
}

impl Sending {
    /// Sends so many lines to `garden`.
    pub fn start(device: &Sealpost, lines: u32) -> Self {
        let input = device.file("input");
        std::fs::write(&input, numbers(lines)).unwrap();
        let mut child = device
            .command(["--json", "send", "garden", "--one-per-event"])
            .stdin(std::fs::File::open(&input).unwrap())
            .spawn()
            .unwrap();
        let acks = BufReader::new(child.stdout.take().unwrap());
        let told = String::new();
        Self { child, acks, told }
    }

    /// Waits for so many acks more.
    pub fn until_acked(&mut self, count: usize) {
        for _ in 0..count {
            self.acks.read_line(&mut self.told).unwrap();
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end; gives the acks that it told of.
    pub fn end(mut self) -> (Ended, String) {
        self.acks.read_to_string(&mut self.told).unwrap();
        (Ended::of(self.child), self.told)
    }
}

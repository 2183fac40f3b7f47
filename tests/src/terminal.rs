//! What a person would sit at.

use std::{
    fs::File,
    io::Read,
    os::fd::OwnedFd,
    process::{Child, Command},
};

use rustix::{
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{LocalModes, tcgetattr},
};

use crate::command::under;

/// A terminal of its own for a command.
#[derive(Debug)]
pub struct Terminal {
    /// What is typed into it, and what it shows.
    pub screen: File,
    /// The command's side.
    device: OwnedFd,
}

/// A command that had the screen too would not notice that it is gone.
const NOBODY_ELSES: OpenptFlags = OpenptFlags::RDWR
    .union(OpenptFlags::NOCTTY)
    .union(OpenptFlags::CLOEXEC);

impl Terminal {
    /// # Panics
    /// When the kernel gives none.
    #[must_use]
    pub fn open() -> Self {
        let screen = openpt(NOBODY_ELSES).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let device = ioctl_tiocgptpeer(&screen, NOBODY_ELSES).unwrap();
        Self {
            screen: screen.into(),
            device,
        }
    }

    /// Starts the command as the leader of a session at this terminal.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(&self, command: &Command) -> Child {
        let device = || self.device.try_clone().unwrap();
        let mut leader = Command::new("setsid");
        leader.arg("--ctty");
        under(leader, command)
            // Nothing is drawn on one that says nothing of itself.
            .env("TERM", "xterm")
            .stdin(device())
            .stdout(device())
            .stderr(device())
            .spawn()
            .unwrap()
    }

    /// Returns what was on the screen until then.
    ///
    /// # Panics
    /// When the terminal ends before that.
    pub fn wait_for(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains(text) {
            let mut bytes = [0; 256];
            let read = self.screen.read(&mut bytes).unwrap();
            seen.extend(&bytes[..read]);
        }
        String::from_utf8_lossy(&seen).into_owned()
    }

    /// Whether it shows what is typed, and the like.
    ///
    /// # Panics
    /// When it cannot be asked.
    #[must_use]
    pub fn modes(&self) -> LocalModes {
        tcgetattr(&self.device).unwrap().local_modes
    }
}

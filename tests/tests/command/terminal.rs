use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    process::{Child, Command},
};

use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{LocalModes, tcgetattr},
};
use sealpost_tests::{command::Sealpost, database::Database, relay::Relay};

use super::{open_to_all, texts};

/// A terminal of its own for a command: what a person would sit at.
struct Terminal {
    screen: File,
    /// The command's side.
    device: OwnedFd,
}

/// A command that had the screen too would not notice that it is gone.
const NOBODY_ELSES: OpenptFlags = OpenptFlags::RDWR
    .union(OpenptFlags::NOCTTY)
    .union(OpenptFlags::CLOEXEC);

impl Terminal {
    fn open() -> Self {
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
    fn start(&self, command: &Command) -> Child {
        let device = || self.device.try_clone().unwrap();
        let mut leader = Command::new("setsid");
        leader
            .arg("--ctty")
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .env("PATH", "/usr/bin:/bin")
            .stdin(device())
            .stdout(device())
            .stderr(device());
        leader.spawn().unwrap()
    }

    /// Returns what was on the screen until then.
    fn wait_for(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains(text) {
            let mut bytes = [0; 256];
            let read = self.screen.read(&mut bytes).unwrap();
            seen.extend(&bytes[..read]);
        }
        String::from_utf8_lossy(&seen).into_owned()
    }

    fn modes(&self) -> LocalModes {
        tcgetattr(&self.device).unwrap().local_modes
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn terminal_is_given_back_as_it_was_by_whatever_ends_a_hidden_prompt() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let alice = Sealpost::new(&relay.addresses().url());
    let mut login = alice.command(["login", "alice"]);
    login.env_remove("SEALPOST_PASSPHRASE_FILE");
    for (by, code) in [("Ctrl-C", 130), ("SIGTERM", 143), ("Ctrl-D", 2)] {
        let mut terminal = Terminal::open();
        let before = terminal.modes();
        let mut child = terminal.start(&login);
        terminal.wait_for("Passphrase: ");
        // The prompt is written before the terminal is told to hide what is typed.
        while terminal.modes().contains(LocalModes::ECHO) {
            assert_eq!(child.try_wait().unwrap(), None, "nothing was hidden");
        }
        match by {
            "Ctrl-C" => terminal.screen.write_all(b"\x03").unwrap(),
            "Ctrl-D" => terminal.screen.write_all(b"\x04").unwrap(),
            _ => kill_process(Pid::from_child(&child), Signal::TERM).unwrap(),
        }
        assert_eq!(child.wait().unwrap().code(), Some(code), "{by}");
        assert_eq!(terminal.modes(), before, "{by}");
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_types_messages_is_told_how_to_end_and_nothing_is_drawn_over_them() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let alice = Sealpost::new(&relay.addresses().url());
    alice.json(["register", "alice"]);
    alice.json(["space", "create", "garden"]);
    let mut terminal = Terminal::open();
    let mut child = terminal.start(&alice.command(["send", "garden"]));
    let mut screen = terminal.wait_for("Ctrl-D ends");
    terminal.screen.write_all(b"hello\nworld\n\x04").unwrap();
    screen += &terminal.wait_for("2 messages acked");
    assert!(child.wait().unwrap().success());
    assert!(!screen.contains("/s"), "{screen:?}");
    assert_eq!(texts(&alice.json(["tail", "garden"])), ["hello", "world"]);
    relay.stop().await;
}

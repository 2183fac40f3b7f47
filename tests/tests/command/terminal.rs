use std::io::Write;

use rustix::{
    process::{Pid, Signal, kill_process},
    termios::LocalModes,
};
use sealpost_tests::{command::Sealpost, database::Database, relay::Relay, terminal::Terminal};

use super::{open_to_all, texts};

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

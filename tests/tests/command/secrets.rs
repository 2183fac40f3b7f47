use std::{fs::File, process::Stdio};

use sealpost_tests::{
    command::{Ended, Sealpost},
    database::Database,
    relay::Relay,
};

use super::{open_to_all, text};

/// Runs a command whose output goes nowhere.
fn unheard(device: &Sealpost, arguments: &[&str]) -> Ended {
    let mut command = device.command(arguments);
    let full = File::options().write(true).open("/dev/full").unwrap();
    Ended::of(command.stdout(Stdio::from(full)).spawn().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_that_could_not_be_shown_does_not_count() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let alice = Sealpost::new(at);
    for arguments in [
        &["register", "alice", "--device-secret"][..],
        &["--json", "register", "alice"],
    ] {
        let refused = unheard(&alice, arguments);
        assert_eq!(refused.code, 1, "{}", refused.err);
        assert!(refused.err.contains("nothing was changed"), "{}", refused.err);
    }
    let registered = alice.json(["register", "alice"]);
    std::fs::write(alice.file("code"), text(&registered[0], "recovery_code")).unwrap();
    for arguments in [
        &["recovery-code", "new"][..],
        &["account", "device-secret", "enable"],
    ] {
        let refused = unheard(&alice, arguments);
        assert_eq!(refused.code, 1, "{}", refused.err);
    }
    let mut recover = Sealpost::new(at).command(["login", "--recovery"]);
    recover.env("SEALPOST_RECOVERY_FILE", alice.file("code"));
    Ended::of(recover.spawn().unwrap()).expect_done();
    Sealpost::new(at).json(["login", "alice"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_recovery_code_is_shown_and_counts() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let alice = Sealpost::new(at);
    let registered = alice.json(["register", "alice"]);
    let issued = alice.json(["recovery-code", "new"]);
    assert_eq!(issued[1]["recovery_code_changed"], true);
    for (shown, code) in [(&registered, 3), (&issued, 0)] {
        let device = Sealpost::new(at);
        std::fs::write(device.file("code"), text(&shown[0], "recovery_code")).unwrap();
        let mut recover = device.command(["login", "--recovery"]);
        recover.env("SEALPOST_RECOVERY_FILE", device.file("code"));
        let ended = Ended::of(recover.spawn().unwrap());
        assert_eq!(ended.code, code, "{}", ended.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_registrations_in_one_home_take_one_handle() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let home = Sealpost::new(at);
    let handles = ["alice", "bob"];
    let started = handles.map(|handle| home.command(["register", handle]).spawn().unwrap());
    let ended = started.map(Ended::of);
    let mut codes = ended.each_ref().map(|ended| ended.code);
    codes.sort_unstable();
    assert_eq!(codes, [0, 2], "{ended:?}");
    for (handle, ended) in handles.iter().zip(&ended) {
        let again = Sealpost::new(at).run(["register", handle]);
        let expected = if ended.code == 0 { 6 } else { 0 };
        assert_eq!(again.code, expected, "{handle}: {}", again.err);
    }
}

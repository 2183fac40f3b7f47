//! Starting and ending.

use std::fs;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::support::{Dev, processes_in, signal};

#[tokio::test]
async fn ctrl_c_drains_leaves_no_process_and_keeps_the_data() {
    for kms in ["file", "openbao"] {
        let data = tempfile::tempdir().unwrap();
        let mut dev = Dev::start(data.path(), kms);
        let incarnation = dev.info().await["incarnation"].clone();
        let url = dev.file()["url"].as_str().unwrap().to_owned();
        assert_eq!(dev.info().await["origin"], url.as_str());
        let token = dev.file()["registration_token"].clone();
        dev.ctrl_c();
        let (status, log) = dev.ended();
        assert!(status.success() && log.contains("drained"), "{log}");
        assert!(processes_in(data.path()).is_empty());
        assert!(!data.path().join("dev.json").exists() && !data.path().join("relay.toml").exists());

        let mut dev = Dev::start(data.path(), kms);
        assert_eq!(dev.info().await["incarnation"], incarnation);
        assert_eq!(dev.file()["registration_token"], token);
        dev.ctrl_c();
        assert!(dev.ended().0.success());
    }
}

#[tokio::test]
async fn after_kill_9_the_next_start_works() {
    let data = tempfile::tempdir().unwrap();
    let mut dev = Dev::start(data.path(), "openbao");
    let incarnation = dev.info().await["incarnation"].clone();
    dev.kill_9();
    assert_eq!(signal(dev.ended().0), Some(9));

    let mut dev = Dev::start(data.path(), "openbao");
    assert_eq!(dev.info().await["incarnation"], incarnation);
    dev.ctrl_c();
    assert!(dev.ended().0.success());
    assert!(processes_in(data.path()).is_empty());
}

#[tokio::test]
async fn a_lost_key_file_is_not_replaced_beside_the_keys_that_need_it() {
    let data = tempfile::tempdir().unwrap();
    let (key, backup) = (data.path().join("kms.key"), data.path().join("kms.key.backup"));
    let mut dev = Dev::start(data.path(), "file");
    let incarnation = dev.info().await["incarnation"].clone();
    dev.ctrl_c();
    assert!(dev.ended().0.success());

    fs::rename(&key, &backup).unwrap();
    let (status, log) = Dev::spawn(data.path(), "file", &[]).ended();
    assert!(
        status.code() == Some(1) && log.contains("restore the key file from the backup"),
        "{log}"
    );
    assert!(log.contains(key.to_str().unwrap()) && !key.exists(), "{log}");

    fs::rename(&backup, &key).unwrap();
    let mut dev = Dev::start(data.path(), "file");
    assert_eq!(dev.info().await["incarnation"], incarnation);
    dev.ctrl_c();
    assert!(dev.ended().0.success());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let data = tempfile::tempdir().unwrap();
    let slow = [
        ("SEALPOST__SERVER__UNREADY_MS", "600000"),
        ("SEALPOST__SERVER__SHUTDOWN_GRACE_MS", "700000"),
    ];
    let mut dev = Dev::start_with(data.path(), "file", &slow);
    dev.terminate();
    dev.wait_for("draining");
    dev.terminate();
    assert_eq!(dev.ended().0.code(), Some(143));
    processes_in(data.path()).into_iter().for_each(wait_for_end);
}

#[test]
fn a_server_that_dies_ends_the_relay_with_its_name() {
    let data = tempfile::tempdir().unwrap();
    let mut dev = Dev::start(data.path(), "file");
    let pid_file = fs::read_to_string(data.path().join("postgres/data/postmaster.pid")).unwrap();
    let postmaster = pid_file.lines().next().unwrap().parse().unwrap();
    kill_process(Pid::from_raw(postmaster).unwrap(), Signal::KILL).unwrap();
    let (status, log) = dev.ended();
    assert!(
        status.code() == Some(1) && log.contains("Postgres ended unasked"),
        "{log}"
    );
}

#[test]
fn a_second_relay_on_the_same_data_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let mut first = Dev::start(data.path(), "file");
    let (status, log) = Dev::spawn(data.path(), "file", &[]).ended();
    assert!(
        status.code() == Some(1) && log.contains("in use by another relay"),
        "{log}"
    );
    first.ctrl_c();
    assert!(first.ended().0.success());
}

/// The kernel tells a server to end when its relay does; this waits until it has.
fn wait_for_end(id: u32) {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw).unwrap();
    let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else {
        return;
    };
    poll(&mut [PollFd::new(&handle, PollFlags::IN)], None).unwrap();
}

//! Alice's device, her space, and a relay that is the test.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt;
use sealpost_protocol::keys::PublicKey;
use tempfile::TempDir;

use super::log::{TestLog, checkpoint_key};
use super::relay::Script;
use super::{Device, person};
use crate::space::{Messages, Space};

pub(crate) const ALICE: u8 = 1;
pub(crate) const BOB: u8 = 2;

/// Alice's device with a home of its own, and her space as the relay has it.
pub(crate) struct Stage {
    pub(crate) home: TempDir,
    pub(crate) device: Device,
    pub(crate) log: TestLog,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let device = Device::open(&home.path().join("alice"), person(ALICE)).await;
        let log = TestLog::new(&person(ALICE), true);
        Self { home, device, log }
    }

    /// The same with heartbeats, at a device that knows the key of the relay's checkpoints.
    pub(crate) async fn beating(every: Duration) -> Self {
        let mut stage = Self::new().await;
        stage.device = Device::open_beating(&stage.alices_home(), person(ALICE), every).await;
        let shared = &stage.device.shared;
        let (origin, key) = (shared.config.relay.origin(), PublicKey::of(&checkpoint_key()));
        let pin = shared
            .store
            .write(move |store| store.pin_checkpoint_key(&origin, key.as_bytes()));
        pin.await.unwrap();
        stage
    }

    pub(crate) fn alices_home(&self) -> PathBuf {
        self.home.path().join("alice")
    }

    /// Opens the space; the relay's side of the connection comes with it.
    pub(crate) async fn open(&mut self) -> (Space, Script) {
        let space = self.device.space(self.log.space_id()).await;
        let script = self.connected(self.log.clone()).await;
        (space, script)
    }

    /// The relay's side of the next connection, with this log behind it.
    pub(crate) async fn connected(&mut self, log: TestLog) -> Script {
        let relay = self.device.arrivals.authenticated().await;
        Script::new(relay, log, person(ALICE).id())
    }

    /// The same home, as the process that starts after a crash sees it.
    pub(crate) async fn restart(&mut self) {
        self.device = Device::open(&self.alices_home(), person(ALICE)).await;
    }
}

/// The next `count` messages as text.
pub(crate) async fn texts(messages: &mut Messages, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..count {
        let message = messages.next().await.unwrap().unwrap();
        texts.push(String::from_utf8(message.body.to_vec()).unwrap());
    }
    texts
}

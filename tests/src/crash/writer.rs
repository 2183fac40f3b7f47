//! One who writes numbered messages by `sealpost send`, is killed now and then, and goes on.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use tokio::sync::{mpsc, watch};

use super::child::{Running, stand};
use crate::{
    command::Sealpost,
    ledger::{Ledger, Name},
};

/// Messages handed over and not acked.
const WINDOW: u64 = 4;

/// What all writers are told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Orders {
    /// How many messages each may write in all its lives.
    pub(super) granted: u64,
    /// Whether that was the last grant.
    pub(super) last: bool,
}

/// One who writes.
pub(super) struct Writer {
    pub(super) number: usize,
    pub(super) device: Arc<Sealpost>,
    pub(super) errors: PathBuf,
    pub(super) space: String,
    pub(super) ledger: Arc<Mutex<Ledger>>,
    pub(super) orders: watch::Receiver<Orders>,
    /// Counts the messages of which nothing more is to be expected: acked, or given up with a life.
    pub(super) settled: watch::Sender<u64>,
    pub(super) kills: mpsc::UnboundedReceiver<()>,
}

/// A writer from one start to its end.
struct Life {
    number: usize,
    /// Messages of earlier lives.
    fed_before: u64,
    fed: u64,
    acked: u64,
}

impl Writer {
    /// Writes what it is granted; an error if the command gave up.
    pub(super) async fn write(mut self) -> Result<(), String> {
        let mut life = Life {
            number: 0,
            fed_before: 0,
            fed: 0,
            acked: 0,
        };
        while self.live(&mut life).await? {
            self.settled
                .send_modify(|settled| *settled += life.fed - life.acked);
            life = Life {
                number: life.number + 1,
                fed_before: life.fed_before + life.fed,
                fed: 0,
                acked: 0,
            };
        }
        Ok(())
    }

    /// Whether it was killed; otherwise it has written everything.
    async fn live(&mut self, life: &mut Life) -> Result<bool, String> {
        let arguments = [
            "--json",
            "--patience",
            "600",
            "send",
            &self.space,
            "--one-per-event",
        ];
        let mut running = Running::spawn(self.device.command(arguments), &self.errors);
        loop {
            let done = self.feed(life, &mut running).await;
            tokio::select! {
                Some(()) = self.kills.recv() => {
                    running.kill_9().await;
                    while let Some(line) = running.next_line().await {
                        self.note_ack(life, &line);
                    }
                    return Ok(true);
                }
                line = running.next_line() => match line {
                    Some(line) => self.note_ack(life, &line),
                    None => return self.ended(life, running).await,
                },
                _ = self.orders.changed(), if !done => {}
            }
        }
    }

    /// Feeds what it may; whether that was all there ever is.
    async fn feed(&mut self, life: &mut Life, running: &mut Running) -> bool {
        let orders = *self.orders.borrow_and_update();
        while life.fed_before + life.fed < orders.granted && life.fed - life.acked < WINDOW {
            life.fed += 1;
            let name = self.name(life, life.fed);
            self.ledger.lock().unwrap().feed(name);
            running.feed(&name.to_string()).await;
        }
        let done = orders.last && life.fed_before + life.fed == orders.granted;
        if done {
            running.end_of_input();
        }
        done
    }

    fn note_ack(&self, life: &mut Life, line: &serde_json::Value) {
        life.acked += 1;
        let name = self.name(life, life.acked);
        self.ledger.lock().unwrap().ack(name, stand(line));
        self.settled.send_modify(|settled| *settled += 1);
    }

    async fn ended(&self, life: &Life, mut running: Running) -> Result<bool, String> {
        let well = running.ended_well().await;
        if well && life.acked == life.fed && self.orders.borrow().last {
            return Ok(false);
        }
        Err(format!(
            "writer {} gave up (see {})",
            self.number,
            self.errors.display()
        ))
    }

    fn name(&self, life: &Life, number: u64) -> Name {
        Name {
            writer: self.number,
            life: life.number,
            number,
        }
    }
}

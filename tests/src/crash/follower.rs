//! One who reads a space live by `sealpost tail --follow`, is killed now and then, and goes on behind the last message.

use std::{path::PathBuf, sync::Arc};

use tokio::sync::{mpsc, watch};

use super::child::{Running, stand};
use crate::{command::Sealpost, ledger::Stand};

/// One who reads.
pub(super) struct Follower {
    pub(super) device: Arc<Sealpost>,
    pub(super) errors: PathBuf,
    pub(super) space: String,
    /// Where the log ends, once that is known.
    pub(super) until: watch::Receiver<Option<u64>>,
    pub(super) kills: mpsc::UnboundedReceiver<()>,
}

impl Follower {
    /// Reads up to the end; gives everything it got, in order. An error if the command gave up.
    pub(super) async fn read(mut self) -> Result<Vec<(String, Stand)>, String> {
        let mut got = Vec::new();
        while self.live(&mut got).await? {}
        Ok(got)
    }

    /// Whether it was killed; otherwise it has read everything.
    async fn live(&mut self, got: &mut Vec<(String, Stand)>) -> Result<bool, String> {
        let mut arguments = ["--json", "--patience", "600", "tail", "--follow", &self.space]
            .map(str::to_owned)
            .to_vec();
        if let Some((_, last)) = got.last() {
            arguments.extend(["--after".to_owned(), format!("{}:{}", last.seq, last.index)]);
        }
        let mut running = Running::spawn(self.device.command(arguments), &self.errors);
        let mut killed = false;
        loop {
            let last = got.last().map_or(0, |(_, last)| last.seq);
            let until = *self.until.borrow_and_update();
            if until.is_some_and(|until| last >= until) {
                return Ok(false);
            }
            tokio::select! {
                Some(()) = self.kills.recv(), if !killed => {
                    running.kill_9().await;
                    killed = true;
                }
                line = running.next_line() => match line {
                    Some(line) => {
                        let text = line["text"].as_str().expect("messages are text").to_owned();
                        got.push((text, stand(&line)));
                    }
                    None if killed => return Ok(true),
                    None => return Err(format!("a reader gave up (see {})", self.errors.display())),
                },
                _ = self.until.changed(), if until.is_none() => {}
            }
        }
    }
}

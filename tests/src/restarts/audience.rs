//! Every client reads its space live, from the first message to the last.

use std::sync::Mutex;

use futures_util::StreamExt;
use sealpost_sdk::{Position, Space};
use tokio::{sync::watch, task::JoinSet, time::timeout};

use super::{
    STANDSTILL,
    crowd::{Crowd, text},
};
use crate::ledger::{Ledger, Stand};

/// What one client got, in its order, and in which space.
type Heard = (usize, Vec<(String, Stand)>);

/// All clients, reading.
pub(super) struct Listening {
    tasks: JoinSet<Result<Heard, String>>,
    /// By space, where its log ends, once that is known.
    ends: Vec<watch::Sender<Option<u64>>>,
}

impl Listening {
    pub(super) fn start(crowd: &Crowd) -> Self {
        let ends: Vec<_> = (0..crowd.spaces()).map(|_| watch::Sender::new(None)).collect();
        let mut tasks = JoinSet::new();
        for device in crowd.devices() {
            let listener = listen(device.space.clone(), device.place, ends[device.place].subscribe());
            tasks.spawn(listener);
        }
        Self { tasks, ends }
    }

    /// Everybody reads to the end; what they got must be what was acked. Gives how many messages that is in all.
    pub(super) async fn until(mut self, ledgers: &[Mutex<Ledger>]) -> Result<u64, String> {
        for (end, ledger) in self.ends.iter().zip(ledgers) {
            end.send_replace(Some(ledger.lock().unwrap().last_place()));
        }
        let mut heard = 0;
        while let Some(listener) = timeout(STANDSTILL, self.tasks.join_next())
            .await
            .map_err(|_| "a client does not get what was acked")?
        {
            let (place, delivered) = listener.map_err(|error| error.to_string())??;
            let sums = ledgers[place].lock().unwrap().audit(&delivered)?;
            if !sums.is_clean() {
                return Err(format!("a client read {sums}"));
            }
            heard += delivered.len() as u64;
        }
        Ok(heard)
    }
}

async fn listen(space: Space, place: usize, mut end: watch::Receiver<Option<u64>>) -> Result<Heard, String> {
    let (mut messages, mut delivered) = (space.subscribe(Position::START), Vec::new());
    let mut last = 0;
    loop {
        let until = *end.borrow_and_update();
        if until.is_some_and(|until| last >= until) {
            return Ok((place, delivered));
        }
        tokio::select! {
            message = messages.next() => {
                let message = message.ok_or("a stream of messages ended")?.map_err(text)?;
                last = message.seq;
                let stand = Stand {
                    seq: message.seq,
                    index: message.index.into(),
                    event_id: message.event_id.to_string(),
                };
                delivered.push((String::from_utf8_lossy(&message.body).into_owned(), stand));
            }
            _ = end.changed(), if until.is_none() => {}
        }
    }
}

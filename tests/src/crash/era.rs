//! Writers and readers at work in four new spaces, for a number of rounds: reading all from the start stays cheap.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use sealpost_sdk::protocol::{ids::SpaceId, root::Cursor};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::timeout,
};

use super::{
    audit::Auditor,
    crowd::{Crowd, SPACES, WRITERS},
    follower::Follower,
    plan::Fault,
    scene::Scene,
    writer::{Orders, Writer},
};
use crate::ledger::{Ledger, Stand, Sums};

/// How long everything together may stand still.
const STANDSTILL: Duration = Duration::from_secs(120);

type Reading = JoinHandle<Result<Vec<(String, Stand)>, String>>;

pub(super) struct Era {
    rooms: Vec<Room>,
    writing: JoinSet<Result<(), String>>,
    kills: Vec<mpsc::UnboundedSender<()>>,
    orders: watch::Sender<Orders>,
    settled: watch::Receiver<u64>,
    behind: u64,
}

/// One space.
struct Room {
    id: SpaceId,
    ledger: Arc<Mutex<Ledger>>,
    pinned: Option<Cursor>,
    until: watch::Sender<Option<u64>>,
    reading: Reading,
}

impl Era {
    pub(super) async fn begin(crowd: &Crowd, scene: &Scene) -> Self {
        let mut era = Self {
            rooms: Vec::new(),
            writing: JoinSet::new(),
            kills: Vec::new(),
            orders: watch::Sender::default(),
            settled: watch::channel(0).1,
            behind: 0,
        };
        for place in 0..SPACES {
            era.open_room(crowd, scene, place).await;
        }
        era.start_writers(crowd, scene);
        era
    }

    async fn open_room(&mut self, crowd: &Crowd, scene: &Scene, place: usize) {
        let id = crowd.new_space().await;
        let (until, end) = watch::channel(None);
        let follower = Follower {
            device: crowd.reading[place].clone(),
            errors: scene.folder.join(format!("reader-{place}.err")),
            space: id.to_string(),
            until: end,
            kills: self.new_kills(),
        };
        self.rooms.push(Room {
            id,
            ledger: Arc::default(),
            pinned: None,
            until,
            reading: tokio::spawn(follower.read()),
        });
    }

    fn start_writers(&mut self, crowd: &Crowd, scene: &Scene) {
        let (settled, watched) = watch::channel(0);
        self.settled = watched;
        for number in 0..WRITERS {
            // Two devices of each person to a space.
            let room = &self.rooms[number / 4 % SPACES];
            let (space, ledger) = (room.id.to_string(), room.ledger.clone());
            let writer = Writer {
                number,
                device: crowd.writing[number].clone(),
                errors: scene.folder.join(format!("writer-{number}.err")),
                space,
                ledger,
                orders: self.orders.subscribe(),
                settled: settled.clone(),
                kills: self.new_kills(),
            };
            self.writing.spawn(writer.write());
        }
    }

    fn new_kills(&mut self) -> mpsc::UnboundedReceiver<()> {
        let (kill, kills) = mpsc::unbounded_channel();
        self.kills.push(kill);
        kills
    }

    /// Lets each writer write so many more.
    pub(super) fn grant(&self, messages: u64) {
        self.orders.send_modify(|orders| orders.granted += messages);
    }

    /// What all writers were granted.
    pub(super) fn granted(&self) -> u64 {
        self.orders.borrow().granted * WRITERS as u64
    }

    /// Kills the clients that the fault strikes; returns how many.
    pub(super) fn kill_clients(&self, fault: &Fault) -> usize {
        let clients = self.kills.iter().enumerate();
        let struck = clients.filter(|(number, _)| fault.strikes(*number, self.kills.len()));
        // A writer that gave up is told of elsewhere.
        struck.filter(|(_, kill)| kill.send(()).is_ok()).count()
    }

    /// Waits until so many messages are settled.
    pub(super) async fn until_settled(&mut self, count: u64) -> Result<(), String> {
        let mut settled = self.settled.clone();
        let waiting = async {
            tokio::select! {
                _ = settled.wait_for(|settled| *settled >= count) => Ok(()),
                Some(ended) = self.writing.join_next() => ended.unwrap().and(Err("a writer ended early".into())),
            }
        };
        match timeout(STANDSTILL, waiting).await {
            Ok(result) => result,
            Err(_) => Err(format!(
                "everything stands still: {} of {count} messages settled",
                *self.settled.borrow()
            )),
        }
    }

    /// Holds all ledgers, as they are now, against what a new device reads.
    pub(super) async fn audit(&mut self, auditor: &Auditor) -> Result<Sums, String> {
        let mut sums = Sums::default();
        self.behind = 0;
        for room in &mut self.rooms {
            let found = auditor.audit(room.id, &room.ledger, room.pinned).await?;
            room.pinned = Some(found.cursor);
            sums += found.sums;
            self.behind += u64::from(found.behind);
        }
        Ok(sums)
    }

    /// Of the spaces of the last audit, those of which a relay was behind another.
    pub(super) fn behind(&self) -> u64 {
        self.behind
    }

    /// Lets everybody finish, then audits all once more, and what the readers got live.
    pub(super) async fn end(mut self, auditor: &Auditor) -> Result<Sums, String> {
        self.orders.send_modify(|orders| orders.last = true);
        let finishing = async {
            while let Some(ended) = self.writing.join_next().await {
                ended.unwrap()?;
            }
            Ok(())
        };
        let finished: Result<(), String> = timeout(STANDSTILL, finishing)
            .await
            .unwrap_or_else(|_| Err("writers do not come to an end".into()));
        finished?;
        let mut sums = Sums::default();
        for room in self.rooms {
            sums += room.end(auditor).await?;
        }
        Ok(sums)
    }
}

impl Room {
    async fn end(self, auditor: &Auditor) -> Result<Sums, String> {
        let found = auditor.audit(self.id, &self.ledger, self.pinned).await?;
        let last = found.delivered.last().map_or(0, |(_, stand)| stand.seq);
        self.until.send_replace(Some(last));
        let read = timeout(STANDSTILL, self.reading).await;
        let read = read.map_err(|_| "a reader does not come to the end")?;
        if read.unwrap()? != found.delivered {
            return Err(format!(
                "a reader of space {} got something else live than is there",
                self.id
            ));
        }
        Ok(found.sums)
    }
}

//! What each client does all the time: it writes, asks over HTTP, and is watched losing and finding its connection.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;
use sealpost_sdk::{Client, ConnectionState, Message, Sent, Space};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use super::{
    STANDSTILL,
    crowd::{Crowd, Device, text},
    report::{Row, Seen},
};
use crate::ledger::{Ledger, Name, Stand};

/// Time between two messages of one client.
const PACE: Duration = Duration::from_millis(500);
/// Time between two of its requests over HTTP.
const ASKS: Duration = Duration::from_secs(2);

type Task = Result<(), String>;

/// All clients at work.
pub(super) struct Members {
    tasks: JoinSet<Task>,
    /// They run as long as somebody looks at them.
    _watching: JoinSet<()>,
    stop: watch::Sender<bool>,
    acked: Vec<watch::Receiver<u64>>,
    ledgers: Vec<Arc<Mutex<Ledger>>>,
    seen: Arc<Mutex<Seen>>,
}

impl Members {
    pub(super) fn start(crowd: &Crowd) -> Self {
        let mut members = Self {
            tasks: JoinSet::new(),
            _watching: JoinSet::new(),
            stop: watch::Sender::new(false),
            acked: Vec::new(),
            ledgers: (0..crowd.spaces()).map(|_| Arc::default()).collect(),
            seen: Arc::default(),
        };
        for (number, device) in crowd.devices().iter().enumerate() {
            members.add(number, device);
        }
        members
    }

    fn add(&mut self, number: usize, device: &Device) {
        let (acked, watched) = watch::channel(0);
        self.acked.push(watched);
        let writer = Writer {
            number,
            space: device.space.clone(),
            ledger: self.ledgers[device.place].clone(),
            acked,
            seen: self.seen.clone(),
            stop: self.stop.subscribe(),
        };
        self.tasks.spawn(writer.write());
        self.tasks.spawn(ask(
            device.client.clone(),
            self.seen.clone(),
            self.stop.subscribe(),
        ));
        let states = device.client.connection().expect("it is logged in");
        self._watching.spawn(watch_connection(states, self.seen.clone()));
    }

    /// From now on, for the next row.
    pub(super) fn begin_row(&mut self) {
        *self.seen.lock().unwrap() = Seen::default();
    }

    /// What was seen since.
    pub(super) fn row(&mut self, name: &str, command: Duration) -> Row {
        Row {
            name: name.to_owned(),
            command,
            seen: std::mem::take(&mut *self.seen.lock().unwrap()),
        }
    }

    /// Until each client was acked so many more.
    pub(super) async fn until_acked(&mut self, messages: u64) -> Task {
        let all = join_all(self.acked.iter_mut().map(|acked| {
            let wanted = *acked.borrow_and_update() + messages;
            async move { acked.wait_for(|acked| *acked >= wanted).await.map(drop) }
        }));
        tokio::select! {
            all = timeout(STANDSTILL, all) => match all {
                Ok(_) => Ok(()),
                Err(_) => Err("somebody waits for an ack without an end".into()),
            },
            Some(ended) = self.tasks.join_next() => Err(why(ended)),
        }
    }

    /// Nobody begins another message; what is on its way is acked. Gives the ledgers by space.
    pub(super) async fn stop(mut self) -> Result<Vec<Mutex<Ledger>>, String> {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            ended.map_err(|error| error.to_string())??;
        }
        let ledgers = self.ledgers.iter();
        Ok(ledgers
            .map(|ledger| Mutex::new(ledger.lock().unwrap().clone()))
            .collect())
    }
}

fn why(ended: Result<Task, tokio::task::JoinError>) -> String {
    match ended {
        Ok(Err(what)) => what,
        Ok(Ok(())) => "somebody stopped unasked".into(),
        Err(error) => error.to_string(),
    }
}

struct Writer {
    number: usize,
    space: Space,
    ledger: Arc<Mutex<Ledger>>,
    acked: watch::Sender<u64>,
    seen: Arc<Mutex<Seen>>,
    stop: watch::Receiver<bool>,
}

impl Writer {
    async fn write(mut self) -> Task {
        let mut pace = paced(PACE);
        for number in 1.. {
            if stopped(&mut self.stop, &mut pace).await {
                break;
            }
            let name = Name {
                writer: self.number,
                life: 0,
                number,
            };
            self.ledger.lock().unwrap().feed(name);
            let begun = Instant::now();
            let sent = self
                .space
                .send(Message::text(name.to_string()))
                .await
                .map_err(text)?;
            self.ledger.lock().unwrap().ack(name, stand(&sent));
            self.seen.lock().unwrap().acks.push(begun.elapsed());
            self.acked.send_modify(|acked| *acked += 1);
        }
        Ok(())
    }
}

fn stand(sent: &Sent) -> Stand {
    Stand {
        seq: sent.seq,
        index: sent.index.into(),
        event_id: sent.event_id.to_string(),
    }
}

/// Asks for what the database knows. A relay that says to come back later is no error of the SDK's, and counted.
async fn ask(client: Client, seen: Arc<Mutex<Seen>>, mut stop: watch::Receiver<bool>) -> Task {
    let mut pace = paced(ASKS);
    while !stopped(&mut stop, &mut pace).await {
        let answer = client.devices().await;
        let mut seen = seen.lock().unwrap();
        seen.asked += 1;
        match answer {
            Ok(_) => {}
            Err(error) if error.is_transient() => seen.put_off += 1,
            Err(error) => return Err(text(error)),
        }
    }
    Ok(())
}

/// Notes how long the connection was away, each time.
async fn watch_connection(mut states: watch::Receiver<ConnectionState>, seen: Arc<Mutex<Seen>>) {
    let mut gone: Option<Instant> = None;
    loop {
        let connected = matches!(*states.borrow_and_update(), ConnectionState::Connected { .. });
        match (connected, gone) {
            (false, None) => gone = Some(Instant::now()),
            (true, Some(since)) => {
                seen.lock().unwrap().reconnects.push(since.elapsed());
                gone = None;
            }
            _ => {}
        }
        if states.changed().await.is_err() {
            return;
        }
    }
}

fn paced(every: Duration) -> tokio::time::Interval {
    let mut pace = interval(every);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

async fn stopped(stop: &mut watch::Receiver<bool>, pace: &mut tokio::time::Interval) -> bool {
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => true,
        _ = pace.tick() => false,
    }
}

//! Durable appends, signed ahead: the relay, a bare prototype, inserts of the same rows, and brokers.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use sealpost_protocol::keys::PublicKey;
use tokio_tungstenite::tungstenite::Message;

use super::turns::{Entrant, Runs, turns};
use crate::{
    broker::{BrokerProcess, Brokers, Installed},
    limit::{Inserts, Primitives, batched_inserts},
    load::{BrokerLoad, Writer, ahead, append, append_to_broker, publish},
    peer::{Peer, PeerProcess},
    plan::Plan,
    progress,
    report::{Ratio, Row, Run},
    stage::{Desk, Person, Stage, Traffic, WebSocket, World, open_web_socket},
};

/// What the writers send.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    spaces: usize,
    messages_per_event: usize,
    window: usize,
}

impl Shape {
    /// One message per event, 16 events in flight.
    #[must_use]
    pub fn one_each(spaces: usize) -> Self {
        Self {
            spaces,
            messages_per_event: 1,
            window: 16,
        }
    }

    /// Eight messages per event, two events in flight: as many messages.
    #[must_use]
    pub fn packed(spaces: usize) -> Self {
        Self {
            spaces,
            messages_per_event: 8,
            window: 2,
        }
    }
}

/// Runs the row.
pub async fn run(world: &mut World, name: String, shape: Shape) -> Result<Row> {
    let plan = world.plan.clone();
    let spaces = plan.spaces(shape.spaces);
    let traffic = world.traffic(spaces, shape.messages_per_event).await?;
    // A new prototype counts from the first place again, which one before it may have taken.
    world.stage.limits().empty().await?;
    let prototype = PeerProcess::start(Peer::Prototype, Some(world.stage.limits().url())).await?;
    let mut contest = Contest {
        shape: Shape { spaces, ..shape },
        stage: &world.stage,
        brokers: &world.brokers,
        plan: &plan,
        traffic,
        prototype,
        rounds: Vec::new(),
    };
    for round in 0..plan.rounds {
        progress(&format!("{name}: round {} of {}", round + 1, plan.rounds));
        contest.round(round).await?;
    }
    contest.row(name)
}

struct Contest<'a> {
    shape: Shape,
    stage: &'a Stage,
    brokers: &'a Brokers,
    plan: &'a Plan,
    traffic: Traffic,
    prototype: PeerProcess,
    rounds: Vec<Round>,
}

/// One run of each, in the same minute.
struct Round {
    runs: Runs,
    check_us: f64,
}

impl<'a> Contest<'a> {
    fn entrants(&self) -> Vec<Entrant<'a>> {
        let ours = ["relay", "prototype"].map(|name| Entrant::of(name, "ack"));
        let brokers = self.brokers.installed.iter();
        ours.into_iter()
            .chain([Entrant::of("inserts", "commit")])
            .chain(brokers.map(|broker| Entrant::broker(broker, "ack")))
            .collect()
    }

    async fn round(&mut self, number: usize) -> Result<()> {
        let signed = ahead(self.plan.times, self.plan.writers);
        self.traffic.top_up(signed).await?;
        let time = self.plan.times.counted / 20;
        let primitives = tokio::task::spawn_blocking(move || Primitives::measure(time)).await??;
        let mut runs = Runs::new();
        for entrant in turns(self.entrants(), number) {
            self.stage.limits().checkpoint().await?;
            let run = match (entrant.broker, entrant.name) {
                (Some(broker), _) => self.broker(broker).await?,
                (None, "relay") => self.relay().await?,
                (None, "prototype") => self.prototype().await?,
                (None, _) => self.inserts().await?,
            };
            runs.insert(entrant.name, run);
        }
        self.rounds.push(Round {
            runs,
            check_us: primitives.check_us,
        });
        Ok(())
    }

    async fn relay(&mut self) -> Result<Run> {
        let calls = self.stage.kms_calls().await?;
        let (window, messages) = (self.shape.window, self.shape.messages_per_event as u64);
        let (address, actors) = (self.stage.address(), self.stage.everybody());
        let measured = publish(
            address,
            self.traffic.desks(),
            window,
            messages,
            self.plan.times,
            &actors,
        )
        .await?;
        let calls = self.stage.kms_calls().await? - calls;
        Ok(Run::from(measured).with_kms_calls(calls))
    }

    async fn prototype(&mut self) -> Result<Run> {
        let mut writers = Vec::new();
        for desk in self.traffic.desks() {
            let socket = introduce(self.prototype.address(), desk.person()).await?;
            writers.push(self.shape.writer(socket, desk));
        }
        let actors = [self.prototype.actor()?, self.stage.postgres(), Stage::load()];
        let (measured, _) = append(writers, self.plan.times, &actors).await?;
        Ok(measured.into())
    }

    async fn inserts(&self) -> Result<Run> {
        let rows = Inserts {
            spaces: self.shape.spaces,
            sealed: self.traffic.sealed_length(),
            messages_per_row: self.shape.messages_per_event as u64,
        };
        let actors = [self.stage.postgres(), Stage::load()];
        let measured = batched_inserts(self.stage.limits(), rows, self.plan.times, &actors).await?;
        Ok(measured.into())
    }

    /// As many messages in flight as the relay has, one by one.
    async fn broker(&self, installed: &Installed) -> Result<Run> {
        let broker = BrokerProcess::start(installed).await?;
        let load = BrokerLoad {
            writers: self.plan.writers,
            streams: self.shape.spaces,
            window: self.shape.window * self.shape.messages_per_event,
        };
        let actors = [broker.actor(), Stage::load()];
        let measured = append_to_broker(&broker, load, self.plan.times, &actors).await?;
        Ok(measured.into())
    }

    fn row(self, name: String) -> Result<Row> {
        let cores = std::thread::available_parallelism()?.get();
        let entrants = self.entrants();
        let runs = |name| self.rounds.iter().map(move |round| &round.runs[name]);
        Ok(Row {
            title: self.title(),
            unit: "messages/s",
            cpu_per: "message",
            contestants: entrants
                .iter()
                .map(|entrant| entrant.contestant(runs(entrant.name), cores))
                .collect(),
            skipped: self.brokers.skipped.clone(),
            ratios: self.ratios(),
            name,
        })
    }

    fn title(&self) -> String {
        let Shape {
            spaces,
            messages_per_event,
            window,
        } = self.shape;
        format!(
            "durable appends, {} writers, {spaces} space(s), {messages_per_event} message(s) of 1 KiB per event, {window} \
             events in flight, signed ahead",
            self.plan.writers
        )
    }

    fn ratios(&self) -> Vec<Ratio> {
        let paired =
            |of: String, pair: &dyn Fn(&Round) -> (f64, f64)| Ratio::paired(of, self.rounds.iter().map(pair));
        let rates = |other: &'static str| {
            paired(format!("relay / {other}, messages per second"), &|round| {
                (round.runs["relay"].rate(), round.runs[other].rate())
            })
        };
        let p99s = |other: &'static str| {
            paired(format!("relay's p99 / {other}'s p99, acks"), &|round| {
                (round.runs["relay"].p99_ms(), round.runs[other].p99_ms())
            })
        };
        let events = self.shape.messages_per_event as f64;
        let checks = "relay's CPU per event / one strict check".to_owned();
        let checks = paired(checks, &|round| {
            (round.runs["relay"].cpu_us("relay") * events, round.check_us)
        });
        let brokers = self.brokers.installed.iter().map(Installed::name);
        [rates("prototype"), rates("inserts"), checks]
            .into_iter()
            .chain(brokers.flat_map(|broker| [rates(broker), p99s(broker)]))
            .collect()
    }
}

impl Shape {
    /// One that sends a copy to a peer which keeps no chains.
    fn writer(&self, socket: WebSocket, desk: &Desk) -> Writer {
        Writer {
            socket,
            first_request: 1,
            supply: desk.copy(),
            window: self.window,
            messages_per_event: self.messages_per_event as u64,
        }
    }
}

/// Tells the prototype whose signatures come.
async fn introduce(address: SocketAddr, person: &Person) -> Result<WebSocket> {
    let mut socket = open_web_socket(address).await?;
    let key = PublicKey::of(&person.key).as_bytes().to_vec();
    socket.send(Message::Binary(key.into())).await?;
    socket.next().await.context("the prototype is gone")??;
    Ok(socket)
}

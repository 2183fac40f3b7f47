//! Durable appends, signed ahead: the relay, a bare prototype, and inserts of the same rows.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use sealpost_protocol::keys::PublicKey;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    limit::{Inserts, Primitives, batched_inserts},
    load::{Writer, append, publish},
    peer::{Peer, PeerProcess},
    plan::Plan,
    progress,
    report::{Contestant, Ratio, Row, Run},
    stage::{Desk, Person, Stage, Traffic, WebSocket, World, open_web_socket},
};

/// How many events a core can check in a second, at most: so many are signed ahead for each second of a run.
const CHECKED_BY_A_CORE: usize = 22_000;

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
    plan: &'a Plan,
    traffic: Traffic,
    prototype: PeerProcess,
    rounds: Vec<Round>,
}

/// One run of each, in the same minute.
struct Round {
    relay: Run,
    prototype: Run,
    inserts: Run,
    check_us: f64,
}

impl Contest<'_> {
    /// Who begins changes from round to round.
    async fn round(&mut self, number: usize) -> Result<()> {
        let writers = self.plan.writers;
        self.traffic.top_up(ahead(self.plan, writers)).await?;
        let time = self.plan.times.counted / 20;
        let primitives = tokio::task::spawn_blocking(move || Primitives::measure(time)).await??;
        let (mut relay, mut prototype, mut inserts) = (None, None, None);
        for turn in 0..3 {
            self.stage.limits().checkpoint().await?;
            match (turn + number) % 3 {
                0 => relay = Some(self.relay().await?),
                1 => prototype = Some(self.prototype().await?),
                _ => inserts = Some(self.inserts().await?),
            }
        }
        const EACH: &str = "three turns are one of each";
        self.rounds.push(Round {
            relay: relay.context(EACH)?,
            prototype: prototype.context(EACH)?,
            inserts: inserts.context(EACH)?,
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
            &mut self.traffic,
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

    fn row(self, name: String) -> Result<Row> {
        let cores = std::thread::available_parallelism()?.get();
        let runs = |of: fn(&Round) -> &Run| self.rounds.iter().map(of).cloned().collect::<Vec<_>>();
        let contestant = |name, latency_of, of| Contestant::of(name, latency_of, &runs(of), cores);
        Ok(Row {
            title: self.title(),
            unit: "messages/s",
            cpu_per: "message",
            contestants: vec![
                contestant("relay", "ack", |round| &round.relay),
                contestant("prototype", "ack", |round| &round.prototype),
                contestant("inserts", "commit", |round| &round.inserts),
            ],
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
            |of: &str, pair: &dyn Fn(&Round) -> (f64, f64)| Ratio::paired(of, self.rounds.iter().map(pair));
        let events = self.shape.messages_per_event as f64;
        vec![
            paired("relay / prototype, messages per second", &|round| {
                (round.relay.rate(), round.prototype.rate())
            }),
            paired("relay / inserts, messages per second", &|round| {
                (round.relay.rate(), round.inserts.rate())
            }),
            paired("relay's CPU per event / one strict check", &|round| {
                (round.relay.cpu_us("relay") * events, round.check_us)
            }),
        ]
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

/// Events that each writer has signed before a run.
fn ahead(plan: &Plan, writers: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let events = plan.run().as_secs_f64() * (cores * CHECKED_BY_A_CORE) as f64;
    (events / writers as f64).ceil() as usize
}

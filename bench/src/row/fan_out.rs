//! One writer, 200 readers: the relay, a bare broadcast, and at a pace a bare commit.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};

use crate::{
    limit::single_commits,
    load::{Audience, Medium, Pace, fan_out},
    measure::Percentiles,
    peer::{Peer, PeerProcess, Role},
    plan::Plan,
    progress,
    report::{Contestant, Ratio, Row, Run},
    stage::{Person, Room, Socket, Stage, Supply, Traffic, WebSocket, World, open_reader, open_web_socket},
};

/// Sockets that are opened at once.
const AT_ONCE: usize = 16;
/// Events in a second that a saturated writer has signed ahead: ten times what was ever delivered to 200 readers.
const SIGNED_PER_SECOND: f64 = 20_000.0;

/// Runs the row.
pub async fn run(world: &mut World, name: String, pace: Pace) -> Result<Row> {
    let plan = world.plan.clone();
    let writer = Arc::clone(world.writers().await?.first().context("there is a writer")?);
    let reader = world.reader(&name).await?;
    let mut hall = Hall {
        stage: &world.stage,
        plan: &plan,
        pace,
        writer,
        reader,
        broadcast: PeerProcess::start(Peer::Broadcast, None).await?,
        sealed: 0,
        rounds: Vec::new(),
    };
    for round in 0..plan.rounds {
        progress(&format!("{name}: round {} of {}", round + 1, plan.rounds));
        hall.round(round).await?;
    }
    hall.row(name)
}

struct Hall<'a> {
    stage: &'a Stage,
    plan: &'a Plan,
    pace: Pace,
    writer: Arc<Person>,
    reader: Person,
    broadcast: PeerProcess,
    /// Bytes of a row.
    sealed: usize,
    rounds: Vec<Round>,
}

/// One run of each. Commits are measured at a pace only.
struct Round {
    relay: Run,
    broadcast: Run,
    commits: Option<Run>,
}

impl Hall<'_> {
    async fn round(&mut self, number: usize) -> Result<()> {
        let mut socket = Socket::open(self.stage.address(), &self.writer).await?;
        let room = Room::make(&mut socket, &self.writer, &[&self.reader]).await;
        let mut traffic = Traffic::new(&[Arc::clone(&self.writer)], std::slice::from_ref(&room), 1);
        traffic.top_up(self.ahead()).await?;
        self.sealed = traffic.sealed_length();
        let copy = traffic.desks()[0].copy();
        self.stage.limits().checkpoint().await?;
        let (relay, broadcast) = if number.is_multiple_of(2) {
            let relay = self.relay(&room, &mut traffic).await?;
            (relay, self.broadcast(copy).await?)
        } else {
            let broadcast = self.broadcast(copy).await?;
            (self.relay(&room, &mut traffic).await?, broadcast)
        };
        let commits = match self.pace {
            Pace::Saturated => None,
            Pace::PerSecond(rate) => Some(self.commits(rate).await?),
        };
        self.rounds.push(Round {
            relay,
            broadcast,
            commits,
        });
        Ok(())
    }

    fn ahead(&self) -> usize {
        let per_second = match self.pace {
            Pace::Saturated => SIGNED_PER_SECOND,
            // Twice, because it catches up with ticks that it missed.
            Pace::PerSecond(rate) => 2.0 * f64::from(rate),
        };
        (per_second * self.plan.run().as_secs_f64()) as usize
    }

    async fn relay(&self, room: &Room, traffic: &mut Traffic) -> Result<Run> {
        let readers = stream::iter(0..self.plan.readers)
            .map(|_| open_reader(self.stage.address(), &self.reader, room))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let desk = &mut traffic.desks()[0];
        let writer = Socket::open(self.stage.address(), desk.person()).await?;
        let audience = Audience {
            medium: Medium::Relay {
                first_request: writer.next_request(),
                first_seq: room.cursor.seq + 1,
            },
            writer: writer.stream,
            readers,
            supply: desk.take(),
        };
        let calls = self.stage.kms_calls().await?;
        let (measured, _) = fan_out(audience, self.pace, self.plan.times, &self.stage.everybody()).await?;
        let calls = self.stage.kms_calls().await? - calls;
        Ok(Run::from(measured).with_kms_calls(calls))
    }

    async fn broadcast(&self, supply: Supply) -> Result<Run> {
        let address = self.broadcast.address();
        let readers = stream::iter(0..self.plan.readers)
            .map(|_| introduce(address, Role::Reader))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let audience = Audience {
            writer: introduce(address, Role::Writer).await?,
            readers,
            supply,
            medium: Medium::Broadcast,
        };
        let actors = [self.broadcast.actor()?, Stage::load()];
        let (measured, _) = fan_out(audience, self.pace, self.plan.times, &actors).await?;
        Ok(measured.into())
    }

    async fn commits(&self, rate: u32) -> Result<Run> {
        let actors = [self.stage.postgres(), Stage::load()];
        let measured =
            single_commits(self.stage.limits(), self.sealed, rate, self.plan.times, &actors).await?;
        Ok(measured.into())
    }

    fn row(self, name: String) -> Result<Row> {
        let cores = std::thread::available_parallelism()?.get();
        let contestant = |name, latency_of, runs: Vec<Run>| Contestant::of(name, latency_of, &runs, cores);
        let runs = |of: fn(&Round) -> &Run| self.rounds.iter().map(of).cloned().collect();
        let mut contestants = vec![
            contestant("relay", "delivery", runs(|round| &round.relay)),
            contestant("broadcast", "delivery", runs(|round| &round.broadcast)),
        ];
        let commits: Vec<Run> = self
            .rounds
            .iter()
            .filter_map(|round| round.commits.clone())
            .collect();
        if !commits.is_empty() {
            contestants.push(contestant("commits", "commit", commits));
        }
        let pace = match self.pace {
            Pace::Saturated => "as fast as 16 events in flight go".to_owned(),
            Pace::PerSecond(rate) => format!("{rate} events a second"),
        };
        Ok(Row {
            name,
            title: format!(
                "fan-out, {} readers, one writer, 1 KiB, {pace}",
                self.plan.readers
            ),
            unit: "deliveries/s",
            cpu_per: "delivery",
            contestants,
            ratios: self.ratios(),
        })
    }

    fn ratios(&self) -> Vec<Ratio> {
        let paired =
            |of: &str, pair: &dyn Fn(&Round) -> (f64, f64)| Ratio::paired(of, self.rounds.iter().map(pair));
        let cpu = |round: &Round| (round.relay.cpu_us("relay"), round.broadcast.cpu_us("broadcast"));
        let mut ratios = vec![
            paired("relay / broadcast, deliveries per second", &|round| {
                (round.relay.rate(), round.broadcast.rate())
            }),
            paired("relay / broadcast, CPU per delivery", &cpu),
        ];
        if self.pace != Pace::Saturated {
            let of = "relay's p99 / (broadcast's p99 + a commit's p99)";
            ratios.push(paired(of, &|round| {
                let commit = round.commits.as_ref().map_or(0.0, p99);
                (p99(&round.relay), p99(&round.broadcast) + commit)
            }));
        }
        ratios
    }
}

fn p99(run: &Run) -> f64 {
    let percentiles: Option<Percentiles> = run.measured.latencies.percentiles();
    percentiles.map_or(0.0, |percentiles| percentiles.p99_ms)
}

async fn introduce(address: SocketAddr, role: Role) -> Result<WebSocket> {
    let mut socket = open_web_socket(address).await?;
    socket.send(role.message()).await?;
    if role == Role::Reader {
        socket.next().await.context("the broadcast is gone")??;
    }
    Ok(socket)
}

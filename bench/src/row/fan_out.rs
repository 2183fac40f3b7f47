//! One writer, 200 readers: the relay, a bare broadcast, brokers, and at a pace a bare commit.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};

use super::turns::{Entrant, Runs, turns};
use crate::{
    broker::{BrokerProcess, Brokers, Installed},
    limit::single_commits,
    load::{Medium, Pace, fan_out, fan_out_by_broker, web_socket_audience},
    peer::{Peer, PeerProcess, Role},
    plan::Plan,
    progress,
    report::{Ratio, Row, Run},
    stage::{Person, Room, Socket, Stage, Supply, Traffic, WebSocket, World, open_reader, open_web_socket},
};

/// Sockets that are opened at once.
const AT_ONCE: usize = 16;
/// Events in a second that a saturated writer has signed ahead: ten times what was ever delivered to 200 readers.
const SIGNED_PER_SECOND: f64 = 20_000.0;

/// Measured at a pace only, behind the others.
const COMMITS: &str = "commits";

/// Runs the row.
pub async fn run(world: &mut World, name: String, pace: Pace) -> Result<Row> {
    let plan = world.plan.clone();
    let writer = Arc::clone(world.writers().await?.first().context("there is a writer")?);
    let reader = world.reader(&name).await?;
    let mut hall = Hall {
        stage: &world.stage,
        brokers: &world.brokers,
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
    brokers: &'a Brokers,
    plan: &'a Plan,
    pace: Pace,
    writer: Arc<Person>,
    reader: Person,
    broadcast: PeerProcess,
    /// Bytes of a row.
    sealed: usize,
    /// One run of each.
    rounds: Vec<Runs>,
}

impl<'a> Hall<'a> {
    /// Who takes turns.
    fn entrants(&self) -> Vec<Entrant<'a>> {
        let ours = ["relay", "broadcast"].map(|name| Entrant::of(name, "delivery"));
        let brokers = self.brokers.installed.iter();
        ours.into_iter()
            .chain(brokers.map(|broker| Entrant::broker(broker, "delivery")))
            .collect()
    }

    async fn round(&mut self, number: usize) -> Result<()> {
        let mut socket = Socket::open(self.stage.address(), &self.writer).await?;
        let room = Room::make(&mut socket, &self.writer, &[&self.reader]).await;
        let mut traffic = Traffic::new(&[Arc::clone(&self.writer)], std::slice::from_ref(&room), 1);
        traffic.top_up(self.ahead()).await?;
        self.sealed = traffic.sealed_length();
        let copy = traffic.desks()[0].copy();
        self.stage.limits().checkpoint().await?;
        let mut runs = Runs::new();
        for entrant in turns(self.entrants(), number) {
            let run = match (entrant.broker, entrant.name) {
                (Some(broker), _) => self.broker(broker).await?,
                (None, "relay") => self.relay(&room, &mut traffic).await?,
                (None, _) => self.broadcast(copy.clone()).await?,
            };
            runs.insert(entrant.name, run);
        }
        if let Pace::PerSecond(rate) = self.pace {
            runs.insert(COMMITS, self.commits(rate).await?);
        }
        self.rounds.push(runs);
        Ok(())
    }

    fn ahead(&self) -> usize {
        let per_second = match self.pace {
            Pace::Saturated => SIGNED_PER_SECOND,
            // Twice, because it catches up with ticks that it missed.
            Pace::PerSecond(rate) => 2.0 * f64::from(rate),
        };
        (per_second * self.plan.times.whole().as_secs_f64()) as usize
    }

    async fn relay(&self, room: &Room, traffic: &mut Traffic) -> Result<Run> {
        let readers = stream::iter(0..self.plan.readers)
            .map(|_| open_reader(self.stage.address(), &self.reader, room))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let desk = &mut traffic.desks()[0];
        let writer = Socket::open(self.stage.address(), desk.person()).await?;
        let medium = Medium::Relay {
            first_request: writer.next_request(),
            first_seq: room.cursor.seq + 1,
        };
        let audience = web_socket_audience(writer.stream, readers, desk.take(), medium);
        let calls = self.stage.kms_calls().await?;
        let measured = fan_out(audience, self.pace, self.plan.times, &self.stage.everybody()).await?;
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
        let writer = introduce(address, Role::Writer).await?;
        let audience = web_socket_audience(writer, readers, supply, Medium::Broadcast);
        let actors = [self.broadcast.actor()?, Stage::load()];
        let measured = fan_out(audience, self.pace, self.plan.times, &actors).await?;
        Ok(measured.into())
    }

    async fn broker(&self, installed: &Installed) -> Result<Run> {
        let broker = BrokerProcess::start(installed).await?;
        let actors = [broker.actor(), Stage::load()];
        let size = (self.plan.readers, self.ahead());
        let measured = fan_out_by_broker(&broker, size, self.pace, self.plan.times, &actors).await?;
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
        let mut entrants = self.entrants();
        if self.pace != Pace::Saturated {
            entrants.push(Entrant::of(COMMITS, "commit"));
        }
        let runs = |name| self.rounds.iter().map(move |round| &round[name]);
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
            contestants: entrants
                .iter()
                .map(|entrant| entrant.contestant(runs(entrant.name), cores))
                .collect(),
            skipped: self.brokers.skipped.clone(),
            ratios: self.ratios(),
        })
    }

    fn ratios(&self) -> Vec<Ratio> {
        let paired =
            |of: String, pair: &dyn Fn(&Runs) -> (f64, f64)| Ratio::paired(of, self.rounds.iter().map(pair));
        let rates = |other: &'static str| {
            let of = format!("relay / {other}, deliveries per second");
            paired(of, &|runs| (runs["relay"].rate(), runs[other].rate()))
        };
        let cpu = "relay / broadcast, CPU per delivery".to_owned();
        let cpu = paired(cpu, &|runs| {
            let broadcast = runs["broadcast"].cpu_us("broadcast");
            (runs["relay"].cpu_us("relay"), broadcast)
        });
        let mut ratios = vec![rates("broadcast"), cpu];
        if self.pace != Pace::Saturated {
            let of = "relay's p99 / (broadcast's p99 + a commit's p99)".to_owned();
            ratios.push(paired(of, &|runs| {
                let limit = runs["broadcast"].p99_ms() + runs[COMMITS].p99_ms();
                (runs["relay"].p99_ms(), limit)
            }));
        }
        for broker in self.brokers.installed.iter().map(Installed::name) {
            let p99s = format!("relay's p99 / {broker}'s p99, deliveries");
            let cpu = format!("relay, Postgres and OpenBao / {broker}, CPU per delivery");
            ratios.extend([
                rates(broker),
                paired(cpu, &|runs| {
                    (runs["relay"].servers_cpu_us(), runs[broker].servers_cpu_us())
                }),
                paired(p99s, &|runs| (runs["relay"].p99_ms(), runs[broker].p99_ms())),
            ]);
        }
        ratios
    }
}

async fn introduce(address: SocketAddr, role: Role) -> Result<WebSocket> {
    let mut socket = open_web_socket(address).await?;
    socket.send(role.message()).await?;
    if role == Role::Reader {
        socket.next().await.context("the broadcast is gone")??;
    }
    Ok(socket)
}

//! Everything again: to a socket against a plain SELECT, and what the SDK makes of it.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use sealpost_protocol::wire;

use crate::{
    limit::{Primitives, select},
    load::{read_by_sdk, replay},
    plan::Plan,
    progress,
    report::{Contestant, Ratio, Row, Run},
    stage::{Person, Room, Socket, Stage, Traffic, World},
};

/// Events in one publish: as many as a frame holds with a good margin.
const PER_PUBLISH: usize = 100;

/// Runs the row of the relay.
pub async fn run(world: &mut World, name: String) -> Result<Row> {
    let plan = world.plan.clone();
    let writer = Arc::clone(world.writers().await?.first().context("there is a writer")?);
    progress(&format!("{name}: writing {} events", plan.replayed));
    let room = fill(&world.stage, &writer, plan.replayed).await?;
    let mut rounds = Vec::new();
    for round in 0..plan.rounds {
        progress(&format!("{name}: round {} of {}", round + 1, plan.rounds));
        rounds.push(both(&world.stage, &writer, &room, &plan).await?);
    }
    let (relay, select): (Vec<Run>, Vec<Run>) = rounds.into_iter().unzip();
    let pairs = || relay.iter().zip(&select);
    let cores = std::thread::available_parallelism()?.get();
    Ok(Row {
        name,
        title: format!("replay of {} events of 1 KiB to one socket", plan.replayed),
        unit: "events/s",
        cpu_per: "event",
        skipped: Vec::new(),
        ratios: vec![
            Ratio::paired(
                "relay / SELECT, events per second",
                pairs().map(|(relay, select)| (relay.rate(), select.rate())),
            ),
            Ratio::paired(
                "relay's CPU / Postgres' CPU of the SELECT, per event",
                pairs().map(|(relay, select)| (relay.cpu_us("relay"), select.cpu_us("postgres"))),
            ),
        ],
        contestants: vec![
            Contestant::of("relay", "page", &relay, cores),
            Contestant::of("select", "", &select, cores),
        ],
    })
}

async fn both(stage: &Stage, reader: &Person, room: &Room, plan: &Plan) -> Result<(Run, Run)> {
    let count = room.cursor.seq + plan.replayed as u64;
    let calls = stage.kms_calls().await?;
    let relay = Run::from(replay(stage, reader, &room.id, count).await?);
    let calls = stage.kms_calls().await? - calls;
    Ok((
        relay.with_kms_calls(calls),
        select(stage, &room.id, count).await?.into(),
    ))
}

/// A space with so many events.
async fn fill(stage: &Stage, writer: &Arc<Person>, count: usize) -> Result<Room> {
    let mut socket = Socket::open(stage.address(), writer).await?;
    let room = Room::make(&mut socket, writer, &[]).await;
    let mut traffic = Traffic::new(&[Arc::clone(writer)], std::slice::from_ref(&room), 1);
    traffic.top_up(count).await?;
    let desk = &mut traffic.desks()[0];
    let mut socket = Socket::open(stage.address(), desk.person()).await?;
    let mut entries: Vec<wire::Entry> = desk.take().into_iter().flat_map(|one| one.entries).collect();
    while !entries.is_empty() {
        let rest = entries.split_off(entries.len().min(PER_PUBLISH));
        let publish = wire::Publish {
            space_id: room.id.to_bytes(),
            entries,
        };
        let sent = publish.entries.len();
        if socket.publish(publish).await?.len() != sent {
            bail!("the relay acked another number of events than it was sent");
        }
        entries = rest;
    }
    Ok(room)
}

/// Runs the row of the SDK.
pub async fn run_by_sdk(world: &mut World, name: String) -> Result<Row> {
    let plan = world.plan.clone();
    let writers = world.sdk_writers().await?;
    let client = writers.clients().first().context("there is a client")?.clone();
    let mut runs = Vec::new();
    let mut needed = Vec::new();
    for round in 0..plan.rounds {
        progress(&format!("{name}: round {} of {}", round + 1, plan.rounds));
        let time = plan.times.counted / 20;
        let primitives = tokio::task::spawn_blocking(move || Primitives::measure(time)).await??;
        needed.push(primitives.check_us + primitives.open_us);
        let (relay, actors) = (world.stage.address(), world.stage.everybody());
        let measured = read_by_sdk(&client, relay, plan.replayed_by_sdk, &actors).await?;
        runs.push(Run::from(measured));
    }
    let pairs = runs
        .iter()
        .map(|run| run.cpu_us("load"))
        .zip(needed.iter().copied());
    let cores = std::thread::available_parallelism()?.get();
    Ok(Row {
        name,
        title: format!(
            "a new device reads {} events of 1 KiB by the SDK (`load` is the SDK: verified, stored, opened)",
            plan.replayed_by_sdk
        ),
        unit: "events/s",
        cpu_per: "event",
        skipped: Vec::new(),
        ratios: vec![Ratio::paired(
            "SDK's CPU per event / one strict check and one open",
            pairs,
        )],
        contestants: vec![Contestant::of("relay", "message", &runs, cores)],
    })
}

//! A relay that was stopped is started anew, and all its spaces are asked for at once.

use anyhow::Result;
use futures_util::future::try_join_all;
use sealpost_protocol::wire::client_frame::Body as Ask;
use tokio::time::Instant;

use crate::{
    load::{Asking, ask_at_once},
    measure::{CpuTimes, Measured, Window},
    progress,
    report::{Contestant, Ratio, Row, Run},
    stage::{Desk, Numbers, Socket, Traffic, World},
};

/// Runs the row.
pub async fn run(world: &mut World, name: String) -> Result<Row> {
    let plan = world.plan.clone();
    let mut traffic = world.traffic(plan.cold_spaces, 1).await?;
    let mut rounds = Vec::new();
    for round in 0..plan.rounds {
        progress(&format!("{name}: round {} of {}", round + 1, plan.rounds));
        rounds.push(start(world, &mut traffic, round).await?);
    }
    row(name, plan.cold_spaces, &rounds)
}

/// One start.
struct Round {
    run: Run,
    /// From the start of the process to its first connection.
    listens_s: f64,
    /// From the start of the process to the last space.
    all_s: f64,
    /// Keys that were opened for it.
    keys: f64,
    /// Batches in which they were.
    batches: f64,
}

async fn start(world: &mut World, traffic: &mut Traffic, round: usize) -> Result<Round> {
    let most = traffic.desks().iter().map(|desk| desk.rooms().count()).max();
    traffic.top_up(most.unwrap_or_default()).await?;
    world.stage.stop_relay().await;
    world.stage.limits().checkpoint().await?;
    let began = Instant::now();
    world.stage.start_relay().await;
    let listens = began.elapsed();
    let stage = &world.stage;
    let before = Numbers::of(stage.child()).await;
    let address = stage.address();
    let desks = traffic.desks().iter_mut().enumerate();
    let asking = desks.map(async |(number, desk)| {
        let socket = Socket::open(address, desk.person()).await?;
        anyhow::Ok(Asking {
            first_request: socket.next_request(),
            socket: socket.stream,
            requests: requests(desk, (number + round).is_multiple_of(2)),
        })
    });
    let asking = try_join_all(asking).await?;
    let done = asking.iter().map(|one| one.requests.len() as u64).sum();
    let (cpu, asked) = (CpuTimes::sample(&stage.everybody())?, Instant::now());
    let latencies = ask_at_once(asking, began).await?;
    let window = Window {
        done,
        elapsed: asked.elapsed(),
    };
    let all = began.elapsed();
    let cpu = CpuTimes::sample(&stage.everybody())?.since(&cpu);
    let after = Numbers::of(stage.child()).await;
    let counted = |name: &str| anyhow::Ok(after.get(name)? - before.get(name)?);
    let batches = counted("sealpost_kms_calls_total")?;
    let measured = Measured {
        window,
        cpu,
        latencies,
    };
    Ok(Round {
        run: Run::from(measured).with_kms_calls(batches as u64),
        listens_s: listens.as_secs_f64(),
        all_s: all.as_secs_f64(),
        keys: counted("sealpost_keys_cache_misses_total")?,
        batches,
    })
}

/// Half of the clients publish an event to each of their spaces, the others subscribe to theirs.
fn requests(desk: &mut Desk, publishes: bool) -> Vec<Ask> {
    if !publishes {
        return desk.rooms().map(|room| room.subscribe()).collect();
    }
    let count = desk.rooms().count();
    let mut supply = desk.take();
    let rest = supply.split_off(count.min(supply.len()));
    desk.put_back(rest);
    supply.into_iter().map(Ask::Publish).collect()
}

fn row(name: String, spaces: usize, rounds: &[Round]) -> Result<Row> {
    let cores = std::thread::available_parallelism()?.get();
    let runs: Vec<Run> = rounds.iter().map(|round| round.run.clone()).collect();
    let number = |of: &str, number: fn(&Round) -> f64| Ratio::number(of, rounds.iter().map(number));
    let ratio = |of: &str, pair: fn(&Round) -> (f64, f64)| Ratio::paired(of, rounds.iter().map(pair));
    Ok(Row {
        name,
        title: format!(
            "cold start with {spaces} active spaces, all asked for at once, half by a publish and half by a subscription; \
             latency from the start of the process"
        ),
        unit: "spaces/s",
        cpu_per: "space",
        contestants: vec![Contestant::of("relay", "served", &runs, cores)],
        ratios: vec![
            number(
                "seconds from the start of the process until it listens",
                |round| round.listens_s,
            ),
            number("seconds until the last space was served", |round| round.all_s),
            number("KMS calls (batches of keys)", |round| round.batches),
            ratio("keys / KMS calls", |round| (round.keys, round.batches)),
            ratio("KMS calls / spaces", |round| {
                (round.batches, round.run.measured.window.done as f64)
            }),
        ],
        skipped: Vec::new(),
    })
}

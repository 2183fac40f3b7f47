//! The relay alone, by ever more writers: where it fills up, and what that costs in latency.

use std::path::Path;

use anyhow::Result;

use crate::{
    load::{ahead, publish},
    plan::Plan,
    progress,
    report::{Chart, Contestant, Line, Ratio, Row, Run, draw},
    stage::World,
};

/// How many write at once, as far as the plan has them.
const STEPS: &[(usize, &str)] = &[
    (1, "1 writer"),
    (2, "2 writers"),
    (4, "4 writers"),
    (8, "8 writers"),
    (16, "16 writers"),
    (32, "32 writers"),
    (64, "64 writers"),
];
/// Events that each has in flight.
const WINDOW: usize = 16;
/// A writer alone is held up by its window: it needs no more signed than if it were one of these.
const AT_LEAST: usize = 4;
const SPACES: usize = 1_000;

fn steps(plan: &Plan) -> impl Iterator<Item = (usize, &'static str)> {
    let writers = plan.writers;
    STEPS.iter().copied().filter(move |(count, _)| *count <= writers)
}

/// Runs the row.
pub async fn run(world: &mut World, name: String) -> Result<Row> {
    let plan = world.plan.clone();
    let spaces = plan.spaces(SPACES);
    let mut traffic = world.traffic(spaces, 1).await?;
    let stage = &world.stage;
    let mut runs: Vec<Vec<Run>> = vec![Vec::new(); steps(&plan).count()];
    for round in 0..plan.rounds {
        progress(&format!("{name}: round {} of {}", round + 1, plan.rounds));
        for ((writers, _), runs) in steps(&plan).zip(&mut runs) {
            let signed = ahead(plan.times, writers.max(AT_LEAST));
            traffic.top_up_first(writers, signed).await?;
            stage.limits().checkpoint().await?;
            let measured = publish(
                stage.address(),
                &mut traffic.desks()[..writers],
                WINDOW,
                1,
                plan.times,
                &stage.everybody(),
            )
            .await?;
            runs.push(measured.into());
        }
    }
    let cores = std::thread::available_parallelism()?.get();
    let contestants = steps(&plan)
        .zip(&runs)
        .map(|((_, name), runs)| Contestant::of(name, "ack", runs, cores));
    let rates = (0..plan.rounds).filter_map(|round| {
        let (first, last) = (runs.first()?, runs.last()?);
        Some((last[round].rate(), first[round].rate()))
    });
    Ok(Row {
        ratios: vec![Ratio::paired("most writers / one, messages per second", rates)],
        title: format!(
            "durable appends by ever more writers, {spaces} space(s), one message of 1 KiB per event, {WINDOW} events in flight each"
        ),
        unit: "messages/s",
        cpu_per: "message",
        contestants: contestants.collect(),
        skipped: Vec::new(),
        name,
    })
}

/// Draws it: throughput and latency over the number of writers.
pub fn chart(row: &Row, file: &Path) -> Result<()> {
    let line = |name, value: fn(&Contestant) -> f64| {
        let steps = STEPS.iter().zip(&row.contestants);
        let points = steps.map(|((writers, _), contestant)| (*writers as f64, value(contestant)));
        Line {
            name,
            points: points.collect(),
        }
    };
    let throughput = Chart {
        title: row.title.clone(),
        x: "writers",
        y: "messages per second",
        lines: vec![line("acked", |contestant| contestant.value.median)],
    };
    let latencies = Chart {
        title: "latency of the acks".to_owned(),
        x: "writers",
        y: "ms",
        lines: vec![
            line("p50", |one| one.latency.map_or(0.0, |latency| latency.p50_ms)),
            line("p99", |one| one.latency.map_or(0.0, |latency| latency.p99_ms)),
        ],
    };
    draw(file, &[throughput, latencies])
}

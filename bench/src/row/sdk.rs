//! The same by the SDK, live: no ratio, because the clients seal, sign, keep and verify on the same processor.

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use sealpost_sdk::{Client, Space};

use crate::{
    load::{make_space, write_by_sdk},
    progress,
    report::{Contestant, Row, Run},
    stage::{World, writers_of},
};

/// Messages in flight per writer.
const WINDOW: usize = 16;

/// Runs the row.
pub async fn run(world: &mut World, name: String, spaces: usize) -> Result<Row> {
    let plan = world.plan.clone();
    let spaces = plan.spaces(spaces);
    let writers = world.sdk_writers().await?;
    progress(&format!("{name}: making {spaces} spaces"));
    let desks = make_spaces(writers.clients(), spaces).await?;
    let mut runs = Vec::new();
    for round in 0..plan.rounds {
        progress(&format!("{name}: round {} of {}", round + 1, plan.rounds));
        world.stage.limits().checkpoint().await?;
        let calls = world.stage.kms_calls().await?;
        let measured = write_by_sdk(&desks, WINDOW, plan.times, &world.stage.everybody()).await?;
        let calls = world.stage.kms_calls().await? - calls;
        runs.push(Run::from(measured).with_kms_calls(calls));
    }
    let cores = std::thread::available_parallelism()?.get();
    Ok(Row {
        name,
        title: format!(
            "durable appends by the SDK, live: {} clients, {spaces} space(s), {WINDOW} messages of 1 KiB in flight each, packed \
             as they gather",
            plan.writers
        ),
        unit: "messages/s",
        cpu_per: "message",
        contestants: vec![Contestant::of("relay", "ack", &runs, cores)],
        skipped: Vec::new(),
        ratios: Vec::new(),
    })
}

/// Spaces that are made at once.
const AT_ONCE: usize = 4;

/// For each client the spaces that it writes to.
async fn make_spaces(clients: &[Client], spaces: usize) -> Result<Vec<Vec<Space>>> {
    let made: Vec<(Vec<usize>, Vec<Space>)> = stream::iter(0..spaces)
        .map(async |space| {
            let members = writers_of(space, clients.len(), spaces);
            let people: Vec<&Client> = members.iter().map(|member| &clients[*member]).collect();
            anyhow::Ok((members, make_space(&people).await?))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let mut desks = vec![Vec::new(); clients.len()];
    for (member, space) in made
        .into_iter()
        .flat_map(|(members, space)| members.into_iter().zip(space))
    {
        desks[member].push(space);
    }
    Ok(desks)
}

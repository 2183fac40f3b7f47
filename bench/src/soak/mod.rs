//! A soak: hours of a mixed load in little, and whether anything grows that should not.

mod load;
mod report;
mod sample;
mod trend;
mod verdict;

use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};

use anyhow::Result;
use tokio::time::{Instant, sleep_until};

use self::{
    load::{Load, Pace, Tally},
    report::Report,
    sample::Sample,
};
use crate::{
    broker::Brokers,
    load::Account,
    plan::{Mode, Plan},
    progress,
    stage::World,
};

/// How much of everything.
struct Scale {
    writers: usize,
    spaces: usize,
    followers: usize,
    visitors: usize,
    signallers: usize,
    pace: Pace,
    /// Time between two looks.
    look: Duration,
    looks: u32,
}

impl Scale {
    /// 400 events a second over 100 spaces for so many minutes, with a look at each.
    fn full(minutes: u32) -> Self {
        Self {
            writers: 16,
            spaces: 100,
            followers: 16,
            visitors: 8,
            signallers: 4,
            pace: Pace {
                publish: Duration::from_millis(40),
                visit: Duration::from_millis(500),
                signal: Duration::from_millis(500),
                login: Duration::from_secs(10),
            },
            look: Duration::from_secs(60),
            looks: minutes,
        }
    }

    /// Whether it works; its numbers mean nothing.
    fn short() -> Self {
        Self {
            writers: 2,
            spaces: 3,
            followers: 2,
            visitors: 1,
            signallers: 1,
            pace: Pace {
                publish: Duration::from_millis(20),
                visit: Duration::from_millis(100),
                signal: Duration::from_millis(100),
                login: Duration::from_secs(1),
            },
            look: Duration::from_millis(500),
            looks: 4,
        }
    }
}

/// Proves it; gives the report.
pub async fn prove(minutes: u32, is_short: bool) -> Result<Report> {
    let (scale, mode) = if is_short {
        (Scale::short(), Mode::Smoke)
    } else {
        (Scale::full(minutes), Mode::Full)
    };
    let mut world = World::new(Plan::of(mode).with_writers(scale.writers), Brokers::default()).await?;
    let mut load = begin(&mut world, &scale).await?;
    let samples = watch(&world, &scale, &mut load).await?;
    let done = done(&load.tally);
    load.end().await?;
    let lasted = scale.look * scale.looks;
    Ok(Report::of(lasted.as_secs_f64() / 60.0, done, samples, !is_short))
}

async fn begin(world: &mut World, scale: &Scale) -> Result<Load> {
    let desks = world.traffic(scale.spaces, 1).await?.into_desks();
    let address = world.stage.address();
    let account = Account::register(address, "owner").await?;
    let mut load = Load::new(address, scale.pace);
    for number in 0..scale.followers {
        let desk = &desks[number % desks.len()];
        desk.rooms()
            .take(1)
            .for_each(|room| load.add_follower(desk.person(), room));
    }
    for number in 0..scale.visitors {
        let desk = &desks[number % desks.len()];
        load.add_visitor(desk.person(), desk.rooms().cloned().collect());
    }
    for number in 0..scale.signallers {
        let desk = &desks[number % desks.len()];
        desk.rooms()
            .take(1)
            .for_each(|room| load.add_signaller(desk.person(), room.clone()));
    }
    desks.into_iter().for_each(|desk| load.add_writer(desk));
    load.add_account(account);
    Ok(load)
}

async fn watch(world: &World, scale: &Scale, load: &mut Load) -> Result<Vec<Sample>> {
    let stage = &world.stage;
    let database = stage.relay_database_name().await?;
    let mut session = stage.connect(&database).await?;
    let began = Instant::now();
    let mut samples = Vec::new();
    for look in 1..=scale.looks {
        sleep_until(began + scale.look * look).await;
        load.check().await?;
        let latencies = load.tally.take_latencies();
        let sample = Sample::take(stage, &mut session, began.elapsed(), &latencies).await?;
        progress(sample.to_string().trim_end());
        samples.push(sample);
    }
    Ok(samples)
}

fn done(tally: &Tally) -> BTreeMap<&'static str, u64> {
    [
        ("events published", &tally.published),
        ("deliveries", &tally.delivered),
        ("events replayed", &tally.replayed),
        ("visits", &tally.visits),
        ("signals", &tally.signals),
        ("logins", &tally.logins),
    ]
    .map(|(what, count)| (what, count.load(Ordering::Relaxed)))
    .into()
}

//! Growth: whether a relay gets slower as its database grows, in events and in spaces.

mod report;
mod scale;
mod side;

use std::sync::Arc;

use anyhow::{Context, Result};
use rustix::fs::statvfs;
use sealpost_tests::bare::Person;

use self::{
    report::{Report, Sample, Step},
    scale::{Growth, Ladder, Scale},
    side::Side,
};
use crate::{
    broker::Brokers,
    database::{Ballast, Session},
    measure::{Machine, Measured},
    plan::{Mode, Plan},
    progress,
    report::Run,
    stage::{Room, Stage, Traffic, World, data_folder},
};

/// The database that stays as it was first.
const FIRST: &str = "growth_first";
/// The one that grows.
const GROWN: &str = "growth_grown";
/// Bytes that a row takes beyond what is sealed: its other columns and headers, and its place in the index.
const ROW: usize = 200;
/// What must stay free: the log of Postgres, what the load itself appends, and some air.
const RESERVE: u64 = 8 << 30;

/// Proves it; gives the report.
pub async fn prove(is_short: bool) -> Result<Report> {
    let scale = if is_short { Scale::short() } else { Scale::full() };
    let free_bytes = free()?;
    let mode = if is_short { Mode::Smoke } else { Mode::Full };
    let mut world = World::new(Plan::of(mode).with_writers(scale.writers), Brokers::default()).await?;
    let writers = world.writers().await?.to_vec();
    let rooms = world.rooms(scale.spaces).await?.to_vec();
    let database = world.stage.relay_database_name().await?;
    world.stage.stop_relay().await;
    let mut maintenance = world.stage.connect("postgres").await?;
    maintenance.copy(&database, FIRST).await?;
    maintenance.close().await?;
    let mut proof = Proof {
        stage: &world.stage,
        writers,
        rooms,
        report: Report {
            machine: Machine::this(),
            free_bytes,
            is_judged: !is_short,
            holds: false,
            steps: Vec::new(),
            left_out: Vec::new(),
        },
        scale,
    };
    proof.run().await?;
    Ok(proof.report.judged())
}

struct Proof<'a> {
    scale: Scale,
    stage: &'a Stage,
    writers: Vec<Arc<Person>>,
    rooms: Vec<Room>,
    report: Report,
}

impl Proof<'_> {
    async fn run(&mut self) -> Result<()> {
        let (smallest, mut ballast) = (self.scale.first(), Ballast::new(self.scale.ballast_spaces));
        progress(&format!("filling a database to {} events", smallest.count));
        let mut first = self.stage.connect(FIRST).await?;
        let sealed = self.sealed(smallest.body).await?;
        ballast.fill_events(&mut first, smallest.count, sealed).await?;
        first.settle().await?;
        first.close().await?;
        let mut maintenance = self.stage.connect("postgres").await?;
        for ladder in self.scale.ladders.clone() {
            maintenance.copy(FIRST, GROWN).await?;
            self.climb(ladder, ballast).await?;
            maintenance.remove(GROWN).await?;
        }
        maintenance.close().await
    }

    /// All steps of a ladder.
    async fn climb(&mut self, ladder: Ladder, mut ballast: Ballast) -> Result<()> {
        let mut sides = Sides {
            first: Side::open(self.stage, FIRST, &self.writers, &self.rooms).await,
            grown: Side::open(self.stage, GROWN, &self.writers, &self.rooms).await,
        };
        let mut session = self.stage.connect(GROWN).await?;
        for growth in ladder.steps() {
            let sealed = self.sealed(growth.body()).await?;
            if let Some(missing) = self.missing_room(&growth, &ballast, sealed)? {
                progress(&missing);
                self.report.left_out.push(missing);
                continue;
            }
            progress(&format!("growing to {growth}"));
            match growth {
                Growth::Events(events) => {
                    ballast.fill_events(&mut session, events.count, sealed).await?;
                }
                Growth::Spaces(spaces) => {
                    // Those that are written to are spaces too.
                    let others = spaces.saturating_sub(self.rooms.len() as u64);
                    ballast.fill_quiet_spaces(&mut session, others, sealed).await?;
                }
            }
            let step = self.step(&growth, &mut sides, &mut session).await?;
            progress(step.to_string().trim_end());
            self.report.steps.push(step);
        }
        session.close().await?;
        sides.first.close().await;
        sides.grown.close().await;
        Ok(())
    }

    async fn step(&self, growth: &Growth, sides: &mut Sides, session: &mut Session) -> Result<Step> {
        let sizes = session.settle().await?;
        // Opens the spaces, so that no run pays for that.
        sides.pair(self.stage, &self.scale, false).await?;
        let mut pairs = Vec::new();
        for round in 0..self.scale.rounds {
            pairs.push(sides.pair(self.stage, &self.scale, round % 2 == 1).await?);
        }
        let (events, spaces) = session.count().await?;
        let step = Step {
            grown: growth.kind(),
            events,
            spaces,
            body_bytes: growth.body(),
            table_bytes: sizes.table,
            index_bytes: sizes.indexes,
            ..Step::default()
        };
        Ok(step.with_pairs(&pairs))
    }

    /// Bytes that are sealed for an event with a body of so many.
    async fn sealed(&self, body: usize) -> Result<usize> {
        let mut traffic = Traffic::new(&self.writers, &self.rooms, 1);
        traffic.top_up(1).await?;
        Ok(traffic.sealed_length_of(body))
    }

    /// Why a step cannot be made, if the disk has no room for it.
    fn missing_room(&self, growth: &Growth, ballast: &Ballast, sealed: usize) -> Result<Option<String>> {
        let Growth::Events(events) = growth else {
            return Ok(None);
        };
        let rows = events.count.saturating_sub(ballast.events());
        let needed = rows * (sealed + ROW) as u64 + if self.report.is_judged { RESERVE } else { 0 };
        let free = free()?;
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        Ok((free < needed).then(|| {
            let (needed, free) = (gib(needed), gib(free));
            format!("{growth}: it needs {needed:.0} GiB, and {free:.0} are free")
        }))
    }
}

/// Both databases with their relays.
struct Sides {
    first: Side,
    grown: Side,
}

impl Sides {
    /// A run of each, one after the other.
    async fn pair(&mut self, stage: &Stage, scale: &Scale, is_grown_first: bool) -> Result<(Sample, Sample)> {
        self.first.prepare(scale).await?;
        self.grown.prepare(scale).await?;
        if is_grown_first {
            let grown = self.grown.run(stage, scale).await?;
            return Ok((sample(self.first.run(stage, scale).await?), sample(grown)));
        }
        let first = self.first.run(stage, scale).await?;
        Ok((sample(first), sample(self.grown.run(stage, scale).await?)))
    }
}

fn sample(measured: Measured) -> Sample {
    let run = Run::from(measured);
    Sample {
        rate: run.rate(),
        p99_ms: run.p99_ms(),
        postgres_us: run.cpu_us("postgres"),
    }
}

/// What whoever is not root may still write.
fn free() -> Result<u64> {
    let folder = data_folder();
    let facts = statvfs(&folder).with_context(|| format!("asking for the room in {}", folder.display()))?;
    Ok(facts.f_bavail * facts.f_frsize)
}

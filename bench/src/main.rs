//! The load generator and the benchmarks. `bench/README.md` says what the rows mean.

mod arguments;
mod broker;
mod database;
mod growth;
mod limit;
mod load;
mod measure;
mod peer;
mod plan;
mod profile;
mod report;
mod row;
mod soak;
mod stage;

use std::{
    fmt::Display,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result};
use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    arguments::{Arguments, Choice, Command, Form},
    broker::Brokers,
    limit::Primitives,
    measure::{Machine, is_in_memory, is_optimised},
    plan::{Mode, Plan},
    profile::Profiles,
    report::Report,
    stage::{RAISED, World, data_folder},
};

/// CPU time in which each primitive is measured for the head of the report.
const PRIMITIVES: Duration = Duration::from_millis(300);

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Some(Command::Peer { peer, database }) => peer::serve(peer, database).await.map(|()| true),
        Some(Command::Growth { form, plots }) => Box::pin(grow(form, plots)).await,
        Some(Command::Soak { minutes, form }) => Box::pin(soak_for(minutes, form)).await,
        None => Box::pin(measure_all(arguments.choice)).await.map(|()| true),
    };
    match done {
        Ok(holds) => ExitCode::from(u8::from(!holds)),
        Err(error) => {
            eprintln!("sealpost-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Tells people how far it is.
pub fn progress(what: &str) {
    eprintln!("{what}");
}

async fn measure_all(choice: Choice) -> Result<()> {
    let rows = choice.rows()?;
    allow_many_sockets()?;
    let profiles = choice
        .flamegraphs
        .as_deref()
        .map(Profiles::into_folder)
        .transpose()?;
    if let Some(folder) = &choice.plots {
        make(folder)?;
    }
    let brokers = Brokers::find(choice.brokers)?;
    let mut world = World::new(Plan::of(choice.mode()), brokers).await?;
    let mut report = empty_report(&world.plan).await?;
    for row in rows {
        let profile = match &profiles {
            Some(profiles) => Some(profiles.begin(row.text(), world.stage.relay().id)?),
            None => None,
        };
        let measured = row.run(&mut world).await;
        let measured = measured.with_context(|| format!("row {}", row.text()))?;
        if let Some(profile) = profile {
            // What was measured is not lost because nothing was seen: a row may have a relay of its own.
            match tokio::task::spawn_blocking(|| profile.finish()).await? {
                Ok(graph) => progress(&format!("drawn: {}", graph.display())),
                Err(error) => progress(&format!("no flamegraph of {}: {error:#}", row.text())),
            }
        }
        if let Some(folder) = &choice.plots {
            row.draw(&measured, folder)?;
        }
        report.rows.push(measured);
    }
    if choice.json {
        println!("{}", report.to_json()?);
    } else {
        print!("{report}");
    }
    Ok(())
}

/// Whether it holds that a relay hardly gets slower as it grows.
async fn grow(form: Form, plots: Option<PathBuf>) -> Result<bool> {
    allow_many_sockets()?;
    if let Some(folder) = &plots {
        make(folder)?;
    }
    let report = growth::prove(form.short).await?;
    if let Some(folder) = &plots {
        report.draw(folder)?;
    }
    tell(form.json, &report)?;
    Ok(report.holds)
}

/// Whether nothing grows under a mixed load.
async fn soak_for(minutes: u32, form: Form) -> Result<bool> {
    allow_many_sockets()?;
    let report = soak::prove(minutes, form.short).await?;
    tell(form.json, &report)?;
    Ok(report.holds)
}

fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))
}

fn tell(json: bool, report: &(impl Display + Serialize)) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}

async fn empty_report(plan: &Plan) -> Result<Report> {
    let primitives = tokio::task::spawn_blocking(|| Primitives::measure(PRIMITIVES)).await??;
    Ok(Report {
        started_at: now()?,
        machine: Machine::this(),
        mode: plan.mode,
        rounds: plan.rounds,
        relay_settings: RAISED.iter().copied().collect(),
        primitives,
        warnings: warnings(plan.mode),
        rows: Vec::new(),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that asks for the date, for people"
)]
fn now() -> Result<String> {
    Ok(OffsetDateTime::now_utc().format(&Rfc3339)?)
}

fn warnings(mode: Mode) -> Vec<String> {
    let folder = data_folder();
    let shared = "relay, Postgres, OpenBao and the load generator share the processor: the sum of their CPU time limits most rows";
    let known = [
        (true, shared),
        (mode == Mode::Smoke, "smoke mode: the numbers mean nothing"),
        (
            !is_optimised(),
            "built without optimisation: the numbers mean nothing",
        ),
        (
            is_in_memory(&folder),
            "the data folder is in memory, where an fsync costs nothing: set TMPDIR to a folder on a disk",
        ),
    ];
    let held = known.into_iter().filter(|(holds, _)| *holds);
    held.map(|(_, warning)| warning.to_owned()).collect()
}

/// For this process and the relay, the peers and the brokers that it starts.
fn allow_many_sockets() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, most).context("raising the limit of open files")
}

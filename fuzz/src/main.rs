//! `sealpost-fuzz`: lists the targets, writes their seeds, runs files through one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use sealpost_fuzz::{TARGETS, Target, cases, find};

/// Fuzz targets of Sealpost. To fuzz: scripts/prove fuzz.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints the name of every target and what it parses.
    List,
    /// Writes a target's seeds and cases into a folder, one file each.
    Seeds {
        /// The target.
        target: String,
        /// The folder; made where it is missing.
        folder: PathBuf,
    },
    /// Runs files through a target; a broken law is a panic.
    Run {
        /// The target.
        target: String,
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::List => list(),
        Command::Seeds { target, folder } => write_seeds(named(&target)?, &folder)?,
        Command::Run { target, files } => run(named(&target)?, &files)?,
    }
    Ok(())
}

fn named(name: &str) -> anyhow::Result<&'static Target> {
    let Some(target) = find(name) else {
        bail!("there is no target named {name}; `sealpost-fuzz list` names them all");
    };
    Ok(target)
}

fn list() {
    for target in TARGETS {
        println!("{:<20} {}", target.name, target.what);
    }
}

fn write_seeds(target: &Target, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let cases = cases::read(target.name)?.into_iter().map(|(_, bytes)| bytes);
    for (number, bytes) in (target.seeds)().into_iter().chain(cases).enumerate() {
        let file = folder.join(format!("seed-{number}"));
        fs::write(&file, bytes).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(())
}

fn run(target: &Target, files: &[PathBuf]) -> anyhow::Result<()> {
    for file in files {
        let bytes = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        (target.run)(&bytes);
        println!("{}: nothing found", file.display());
    }
    Ok(())
}

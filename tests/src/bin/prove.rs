//! The slow proofs, as `scripts/prove` runs them.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use sealpost_tests::crash;

#[derive(Parser)]
#[command(about = "Proves one promise at length")]
struct Arguments {
    #[command(subcommand)]
    proof: Proof,
    /// Prints the result as JSON, and no progress
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Proof {
    /// Kills and faults at random under 32 writers lose, double and skip nothing
    Crash(Crash),
}

#[derive(Args)]
struct Crash {
    /// How many rounds
    #[arg(long, default_value_t = 50)]
    rounds: u64,
    /// The first round's seed; each has the next. A failed round alone: --rounds 1 --seed ITS_SEED
    #[arg(long)]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { proof, json } = Arguments::parse();
    match proof {
        Proof::Crash(options) => crash(options, json).await,
    }
}

async fn crash(Crash { rounds, seed }: Crash, json: bool) -> ExitCode {
    let seed = seed.unwrap_or_else(|| rand::random_range(0..1_000_000));
    let options = crash::Options { rounds, seed };
    let proven = crash::prove(options, |line| {
        if !json {
            println!("{line}");
        }
    });
    match proven.await {
        Ok(report) if json => println!("{}", report.json()),
        Ok(report) => println!("{report}"),
        Err(failed) => {
            eprintln!("{failed}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

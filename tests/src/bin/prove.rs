//! The slow proofs, as `scripts/prove` runs them.

use std::{fmt::Display, net::SocketAddr, process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand};
use sealpost_tests::{
    abuse, bulk, crash, leaks, removal, restarts,
    rounds::Rounds,
    transfers::{self, Server},
};
use serde_json::Value;

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
    /// Attacks cost the relay a bounded amount of memory and end in time, while honest people talk
    Abuse(Abuse),
    /// A large database is backed up, verified and restored in bounded memory, and read by a new device
    Backup(Backup),
    /// Kills and faults at random under 32 writers lose, double and skip nothing
    Crash(Crash),
    /// What only people may know is in no place that somebody else can look at
    Leaks,
    /// Who is removed is cut off at once, and those who stay go on
    Removal(Removal),
    /// Restarts of a deployment's parts under fifty clients lose nothing, and the SDK tells nobody of an error
    Restarts(Restarts),
    /// Kills and faults at random while files are put and got leave ledger and bucket equal
    Transfers(Transfers),
    /// A large file goes in bounded memory, goes on after a kill, and is not much slower than a copy by rclone
    Large(Large),
}

#[derive(Args)]
struct Abuse {
    /// Only this attack
    #[arg(long)]
    attack: Option<String>,
    /// How long each attack lasts: by default 10, in short 1
    #[arg(long)]
    seconds: Option<f64>,
    /// One relay with short deadlines for all attacks, and no judgement of time: for a quick look
    #[arg(long)]
    short: bool,
    /// Names every attack and says what it does
    #[arg(long)]
    list: bool,
}

#[derive(Args)]
struct Backup {
    /// How much is written; three times as much is taken on the disk
    #[arg(long, default_value_t = 4 << 30)]
    bytes: u64,
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

#[derive(Args)]
struct Removal {
    /// Members of the space
    #[arg(long, default_value_t = 100)]
    members: usize,
    /// Sockets of the removed one
    #[arg(long, default_value_t = 10)]
    sockets: usize,
    /// Members at the rekey that is measured
    #[arg(long, default_value_t = 1_000)]
    crowd: usize,
}

#[derive(Args)]
struct Restarts {
    /// What clients call the relay
    #[arg(long)]
    url: String,
    /// Where it is instead of where its name leads
    #[arg(long)]
    connect_to: Option<SocketAddr>,
    /// A registration token that is good for five
    #[arg(long)]
    token: String,
    /// What is done to the deployment, as NAME=COMMAND for bash, which ends when the part is back; several times
    #[arg(long, value_parser = disturbance)]
    disturb: Vec<restarts::Disturbance>,
}

#[derive(Args)]
struct Transfers {
    /// How many rounds
    #[arg(long, default_value_t = 30)]
    rounds: u64,
    /// The first round's seed; each has the next. A failed round alone: --rounds 1 --seed ITS_SEED
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Args)]
struct Large {
    /// How long the file is
    #[arg(long, default_value_t = 2 << 30)]
    bytes: u64,
}

fn disturbance(text: &str) -> Result<restarts::Disturbance, &'static str> {
    let (name, command) = text.split_once('=').ok_or("expected NAME=COMMAND")?;
    Ok(restarts::Disturbance {
        name: name.to_owned(),
        command: command.to_owned(),
    })
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { proof, json } = Arguments::parse();
    match proof {
        Proof::Abuse(options) => abuse(options, json).await,
        Proof::Backup(options) => backup(options, json).await,
        Proof::Crash(options) => crash(options, json).await,
        Proof::Leaks => leaks(json).await,
        Proof::Removal(options) => removal(options, json).await,
        Proof::Restarts(options) => restarts(options, json).await,
        Proof::Transfers(options) => transfers(options, json).await,
        Proof::Large(options) => large(options, json).await,
    }
}

async fn leaks(json: bool) -> ExitCode {
    let report = leaks::prove().await;
    told(json, &report, report.json(), report.holds())
}

async fn abuse(
    Abuse {
        attack,
        seconds,
        short,
        list,
    }: Abuse,
    json: bool,
) -> ExitCode {
    if list {
        for (name, what) in abuse::attacks() {
            println!("{name:22} {what}");
        }
        return ExitCode::SUCCESS;
    }
    let seconds = seconds.unwrap_or(if short { 1.0 } else { 10.0 });
    let options = abuse::Options {
        attack,
        time: Duration::from_secs_f64(seconds),
        short,
    };
    let tell = progress(json);
    tell(abuse::EXPLANATION);
    let report = abuse::prove(&options, |row| tell(&row.to_string())).await;
    told(json, &report, report.json(), report.holds())
}

async fn backup(Backup { bytes }: Backup, json: bool) -> ExitCode {
    let report = bulk::prove(bytes, progress(json)).await;
    told(json, &report, report.json(), report.holds())
}

async fn crash(Crash { rounds, seed }: Crash, json: bool) -> ExitCode {
    match crash::prove(Rounds::new(rounds, seed), progress(json)).await {
        Ok(report) => told(json, &report, report.json(), true),
        Err(failed) => fails(&failed),
    }
}

async fn removal(
    Removal {
        members,
        sockets,
        crowd,
    }: Removal,
    json: bool,
) -> ExitCode {
    let options = removal::Options {
        members,
        sockets,
        crowd,
    };
    let report = removal::prove(options, progress(json)).await;
    told(json, &report, report.json(), report.holds_in_time())
}

async fn restarts(
    Restarts {
        url,
        connect_to,
        token,
        disturb,
    }: Restarts,
    json: bool,
) -> ExitCode {
    let deployment = restarts::Deployment {
        url,
        connect_to,
        token,
    };
    let options = restarts::Options {
        deployment,
        disturbances: disturb,
    };
    match restarts::prove(&options, progress(json)).await {
        Ok(report) => told(json, &report, report.json(), report.holds()),
        Err(what) => fails(&what),
    }
}

async fn transfers(Transfers { rounds, seed }: Transfers, json: bool) -> ExitCode {
    let rounds = Rounds::new(rounds, seed);
    match transfers::prove(rounds, &Server::chosen(), progress(json)).await {
        Ok(report) => told(json, &report, report.json(), true),
        Err(failed) => fails(&failed),
    }
}

async fn large(Large { bytes }: Large, json: bool) -> ExitCode {
    let options = transfers::large::Options {
        bytes,
        server: Server::chosen(),
    };
    let report = transfers::large::measure(&options, progress(json)).await;
    told(json, &report, report.json(), report.holds())
}

/// For a machine there is no progress, only the result.
fn progress(json: bool) -> impl Fn(&str) {
    move |line| {
        if !json {
            println!("{line}");
        }
    }
}

fn told(json: bool, report: &impl Display, value: Value, holds: bool) -> ExitCode {
    if json {
        println!("{value}");
    } else {
        println!("{report}");
    }
    ExitCode::from(u8::from(!holds))
}

fn fails(what: &impl Display) -> ExitCode {
    eprintln!("{what}");
    ExitCode::FAILURE
}

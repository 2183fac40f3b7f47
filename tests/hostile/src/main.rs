//! Holds a client against a relay that misbehaves, and says what came of it.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use sealpost_hostile_relay::cases;
use sealpost_hostile_relay::orders::READY;
use sealpost_hostile_relay::relay::HostileRelay;
use sealpost_hostile_relay::victim::Victim;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Holds a client against a relay that misbehaves, case by case. It starts an honest relay with a database and a storage of
/// its own, and stands between that and the client.
#[derive(Parser)]
#[command(name = "sealpost-hostile-relay", version, about, after_help = EXIT)]
struct Arguments {
    /// Which client
    #[arg(long, value_enum, default_value = "sdk")]
    against: Victim,
    /// Only these cases, by number
    #[arg(long = "case", value_name = "ID")]
    cases: Vec<String>,
    /// How many malformed ciphertexts R57 serves
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000)]
    malformed: usize,
    /// Names the cases, and does nothing
    #[arg(long)]
    list: bool,
    /// Holds none of its own clients: stands in front of the relay at this address, and does what --case says to whoever comes
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["against", "malformed"])]
    wrap: Option<SocketAddr>,
    /// Where it listens then; the relay's public URL has to lead here
    #[arg(
        long,
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:7466",
        requires = "wrap"
    )]
    listen: SocketAddr,
    /// Prints the report as one JSON object
    #[arg(long)]
    json: bool,
}

const EXIT: &str = "Exit code 0 when every case was resisted or is explained, 1 when one was not, 2 for a wrong call. \
    With --wrap: 0 when interrupted after it has misbehaved, 1 before. Built with --features weakened-sdk, against an SDK without its checks: 0 when every case failed that must fail then.";

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut chosen = cases::all();
    let unknown = arguments
        .cases
        .iter()
        .find(|id| !chosen.iter().any(|case| case.id == id.as_str()));
    if let Some(id) = unknown {
        eprintln!("there is no case {id}; --list names them");
        return Ok(ExitCode::from(2));
    }
    chosen.retain(|case| arguments.cases.is_empty() || arguments.cases.iter().any(|id| id == case.id));
    if arguments.list {
        let mut out = io::stdout().lock();
        for case in &chosen {
            writeln!(out, "{:<4} {}", case.id, case.name)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(wrapped) = arguments.wrap {
        return wrap(&arguments, wrapped).await;
    }
    let mut number = 0;
    let report = cases::hold(arguments.against, arguments.malformed, &chosen, |case| {
        number += 1;
        eprintln!("{number:>3} of {}: {} {}", chosen.len(), case.id, case.name);
    })
    .await;
    let mut out = io::stdout().lock();
    match arguments.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?,
        false => writeln!(out, "{report}")?,
    }
    Ok(ExitCode::from(u8::from(!report.is_good())))
}

/// Stands in front of a relay until it is interrupted, and says each time how often it has misbehaved.
async fn wrap(arguments: &Arguments, wrapped: SocketAddr) -> anyhow::Result<ExitCode> {
    let ready = match &arguments.cases[..] {
        [case] => READY.iter().find(|ready| ready.case == case),
        _ => None,
    };
    let Some(ready) = ready else {
        let cases: Vec<&str> = READY.iter().map(|ready| ready.case).collect();
        eprintln!("with --wrap, say one case: {}", cases.join(", "));
        return Ok(ExitCode::from(2));
    };
    let (mut interrupted, mut told_to_end) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let relay = HostileRelay::behind(TcpListener::bind(arguments.listen).await?);
    relay.wrap(wrapped);
    relay.misbehave((ready.orders)());
    eprintln!(
        "{} in front of {wrapped} does {}; a user of the client must see: {}",
        relay.address(),
        ready.case,
        ready.must
    );
    let counting = async {
        let mut often = 0;
        loop {
            relay.until_misbehaved(often + 1).await;
            often = relay.misbehaved();
            eprintln!("misbehaved {often} x");
        }
    };
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = told_to_end.recv() => {}
        never = counting => never,
    }
    let misbehaved = relay.misbehaved();
    let mut out = io::stdout().lock();
    match arguments.json {
        true => writeln!(
            out,
            "{}",
            serde_json::json!({"case": ready.case, "misbehaved": misbehaved})
        )?,
        false => writeln!(out, "{}: misbehaved {misbehaved} x", ready.case)?,
    }
    Ok(ExitCode::from(u8::from(misbehaved == 0)))
}

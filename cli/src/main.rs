//! The `sealpost` command, for people and scripts.

mod arguments;
mod capabilities;
mod chosen_member;
mod chosen_space;
mod context;
mod failure;
mod files;
mod headers;
mod interruption;
mod left_behind;
mod lines;
mod output;
mod patience;
mod people;
mod position;
mod progress;
mod question;
mod secret_input;
mod verbs;

use std::process::ExitCode;

use clap::Parser;
use rustix::process::{Resource, Rlimit, setrlimit};
use tracing_subscriber::EnvFilter;

use arguments::Arguments;
use context::Context;

fn main() -> ExitCode {
    if let Err(error) = leave_no_core_dump() {
        eprintln!("sealpost: core dumps cannot be turned off: {error}");
        return ExitCode::FAILURE;
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return arguments::refused(&error),
    };
    start_log();
    let output = arguments.global.output();
    let context = Context::new(arguments.global, output);
    let runtime = tokio::runtime::Runtime::new().expect("a process may start threads");
    let result = runtime.block_on(Box::pin(async {
        match arguments.verb.run(&context).await {
            Err(failure) => Err(context.explain(failure).await),
            done => done,
        }
    }));
    // What still waits for the network has nothing left to say.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(output),
    }
}

/// A core dump would write keys and passphrases to a disk. There is no way back up for this process.
fn leave_no_core_dump() -> rustix::io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)
}

/// Logs to stderr what `SEALPOST_LOG` asks for; nothing by default, since failures are reported by themselves.
fn start_log() {
    let filter = EnvFilter::try_from_env("SEALPOST_LOG").unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}

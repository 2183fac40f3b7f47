//! The relay with leaks planted (see `planted`): built for the leak proof alone.

use std::process::ExitCode;

fn main() -> ExitCode {
    sealpost_relay::commands::main()
}

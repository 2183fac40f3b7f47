//! The relay's binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    sealpost_relay::commands::main()
}

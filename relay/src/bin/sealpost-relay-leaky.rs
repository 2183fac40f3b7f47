//! The relay with leaks planted (see `planted`): built for the leak proof alone.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// As the relay's own: what it leaks is looked for in its memory, too.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    sealpost_relay::commands::main()
}

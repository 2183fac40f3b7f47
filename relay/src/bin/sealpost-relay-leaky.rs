//! The relay with leaks planted (see `planted`): built for the leak proof alone.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Thousands of sockets each hold a few small things: it keeps them closer together than the C library's (adr/0020).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    sealpost_relay::commands::main()
}

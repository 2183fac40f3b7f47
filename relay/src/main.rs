//! The relay's binary: everything is in the library.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Thousands of sockets each hold a few small things: it keeps them closer together than the C library's (adr/0020).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    sealpost_relay::commands::main()
}

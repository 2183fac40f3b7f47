//! libFuzzer over the target that the variable `SEALPOST_FUZZ_TARGET` names; built by `scripts/prove fuzz` alone.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sealpost_fuzz::{Target, find};

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("SEALPOST_FUZZ_TARGET").expect("scripts/prove fuzz names the target");
    find(&name).expect("`sealpost-fuzz list` names all targets")
});

fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));

//! Fuzz targets: every parser of bytes that come from outside, with what must hold whatever the bytes are.
//!
//! A target is a plain function, so the same one runs under libFuzzer (`scripts/prove fuzz`), over its seeds and all
//! their cut and flipped forms as an ordinary test, and over every case that was ever found (`fuzz/cases/`).
//!
//! A target fails by a panic. Beside "does not panic" most of them check a law: what parses encodes to the same bytes, a
//! refused entry changes nothing, a space is never left without a manager.

pub mod cases;
mod seeds;
mod targets;

pub use targets::TARGETS;

/// One parser and what must hold of it.
#[derive(Clone, Copy)]
pub struct Target {
    /// How it is called in commands and folders.
    pub name: &'static str,
    /// What is parsed, and whose bytes these are.
    pub what: &'static str,
    /// Judges any bytes; panics when a law is broken.
    pub run: fn(&[u8]),
    /// Well-formed inputs to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// The target of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

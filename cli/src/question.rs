//! Questions before what cannot be undone.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::failure::Failure;

/// Asks the person at the terminal to type `expected`.
pub(crate) fn expect_typed(expected: &str, warning: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(
            "there is no terminal to ask; say --yes if this is meant",
        ));
    }
    let mut out = io::stderr().lock();
    write!(out, "{warning} Type {expected} to go on: ")?;
    out.flush()?;
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|source| Failure::file("the terminal", source))?;
    if line.trim() == expected {
        return Ok(());
    }
    Err(Failure::usage("that is something else; nothing was changed"))
}

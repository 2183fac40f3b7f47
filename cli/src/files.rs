//! Files that a command is told to read or to write.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::failure::Failure;

/// Reads a file; of one that is longer, one byte more.
pub(crate) fn read_up_to(file: &Path, longest: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(longest + 1).read_to_end(&mut bytes))
        .map_err(|source| Failure::file(file.display().to_string(), source))?;
    Ok(bytes)
}

/// Writes a file that is not there yet, for its owner alone; it is on the disk when this returns.
pub(crate) fn write_new(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut out| {
            out.write_all(bytes)?;
            out.sync_all()
        })
        .map_err(|source| Failure::file(file.display().to_string(), source))
}

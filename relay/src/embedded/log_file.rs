//! The file that takes what a server prints.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::EmbeddedError;

/// A log longer than this, in bytes, is set aside at the next start.
const KEEP_BYTES: u64 = 1 << 20;
/// How much of a log's end an error quotes, in bytes.
const TAIL_BYTES: u64 = 2 << 10;

/// Opens the log for appending; a long one becomes `<name>.old` first.
pub(super) fn open(path: &Path) -> Result<File, EmbeddedError> {
    if fs::metadata(path).is_ok_and(|found| found.len() > KEEP_BYTES) {
        fs::rename(path, path.with_extension("log.old")).map_err(EmbeddedError::file("rename", path))?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(EmbeddedError::file("open", path))
}

/// The last lines of a log; empty when it cannot be read, because this only serves another error's text.
pub(super) fn tail(path: &Path) -> String {
    read_tail(path).unwrap_or_default()
}

fn read_tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

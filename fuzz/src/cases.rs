//! Inputs that were found to break something once, kept in `fuzz/cases/TARGET/`.

use std::fs;
use std::io;
use std::path::PathBuf;

/// Where the cases of a target are.
#[must_use]
pub fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("cases")
        .join(target)
}

/// Name and bytes of each case of a target; none where there is no folder.
///
/// # Errors
/// Whatever reading a file says.
pub fn read(target: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    let entries = match fs::read_dir(folder(target)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    entries
        .map(|entry| {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            Ok((name, fs::read(path)?))
        })
        .collect()
}

//! What is in a folder of this device.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sealpost_protocol::blob::is_folder_path;
use sealpost_protocol::limits::MAX_FOLDER_FILES;

use crate::error::Error;
use crate::store::file_error;

/// Any of the three bits by which somebody may run it.
const RUN: u32 = 0o111;

/// A file to be put.
pub(super) struct Found {
    /// Where it is in the folder.
    pub(super) path: String,
    /// Where it is on this device.
    pub(super) file: PathBuf,
    pub(super) metadata: Metadata,
}

/// The files of a folder, in a fixed order, and what is none.
#[derive(Default)]
pub(super) struct Walked {
    pub(super) files: Vec<Found>,
    /// Links, sockets and devices.
    pub(super) skipped: Vec<PathBuf>,
}

impl Found {
    pub(super) fn is_executable(&self) -> bool {
        self.metadata.mode() & RUN != 0
    }
}

/// Looks at everything below `folder`.
///
/// # Errors
/// [`Error::Store`] for what cannot be read; [`Error::Usage`] for a name that no path of a folder can have, and for too many files.
pub(super) fn walk(folder: &Path) -> Result<Walked, Error> {
    let mut walked = Walked::default();
    below(folder, "", &mut walked)?;
    Ok(walked)
}

fn below(folder: &Path, prefix: &str, walked: &mut Walked) -> Result<(), Error> {
    let failed = |source| file_error("reading", folder, source);
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()
        .map_err(failed)?;
    paths.sort();
    for file in paths {
        let metadata = fs::symlink_metadata(&file).map_err(failed)?;
        if metadata.is_dir() {
            below(&file, &format!("{prefix}{}/", name(&file)?), walked)?;
        } else if metadata.is_file() {
            let path = format!("{prefix}{}", name(&file)?);
            if !is_folder_path(&path) {
                return Err(Error::usage(format!("readers take no file called {path:?}")));
            }
            walked.files.push(Found { path, file, metadata });
        } else {
            walked.skipped.push(file);
        }
        if walked.files.len() > MAX_FOLDER_FILES {
            return Err(Error::usage(format!(
                "a folder has {MAX_FOLDER_FILES} files at most"
            )));
        }
    }
    Ok(())
}

fn name(file: &Path) -> Result<&str, Error> {
    let name = file.file_name().and_then(|name| name.to_str());
    name.ok_or_else(|| Error::usage(format!("{} has a name that is no text", file.display())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_name_that_no_reader_takes_is_told_before_anything_is_put() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a\\b"), "x").unwrap();
        assert!(matches!(walk(folder.path()), Err(Error::Usage(_))));
    }

    #[test]
    fn a_walk_finds_files_in_a_fixed_order_and_names_what_is_none() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["b", "a/z", "a/b/c"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        fs::create_dir(folder.path().join("empty")).unwrap();
        symlink("/etc/passwd", folder.path().join("link")).unwrap();
        symlink("/etc", folder.path().join("a/link")).unwrap();
        let walked = walk(folder.path()).unwrap();
        let paths: Vec<_> = walked.files.iter().map(|found| found.path.as_str()).collect();
        assert_eq!(paths, ["a/b/c", "a/z", "b"]);
        assert_eq!(walked.skipped.len(), 2);
        assert!(!walked.files[0].is_executable());
    }
}

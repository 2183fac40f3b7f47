//! What can go wrong with an embedded server, and what to do about it.

use std::{io, path::Path, path::PathBuf, process::ExitStatus};

/// A failure to start or stop an embedded server. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// A program is not where the tools are looked for.
    #[error(
        "{} is missing: run ./scripts/setup, or set SEALPOST_TOOLS to a folder that has it",
        path.display()
    )]
    ToolMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Another live relay holds the folder.
    #[error("{} is in use by another relay: stop that one, or choose another folder", folder.display())]
    InUse {
        /// The locked folder.
        folder: PathBuf,
    },
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// The verb, as in "cannot {action} {path}".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A program could not be started or waited for.
    #[error("cannot run {program}: {source}")]
    Run {
        /// Its name.
        program: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A helper program ended with a failure.
    #[error("{program} failed ({status}): {output}")]
    Failed {
        /// Its name.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        output: String,
    },
    /// A server ended before it was ready.
    #[error("{program} ended ({status}) before it was ready; the end of {}:\n{tail}", log.display())]
    EndedEarly {
        /// Its name.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
        /// The last lines of its log.
        tail: String,
    },
    /// A server did not become ready in time.
    #[error("{program} was not ready after {seconds} s: see {}", log.display())]
    NotReady {
        /// Its name.
        program: &'static str,
        /// How long it was given.
        seconds: u64,
        /// Its log.
        log: PathBuf,
    },
    /// What an earlier, killed relay left running does not end.
    #[error("{program} of an earlier run (process {pid}) does not end: end it by hand")]
    OrphanStays {
        /// Its name.
        program: &'static str,
        /// Its process id.
        pid: i32,
    },
    /// Postgres refuses to run as root, and no way round that works here.
    #[error(
        "Postgres refuses to run as root, and neither a user namespace nor another user works here; \
         run as an ordinary user, or install util-linux (unshare, setpriv). Tried: {tried}"
    )]
    NoConfinement {
        /// Each way with its failure.
        tried: String,
    },
    /// The cluster was made by another major version.
    #[error("{} was made by PostgreSQL {found}; this relay runs 18: dump it with {found}, or move it away", folder.display())]
    PostgresVersion {
        /// The data folder.
        folder: PathBuf,
        /// The version found in it.
        found: String,
    },
    /// A folder outside the data folder that somebody else may control.
    #[error("{} is not a private folder of ours: remove it, or set XDG_RUNTIME_DIR", path.display())]
    NotPrivate {
        /// The folder.
        path: PathBuf,
    },
}

impl EmbeddedError {
    /// For `map_err`: wraps an I/O error with what was done to which path.
    pub(super) fn file<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::File {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// For `map_err`: wraps an I/O error with the program it came from.
    pub(super) fn run(program: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Run {
            program: program.display().to_string(),
            source,
        }
    }
}

//! What is wrong with a configuration.

use std::{fmt, io, path::PathBuf};

/// Why a configuration cannot be used. No text holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file or a variable is not TOML.
    #[error("{place}: {message}")]
    Syntax {
        /// The file with its line, or the variable.
        place: String,
        /// What the parser said.
        message: String,
    },
    /// A key is unknown, missing or of another type.
    #[error("the configuration does not fit: {0}")]
    Shape(String),
    /// No file was named, and the variables do not make up a configuration.
    #[error(
        "no configuration file is named, and the variables alone do not fit ({0}): name one with --config FILE or SEALPOST_CONFIG \
         (relay/sealpost.example.toml explains every key). `sealpost-relay dev` needs none, and writes one for the other verbs \
         into its data folder: relay.toml"
    )]
    NoFile(String),
    /// Values that may not be, or not in production.
    #[error("the configuration cannot be used:{}", Problem::list(.0))]
    Invalid(Vec<Problem>),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, such as `server.public_url`.
    pub key: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

impl Problem {
    fn list(problems: &[Self]) -> String {
        problems.iter().map(|problem| format!("\n  {problem}")).collect()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.key, self.message)
    }
}

/// Collects problems, so that all are told at once.
pub(super) struct Problems {
    production: bool,
    found: Vec<Problem>,
}

impl Problems {
    pub(super) fn new(production: bool) -> Self {
        let found = Vec::new();
        Self { production, found }
    }

    /// Notes a problem with `key` unless `fine`.
    pub(super) fn demand(&mut self, fine: bool, key: &'static str, message: impl Into<String>) {
        if !fine {
            self.found.push(Problem {
                key,
                message: message.into(),
            });
        }
    }

    /// Notes a problem with `key` unless `fine`, in production only.
    pub(super) fn demand_in_production(&mut self, fine: bool, key: &'static str, message: impl Into<String>) {
        self.demand(fine || !self.production, key, message);
    }

    pub(super) fn into_result(self) -> Result<(), ConfigError> {
        if self.found.is_empty() {
            Ok(())
        } else {
            Err(ConfigError::Invalid(self.found))
        }
    }
}

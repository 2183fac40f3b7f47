//! Secrets, by value or by file.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::error::Problems;

/// A secret text; wiped when dropped, without `Debug` and `Serialize`.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for SecretText {
    /// An error about another type would quote what it found, so any type is taken and then judged without quoting.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => Ok(Self::new(text)),
            _ => Err(serde::de::Error::custom("expected a string")),
        }
    }
}

/// Where a secret is.
#[derive(Clone)]
pub enum Secret {
    /// In the configuration.
    Text(SecretText),
    /// In a file of its own.
    File(PathBuf),
}

impl Secret {
    /// Pairs a key with its `*_file` twin; `None` unless exactly one is set.
    pub(super) fn either(text: Option<&SecretText>, file: Option<&PathBuf>) -> Option<Self> {
        match (text, file) {
            (Some(text), None) => Some(Self::Text(text.clone())),
            (None, Some(file)) => Some(Self::File(file.clone())),
            _ => None,
        }
    }

    /// The secret, without white space around it. Blocks on a small local file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self) -> io::Result<SecretText> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(path) => {
                let text = Zeroizing::new(fs::read_to_string(path)?);
                Ok(SecretText::new(text.trim().to_owned()))
            }
        }
    }

    /// Notes what may not be: an unreadable file, a placeholder, and in production a file that everybody may read.
    pub(super) fn check(&self, key: &'static str, problems: &mut Problems) {
        if let Self::File(path) = self {
            let open = is_world_readable(path);
            problems.demand_in_production(!open, key, "everybody may read the file: chmod o-r");
        }
        match self.read() {
            Ok(text) => {
                let real = !is_placeholder(text.expose_secret());
                problems.demand_in_production(real, key, "is a placeholder: put a real secret there");
            }
            Err(error) => problems.demand(false, key, format!("the file cannot be read: {error}")),
        }
    }
}

/// Whether others than owner and group may read a file.
pub(super) fn is_world_readable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o004 != 0)
}

/// What people and samples write where a secret should be.
const PLACEHOLDERS: [&str; 5] = ["changeme", "change-me", "change_me", "placeholder", "replace-me"];

fn is_placeholder(secret: &str) -> bool {
    let secret = secret.to_ascii_lowercase();
    secret.is_empty() || PLACEHOLDERS.iter().any(|word| secret.contains(word))
}

//! `[shreds]`: what is remembered of deleted spaces.

use std::path::PathBuf;

use serde::Deserialize;

use super::error::Problems;

/// `[shreds]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShredsConfig {
    /// Folder with one file for each deleted space, so that a restore can delete it again. It must be on a disk that is
    /// not part of the backups of the database, and every relay of the database needs the same one.
    pub folder: Option<PathBuf>,
}

impl ShredsConfig {
    pub(super) fn check(&self, problems: &mut Problems) {
        let absolute = self.folder.as_ref().is_none_or(|folder| folder.is_absolute());
        problems.demand_in_production(absolute, "shreds.folder", "must be an absolute path");
    }
}

//! Writes the files of one backup into its draft.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{
    BackupError, authenticity,
    authenticity::{ManifestKey, Seal},
    envelope::{Label, Recipient},
    files::SealedFile,
    folder::Draft,
    manifest::{self, FileFacts, Manifest},
    names,
};

/// Writes the files of one backup.
#[derive(Clone)]
pub(super) struct Writer {
    pub(super) draft: Draft,
    pub(super) recipients: Vec<Recipient>,
    /// The label of its files, but for their names.
    pub(super) label: Label,
}

impl Writer {
    pub(super) fn begin(&self, name: &str) -> Result<SealedFile, BackupError> {
        SealedFile::create(&self.draft, &self.recipients, &self.labelled(name))
    }

    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<FileFacts, BackupError> {
        let mut file = self.begin(name)?;
        file.write_all(content)
            .map_err(BackupError::file("write", name))?;
        file.finish()
    }

    /// A file that somebody else made.
    pub(super) fn attach(&self, path: &Path) -> Result<FileFacts, BackupError> {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let mut file = self.begin(&format!("{}{name}{}", names::ATTACHED, names::ENCRYPTED))?;
        let mut source = fs::File::open(path).map_err(BackupError::file("attach", path))?;
        io::copy(&mut source, &mut file).map_err(BackupError::file("attach", path))?;
        file.finish()
    }

    pub(super) fn write_manifest(&self, manifest: &Manifest, key: &ManifestKey) -> Result<(), BackupError> {
        let bytes = manifest.render();
        let seal = Seal::make(&bytes, &self.labelled(authenticity::FILE), &self.recipients, key)?;
        self.draft.write(authenticity::FILE, &seal.render())?;
        self.draft.write(manifest::FILE, &bytes)
    }

    fn labelled(&self, file: &str) -> Label {
        Label {
            file: file.to_owned(),
            ..self.label.clone()
        }
    }
}

/// A manifest takes plain names alone, each once.
pub(super) fn demand_plain_names(attached: &[PathBuf]) -> Result<(), BackupError> {
    let mut seen = BTreeSet::new();
    for path in attached {
        let name = path.file_name().and_then(|name| name.to_str());
        if !name.is_some_and(manifest::is_plain) || !seen.insert(name) {
            let text = format!(
                "{} cannot be attached: its name has to be plain, and different from the others'",
                path.display()
            );
            return Err(BackupError::Configuration(text));
        }
    }
    Ok(())
}

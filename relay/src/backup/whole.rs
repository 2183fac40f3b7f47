//! A backup as it lies there: opened, and held against its manifest without any live system.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use super::{
    BackupError, authenticity,
    authenticity::{OpenedSeal, Seal},
    envelope::Identities,
    files, folder,
    keys::KeySnapshot,
    manifest::{self, Manifest},
    names,
    programs::Programs,
    progress::Progress,
    scan::{DumpFacts, DumpScanner},
};
use crate::atrest::{KeyWrapError, open_every_key, version_in_openbao};

/// A backup whose manifest is the one that was written.
pub struct Backup {
    path: PathBuf,
    manifest: Manifest,
    seal: OpenedSeal,
    identities: Identities,
}

impl Backup {
    /// Reads manifest and seal. Blocks.
    ///
    /// # Errors
    /// [`BackupError`], by the name of what is wrong.
    pub fn open(path: &Path, identities: Identities) -> Result<Self, BackupError> {
        let path = path.canonicalize().map_err(BackupError::file("find", path))?;
        if folder::is_draft(&path) {
            return Err(BackupError::Unfinished(path));
        }
        let bytes = read(&path, manifest::FILE, manifest::MAX_BYTES)?;
        let bytes = bytes.ok_or_else(|| BackupError::NoManifest(path.clone()))?;
        let manifest = Manifest::parse(&bytes)?;
        let seal = read(&path, authenticity::FILE, authenticity::MAX_BYTES)?;
        let seal = Seal::parse(&seal.ok_or(BackupError::SealMissing)?)?.open(&bytes, &identities)?;
        Ok(Self {
            path,
            manifest,
            seal,
            identities,
        })
    }

    /// What it says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What shows that the deployment itself wrote it.
    #[must_use]
    pub fn seal(&self) -> &OpenedSeal {
        &self.seal
    }

    /// The folder that it lies in, with others.
    #[must_use]
    pub fn parent(&self) -> Option<&Path> {
        self.path.parent()
    }

    /// Holds every file against the manifest. Blocks.
    ///
    /// # Errors
    /// [`BackupError`], by the name of the first file that is not right.
    pub fn check_files(&self, progress: &dyn Progress) -> Result<(), BackupError> {
        let (mut done, total) = (0, self.manifest.bytes());
        let mut passed = |bytes| {
            done += bytes;
            progress.bytes(done, total);
        };
        let mut each = self.manifest.files.iter();
        each.try_for_each(|file| {
            files::check(&self.path, &self.manifest, file, &self.identities, &mut passed)
        })
    }

    /// Decrypts a file, once it was held against the manifest. Blocks.
    ///
    /// # Errors
    /// [`BackupError`], by the name of what is wrong with it.
    pub fn extract(&self, name: &str, out: &mut impl Write) -> Result<(), BackupError> {
        let expected = self.manifest.file(name)?;
        files::check(
            &self.path,
            &self.manifest,
            expected,
            &self.identities,
            &mut |_| (),
        )?;
        let copied = io::copy(&mut self.file(name)?, out);
        copied.map(drop).map_err(BackupError::file("extract", name))
    }

    /// Decrypts every file but keys and dump to its end: those are read anyway. Blocks.
    ///
    /// # Errors
    /// [`BackupError::FileChanged`].
    pub fn open_others(&self) -> Result<(), BackupError> {
        let read_anyway = [names::KEYS, names::DUMP];
        let others = self.manifest.files.iter().map(|file| file.name.as_str());
        for name in others.filter(|name| !read_anyway.contains(name)) {
            let copied = io::copy(&mut self.file(name)?, &mut io::sink());
            copied.map_err(|_| BackupError::FileChanged {
                name: name.to_owned(),
                why: "it does not decrypt",
            })?;
        }
        Ok(())
    }

    /// Opens the keys, and where that needs nobody, tries them on the seal. Blocks.
    ///
    /// # Errors
    /// [`BackupError::SealForged`] and others.
    pub async fn keys(&self) -> Result<KeySnapshot, BackupError> {
        let snapshot = KeySnapshot::read(&self.manifest.kms.kind, self.file(names::KEYS)?)?;
        if let KeySnapshot::File(key) = &snapshot {
            if key.name() != self.manifest.kms.key_name {
                let text = "the key file is not the one that the manifest names";
                return Err(BackupError::Pairing(text.into()));
            }
            self.seal.confirm(&self.manifest.id, key).await?;
        }
        Ok(snapshot)
    }

    /// Reads the dump to its end and holds it against the manifest. Blocks.
    ///
    /// # Errors
    /// [`BackupError::Pairing`] and others.
    pub fn read_dump(&self, programs: &Programs, progress: &dyn Progress) -> Result<DumpFacts, BackupError> {
        let total = self.manifest.file(names::DUMP)?.bytes;
        let mut dump = Counted {
            inner: self.file(names::DUMP)?,
            done: 0,
            total,
            progress,
        };
        let mut scanner = DumpScanner::default();
        programs.read(&mut dump, &mut |sql| scanner.feed(sql).map_err(io::Error::other))?;
        let pairing = |error: super::scan::ScanError| BackupError::Pairing(error.to_string());
        let facts = scanner.finish().map_err(pairing)?;
        self.compare(&facts)?;
        Ok(facts)
    }

    /// The dump, decrypted, for who puts it into a database.
    pub(super) fn dump<'a>(
        &self,
        progress: &'a dyn Progress,
    ) -> Result<impl Read + Send + use<'a>, BackupError> {
        Ok(Counted {
            inner: self.file(names::DUMP)?,
            done: 0,
            total: self.manifest.file(names::DUMP)?.bytes,
            progress,
        })
    }

    /// Tries every data key of the dump on the keys of the backup, where that can be done without OpenBao; there, the versions
    /// have to be those of the manifest.
    ///
    /// # Errors
    /// [`BackupError::Pairing`].
    pub async fn check_pair(&self, keys: &KeySnapshot, facts: &DumpFacts) -> Result<(), BackupError> {
        match keys {
            KeySnapshot::File(key) => match open_every_key(key, &facts.data_keys).await {
                Err(KeyWrapError::Corrupt(why)) => Err(BackupError::Pairing(format!(
                    "a key of the dump does not open under the key file: {why}"
                ))),
                tried => Ok(tried?),
            },
            KeySnapshot::OpenBao(_) => {
                let versions: Option<BTreeSet<u32>> = facts
                    .data_keys
                    .iter()
                    .map(|key| version_in_openbao(&key.wrapped))
                    .collect();
                match versions.is_some_and(|versions| {
                    versions
                        .into_iter()
                        .eq(self.manifest.kms.key_versions.iter().copied())
                }) {
                    true => Ok(()),
                    false => Err(BackupError::Pairing(
                        "the dump has keys under other versions of the Transit key than the manifest names"
                            .into(),
                    )),
                }
            }
        }
    }

    fn compare(&self, facts: &DumpFacts) -> Result<(), BackupError> {
        let stated = &self.manifest.database;
        let same = [
            (facts.schema_version == stated.schema_version, "schema version"),
            (
                facts.deployment().as_deref() == Some(&stated.deployment),
                "deployment",
            ),
            (
                facts.data_keys.len() as u64 == stated.data_keys,
                "number of data keys",
            ),
            (stated.has_heads(&facts.heads), "heads of its spaces"),
        ];
        match same.iter().find(|(same, _)| !same) {
            Some((_, what)) => Err(BackupError::Pairing(format!(
                "the dump has another {what} than the manifest"
            ))),
            None => Ok(()),
        }
    }

    fn file(&self, name: &str) -> Result<super::envelope::Opened<File>, BackupError> {
        self.manifest.file(name)?;
        files::open_own(&self.path, &self.manifest, name, &self.identities)
    }
}

/// Tells how much was read.
struct Counted<'a, R> {
    inner: R,
    done: u64,
    total: u64,
    progress: &'a dyn Progress,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.done += length as u64;
        self.progress.bytes(self.done, self.total);
        Ok(length)
    }
}

/// A small file; `None` where there is none.
fn read(folder: &Path, name: &str, limit: u64) -> Result<Option<Vec<u8>>, BackupError> {
    let path = folder.join(name);
    let mut bytes = Vec::new();
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(BackupError::file("read", &path))?,
    };
    let read = file.take(limit).read_to_end(&mut bytes);
    read.map_err(BackupError::file("read", &path))?;
    Ok(Some(bytes))
}

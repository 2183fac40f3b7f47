//! The encrypted files of a backup: written with a hash, checked by it, opened.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::Path,
};

use sha2::{Digest, Sha256};

use super::{
    BackupError,
    envelope::{Identities, Label, Opened, Recipient, Sealer},
    folder::{self, Draft},
    manifest::{FileFacts, Manifest},
};

/// How much is read or written at once.
const PIECE: usize = 1 << 16;

/// Hashes and counts what passes.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A file of a backup that is being written.
pub(super) struct SealedFile {
    sealer: Sealer<Hashing<BufWriter<File>>>,
    name: String,
}

impl SealedFile {
    /// Begins the file. Blocks.
    pub(super) fn create(
        draft: &Draft,
        recipients: &[Recipient],
        label: &Label,
    ) -> Result<Self, BackupError> {
        let path = draft.file(&label.file);
        let begin = || -> io::Result<_> {
            let out = Hashing {
                inner: BufWriter::with_capacity(PIECE, folder::create(&path)?),
                hash: Sha256::new(),
                bytes: 0,
            };
            Sealer::begin(recipients, label, out)
        };
        Ok(Self {
            sealer: begin().map_err(BackupError::file("write", &path))?,
            name: label.file.clone(),
        })
    }

    /// Makes the file whole and durable. Blocks.
    pub(super) fn finish(self) -> Result<FileFacts, BackupError> {
        let finish = || -> io::Result<_> {
            let out = self.sealer.finish()?;
            let file = out.inner.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            Ok((out.bytes, out.hash.finalize()))
        };
        let (bytes, hash) = finish().map_err(BackupError::file("write", &self.name))?;
        Ok(FileFacts {
            name: self.name,
            bytes,
            sha256: hex::encode(hash),
        })
    }
}

impl Write for SealedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sealer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sealer.flush()
    }
}

/// Holds a file against the manifest, before it is used, telling how much was read. Blocks.
///
/// # Errors
/// [`BackupError::FileMissing`], [`BackupError::Foreign`], [`BackupError::FileChanged`].
pub(super) fn check(
    folder: &Path,
    manifest: &Manifest,
    expected: &FileFacts,
    identities: &Identities,
    passed: &mut dyn FnMut(u64),
) -> Result<(), BackupError> {
    let path = folder.join(&expected.name);
    match hash(&path, passed) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(BackupError::FileMissing(expected.name.clone()))
        }
        Err(error) => Err(BackupError::file("read", path)(error)),
        Ok((bytes, sha256)) if (bytes, &sha256) == (expected.bytes, &expected.sha256) => Ok(()),
        Ok((bytes, _)) => Err(name_the_change(folder, manifest, expected, bytes, identities)),
    }
}

/// A file that is none of this backup may be a whole one of another.
fn name_the_change(
    folder: &Path,
    manifest: &Manifest,
    expected: &FileFacts,
    bytes: u64,
    identities: &Identities,
) -> BackupError {
    let label = open(folder, &expected.name, identities).map(|opened| opened.label().clone());
    if let Ok(label) = label
        && (&label.backup, &label.deployment) != (&manifest.id, &manifest.database.deployment)
    {
        return foreign(manifest, &expected.name, &label);
    }
    let why = match bytes.cmp(&expected.bytes) {
        std::cmp::Ordering::Less => "it is shorter than it was written",
        std::cmp::Ordering::Greater => "it is longer than it was written",
        std::cmp::Ordering::Equal => "its SHA-256 is another",
    };
    BackupError::FileChanged {
        name: expected.name.clone(),
        why,
    }
}

fn foreign(manifest: &Manifest, name: &str, label: &Label) -> BackupError {
    let whose = if label.deployment != manifest.database.deployment {
        "another deployment's backup"
    } else if label.backup < manifest.id {
        "an older backup"
    } else {
        "a newer backup"
    };
    BackupError::Foreign {
        name: name.to_owned(),
        whose,
        found: label.backup.clone(),
        expected: manifest.id.clone(),
    }
}

/// Opens a file of a backup. Blocks.
///
/// # Errors
/// [`BackupError::WrongIdentity`], [`BackupError::FileChanged`], [`BackupError::FileMissing`].
pub(super) fn open(folder: &Path, name: &str, identities: &Identities) -> Result<Opened<File>, BackupError> {
    let path = folder.join(name);
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(BackupError::FileMissing(name.to_owned()));
        }
        file => file.map_err(BackupError::file("read", &path))?,
    };
    Opened::begin(name, file, identities)
}

/// Opens a file that was checked, and demands that it is this backup's.
///
/// # Errors
/// As [`open`]; [`BackupError::Foreign`].
pub(super) fn open_own(
    folder: &Path,
    manifest: &Manifest,
    name: &str,
    identities: &Identities,
) -> Result<Opened<File>, BackupError> {
    let opened = open(folder, name, identities)?;
    let label = opened.label();
    let own =
        label.backup == manifest.id && label.file == name && label.deployment == manifest.database.deployment;
    match own {
        true => Ok(opened),
        false => Err(foreign(manifest, name, label)),
    }
}

/// Copies everything, telling how much.
pub(super) fn copy(from: &mut impl Read, to: &mut impl Write, passed: &mut dyn FnMut(u64)) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let length = match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        to.write_all(&piece[..length])?;
        passed(length as u64);
    }
}

fn hash(path: &Path, passed: &mut dyn FnMut(u64)) -> io::Result<(u64, String)> {
    let mut out = Hashing {
        inner: io::sink(),
        hash: Sha256::new(),
        bytes: 0,
    };
    copy(&mut File::open(path)?, &mut out, passed)?;
    Ok((out.bytes, hex::encode(out.hash.finalize())))
}

//! Reading and writing the key file itself.
//!
//! Three lines of text: what it is, an id, the key in hexadecimal. The id is a hash of the key, so that a
//! damaged file is noticed when it is read.

use std::{
    fs::{File, OpenOptions, Permissions, hard_link, remove_file},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::ID_BYTES;
use crate::{
    atrest::{associated_data::length_prefixed, data_key::DataKey},
    entropy::Entropy,
};

const TITLE: &str = "sealpost key file, version 1\n";
const ID_LABEL: &str = "id ";
const KEY_LABEL: &str = "key ";
const FILE_BYTES: usize = TITLE.len() + ID_LABEL.len() + 33 + KEY_LABEL.len() + 65;
const OWNER_READS_AND_WRITES: u32 = 0o600;
const OWNER_READS: u32 = 0o400;

/// Why a key file cannot be used. No text holds any of its content.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is a file at this place already.
    #[error("a key file exists already")]
    Exists,
    /// There is no file at this place.
    #[error("there is no key file")]
    Absent,
    /// Others than the owner may read or change the file.
    #[error("the key file has mode {mode:04o}; it must be 0600 or 0400")]
    TooOpen {
        /// The permission bits that were found.
        mode: u32,
    },
    /// The content is not that of a key file, or its id does not fit its key.
    #[error("the key file is damaged, or is not a key file")]
    Damaged,
    /// The file system refused.
    #[error("the key file could not be {action}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The refusal.
        source: io::Error,
    },
}

/// The id of a key: the first half of a hash of it.
pub(super) fn id_of(key: &DataKey) -> [u8; ID_BYTES] {
    let label = length_prefixed(&[b"sealpost/v1/key-file-id"]);
    let hash: [u8; 32] = Sha256::new()
        .chain_update(label)
        .chain_update(key.expose_bytes())
        .finalize()
        .into();
    let (id, _) = hash.split_first_chunk().expect("a hash is longer than an id");
    *id
}

/// Reads the key from the file at `path`, refusing one that others can read.
pub(super) fn read(path: &Path) -> Result<DataKey, KeyFileError> {
    let file = File::open(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => KeyFileError::Absent,
        _ => failed("opened")(source),
    })?;
    // Asked of the open file, so that it cannot be exchanged in between.
    check_mode(&file.metadata().map_err(failed("inspected"))?.permissions())?;
    let mut content = Zeroizing::new(Vec::with_capacity(FILE_BYTES + 1));
    let limit = FILE_BYTES as u64 + 1;
    file.take(limit)
        .read_to_end(&mut content)
        .map_err(failed("read"))?;
    parse(&content).ok_or(KeyFileError::Damaged)
}

fn check_mode(permissions: &Permissions) -> Result<(), KeyFileError> {
    let mode = permissions.mode() & 0o7777;
    match mode {
        OWNER_READS_AND_WRITES | OWNER_READS => Ok(()),
        _ => Err(KeyFileError::TooOpen { mode }),
    }
}

/// The key in the content of a key file.
pub(super) fn parse(content: &[u8]) -> Option<DataKey> {
    let rest = content
        .strip_prefix(TITLE.as_bytes())?
        .strip_prefix(ID_LABEL.as_bytes())?;
    let (id, rest) = rest.split_first_chunk::<{ 2 * ID_BYTES }>()?;
    let rest = rest.strip_prefix(b"\n")?.strip_prefix(KEY_LABEL.as_bytes())?;
    let digits = rest.strip_suffix(b"\n")?;
    let key = DataKey::try_fill_with(|bytes| hex::decode_to_slice(digits, bytes)).ok()?;
    (hex::encode(id_of(&key)).as_bytes() == id).then_some(key)
}

/// The content of the key file of a key.
pub(super) fn render(key: &DataKey) -> Zeroizing<String> {
    let mut digits = Zeroizing::new([0; 64]);
    hex::encode_to_slice(key.expose_bytes(), &mut *digits).expect("a digit pair per byte");
    let digits = std::str::from_utf8(&*digits).expect("hexadecimal digits are ASCII");
    let mut content = Zeroizing::new(String::with_capacity(FILE_BYTES));
    let id = hex::encode(id_of(key));
    for part in [TITLE, ID_LABEL, &id, "\n", KEY_LABEL, digits, "\n"] {
        content.push_str(part);
    }
    content
}

/// Writes `key` to `path`, so that after a crash at any moment there is a whole, durable file or none.
pub(super) fn create(path: &Path, key: &DataKey, entropy: &dyn Entropy) -> Result<(), KeyFileError> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let draft = draft_path(folder, entropy);
    let written = write_draft(&draft, key).and_then(|()| publish(&draft, path));
    let removed = remove_file(&draft).map_err(failed("tidied up"));
    written?;
    removed?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed("made durable"))
}

fn draft_path(folder: &Path, entropy: &dyn Entropy) -> PathBuf {
    let mut suffix = [0; 8];
    entropy.fill(&mut suffix);
    folder.join(format!(".key-file-{}", hex::encode(suffix)))
}

fn write_draft(draft: &Path, key: &DataKey) -> Result<(), KeyFileError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(OWNER_READS_AND_WRITES)
        .open(draft)
        .map_err(failed("created"))?;
    file.write_all(render(key).as_bytes())
        .map_err(failed("written"))?;
    file.sync_all().map_err(failed("made durable"))
}

/// Links rather than renames: a link never replaces a file that is there.
fn publish(draft: &Path, path: &Path) -> Result<(), KeyFileError> {
    hard_link(draft, path).map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => KeyFileError::Exists,
        _ => KeyFileError::Io {
            action: "put in place",
            source,
        },
    })
}

fn failed(action: &'static str) -> impl FnOnce(io::Error) -> KeyFileError {
    move |source| KeyFileError::Io { action, source }
}

#[cfg(test)]
mod tests;

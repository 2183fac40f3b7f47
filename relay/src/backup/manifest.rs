//! The manifest: what a backup holds and what it fits. Readable by everybody, and changed by nobody without the keys.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{BackupError, heads::Heads};

/// The only format so far.
pub const FORMAT: u32 = 1;
/// The manifest's file.
pub const FILE: &str = "manifest.json";
/// A manifest is small whatever it describes; whatever is longer is none.
pub const MAX_BYTES: u64 = 1 << 20;

/// What a backup holds and what it fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The format of the backup.
    pub format: u32,
    /// The backup's name: its time and four random bytes.
    pub id: String,
    /// When it was begun.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Version of the relay that made it.
    pub app_version: String,
    /// The database.
    pub database: DatabaseFacts,
    /// What opens the database's keys.
    pub kms: KmsFacts,
    /// SHA-256 of the OPAQUE public key that clients pin, in hexadecimal.
    pub opaque_fingerprint: String,
    /// Root of the inventory of blobs, once there are blobs.
    pub blob_inventory_root: Option<String>,
    /// The encrypted files.
    pub files: Vec<FileFacts>,
}

/// What the database was, in the very snapshot that was dumped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseFacts {
    /// The newest migration that had run.
    pub schema_version: i32,
    /// Which deployment this is: the id of its directory data key, in hexadecimal, the same through all restores.
    pub deployment: String,
    /// Which life of the database this was, in hexadecimal.
    pub incarnation: String,
    /// Data keys, all wrapped by the key service.
    pub data_keys: u64,
    /// Spaces with entries.
    pub spaces: u64,
    /// Hash over the heads of all of them, in hexadecimal.
    pub heads_root: String,
}

/// What opens the database's keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KmsFacts {
    /// As `kms.kind` of the configuration.
    pub kind: String,
    /// The wrapping key: id of the key file, or mount and name in OpenBao.
    pub key_name: String,
    /// Versions of the wrapping key that the database's keys are under. None for a key file, which has one.
    pub key_versions: Vec<u32>,
    /// What OpenBao has to be unsealed with.
    pub seal_key: Option<SealKeyFacts>,
}

/// A seal key: never part of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealKeyFacts {
    /// `current_key_id` in OpenBao's configuration.
    pub id: String,
    /// SHA-256 of the key, in hexadecimal.
    pub sha256: String,
}

/// One encrypted file, as it lies there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileFacts {
    /// Its name in the backup's folder.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

impl DatabaseFacts {
    /// The count and the hash of the heads, for comparison.
    #[must_use]
    pub fn has_heads(&self, heads: &Heads) -> bool {
        self.spaces == heads.spaces && self.heads_root == hex::encode(heads.root)
    }
}

impl Manifest {
    /// The bytes of its file.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a manifest has text keys and no floats");
        bytes.push(b'\n');
        bytes
    }

    /// Reads the bytes of a manifest's file.
    ///
    /// # Errors
    /// [`BackupError::FormatNewer`], [`BackupError::ManifestMalformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BackupError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let malformed = |error: serde_json::Error| BackupError::ManifestMalformed(error.to_string());
        let Format { format: found } = serde_json::from_slice(bytes).map_err(malformed)?;
        if found > FORMAT {
            return Err(BackupError::FormatNewer { found, known: FORMAT });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(malformed)?;
        manifest.refuse_paths()?;
        Ok(manifest)
    }

    /// The file with this name.
    ///
    /// # Errors
    /// [`BackupError::ManifestMalformed`] when the manifest lists none.
    pub fn file(&self, name: &str) -> Result<&FileFacts, BackupError> {
        let found = self.files.iter().find(|file| file.name == name);
        found.ok_or_else(|| BackupError::ManifestMalformed(format!("it lists no {name}")))
    }

    /// Bytes of all files together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Names are joined to the folder's, so they must not lead out of it.
    fn refuse_paths(&self) -> Result<(), BackupError> {
        match self.files.iter().find(|file| !is_plain(&file.name)) {
            Some(_) => Err(BackupError::ManifestMalformed("a file's name is a path".into())),
            None => Ok(()),
        }
    }
}

/// Whether a name is that of a file in the folder itself, which shows.
pub(super) fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !name.starts_with('.') && !name.is_empty() && name.bytes().all(is_plain)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::backup) fn sample() -> Manifest {
        Manifest {
            format: FORMAT,
            id: "20261121T201503Z-01020304".into(),
            created_at: OffsetDateTime::from_unix_timestamp(1_795_292_103).unwrap(),
            app_version: "0.1.0".into(),
            database: DatabaseFacts {
                schema_version: 14,
                deployment: "11".repeat(16),
                incarnation: "22".repeat(16),
                data_keys: 4,
                spaces: 1,
                heads_root: "33".repeat(32),
            },
            kms: KmsFacts {
                kind: "file".into(),
                key_name: "44".repeat(16),
                key_versions: Vec::new(),
                seal_key: None,
            },
            opaque_fingerprint: "55".repeat(32),
            blob_inventory_root: None,
            files: vec![FileFacts {
                name: "keys.age".into(),
                bytes: 7,
                sha256: "66".repeat(32),
            }],
        }
    }

    #[test]
    fn a_manifest_comes_back_as_it_was_written() {
        assert_eq!(Manifest::parse(&sample().render()).unwrap(), sample());
    }

    #[test]
    fn a_manifest_that_is_cut_off_anywhere_is_malformed() {
        let whole = sample().render();
        // The last two bytes are the brace and the line end.
        for length in 0..whole.len() - 1 {
            let cut = Manifest::parse(&whole[..length]);
            assert!(matches!(cut, Err(BackupError::ManifestMalformed(_))), "{length}");
        }
    }

    #[test]
    fn a_manifest_of_a_later_relay_is_named_whatever_else_it_has() {
        let later = br#"{ "format": 2, "novelty": true }"#;
        let refused = Manifest::parse(later);
        assert!(matches!(
            refused,
            Err(BackupError::FormatNewer { found: 2, known: 1 })
        ));
    }

    #[test]
    fn a_name_that_leads_out_of_the_folder_is_refused() {
        for name in ["../keys.age", "/etc/passwd", ".", "", "a/b"] {
            let mut manifest = sample();
            manifest.files[0].name = name.into();
            assert!(Manifest::parse(&manifest.render()).is_err(), "{name}");
        }
    }
}

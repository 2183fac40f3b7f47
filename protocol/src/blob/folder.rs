//! A folder: a blob whose plaintext names other blobs by their paths.

use bytes::Bytes;

use super::reference::is_name;
use super::{BlobReference, ReferenceError};
use crate::canonical::{NotCanonical, decode_canonical, encode};
use crate::limits::{MAX_FOLDER, MAX_FOLDER_FILES, MAX_FOLDER_PATH};
use crate::{VERSION, wire};

/// Media type, in its reference, of a blob that is a folder.
pub const FOLDER_TYPE: &str = "application/vnd.sealpost.folder";

/// A folder that must not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FolderError {
    /// Has a second encoding or unknown fields.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// Of a version this code does not know.
    #[error("folder version {0} is not known; update this program")]
    Version(u32),
    /// Longer than a folder may be, or with more files.
    #[error("the folder has too many files, or too long names")]
    TooLarge,
    /// A path that leads elsewhere, is out of order, or is at once a file and a folder.
    #[error("the folder has a path that is no place for a file")]
    Path,
    /// A file's reference.
    #[error("a file of the folder: {0}")]
    File(#[from] ReferenceError),
}

/// One file of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderFile {
    /// Where it is in the folder: names with slashes between them.
    pub path: String,
    /// Whether its owner may run it.
    pub executable: bool,
    /// Its bytes; it has no name of its own.
    pub blob: BlobReference,
}

/// A folder: its files, in the order of their paths' bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    files: Vec<FolderFile>,
}

impl Folder {
    /// A folder of these files, whatever their order.
    ///
    /// # Errors
    /// See [`FolderError`].
    pub fn new(mut files: Vec<FolderFile>) -> Result<Self, FolderError> {
        files.sort_by(|one, other| one.path.cmp(&other.path));
        check(&files)?;
        Ok(Self { files })
    }

    /// Its files, in the order of their paths' bytes.
    #[must_use]
    pub fn files(&self) -> &[FolderFile] {
        &self.files
    }

    /// The plaintext of the blob.
    ///
    /// # Errors
    /// [`FolderError::TooLarge`]; [`FolderError::File`] if a media type is not one that readers take.
    pub fn encode(&self) -> Result<Bytes, FolderError> {
        let files = self.files.iter().map(|file| {
            Ok(wire::FolderFile {
                path: file.path.clone(),
                executable: file.executable,
                blob: Some(file.blob.to_wire()?),
            })
        });
        let files = files.collect::<Result<_, ReferenceError>>()?;
        let bytes = encode(&wire::Folder {
            version: VERSION,
            files,
        });
        (bytes.len() <= MAX_FOLDER)
            .then_some(bytes)
            .ok_or(FolderError::TooLarge)
    }

    /// Parses the plaintext of a blob of type [`FOLDER_TYPE`].
    ///
    /// # Errors
    /// See [`FolderError`].
    pub fn parse(plaintext: &Bytes) -> Result<Self, FolderError> {
        if plaintext.len() > MAX_FOLDER {
            return Err(FolderError::TooLarge);
        }
        let message: wire::Folder = decode_canonical(plaintext)?;
        if message.version != VERSION {
            return Err(FolderError::Version(message.version));
        }
        let files = message.files.into_iter().map(|file| {
            Ok(FolderFile {
                path: file.path,
                executable: file.executable,
                blob: BlobReference::from_wire(file.blob.unwrap_or_default())?,
            })
        });
        let files = files.collect::<Result<Vec<_>, ReferenceError>>()?;
        check(&files)?;
        Ok(Self { files })
    }
}

fn check(files: &[FolderFile]) -> Result<(), FolderError> {
    if files.len() > MAX_FOLDER_FILES {
        return Err(FolderError::TooLarge);
    }
    if files.iter().any(|file| !file.blob.name.is_empty()) {
        return Err(ReferenceError::Malformed("name").into());
    }
    let ascending = files.is_sorted_by(|one, other| one.path < other.path);
    // What is in a folder stands together, wherever that is.
    let is_folder = |path: &str| {
        let inside = format!("{path}/");
        let at = files.partition_point(|file| file.path < inside);
        files.get(at).is_some_and(|file| file.path.starts_with(&inside))
    };
    let fits = |file: &FolderFile| is_folder_path(&file.path) && !is_folder(&file.path);
    (ascending && files.iter().all(fits))
        .then_some(())
        .ok_or(FolderError::Path)
}

/// Whether a file of a folder can have this path: names with slashes between them.
#[must_use]
pub fn is_folder_path(path: &str) -> bool {
    let is_component = |name: &str| !name.is_empty() && is_name(name);
    path.len() <= MAX_FOLDER_PATH && path.split('/').all(is_component)
}

#[cfg(test)]
mod tests {
    use super::super::BlobSize;
    use super::*;
    use crate::ids::BlobId;

    fn file(path: &str) -> FolderFile {
        FolderFile {
            path: path.to_owned(),
            executable: path.ends_with(".sh"),
            blob: BlobReference {
                blob_id: BlobId::new([1; 16]),
                key: [2; 32].into(),
                epoch: 3,
                size: BlobSize::new(10).unwrap(),
                ciphertext_hash: [4; 32],
                name: String::new(),
                content_type: String::new(),
            },
        }
    }

    fn of(paths: &[&str]) -> Result<Folder, FolderError> {
        Folder::new(paths.iter().map(|path| file(path)).collect())
    }

    #[test]
    fn a_folder_round_trips_in_the_order_of_its_paths() {
        for paths in [&[][..], &["run.sh"], &["b", "a/x", "a!", "a/b/c"]] {
            let folder = of(paths).unwrap();
            let bytes = folder.encode().unwrap();
            assert_eq!(Folder::parse(&bytes), Ok(folder.clone()));
            assert!(folder.files().is_sorted_by_key(|file| &file.path));
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_or_meet_are_refused() {
        let long = "x/".repeat(MAX_FOLDER_PATH / 2) + "x";
        for paths in [
            &[""][..],
            &["/etc/passwd"],
            &["a//b"],
            &["a/"],
            &["../a"],
            &["a/../../b"],
            &["."],
            &["a\\b"],
            &["a\n"],
            &["a", "a"],
            &["a", "a!", "a/b"],
            &["a/b", "a/b/c/d"],
            &[&long],
        ] {
            assert_eq!(of(paths), Err(FolderError::Path), "{paths:?}");
        }
    }

    #[test]
    fn another_order_is_another_encoding_and_refused() {
        let two = |paths: [&str; 2]| wire::Folder {
            version: VERSION,
            files: paths
                .map(|path| wire::FolderFile {
                    path: path.to_owned(),
                    executable: false,
                    blob: Some(file("x").blob.to_wire().unwrap()),
                })
                .to_vec(),
        };
        assert!(Folder::parse(&encode(&two(["a", "b"]))).is_ok());
        assert_eq!(Folder::parse(&encode(&two(["b", "a"]))), Err(FolderError::Path));
        let mut newer = two(["a", "b"]);
        newer.version = 2;
        assert_eq!(Folder::parse(&encode(&newer)), Err(FolderError::Version(2)));
        let mut empty = two(["a", "b"]);
        empty.files[0].blob = None;
        assert!(matches!(
            Folder::parse(&encode(&empty)),
            Err(FolderError::File(_))
        ));
    }

    #[test]
    fn a_file_has_its_name_in_its_path_alone_and_a_folder_has_an_end() {
        let mut named = file("a");
        named.blob.name = "b".to_owned();
        assert!(matches!(Folder::new(vec![named]), Err(FolderError::File(_))));
        let many = (0..=MAX_FOLDER_FILES).map(|number| file(&number.to_string()));
        assert_eq!(Folder::new(many.collect()), Err(FolderError::TooLarge));
        let long = Bytes::from(vec![0; MAX_FOLDER + 1]);
        assert_eq!(Folder::parse(&long), Err(FolderError::TooLarge));
    }
}

use sealpost_protocol::blob::{BlobReference, Folder};
use serde::Deserialize;

use super::files::{Hex, read};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferenceVector {
    why: String,
    reference: Hex,
    size: Option<Size>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Size {
    length: u64,
    padded: u64,
    chunks: u32,
    stored: u64,
}

#[test]
fn blob_references() {
    for vector in read::<ReferenceVector>("blob_reference") {
        let parsed = BlobReference::parse(&vector.reference.0).ok();
        let size = parsed.as_ref().map(|reference| Size {
            length: reference.size.length(),
            padded: reference.size.padded(),
            chunks: reference.size.chunks(),
            stored: reference.size.stored(),
        });
        assert_eq!(size, vector.size, "{}", vector.why);
        if let Some(reference) = parsed {
            assert_eq!(reference.encode().unwrap(), vector.reference.0, "{}", vector.why);
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FolderVector {
    why: String,
    folder: Hex,
    files: Option<Vec<File>>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    path: String,
    executable: bool,
}

#[test]
fn folders() {
    for vector in read::<FolderVector>("folder") {
        let parsed = Folder::parse(&vector.folder.0).ok();
        let files = parsed.as_ref().map(|folder| {
            let files = folder.files().iter().map(|file| File {
                path: file.path.clone(),
                executable: file.executable,
            });
            files.collect()
        });
        assert_eq!(files, vector.files, "{}", vector.why);
        if let Some(folder) = parsed {
            assert_eq!(folder.encode().unwrap(), vector.folder.0, "{}", vector.why);
        }
    }
}

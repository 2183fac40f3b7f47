//! From a folder of this device to the storage.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sealpost_protocol::blob::{BlobReference, FOLDER_TYPE, Folder, FolderFile};
use sealpost_protocol::ids::BlobId;
use sha2::{Digest, Sha256};
use tokio::fs::File;

use super::super::download::failed;
use super::super::progress::shifted;
use super::super::put::{PutBlob, PutOptions, Resume, prepare, store, tell};
use super::super::reference::note;
use super::super::storage::Storage;
use super::walk::{Found, walk};
use crate::blob::BlobError;
use crate::blocking;
use crate::error::Error;
use crate::space::Space;

/// A folder that is stored.
#[derive(Clone, Debug)]
pub struct PutFolder {
    /// The list of its files, and the message that refers to it.
    pub put: PutBlob,
    /// How many files it has.
    pub files: usize,
    /// Bytes of all its files.
    pub bytes: u64,
    /// What was left out: links, sockets and devices.
    pub skipped: Vec<PathBuf>,
}

/// Looks whether a folder can be put: that it can be read, that it has not too many files, and that readers take their names.
///
/// # Errors
/// [`Error::Store`], [`Error::Usage`].
pub async fn check_folder(folder: &Path) -> Result<(), Error> {
    let folder = folder.to_owned();
    blocking::run(move || walk(&folder)).await.map(drop)
}

impl Space {
    /// Puts every file of a folder, and sends one message for all of them. Empty folders, links and times are not carried.
    ///
    /// Called again after a crash with the same [`PutOptions::resume`], it goes on where it was, as [`Self::put_blob`] does; files
    /// that were changed meanwhile are put anew. Of the options, length, media type and version do not count.
    ///
    /// # Errors
    /// As [`Self::put_blob`]; [`Error::Store`] if a file cannot be read, [`Error::Usage`] if a name is none that readers take.
    pub async fn put_folder(&self, folder: &Path, options: PutOptions) -> Result<PutFolder, Error> {
        let storage = prepare(self, &options).await?;
        let place = folder.to_owned();
        let walked = blocking::run(move || walk(&place)).await?;
        let total = walked.files.iter().map(|found| found.metadata.len()).sum();
        let (mut files, mut resumed, mut before) = (Vec::new(), Vec::new(), 0);
        for found in &walked.files {
            let options = PutOptions {
                length: Some(found.metadata.len()),
                resume: resume(&options, &found.path, Resume::version_of(&found.metadata)),
                watch: shifted(&options.watch, before, total),
                ..PutOptions::default()
            };
            let file = store_file(self, &storage, found, &options).await?;
            before += found.metadata.len();
            resumed.extend(options.resume.map(|resume| (resume.name, file.blob.blob_id)));
            files.push(file);
        }
        let list = Folder::new(files).map_err(BlobError::from)?;
        let put = self.put_list(&list, &storage, options, &resumed).await?;
        self.forget_uploads(resumed).await?;
        Ok(PutFolder {
            put,
            files: list.files().len(),
            bytes: total,
            skipped: walked.skipped,
        })
    }

    /// Stores the list, holds the files, and sends the message.
    async fn put_list(
        &self,
        list: &Folder,
        storage: &Arc<Storage>,
        options: PutOptions,
        resumed: &[(String, BlobId)],
    ) -> Result<PutBlob, Error> {
        let plaintext = list.encode().map_err(BlobError::from)?;
        let options = PutOptions {
            content_type: FOLDER_TYPE.to_owned(),
            length: Some(plaintext.len() as u64),
            // No path of a file is empty.
            resume: resume(&options, "", hex::encode(Sha256::digest(&plaintext))),
            watch: PutOptions::default().watch,
            name: options.name,
        };
        let (mut upload, reference) = store(self, storage, &plaintext[..], &options).await?;
        let head = self.verified().seq;
        hold(self, list, head).await?;
        self.note_announced(resumed.to_vec(), head).await?;
        let put = tell(self, &mut upload, reference).await?;
        hold(self, list, put.sent.seq).await?;
        upload.forget().await?;
        Ok(put)
    }
}

impl Space {
    /// Notes that a message may refer to these: whoever puts another version of a file then leaves them to it.
    async fn note_announced(&self, files: Vec<(String, BlobId)>, head: u64) -> Result<(), Error> {
        let noting = self.core().write(move |log, _| {
            let mut files = files.iter();
            files.try_for_each(|(name, blob_id)| log.note_sending(name, blob_id, head))
        });
        noting.await
    }

    /// Forgets uploads that a message refers to.
    async fn forget_uploads(&self, files: Vec<(String, BlobId)>) -> Result<(), Error> {
        let forgetting = self.core().write(move |log, _| {
            let mut files = files.iter();
            files.try_for_each(|(name, blob_id)| log.drop_upload(name, blob_id))
        });
        forgetting.await
    }
}

/// Names the event that refers to the files.
async fn hold(space: &Space, list: &Folder, seq: u64) -> Result<(), Error> {
    for file in list.files() {
        note(space, &file.blob, seq).await?;
    }
    Ok(())
}

async fn store_file(
    space: &Space,
    storage: &Arc<Storage>,
    found: &Found,
    options: &PutOptions,
) -> Result<FolderFile, Error> {
    let opened = File::open(&found.file).await;
    let opened = opened.map_err(failed("opening", &found.file))?;
    let (_upload, blob): (_, BlobReference) = store(space, storage, opened, options).await?;
    Ok(FolderFile {
        path: found.path.clone(),
        executable: found.is_executable(),
        blob,
    })
}

fn resume(options: &PutOptions, path: &str, version: String) -> Option<Resume> {
    let name = &options.resume.as_ref()?.name;
    let name = format!("{name}\n{path}");
    Some(Resume { name, version })
}

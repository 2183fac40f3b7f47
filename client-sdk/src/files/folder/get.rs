//! From the storage to a folder of this device.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use sealpost_protocol::blob::{BlobReference, FOLDER_TYPE, Folder, FolderFile};
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::PrincipalId;
use sealpost_protocol::limits::MAX_FOLDER;
use tokio::fs;

use super::super::download::{failed, part_of};
use super::super::progress::{Progress, Watch, shifted, unwatched};
use super::super::storage::Storage;
use crate::blob::BlobError;
use crate::error::Error;
use crate::space::Space;

impl Space {
    /// The files of a folder, by the reference that a message carries.
    ///
    /// # Errors
    /// As [`Self::get_blob`]; [`Error::Usage`] if it refers to a file, [`Error::Blob`] if the list is not one that may be used.
    pub async fn folder(&self, reference: &BlobReference) -> Result<Folder, Error> {
        let storage = Storage::of(&self.core().client).await?;
        self.folder_from(reference, &storage).await
    }

    async fn folder_from(&self, reference: &BlobReference, storage: &Arc<Storage>) -> Result<Folder, Error> {
        if reference.content_type != FOLDER_TYPE {
            return Err(Error::usage("this is a file, no folder"));
        }
        if reference.size.length() > MAX_FOLDER as u64 {
            return Err(BlobError::from(super::FolderError::TooLarge).into());
        }
        let mut plaintext = Vec::new();
        self.fetch_into(reference, &mut plaintext, storage, &unwatched())
            .await?;
        Ok(Folder::parse(&plaintext.into()).map_err(BlobError::from)?)
    }

    /// Fetches all files of a folder. It appears when every one of them is whole. What a killed call has left beside it
    /// (`NAME.ID.part`) is gone on with.
    ///
    /// # Errors
    /// As [`Self::folder`]; [`Error::Store`] if something cannot be written, or is there already.
    pub async fn get_folder_to(
        &self,
        reference: &BlobReference,
        path: &Path,
        watch: Watch,
    ) -> Result<(), Error> {
        let storage = Storage::of(&self.core().client).await?;
        let folder = self.folder_from(reference, &storage).await?;
        let work = part_of(path, reference);
        let files = work.join("files");
        create_all(&files).await?;
        let total = folder.files().iter().map(|file| file.blob.size.length()).sum();
        // An empty one, or one that is there but for its name, has no more to tell.
        watch(Progress {
            done: 0,
            total: Some(total),
        });
        let mut before = 0;
        for file in folder.files() {
            let all = shifted(&watch, before, total);
            self.get_file_of(file, (&work, &files), &storage, &all).await?;
            before += file.blob.size.length();
        }
        // Refuses to replace a folder in which something is.
        fs::rename(&files, path).await.map_err(failed("creating", path))?;
        fs::remove_dir_all(&work).await.map_err(failed("removing", &work))
    }

    /// Deletes the files of a folder and then their list, as [`Self::delete_blob`] does.
    ///
    /// # Errors
    /// As [`Self::folder`] and [`Self::delete_blob`]. Called again, it goes on.
    pub async fn delete_folder(&self, reference: &BlobReference, author: PrincipalId) -> Result<(), Error> {
        for file in self.folder(reference).await?.files() {
            match self.delete_blob(&file.blob, author).await {
                // Swept since a call before this one, or never the author's.
                Err(error) if error.code() == Some(ErrorCode::NotFound) => {}
                deleted => deleted?,
            }
        }
        self.delete_blob(reference, author).await
    }

    /// What is there already has appeared whole, and only its bits may be missing.
    async fn get_file_of(
        &self,
        file: &FolderFile,
        (work, files): (&Path, &Path),
        storage: &Arc<Storage>,
        watch: &Watch,
    ) -> Result<(), Error> {
        let to = files.join(&file.path);
        if !fs::try_exists(&to).await.map_err(failed("reading", &to))? {
            create_all(to.parent().unwrap_or(files)).await?;
            let part = work.join(file.blob.blob_id.to_string());
            self.fetch_to(&file.blob, &to, &part, storage, watch).await?;
        }
        let mode = if file.executable { 0o700 } else { 0o600 };
        let set = fs::set_permissions(&to, PermissionsExt::from_mode(mode)).await;
        set.map_err(failed("writing", &to))
    }
}

async fn create_all(folder: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    let created: io::Result<()> = builder.create(folder).await;
    created.map_err(failed("creating", folder))
}

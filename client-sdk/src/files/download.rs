//! From the storage to a reader, verified on the way.

use std::io::{self, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::TryStreamExt;
use sealpost_protocol::blob::BlobReference;
use sealpost_protocol::ids::PrincipalId;
use sealpost_protocol::limits::BLOB_CHUNK;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt};
use tokio_util::io::StreamReader;

use super::fetch::Fetcher;
use super::open::BlobFile;
use super::progress::{Progress, Watch};
use super::retry::patiently;
use super::storage::Storage;
use crate::blob::{BlobError, BlobReader};
use crate::error::{Error, StoreError};
use crate::space::Space;

/// Digits of a blob's id in the name of what is not whole yet.
const DIGITS: usize = 12;
/// Bytes of a file's name, on most file systems.
const MAX_FILE_NAME: usize = 255;

impl Space {
    /// Fetches a blob into a writer, in constant memory. Every chunk is verified before it is written.
    ///
    /// # Errors
    /// [`Error::Blob`] if the stored bytes are not what the author stored: what was written before is a beginning of it, unless
    /// [`BlobError::Replaced`] says that a member who controls the storage has written all of it anew.
    pub async fn get_blob<W: AsyncWrite + Unpin>(
        &self,
        reference: &BlobReference,
        writer: &mut W,
        watch: Watch,
    ) -> Result<(), Error> {
        let storage = Storage::of(&self.core().client).await?;
        self.fetch_into(reference, writer, &storage, &watch).await
    }

    /// The same from a storage that the caller knows.
    pub(super) async fn fetch_into<W: AsyncWrite + Unpin>(
        &self,
        reference: &BlobReference,
        writer: &mut W,
        storage: &Arc<Storage>,
        watch: &Watch,
    ) -> Result<(), Error> {
        let mut reader = reader(self, reference, self.fetcher(reference, storage), 0);
        pour(&mut reader, writer, reference, 0, watch).await
    }

    /// Fetches a blob into a file, which appears when it is whole. What a killed call has left beside it (`NAME.ID.part`) is
    /// verified and gone on with.
    ///
    /// # Errors
    /// As [`Self::get_blob`]; [`Error::Store`] if the file cannot be written, or is there already.
    pub async fn get_blob_to(
        &self,
        reference: &BlobReference,
        path: &Path,
        watch: Watch,
    ) -> Result<(), Error> {
        let storage = Storage::of(&self.core().client).await?;
        self.fetch_to(reference, path, &part_of(path, reference), &storage, &watch)
            .await
    }

    /// The same from a storage that the caller knows, with a place for what is not whole yet, in the same file system.
    pub(super) async fn fetch_to(
        &self,
        reference: &BlobReference,
        path: &Path,
        part: &Path,
        storage: &Arc<Storage>,
        watch: &Watch,
    ) -> Result<(), Error> {
        let mut file = open_part(part).await?;
        let known = whole_chunks(&file, reference).await?;
        let fetcher = self.fetcher(reference, storage);
        let rest = self.fetch_rest(reference, Arc::clone(&fetcher), &mut file, known, watch);
        match rest.await {
            // What was there was not of this blob, or not whole after a power cut. If it is the storage, it shows now.
            Err(Error::Blob(BlobError::Replaced)) if known > 0 => {
                self.fetch_rest(reference, fetcher, &mut file, 0, watch).await?;
            }
            fetched => fetched?,
        }
        file.sync_all().await.map_err(failed("writing", part))?;
        appear(part, path).await
    }

    /// Fetches what is behind so many chunks that the file has.
    async fn fetch_rest(
        &self,
        reference: &BlobReference,
        fetcher: Arc<Fetcher>,
        file: &mut File,
        known: u32,
        watch: &Watch,
    ) -> Result<(), Error> {
        let mut reader = reader(self, reference, fetcher, known);
        take_known(&mut reader, file, known).await?;
        let begun = u64::from(known) * BLOB_CHUNK as u64;
        pour(&mut reader, file, reference, begun, watch).await
    }

    /// Opens a blob to read parts of it, in any order. Each is proven to be a member's; that the whole is the author's only
    /// [`Self::get_blob`] can tell.
    ///
    /// # Errors
    /// [`Error::Refused`]; [`Error::Integrity`] if the relay names another place than it announced.
    pub async fn open_blob(&self, reference: &BlobReference) -> Result<BlobFile, Error> {
        let storage = Storage::of(&self.core().client).await?;
        Ok(BlobFile::new(
            self.id(),
            reference,
            self.fetcher(reference, &storage),
        ))
    }

    /// Deletes a blob: nobody can fetch it any more. For who put it, and for who manages the space. Messages that refer to it
    /// stay.
    ///
    /// `author` is who sent the message with the reference: whoever refers to somebody else's blob gets nobody to delete that one.
    ///
    /// # Errors
    /// [`Error::Refused`], with `not_found` for a blob that somebody else has put.
    pub async fn delete_blob(&self, reference: &BlobReference, author: PrincipalId) -> Result<(), Error> {
        let shared = &self.core().client;
        let (space_id, blob_id) = (self.id(), reference.blob_id);
        patiently(shared, || async {
            let local = shared.local_account().await?;
            let place = (&space_id, &blob_id);
            shared.api.delete_blob(&local.session.token, place, &author).await
        })
        .await
    }

    fn fetcher(&self, reference: &BlobReference, storage: &Arc<Storage>) -> Arc<Fetcher> {
        let shared = &self.core().client;
        Arc::new(Fetcher::new(shared, storage, self.id(), reference))
    }
}

fn reader(
    space: &Space,
    reference: &BlobReference,
    fetcher: Arc<Fetcher>,
    first: u32,
) -> BlobReader<impl AsyncRead + Unpin + use<>> {
    let stored = fetcher.stream_from(first).map_err(io::Error::other);
    BlobReader::new(space.id(), reference, StreamReader::new(stored))
}

async fn pour<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    reader: &mut BlobReader<R>,
    writer: &mut W,
    reference: &BlobReference,
    mut done: u64,
    watch: &Watch,
) -> Result<(), Error> {
    let total = Some(reference.size.length());
    while let Some(chunk) = reader.next_chunk().await.map_err(unwrapped)? {
        writer.write_all(&chunk).await.map_err(written)?;
        done += chunk.len() as u64;
        watch(Progress { done, total });
    }
    writer.flush().await.map_err(written)
}

/// What a request said is told as it was said.
pub(super) fn unwrapped(error: BlobError) -> Error {
    match error {
        BlobError::Io(error) => match error.downcast::<Error>() {
            Ok(error) => error,
            Err(error) => Error::Blob(BlobError::Io(error)),
        },
        error => Error::Blob(error),
    }
}

fn written(source: io::Error) -> Error {
    let what = "writing what was fetched".to_owned();
    StoreError::File { what, source }.into()
}

pub(super) fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let what = format!("{what} {}", path.display());
    move |source| StoreError::File { what, source }.into()
}

/// Beside the file, with the blob's id in its name: what is in it is of no other blob.
pub(super) fn part_of(path: &Path, reference: &BlobReference) -> PathBuf {
    let id = reference.blob_id.to_string();
    let end = format!(".{}.part", &id[..DIGITS]);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let room = name.floor_char_boundary(MAX_FILE_NAME - end.len());
    path.with_file_name(format!("{}{end}", &name[..room]))
}

/// Opens what a killed call has left, or a new file. Nobody else may be at it, and it leads nowhere else.
async fn open_part(part: &Path) -> Result<File, Error> {
    let refused = |why: &'static str| move || failed("opening", part)(io::Error::other(why));
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    let file = match options.clone().create_new(true).open(part).await {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            options.open(part).await.map_err(failed("opening", part))?
        }
        opened => opened.map_err(failed("opening", part))?,
    };
    let (there, opened) = (fs::symlink_metadata(part).await, file.metadata().await);
    let same = matches!((&there, &opened), (Ok(there), Ok(opened)) if there.is_file() && there.ino() == opened.ino());
    same.then_some(())
        .ok_or_else(refused("it is no file of its own"))?;
    let file = file.into_std().await;
    file.try_lock()
        .map_err(|_| refused("another command is getting it")())?;
    Ok(file.into())
}

/// Gives the whole file its name, unless something has come there meanwhile.
async fn appear(part: &Path, path: &Path) -> Result<(), Error> {
    match fs::hard_link(part, path).await {
        Ok(()) => fs::remove_file(part).await.map_err(failed("removing", part)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(failed("creating", path)(error)),
        // Not every file system has links.
        Err(_) => replace_nothing(part, path).await,
    }
}

async fn replace_nothing(part: &Path, path: &Path) -> Result<(), Error> {
    let taken = OpenOptions::new().write(true).create_new(true).open(path).await;
    taken.map_err(failed("creating", path))?;
    fs::rename(part, path).await.map_err(failed("creating", path))
}

/// Chunks that the file has in full. The last one is fetched again: it says where the file ends.
async fn whole_chunks(file: &File, reference: &BlobReference) -> Result<u32, Error> {
    let length = file
        .metadata()
        .await
        .map_err(written)?
        .len()
        .min(reference.size.length());
    let whole = u32::try_from(length / BLOB_CHUNK as u64).expect("a blob has under 2^25 chunks");
    Ok(whole.min(reference.size.chunks() - 1))
}

/// Lets the reader count what the file has, and cuts the rest off.
async fn take_known<R: AsyncRead + Unpin>(
    reader: &mut BlobReader<R>,
    file: &mut File,
    known: u32,
) -> Result<(), Error> {
    file.seek(SeekFrom::Start(0)).await.map_err(written)?;
    for _ in 0..known {
        let mut chunk = Vec::with_capacity(BLOB_CHUNK + 16);
        chunk.resize(BLOB_CHUNK, 0);
        file.read_exact(&mut chunk).await.map_err(written)?;
        reader.take_known(chunk);
    }
    let end = u64::from(known) * BLOB_CHUNK as u64;
    file.set_len(end).await.map_err(written)?;
    file.seek(SeekFrom::Start(end)).await.map_err(written)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use sealpost_protocol::blob::BlobSize;
    use sealpost_protocol::ids::BlobId;

    use super::*;

    fn reference() -> BlobReference {
        BlobReference {
            blob_id: BlobId::new([0xab; 16]),
            key: [0; 32].into(),
            epoch: 1,
            size: BlobSize::new(1).unwrap(),
            ciphertext_hash: [0; 32],
            name: String::new(),
            content_type: String::new(),
        }
    }

    #[test]
    fn what_is_not_whole_yet_has_a_name_that_every_file_system_takes() {
        for name in ["film.mp4".to_owned(), "x".repeat(255), "\u{e9}".repeat(127)] {
            let part = part_of(&Path::new("folder").join(&name), &reference());
            let file = part.file_name().unwrap().to_str().unwrap();
            assert!(
                file.len() <= MAX_FILE_NAME && file.ends_with(".abababababab.part"),
                "{file}"
            );
            assert_eq!(part.parent(), Some(Path::new("folder")));
        }
    }

    #[tokio::test]
    async fn a_file_appears_without_links_too_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (part, path) = (folder.path().join("part"), folder.path().join("whole"));
        std::fs::write(&part, "new").unwrap();
        replace_nothing(&part, &path).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert!(!part.exists());
        std::fs::write(&part, "other").unwrap();
        for placed in [replace_nothing(&part, &path).await, appear(&part, &path).await] {
            assert!(matches!(placed, Err(Error::Store(_))), "{placed:?}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }
}

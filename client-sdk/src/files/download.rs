//! From the storage to a reader, verified on the way.

use std::io::{self, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use sealpost_protocol::blob::BlobReference;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::PrincipalId;
use sealpost_protocol::limits::{BLOB_CHUNK, STORED_CHUNK};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::buffers::Buffer;
use super::fetch::Fetcher;
use super::open::BlobFile;
use super::progress::{Progress, Watch};
use super::retry::patiently;
use super::storage::Storage;
use crate::blob::{BlobError, WholeOpener};
use crate::blocking;
use crate::error::{Error, StoreError};
use crate::space::Space;
use crate::store::file_error;

/// Stored bytes that are opened in one go.
const PIECE: usize = 16 * STORED_CHUNK;
/// Pieces that were opened and wait to be written.
const READY: usize = 2;
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
        let opener = WholeOpener::new(self.id(), reference);
        let stored = self.fetcher(reference, storage).stream_from(0);
        let failed = |source| {
            let what = "writing what was fetched".to_owned();
            Error::from(StoreError::File { what, source })
        };
        let progress = Progress {
            done: 0,
            total: Some(reference.size.length()),
        };
        pour(opener, stored, (writer, failed), progress, watch).await
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
        let fetcher = self.fetcher(reference, storage);
        // What is gone, or not for this member, leaves nothing beside the file.
        fetcher.expect_there().await?;
        let mut part = Part::open(part).await?;
        let known = part.whole_chunks(reference).await?;
        let rest = self.fetch_rest(reference, &fetcher, &mut part, known, watch);
        match rest.await {
            // What was there was not of this blob, or not whole after a power cut. If it is the storage, it shows now.
            Err(Error::Blob(BlobError::Replaced)) if known > 0 => {
                self.fetch_rest(reference, &fetcher, &mut part, 0, watch).await?;
            }
            fetched => fetched?,
        }
        part.file.sync_all().await.map_err(failed("writing", part.path))?;
        appear(part.path, path).await
    }

    /// Fetches what is behind so many chunks that the file has.
    async fn fetch_rest(
        &self,
        reference: &BlobReference,
        fetcher: &Arc<Fetcher>,
        part: &mut Part<'_>,
        known: u32,
        watch: &Watch,
    ) -> Result<(), Error> {
        let mut opener = WholeOpener::new(self.id(), reference);
        let begun = u64::from(known) * BLOB_CHUNK as u64;
        let taken = part.take_known(&mut opener, known).await;
        taken.map_err(failed("reading", part.path))?;
        let stored = Arc::clone(fetcher).stream_from(known);
        let file = (&mut part.file, failed("writing", part.path));
        let progress = Progress {
            done: begun,
            total: Some(reference.size.length()),
        };
        pour(opener, stored, file, progress, watch).await
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

    /// Whether the relay has a blob still: it may have been deleted, by who put it or by who manages the space.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Network`].
    pub async fn has_blob(&self, reference: &BlobReference) -> Result<bool, Error> {
        let shared = &self.core().client;
        let (space_id, blob_id) = (self.id(), reference.blob_id);
        let asking = patiently(shared, || async {
            let local = shared.local_account().await?;
            shared.api.blob(&local.session.token, (&space_id, &blob_id)).await
        });
        match asking.await {
            Ok(_address) => Ok(true),
            Err(error) if error.code() == Some(ErrorCode::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
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

/// Opens stored bytes as they come, and gives a writer, of which is known how its failures are told, what was in them.
async fn pour<W: AsyncWrite + Unpin>(
    opener: WholeOpener,
    stored: impl Stream<Item = Result<Buffer, Error>> + Send + Unpin + 'static,
    (writer, failed): (&mut W, impl Fn(io::Error) -> Error),
    mut progress: Progress,
    watch: &Watch,
) -> Result<(), Error> {
    watch(progress);
    let (opened, mut ready) = mpsc::channel(READY);
    let opening = AbortOnDropHandle::new(tokio::spawn(open_all(opener, stored, opened)));
    while let Some(plaintext) = ready.recv().await {
        writer.write_all(&plaintext).await.map_err(&failed)?;
        progress.done += plaintext.len() as u64;
        watch(progress);
    }
    // Only this says that all of it was there, and the author's.
    blocking::outcome(opening.await).await?;
    writer.flush().await.map_err(failed)
}

/// Opens on a thread of its own, while others fetch what comes next and write what came before.
async fn open_all(
    mut opener: WholeOpener,
    mut stored: impl Stream<Item = Result<Buffer, Error>> + Unpin,
    opened: mpsc::Sender<Vec<u8>>,
) -> Result<(), Error> {
    while let Some(run) = stored.next().await {
        let (mut run, mut done) = (run?, 0);
        while done < run.len() {
            let end = run.len().min(done + PIECE);
            let (opener_back, run_back, plaintext, outcome) = blocking::run(move || {
                let mut plaintext = Vec::with_capacity(end - done);
                let outcome = opener.open(&run[done..end], &mut plaintext);
                (opener, run, plaintext, outcome)
            })
            .await;
            (opener, run, done) = (opener_back, run_back, end);
            if opened.send(plaintext).await.is_err() {
                // Who writes has failed, and says so.
                return Ok(());
            }
            outcome?;
        }
    }
    Ok(opener.finish()?)
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

pub(super) fn failed(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| file_error(doing, path, source)
}

/// Beside the file, with the blob's id in its name: what is in it is of no other blob.
pub(super) fn part_of(path: &Path, reference: &BlobReference) -> PathBuf {
    let id = reference.blob_id.to_string();
    let end = format!(".{}.part", &id[..DIGITS]);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let room = name.floor_char_boundary(MAX_FILE_NAME - end.len());
    path.with_file_name(format!("{}{end}", &name[..room]))
}

/// A file that is not whole yet.
struct Part<'a> {
    path: &'a Path,
    file: File,
}

impl<'a> Part<'a> {
    /// Opens what a killed call has left, or a new file. Nobody else may be at it, and it leads nowhere else.
    async fn open(path: &'a Path) -> Result<Self, Error> {
        let refused = |why: &'static str| move || failed("opening", path)(io::Error::other(why));
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600);
        let file = match options.clone().create_new(true).open(path).await {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                options.open(path).await.map_err(failed("opening", path))?
            }
            opened => opened.map_err(failed("opening", path))?,
        };
        let (there, opened) = (fs::symlink_metadata(path).await, file.metadata().await);
        let same = matches!((&there, &opened), (Ok(there), Ok(opened)) if there.is_file() && there.ino() == opened.ino());
        same.then_some(())
            .ok_or_else(refused("it is no file of its own"))?;
        let file = file.into_std().await;
        file.try_lock()
            .map_err(|_| refused("another command is getting it")())?;
        let file = file.into();
        Ok(Self { path, file })
    }

    /// Chunks that it has in full. The last one is fetched again: it says where the file ends.
    async fn whole_chunks(&self, reference: &BlobReference) -> Result<u32, Error> {
        let metadata = self.file.metadata().await;
        let length = metadata.map_err(failed("reading", self.path))?.len();
        let length = length.min(reference.size.length());
        let whole = u32::try_from(length / BLOB_CHUNK as u64).expect("a blob has under 2^25 chunks");
        Ok(whole.min(reference.size.chunks() - 1))
    }

    /// Lets the opener count what it has, and cuts the rest off.
    async fn take_known(&mut self, opener: &mut WholeOpener, known: u32) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0)).await?;
        for _ in 0..known {
            let mut chunk = Vec::with_capacity(STORED_CHUNK);
            chunk.resize(BLOB_CHUNK, 0);
            self.file.read_exact(&mut chunk).await?;
            opener.take_known(chunk);
        }
        let end = u64::from(known) * BLOB_CHUNK as u64;
        self.file.set_len(end).await?;
        self.file.seek(SeekFrom::Start(end)).await?;
        Ok(())
    }
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

//! From a reader to the storage, and a message that says so.

mod upload;

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use sealpost_protocol::blob::{BlobReference, REFERENCE_TYPE, check_texts};
use sealpost_protocol::code::ErrorCode;
use tokio::io::AsyncRead;

use super::progress::{Watch, unwatched};
use super::reference::{already_sent, note};
use super::storage::Storage;
use crate::clock::{Clock, SystemClock};
use crate::content::Message;
use crate::error::Error;
use crate::outbox::Sent;
use crate::space::Space;
pub(super) use upload::Upload;

/// How long an upload that stands still is kept here, in milliseconds: 7 days. The relay has given it up after a day, unless its operator
/// says otherwise, and tells that for a week.
const KEPT_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

/// How a blob is put.
#[derive(Clone)]
pub struct PutOptions {
    /// What its readers are told it is called; one component of a path, or empty.
    pub name: String,
    /// Its media type, or empty.
    pub content_type: String,
    /// How long it is, as far as that is known. One that turns out otherwise costs a request or two more.
    pub length: Option<u64>,
    /// How the upload is found again after a crash. Without it, it cannot be gone on with.
    pub resume: Option<Resume>,
    /// Hears how far it is.
    pub watch: Watch,
}

/// How an upload is found again, to be gone on with by a reader that begins at the beginning and gives the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Of what: a path, say. There is one upload of a name.
    pub name: String,
    /// Which bytes, as far as can be told without reading them: length and time, say. Another version begins anew, and the room that
    /// the one before has taken is given back.
    pub version: String,
}

impl Resume {
    /// The [`Self::version`] of a file: the same as long as nobody writes to it.
    #[must_use]
    pub fn version_of(file: &Metadata) -> String {
        format!("{} {}.{}", file.len(), file.mtime(), file.mtime_nsec())
    }
}

impl Default for PutOptions {
    fn default() -> Self {
        Self {
            name: String::new(),
            content_type: String::new(),
            length: None,
            resume: None,
            watch: unwatched(),
        }
    }
}

/// A blob that is stored, and the message that refers to it.
#[derive(Clone, Debug)]
pub struct PutBlob {
    /// What its readers need.
    pub reference: BlobReference,
    /// The message that carries it.
    pub sent: Sent,
}

impl Space {
    /// Seals what a reader gives, stores it in parts, and sends a message with the reference. A few parts are in memory: of 8
    /// MiB, and longer only for more than 78 GiB.
    ///
    /// Called again after a crash with the same [`PutOptions::resume`], it puts only the parts that are missing, and sends
    /// the message once.
    ///
    /// # Errors
    /// [`Error::Refused`] with `quota_exceeded` or what else keeps this member from writing; [`Error::Blob`] if the reader fails;
    /// [`Error::Usage`] if it gives other bytes than the call before, whose upload is dropped then.
    pub async fn put_blob<R: AsyncRead + Unpin + Send>(
        &self,
        source: R,
        options: PutOptions,
    ) -> Result<PutBlob, Error> {
        let storage = prepare(self, &options).await?;
        let (mut upload, reference) = store(self, &storage, source, &options).await?;
        // Named before it stands there: who is killed right after the message has promised the file already.
        note(self, &reference, self.verified().seq).await?;
        let put = tell(self, &mut upload, reference).await?;
        upload.forget().await?;
        Ok(put)
    }
}

/// What is done once for a call: the log is read to its end, uploads are forgotten that nobody goes on with, and the relay says where
/// its storage is.
pub(super) async fn prepare(space: &Space, options: &PutOptions) -> Result<Arc<Storage>, Error> {
    space.sync().await?;
    if options.resume.is_some() {
        let given_up = SystemClock.unix_ms().saturating_sub(KEPT_MS);
        let forgetting = space
            .core()
            .write(move |log, _| log.drop_uploads_before(given_up));
        forgetting.await?;
    }
    Storage::of(&space.core().client).await
}

/// Stores what a reader gives. Nobody is told yet.
pub(super) async fn store<'a, R: AsyncRead + Unpin + Send>(
    space: &'a Space,
    storage: &Arc<Storage>,
    source: R,
    options: &'a PutOptions,
) -> Result<(Upload<'a>, BlobReference), Error> {
    // Before anything is sent that nobody could be told of.
    check_texts(&options.name, &options.content_type).map_err(|error| Error::usage(error.to_string()))?;
    let mut upload = Upload::begin(space, Arc::clone(storage), options).await?;
    match upload.run(source).await {
        Ok(sealed) => {
            let reference = sealed.reference(&options.name, &options.content_type);
            Ok((upload, reference))
        }
        Err(error) => {
            upload.give_up_if_over(&error).await?;
            Err(error)
        }
    }
}

/// Sends the message with a reference, unless a call before this one did, and tells the relay where it stands.
pub(super) async fn tell(
    space: &Space,
    upload: &mut Upload<'_>,
    reference: BlobReference,
) -> Result<PutBlob, Error> {
    let body = reference
        .encode()
        .map_err(|error| Error::usage(error.to_string()))?;
    let sent = match upload.sending_after() {
        Some(after) => already_sent(space, &reference, after).await?,
        None => None,
    };
    let sent = match sent {
        Some(sent) => sent,
        None => {
            upload.note_sending(space.verified().seq).await?;
            space.send(Message::new(REFERENCE_TYPE, body)).await?
        }
    };
    note(space, &reference, sent.seq).await?;
    Ok(PutBlob { reference, sent })
}

/// Whether an upload cannot be gone on with, whatever is done.
fn is_over(error: &Error) -> bool {
    let over = [
        ErrorCode::Expired,
        ErrorCode::BlobConflict,
        ErrorCode::PartsMismatch,
        ErrorCode::NotFound,
    ];
    matches!(error, Error::Usage(_)) || error.code().is_some_and(|code| over.contains(&code))
}

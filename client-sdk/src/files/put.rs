//! From a reader to the storage, and a message that says so.

mod upload;

use sealpost_protocol::blob::{BlobReference, REFERENCE_TYPE};
use sealpost_protocol::code::ErrorCode;
use tokio::io::AsyncRead;

use super::progress::{Watch, unwatched};
use super::reference::{already_sent, note};
use crate::content::Message;
use crate::error::Error;
use crate::outbox::Sent;
use crate::space::Space;
use upload::Upload;

/// How a blob is put.
#[derive(Clone)]
pub struct PutOptions {
    /// What its readers are told it is called; one component of a path, or empty.
    pub name: String,
    /// Its media type, or empty.
    pub content_type: String,
    /// How long it is, as far as that is known. One that turns out otherwise costs a request or two more.
    pub length: Option<u64>,
    /// The name under which the upload can be gone on with after a crash, with a reader that begins at the beginning again
    /// and gives the same bytes: a path with its length and time, say. Without one it cannot.
    pub resume: Option<String>,
    /// Hears how far it is.
    pub watch: Watch,
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
    /// Seals what a reader gives, stores it in parts, and sends a message with the reference. A few parts of 8 MiB are in memory.
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
        self.sync().await?;
        let mut upload = Upload::begin(self, &options).await?;
        let reference = match upload.run(source).await {
            Ok(sealed) => sealed.reference(&options.name, &options.content_type),
            Err(error) => {
                upload.give_up_if_over(&error).await?;
                return Err(error);
            }
        };
        let body = reference
            .encode()
            .map_err(|error| Error::usage(error.to_string()))?;
        let sent = match upload.sending_after() {
            Some(after) => already_sent(self, &reference, after).await?,
            None => None,
        };
        let sent = match sent {
            Some(sent) => sent,
            None => {
                upload.note_sending(self.verified().seq).await?;
                self.send(Message::new(REFERENCE_TYPE, body)).await?
            }
        };
        note(self, &reference, sent.seq).await?;
        upload.forget().await?;
        Ok(PutBlob { reference, sent })
    }
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

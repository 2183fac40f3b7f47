//! Stored bytes of a blob, by range.

use std::ops::Range;
use std::sync::Arc;

use futures_util::stream::{self, Stream, StreamExt};
use sealpost_protocol::blob::{BlobReference, BlobSize};
use sealpost_protocol::ids::{BlobId, SpaceId};
use tokio::sync::Mutex;
use tokio_util::task::AbortOnDropHandle;

use super::buffers::{Buffer, Buffers};
use super::retry::patiently;
use super::storage::Storage;
use crate::blocking;
use crate::client::Shared;
use crate::error::Error;

/// Chunks in one request: 6 MiB. Smaller requests cost a server more than what they carry.
const CHUNKS: u32 = 96;
/// Requests under way at once. With what is being opened, a download holds one more of them in memory, and a few MiB.
const AT_ONCE: usize = 4;

/// Fetches stored bytes of one blob.
pub(super) struct Fetcher {
    shared: Arc<Shared>,
    storage: Arc<Storage>,
    space_id: SpaceId,
    blob_id: BlobId,
    size: BlobSize,
    /// The address in use.
    url: Mutex<Option<Arc<str>>>,
    buffers: Arc<Buffers>,
}

impl Fetcher {
    pub(super) fn new(
        shared: &Arc<Shared>,
        storage: &Arc<Storage>,
        space_id: SpaceId,
        reference: &BlobReference,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            storage: Arc::clone(storage),
            space_id,
            blob_id: reference.blob_id,
            size: reference.size,
            url: Mutex::default(),
            buffers: Arc::default(),
        }
    }

    /// The stored bytes of these chunks.
    pub(super) async fn chunks(&self, chunks: Range<u32>) -> Result<Buffer, Error> {
        let range = self.size.stored_range(chunks);
        patiently(&self.shared, || self.attempt(range.clone())).await
    }

    async fn attempt(&self, range: Range<u64>) -> Result<Buffer, Error> {
        let url = self.address().await?;
        let mut buffer = self.buffers.take();
        let fetched = self
            .storage
            .get(&url, range, self.size.stored(), &mut buffer)
            .await;
        if fetched.is_err() {
            self.forget(&url).await;
        }
        fetched.map(|()| buffer)
    }

    /// The stored bytes from a chunk on, in order, some of them ahead.
    pub(super) fn stream_from(
        self: Arc<Self>,
        first: u32,
    ) -> impl Stream<Item = Result<Buffer, Error>> + Send + Unpin + use<> {
        let last = self.size.chunks();
        let starts = (first..last).step_by(CHUNKS as usize);
        let runs = stream::iter(starts).map(move |start| {
            let fetcher = Arc::clone(&self);
            let fetching = async move { fetcher.chunks(start..(start + CHUNKS).min(last)).await };
            // Tasks of their own, so that they go on while who reads opens what came before.
            AbortOnDropHandle::new(tokio::spawn(fetching))
        });
        Box::pin(runs.buffered(AT_ONCE).then(blocking::outcome))
    }

    /// Finds out where the blob is, which the relay tells of one that it has.
    pub(super) async fn expect_there(&self) -> Result<(), Error> {
        patiently(&self.shared, || self.address()).await.map(drop)
    }

    /// The address in use, or a new one.
    async fn address(&self) -> Result<Arc<str>, Error> {
        let mut url = self.url.lock().await;
        if let Some(url) = &*url {
            return Ok(Arc::clone(url));
        }
        let place = (&self.space_id, &self.blob_id);
        let local = self.shared.local_account().await?;
        let signed = self.shared.api.blob(&local.session.token, place).await?;
        Ok(Arc::clone(url.insert(signed.url.into())))
    }

    /// The address does not work any more, or nothing does.
    async fn forget(&self, failed: &Arc<str>) {
        let mut url = self.url.lock().await;
        if url.as_ref().is_some_and(|url| Arc::ptr_eq(url, failed)) {
            *url = None;
        }
    }
}

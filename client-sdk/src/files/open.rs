//! A blob as a file that is read anywhere.

use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sealpost_protocol::blob::{BlobReference, BlobSize};
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::limits::{BLOB_CHUNK, TAG};
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};

use super::fetch::Fetcher;
use crate::blob::ChunkOpener;

/// Chunks fetched at once: half a MiB.
const RUN: u32 = 8;

/// Plaintext, and where in the blob it begins.
type Run = (u64, Vec<u8>);

/// A blob that is read anywhere: `AsyncRead` and `AsyncSeek`. Half a MiB of it is in memory.
pub struct BlobFile {
    fetcher: Arc<Fetcher>,
    opener: Arc<ChunkOpener>,
    size: BlobSize,
    position: u64,
    run: Run,
    fetching: Option<BoxFuture<'static, io::Result<Run>>>,
}

impl BlobFile {
    pub(super) fn new(space_id: SpaceId, reference: &BlobReference, fetcher: Arc<Fetcher>) -> Self {
        Self {
            fetcher,
            opener: Arc::new(ChunkOpener::new(space_id, reference)),
            size: reference.size,
            position: 0,
            run: (0, Vec::new()),
            fetching: None,
        }
    }

    /// Its length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.size.length()
    }

    /// What of the run lies at the position.
    fn at_hand(&self) -> &[u8] {
        let (start, bytes) = &self.run;
        let skipped = self
            .position
            .checked_sub(*start)
            .and_then(|skipped| usize::try_from(skipped).ok());
        skipped
            .and_then(|skipped| bytes.get(skipped..))
            .unwrap_or_default()
    }

    fn fetch(&self) -> BoxFuture<'static, io::Result<Run>> {
        let end = self.position + u64::from(RUN) * BLOB_CHUNK as u64;
        let chunks = self.size.chunks_of(self.position..end);
        let (fetcher, opener, size) = (Arc::clone(&self.fetcher), Arc::clone(&self.opener), self.size);
        async move {
            let stored = fetcher.chunks(chunks.clone()).await.map_err(io::Error::other)?;
            let mut plaintext = Vec::with_capacity(stored.len());
            let mut rest = &stored[..];
            for index in chunks.clone() {
                let (chunk, behind) = rest.split_at(size.chunk_length(index) + TAG);
                let mut chunk = chunk.to_vec();
                opener.open(index, &mut chunk).map_err(io::Error::other)?;
                plaintext.extend_from_slice(&chunk);
                rest = behind;
            }
            Ok((u64::from(chunks.start) * BLOB_CHUNK as u64, plaintext))
        }
        .boxed()
    }
}

impl AsyncRead for BlobFile {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let file = self.get_mut();
        if file.position >= file.size.length() || buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if file.at_hand().is_empty() {
            let mut fetching = file.fetching.take().unwrap_or_else(|| file.fetch());
            let Poll::Ready(run) = fetching.poll_unpin(context) else {
                file.fetching = Some(fetching);
                return Poll::Pending;
            };
            file.run = run?;
        }
        let bytes = file.at_hand();
        let taken = bytes.len().min(buffer.remaining());
        buffer.put_slice(&bytes[..taken]);
        file.position += taken as u64;
        Poll::Ready(Ok(()))
    }
}

impl AsyncSeek for BlobFile {
    fn start_seek(self: Pin<&mut Self>, to: SeekFrom) -> io::Result<()> {
        let file = self.get_mut();
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => file.size.length().checked_add_signed(offset),
            SeekFrom::Current(offset) => file.position.checked_add_signed(offset),
        };
        let before = || io::Error::new(io::ErrorKind::InvalidInput, "a place before the beginning");
        file.position = position.ok_or_else(before)?;
        // What is under way is of another place.
        file.fetching = None;
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Ok(self.position))
    }
}

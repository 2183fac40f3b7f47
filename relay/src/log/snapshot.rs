//! What a snapshot of a fold holds: the writer chains and counts. The control chain is folded again from its own records.

use bytes::Bytes;
use prost::Message;
use sealpost_protocol::fold::SpaceFold;
use sealpost_protocol::ids::{EventId, PrincipalId, WriterId};
use sealpost_protocol::limits::REMEMBERED_EVENTS_PER_WRITER;
use sealpost_protocol::writer::{WriterChains, WriterPosition};

/// A snapshot, as it is encoded before it is sealed.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Snapshot {
    /// Index of the last control record before it.
    #[prost(uint64, tag = "1")]
    pub(super) control_index: u64,
    /// Id of that record.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) control_head: Bytes,
    /// Bytes of all entries up to here.
    #[prost(uint64, tag = "3")]
    pub(super) appended_bytes: u64,
    #[prost(message, repeated, tag = "4")]
    writers: Vec<Writer>,
}

#[derive(Clone, PartialEq, Message)]
struct Writer {
    #[prost(bytes = "bytes", tag = "1")]
    principal: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    writer: Bytes,
    #[prost(uint64, tag = "3")]
    last_index: u64,
    #[prost(uint64, tag = "4")]
    seen_seq: u64,
    #[prost(uint64, tag = "5")]
    control_index: u64,
    #[prost(uint64, repeated, tag = "6")]
    recent_seqs: Vec<u64>,
    /// The ids at those places, one behind the other.
    #[prost(bytes = "bytes", tag = "7")]
    recent_ids: Bytes,
}

impl Snapshot {
    /// What there is to keep of `fold`.
    pub(super) fn of(fold: &SpaceFold, appended_bytes: u64) -> Self {
        let chain = fold.chain();
        Self {
            control_index: chain.index(),
            control_head: chain.head().to_bytes(),
            appended_bytes,
            writers: fold.writers().iter().map(Writer::of).collect(),
        }
    }

    /// How many event ids a snapshot of `fold` would hold.
    pub(super) fn weight(fold: &SpaceFold) -> u64 {
        let remembered = fold.writers().iter().map(|(_, position)| position.recent.len());
        remembered.sum::<usize>() as u64
    }

    /// The writer chains; `None` if they are none.
    pub(super) fn writers(&self) -> Option<WriterChains> {
        let mut chains = WriterChains::default();
        for writer in &self.writers {
            let principal = PrincipalId::try_from(&writer.principal[..]).ok()?;
            let id = WriterId::try_from(&writer.writer[..]).ok()?;
            chains.restore(principal, id, writer.position()?);
        }
        Some(chains)
    }
}

impl Writer {
    fn of(((principal, writer), position): (&(PrincipalId, WriterId), &WriterPosition)) -> Self {
        let ids: Vec<u8> = position
            .recent
            .iter()
            .flat_map(|(_, id)| *id.as_bytes())
            .collect();
        Self {
            principal: principal.to_bytes(),
            writer: writer.to_bytes(),
            last_index: position.last_index,
            seen_seq: position.seen_seq,
            control_index: position.control_index,
            recent_seqs: position.recent.iter().map(|(seq, _)| *seq).collect(),
            recent_ids: ids.into(),
        }
    }

    fn position(&self) -> Option<WriterPosition> {
        let (ids, rest) = self.recent_ids.as_chunks::<{ EventId::LENGTH }>();
        let fits = rest.is_empty()
            && ids.len() == self.recent_seqs.len()
            && ids.len() <= REMEMBERED_EVENTS_PER_WRITER;
        fits.then_some(())?;
        let ids = ids.iter().copied().map(EventId::new);
        Some(WriterPosition {
            last_index: self.last_index,
            last_event_id: ids.clone().next_back()?,
            seen_seq: self.seen_seq,
            control_index: self.control_index,
            recent: self.recent_seqs.iter().copied().zip(ids).collect(),
        })
    }
}

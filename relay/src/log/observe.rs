//! Who hears what the log does, for metrics.

use std::time::Duration;

/// Hears of the log's work. Called on the hot path: implementations count, and do nothing else.
pub trait ObserveLog: Send + Sync {
    /// A lane tried to commit `entries` of `spaces` spaces in one statement, which took `elapsed`.
    fn batch_ended(&self, spaces: usize, entries: usize, bytes: usize, elapsed: Duration);
    /// An append to a space was refused by comparison and will be tried again.
    fn append_lost(&self);
    /// A tail of `entries` entries that a restore had taken away is back.
    fn tail_healed(&self, entries: usize);
    /// A publish of `acks` acked entries was answered, `elapsed` after it came in.
    fn published(&self, acks: usize, refused: bool, elapsed: Duration);
    /// A page of `entries` entries, from memory or from the database, was given to a reader.
    fn page_read(&self, entries: u64, bytes: usize, from_memory: bool);
    /// A space was opened: `entries` of it were read.
    fn space_opened(&self, entries: u64, elapsed: Duration);
    /// Bytes waiting to be appended, now.
    fn queued_bytes(&self, bytes: usize);
}

/// Takes no notice.
#[derive(Clone, Copy, Debug, Default)]
pub struct IgnoreLog;

impl ObserveLog for IgnoreLog {
    fn batch_ended(&self, _: usize, _: usize, _: usize, _: Duration) {}
    fn append_lost(&self) {}
    fn tail_healed(&self, _: usize) {}
    fn published(&self, _: usize, _: bool, _: Duration) {}
    fn page_read(&self, _: u64, _: usize, _: bool) {}
    fn space_opened(&self, _: u64, _: Duration) {}
    fn queued_bytes(&self, _: usize) {}
}

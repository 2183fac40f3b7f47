//! Bounds of the log, from the configuration.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use sealpost_protocol::limits;

/// What the log may use and what its callers may do. The defaults suit one relay with some gigabytes of memory.
#[derive(Clone, Debug)]
pub struct LogLimits {
    /// Commits in flight at once, each with its database connection.
    pub lanes: NonZeroUsize,
    /// Threads that check signatures.
    pub verify_threads: NonZeroUsize,
    /// Spaces whose fold is kept in memory.
    pub cached_spaces: usize,
    /// Entries kept in memory for live readers, in bytes.
    pub tail_bytes: usize,
    /// Entries that wait to be appended, in bytes.
    pub queued_bytes: usize,
    /// The same, of one space.
    pub queued_bytes_per_space: usize,
    /// Entries from one snapshot of a space to the next.
    pub snapshot_every: u64,
    /// Spaces that one account may make.
    pub spaces_per_account: u64,
    /// Bytes stored for one account: in the spaces that it made and in its keystores.
    pub bytes_per_account: u64,
    /// Bytes stored in one space.
    pub bytes_per_space: u64,
    /// Entries that one account may publish in a second, over all spaces; ten seconds' worth at once.
    pub entries_per_second_per_account: NonZeroU32,
    /// Entries that may be published in one space in a second; ten seconds' worth at once.
    pub entries_per_second_per_space: NonZeroU32,
    /// Signals that one account may send in a second; ten seconds' worth at once.
    pub signals_per_second_per_account: NonZeroU32,
    /// Subscriptions, wraps staged and fetched, and lists of wraps that are asked for, of one account in a second, over all
    /// its sockets; ten seconds' worth at once.
    pub look_ups_per_second_per_account: NonZeroU32,
    /// Signals that wait for one slow subscriber; of more, the oldest are dropped.
    pub queued_signals: usize,
    /// Wraps that one member may have staged in one space.
    pub staged_wraps_per_member: u32,
    /// For how long after a restore the spaces that it brought back take nothing new, so that healers come first.
    pub recovering_for: Duration,
    /// How often the ends of the logs in memory are compared with the database, for hints that were lost.
    pub head_check_every: Duration,
}

const GIB: u64 = 1 << 30;

/// Cores for one lane. Events that are shared out among more lanes than the processor feeds come to smaller batches, which gained
/// nothing on two cores and made the slowest acks slower (adr/0021, adr/0022).
const CORES_PER_LANE: usize = 4;

const fn non_zero(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).expect("a constant above zero")
}

impl Default for LogLimits {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            lanes: NonZeroUsize::new(threads.get() / CORES_PER_LANE).unwrap_or(NonZeroUsize::MIN),
            verify_threads: threads,
            cached_spaces: 10_000,
            tail_bytes: 64 << 20,
            queued_bytes: 64 << 20,
            queued_bytes_per_space: 16 << 20,
            snapshot_every: 1_000,
            spaces_per_account: 1_000,
            bytes_per_account: 10 * GIB,
            bytes_per_space: 10 * GIB,
            entries_per_second_per_account: non_zero(1_000),
            entries_per_second_per_space: non_zero(5_000),
            signals_per_second_per_account: non_zero(20),
            look_ups_per_second_per_account: non_zero(200),
            queued_signals: 64,
            staged_wraps_per_member: 2 * limits::MAX_MEMBERS as u32,
            recovering_for: Duration::from_secs(120),
            head_check_every: Duration::from_secs(5),
        }
    }
}

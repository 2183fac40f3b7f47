//! What the removal proof says.

use std::{fmt, time::Duration};

use sealpost_sdk::space::RekeyProgress;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{AT_ONCE, cut_off::Attempts};

/// The close code that tells a member that it is out.
const CUT_OFF: u16 = 4004;

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Members of the space.
    pub members: usize,
    /// Sockets that the removed one had open.
    pub sockets: usize,
    /// Of these, closed by the relays with the code for it.
    pub closed: usize,
    /// From the call to the ack, with the new key for all who stay.
    pub removal: Duration,
    /// From the ack to the end of the last socket; nothing where that came first.
    pub last_closed: Duration,
    /// From the ack to the last read or write that was granted; nothing where there was none.
    pub last_granted: Option<Duration>,
    /// Reads and writes that were refused.
    pub refused: u64,
    /// Whether a member who stays had not heard of the removal when it wrote.
    pub writer_was_behind: bool,
    /// From the ack to that of its write, which was refused and sealed again on the way.
    pub stale_write: Duration,
    /// The epoch of the first content after the removal.
    pub next_epoch: u64,
    /// Messages sent after the second removal that a device of the removed one opens.
    pub opened_newer: usize,
    /// From a removal whose author died to the rekey by somebody else.
    pub orphan: Duration,
    /// Who was given a key with the last rekey.
    pub crowd: usize,
    /// How long that took.
    pub crowd_rekey: Duration,
    /// What was shown of it at its end.
    pub progress: RekeyProgress,
}

impl Report {
    pub(super) fn count_attempts(&mut self, acked: Instant, attempts: &[Attempts]) {
        let last = attempts.iter().filter_map(|attempts| attempts.last_granted).max();
        self.last_granted = last.map(|last| last.saturating_duration_since(acked));
        self.refused = attempts.iter().map(|attempts| attempts.refused).sum();
    }

    pub(super) fn count_sockets(&mut self, acked: Instant, ended: &[(Instant, u16)]) {
        self.closed = ended.iter().filter(|(_, code)| *code == CUT_OFF).count();
        let last = ended.iter().map(|(at, _)| *at).max().unwrap_or(acked);
        self.last_closed = last.saturating_duration_since(acked);
    }

    /// Whether everything is as promised, but for the time it takes: a loaded machine may be slow.
    #[must_use]
    pub fn holds(&self) -> bool {
        let cut_off = self.closed == self.sockets && self.refused > 0;
        let shown = self.progress.done == self.progress.of && self.progress.of == 2 * self.crowd as u64;
        cut_off && self.writer_was_behind && shown && self.next_epoch == 2 && self.opened_newer == 0
    }

    /// Whether the removed one was cut off at once, too.
    #[must_use]
    pub fn holds_in_time(&self) -> bool {
        let is_late = |time: Duration| time >= AT_ONCE;
        self.holds() && !is_late(self.last_closed) && !self.last_granted.is_some_and(is_late)
    }

    /// The same for machines.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "holds": self.holds_in_time(),
            "members": self.members,
            "sockets": self.sockets,
            "sockets_closed": self.closed,
            "removal_ms": milliseconds(self.removal),
            "last_closed_ms": milliseconds(self.last_closed),
            "last_granted_ms": self.last_granted.map(milliseconds),
            "refused": self.refused,
            "stale_write_ms": milliseconds(self.stale_write),
            "next_epoch": self.next_epoch,
            "opened_newer": self.opened_newer,
            "orphan_ms": milliseconds(self.orphan),
            "crowd": self.crowd,
            "crowd_rekey_ms": milliseconds(self.crowd_rekey),
        })
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = milliseconds;
        writeln!(
            f,
            "removal among {} members, with a new key: acked after {} ms",
            self.members,
            ms(self.removal)
        )?;
        writeln!(
            f,
            "sockets of the removed one on two relays: {} of {} closed, the last {} ms after the ack",
            self.closed,
            self.sockets,
            ms(self.last_closed)
        )?;
        let granted = match self.last_granted {
            None => "none was granted after the ack".to_owned(),
            Some(last) => format!("the last was granted {} ms after the ack", ms(last)),
        };
        writeln!(
            f,
            "reads and writes of the removed one: {} refused, {granted}",
            self.refused
        )?;
        writeln!(
            f,
            "write under the old key by a member who stays and had heard nothing: taken {} ms after the ack, in epoch {}",
            ms(self.stale_write),
            self.next_epoch
        )?;
        writeln!(
            f,
            "messages after a removal that a device of the removed one opens: {}",
            self.opened_newer
        )?;
        writeln!(
            f,
            "remover killed before its rekey: another member's SDK had rekeyed after {} ms",
            ms(self.orphan)
        )?;
        write!(
            f,
            "rekey of {} members: {} ms, {} of {} steps shown",
            self.crowd,
            ms(self.crowd_rekey),
            self.progress.done,
            self.progress.of
        )
    }
}

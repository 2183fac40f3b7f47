//! A tail that a restore took away, brought back by somebody who holds it.
//!
//! What proves that it was there is the relay's own receipt for its last place. Who brings it does not matter: every entry is
//! signed, and the fold judges the run as it did the first time.

use std::sync::atomic::Ordering;

use prost::Message;
use sealpost_protocol::ids::{Receipt, SpaceId};
use sealpost_protocol::limits::MAX_ENTRIES_PER_HEAL;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire;
use tokio::sync::oneshot;

use super::service::RETRY_ELSEWHERE;
use super::shared::RETRY_SOON;
use super::space::Work;
use super::submission::{Author, Charge};
use super::{LogError, LogService, worker};
use crate::spaces::AuthenticatedPrincipal;

/// Entries that follow each other, and the receipt for the last one's place.
#[derive(Clone, Debug)]
pub struct Tail {
    /// The entries; none, to ask how far the relay has the log.
    pub entries: Vec<wire::Entry>,
    /// The last one's place, and the root there.
    pub end: Cursor,
    /// The relay's receipt for `end`.
    pub receipt: Receipt,
}

/// A tail whose receipt is genuine, waiting for its turn.
pub(super) struct Healing {
    pub(super) run: Run,
    /// For whom a space is made, if it is gone.
    pub(super) healer: Author,
    reply: oneshot::Sender<Result<Cursor, LogError>>,
    charge: Charge,
}

/// Entries for the places up to `end`.
pub(super) struct Run {
    pub(super) entries: Vec<wire::Entry>,
    pub(super) end: Cursor,
}

impl Run {
    /// Those behind a place; `None` if there are none, or if they do not follow it.
    pub(super) fn behind(&self, seq: u64) -> Option<&[wire::Entry]> {
        let known = (seq + self.entries.len() as u64).checked_sub(self.end.seq)?;
        let missing = self.entries.get(usize::try_from(known).ok()?..)?;
        (!missing.is_empty()).then_some(missing)
    }
}

impl Healing {
    pub(super) fn bytes(&self) -> usize {
        self.charge.bytes()
    }

    /// Answers. Whoever asked may be gone.
    pub(super) fn answer(self, outcome: Result<Cursor, LogError>) {
        let _ = self.reply.send(outcome);
    }
}

impl LogService {
    /// Puts entries that are missing at the end of a log back to their places. Answers how far the log is the one that the
    /// receipt is for: up to the tail's end, or to where the log ends before that. Nothing beyond is told.
    ///
    /// # Errors
    /// [`LogError::ReceiptInvalid`] if this relay did not give the receipt for these entries; [`LogError::Superseded`] if the
    /// log has gone on without them; what the fold says to an entry; [`LogError::RateLimited`].
    pub async fn heal(
        &self,
        healer: &AuthenticatedPrincipal,
        space_id: SpaceId,
        tail: Tail,
    ) -> Result<Cursor, LogError> {
        let shared = &self.shared;
        if shared.is_draining.load(Ordering::Relaxed) {
            let retry_after = RETRY_ELSEWHERE;
            return Err(LogError::Draining { retry_after });
        }
        check_shape(&tail)?;
        let _turn = shared.look_ups.turn(healer.party()).await?;
        if !shared
            .receipt_key()
            .await?
            .issued(&space_id, &tail.end, &tail.receipt)
        {
            return Err(LogError::ReceiptInvalid);
        }
        let retry_after = RETRY_SOON;
        let bytes = tail.entries.iter().map(Message::encoded_len).sum();
        let charge = shared.queue.charge(bytes);
        let (reply, outcome) = oneshot::channel();
        let healing = Healing {
            run: Run {
                entries: tail.entries,
                end: tail.end,
            },
            healer: Author {
                principal: healer.principal_id(),
                account: healer.account_id(),
            },
            reply,
            charge: charge.ok_or(LogError::Overloaded { retry_after })?,
        };
        worker::queue(shared, &shared.spaces.get(space_id), Work::Heal(healing))?;
        outcome.await.unwrap_or(Err(LogError::Internal))
    }
}

fn check_shape(tail: &Tail) -> Result<(), LogError> {
    if tail.entries.len() > MAX_ENTRIES_PER_HEAL {
        let limit = MAX_ENTRIES_PER_HEAL as u64;
        return Err(LogError::TooLarge { limit });
    }
    if tail.entries.len() as u64 > tail.end.seq {
        return Err(LogError::Malformed("more entries than places"));
    }
    Ok(())
}

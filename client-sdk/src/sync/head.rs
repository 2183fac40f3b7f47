//! The relay's head is never trusted below what this account knows.

use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::Root;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::Subscribed;

use crate::error::{Alarm, Error, Refusal};
use crate::space::core::SpaceCore;
use crate::weakened::{IS_WEAKENED, holds};

const ANOTHER_ROOT: &str = "the relay's log has another root here than this device computed";

/// What was known before the relay was asked: less than this, no honest relay has.
pub(crate) struct Known {
    /// Up to where this device has verified the log.
    pub(crate) cursor: Cursor,
    /// The highest place that the relay itself acked to this device.
    acked: u64,
}

impl Known {
    /// As far as this an honest relay's log reaches, that was not restored.
    fn needed(&self, pinned: Option<Cursor>) -> u64 {
        let pinned = pinned.map_or(0, |pinned| pinned.seq);
        self.cursor.seq.max(self.acked).max(pinned)
    }
}

impl SpaceCore {
    /// What is known now.
    pub(crate) async fn known(&self) -> Result<Known, Error> {
        let cursor = self.refresh().await?;
        let acked = self.read(|log| log.highest_ack()).await?.unwrap_or_default();
        Ok(Known { cursor, acked })
    }

    /// Holds the head that the relay states against what was known before, and notes which life of its database serves the log.
    ///
    /// # Errors
    /// [`Error::Integrity`] if the relay has less, or something else. What it may lack after a restore is a refusal, to be healed:
    /// `log_mismatch`, or `recovering` as long as others may bring it back.
    pub(crate) async fn check_head(&self, known: &Known, head: &Subscribed) -> Result<(), Error> {
        let new_life = self.new_life().await?;
        match (self.find_lack(known, head), new_life) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(life)) => self.note_life(life).await,
            (Err(alarm), Some(_)) if head.head_seq < known.needed(self.pinned) => {
                let code = match head.recovering {
                    true => ErrorCode::Recovering,
                    false => ErrorCode::LogMismatch,
                };
                Err(Refusal::by_the_rules(code, alarm.what).into())
            }
            (Err(alarm), _) => Err(alarm.into()),
        }
    }

    /// Holds the root that the relay stated for a place that was still to come against the log, now that it was read up to there.
    ///
    /// # Errors
    /// [`Error::Integrity`] if it is another one.
    pub(crate) async fn check_stated(&self, head: &Subscribed) -> Result<(), Error> {
        let seq = head.head_seq;
        let computed = self.read(move |log| log.root_at(seq)).await?;
        if holds(computed.is_some() && computed == Root::try_from(&head.head_root[..]).ok()) {
            return Ok(());
        }
        Err(Alarm::at(ANOTHER_ROOT, self.space_id, seq, None).into())
    }

    fn find_lack(&self, known: &Known, head: &Subscribed) -> Result<(), Alarm> {
        if IS_WEAKENED {
            return Ok(());
        }
        let seq = head.head_seq;
        let root = Root::try_from(&head.head_root[..]).ok();
        let what = if seq < known.cursor.seq {
            "the relay's log ends before what this device has verified"
        } else if seq < known.acked {
            "the relay's log ends before an event that it acked"
        } else if self.pinned.is_some_and(|pinned| seq < pinned.seq) {
            "the relay's log ends before what another device of this account has verified"
        } else if seq == known.cursor.seq && root != Some(known.cursor.root) {
            ANOTHER_ROOT
        } else {
            return Ok(());
        };
        Err(Alarm::at(what, self.space_id, seq, None))
    }
}

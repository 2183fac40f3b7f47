//! Writing control records: read the log to its end, see what is still to be done, stage wraps, offer the records, and
//! start over when somebody else was faster.

use rand::CryptoRng;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::{EventId, SpaceId};
use sealpost_protocol::wire::entry::Kind;
use sealpost_protocol::wire::{self, SignedControl};
use tokio::time::sleep;

use super::core::SpaceCore;
use super::draft::{Batch, Draft};
use crate::backoff::Backoff;
use crate::epoch::EpochKey;
use crate::error::Error;
use crate::socket::{Socket, refusal};

/// How often a change is tried against others who change the space too.
const ATTEMPTS: usize = 12;

/// A change that was offered, with the place of its last record in the control chain.
struct Offered {
    last: (u64, EventId),
    new_key: Option<EpochKey>,
    is_step: bool,
}

/// What is to be true of a space.
pub(super) trait Aim {
    /// Whether this member reads the space no more once it is true. The relay's ack is then the last word that it hears.
    const ENDS_READING: bool = false;

    /// What is still to be written for it, as the verified view stands; nothing once it is true.
    async fn draft<'c>(&self, core: &'c SpaceCore, rng: &mut impl CryptoRng) -> Result<Draft<'c>, Error>;
}

impl SpaceCore {
    /// Makes `aim` true, whoever gets there first.
    pub(super) async fn achieve(&self, aim: &impl Aim, rng: &mut impl CryptoRng) -> Result<(), Error> {
        let mut backoff = Backoff::new(&mut *rng);
        let mut offered = None;
        let mut last_error = Error::usage("the space is changed too often by others; try again");
        for _ in 0..ATTEMPTS {
            match self.attempt(aim, &mut offered, backoff.rng()).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) if !may_try_again(&error) => return Err(error),
                Err(error) => {
                    let hint = match &error {
                        Error::Refused(refusal) => refusal.retry_after,
                        _ => None,
                    };
                    last_error = error;
                    sleep(backoff.next_delay(hint)).await;
                }
            }
        }
        Err(last_error)
    }

    /// One try; `true` once the aim is met.
    async fn attempt<A: Aim>(
        &self,
        aim: &A,
        offered: &mut Option<Offered>,
        rng: &mut impl CryptoRng,
    ) -> Result<bool, Error> {
        match self.catch_up().await {
            Err(error) if A::ENDS_READING && offered.is_some() && is_shut_out(&error) => return Ok(true),
            result => result?,
        }
        if let Some(done) = self.find_offered(offered).await? {
            return self.finish(done).await;
        }
        let Some(batch) = aim.draft(self, rng).await?.finish() else {
            return Ok(true);
        };
        for staged in &batch.staged {
            self.stage(staged).await?;
        }
        let Batch {
            records,
            last,
            new_key,
            is_step,
            ..
        } = batch;
        *offered = Some(Offered {
            last,
            new_key,
            is_step,
        });
        let seq = self.offer(records).await?;
        if A::ENDS_READING && !is_step {
            return Ok(true);
        }
        self.wait_for(seq).await?;
        match self.find_offered(offered).await? {
            Some(done) => self.finish(done).await,
            None => Ok(false),
        }
    }

    /// An offer whose outcome was not known may have been taken.
    async fn find_offered(&self, offered: &mut Option<Offered>) -> Result<Option<Offered>, Error> {
        let Some((index, id)) = offered.as_ref().map(|offered| offered.last) else {
            return Ok(None);
        };
        let taken = self
            .with_fold(|fold| fold.chain().head_at(index) == Some(id))
            .await?;
        Ok(if taken { offered.take() } else { None })
    }

    async fn finish(&self, done: Offered) -> Result<bool, Error> {
        if let Some(key) = done.new_key {
            self.adopt_key(key).await?;
        }
        Ok(!done.is_step)
    }

    /// Offers records; returns the place of the last one.
    async fn offer(&self, records: Vec<SignedControl>) -> Result<u64, Error> {
        let count = records.len();
        let entries = records.into_iter().map(control_entry).collect();
        let published = self.socket.publish(&self.space_id, entries).await?;
        if let Some(nack) = &published.nack {
            return Err(refusal(nack).into());
        }
        match published.acks.last() {
            Some(last) if published.acks.len() == count => Ok(last.seq),
            _ => Err(Error::alarm(
                "the relay acked fewer records than it was sent, and refused none",
            )),
        }
    }
}

/// Offers one record.
pub(super) async fn publish_one(
    socket: &Socket,
    space_id: &SpaceId,
    record: SignedControl,
) -> Result<(), Error> {
    let published = socket.publish(space_id, vec![control_entry(record)]).await?;
    match (published.nack, published.acks.len()) {
        (Some(nack), _) => Err(refusal(&nack).into()),
        (None, 1) => Ok(()),
        (None, _) => Err(Error::alarm(
            "the relay acked another number of records than it was sent",
        )),
    }
}

fn control_entry(record: SignedControl) -> wire::Entry {
    wire::Entry {
        kind: Some(Kind::Control(record)),
    }
}

/// Refusals that mean: somebody else was faster, or not now.
fn may_try_again(error: &Error) -> bool {
    let raced = [
        ErrorCode::ControlConflict,
        ErrorCode::WrapsMismatch,
        ErrorCode::RekeyRequired,
        ErrorCode::StaleEpoch,
        // Of wraps that were to be staged: the epoch is another's by now.
        ErrorCode::WrongKey,
    ];
    error.is_transient() || error.code().is_some_and(|code| raced.contains(&code))
}

/// Refusals that mean: this member reads the space no more.
fn is_shut_out(error: &Error) -> bool {
    matches!(
        error.code(),
        Some(ErrorCode::NotAMember | ErrorCode::Tombstoned | ErrorCode::NotFound)
    )
}

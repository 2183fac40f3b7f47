//! Writing control records: read the log to its end, see what is still to be done, stage wraps, offer the records, and
//! start over when somebody else was faster.

use rand::CryptoRng;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::control::{Link, ParsedControl, sign_control};
use sealpost_protocol::fold::SpaceFold;
use sealpost_protocol::ids::EventId;
use sealpost_protocol::limits;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::entry::Kind;
use sealpost_protocol::wire::{self, SignedControl, StageWraps, Wrap};
use tokio::time::sleep;

use super::core::SpaceCore;
use crate::backoff::Backoff;
use crate::epoch::EpochKey;
use crate::error::Error;
use crate::identity::Identity;
use crate::socket::refusal;

/// How often a change is tried against others who change the space too.
const ATTEMPTS: usize = 12;

/// Records that are still to be written, with what must be staged before.
pub(super) struct Change {
    pub(super) bodies: Vec<Body>,
    pub(super) wraps: Vec<Wrap>,
    /// Which epoch the wraps are for.
    pub(super) staged_for: (u64, sealpost_protocol::ids::KeyId),
    /// The secret that the change brings in.
    pub(super) new_key: Option<EpochKey>,
}

/// A change that was offered, with the place of its last record in the control chain.
struct Offered {
    last: (u64, EventId),
    new_key: Option<EpochKey>,
}

/// What is to be true of a space.
pub(super) trait Aim {
    /// What is still to be done about it, as the verified view stands; `None` once it is true.
    async fn change(&self, core: &SpaceCore, rng: &mut impl CryptoRng) -> Result<Option<Change>, Error>;
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
    async fn attempt(
        &self,
        aim: &impl Aim,
        offered: &mut Option<Offered>,
        rng: &mut impl CryptoRng,
    ) -> Result<bool, Error> {
        self.catch_up().await?;
        if let Some(done) = self.find_offered(offered).await? {
            return self.finish(done).await;
        }
        let Some(change) = aim.change(self, rng).await? else {
            return Ok(true);
        };
        self.stage(&change).await?;
        let (records, last) = self.sign(change.bodies).await?;
        *offered = Some(Offered {
            last,
            new_key: change.new_key,
        });
        let seq = self.offer(records).await?;
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
        Ok(true)
    }

    async fn stage(&self, change: &Change) -> Result<(), Error> {
        let (epoch, key_id) = change.staged_for;
        stage_wraps(self, epoch, &key_id, &change.wraps).await
    }

    /// Signs the records one after the other behind the control head.
    async fn sign(&self, bodies: Vec<Body>) -> Result<(Vec<SignedControl>, (u64, EventId)), Error> {
        self.with_fold(|fold| sign_chain(fold, bodies, &self.client.identity))
            .await
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

/// Stages wraps, as many at once as a frame takes.
pub(super) async fn stage_wraps(
    core: &SpaceCore,
    epoch: u64,
    key_id: &sealpost_protocol::ids::KeyId,
    wraps: &[Wrap],
) -> Result<(), Error> {
    for part in wraps.chunks(limits::MAX_WRAPS_PER_FRAME) {
        core.socket
            .stage_wraps(StageWraps {
                space_id: core.space_id.to_bytes(),
                epoch,
                key_id: key_id.to_bytes(),
                wraps: part.to_vec(),
            })
            .await?;
    }
    Ok(())
}

pub(super) fn control_entry(record: SignedControl) -> wire::Entry {
    wire::Entry {
        kind: Some(Kind::Control(record)),
    }
}

fn sign_chain(fold: &SpaceFold, bodies: Vec<Body>, me: &Identity) -> (Vec<SignedControl>, (u64, EventId)) {
    let mut last = (fold.chain().index(), fold.chain().head());
    let records = bodies
        .into_iter()
        .map(|body| {
            let link = Link::Next {
                space_id: fold.space_id(),
                control_index: last.0 + 1,
                previous_head: last.1,
                seen: fold.cursor(),
            };
            let record = sign_control(&link, &me.id(), body, me.signing_key());
            let id = ParsedControl::parse(&record)
                .expect("a record made here is well-formed")
                .id();
            last = (last.0 + 1, id);
            record
        })
        .collect();
    (records, last)
}

/// Refusals that mean: somebody else was faster, or not now.
fn may_try_again(error: &Error) -> bool {
    let raced = [
        ErrorCode::ControlConflict,
        ErrorCode::WrapsMismatch,
        ErrorCode::RekeyRequired,
        ErrorCode::StaleEpoch,
    ];
    error.is_transient() || error.code().is_some_and(|code| raced.contains(&code))
}

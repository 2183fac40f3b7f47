//! Wraps for many: made on all cores, away from the async threads, and staged a frame at a time.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use bytes::Bytes;
use rand::CryptoRng;
use sealpost_protocol::hash::Digest32;
use sealpost_protocol::ids::{KeyId, PrincipalId};
use sealpost_protocol::limits;
use sealpost_protocol::wire::{self, StageWraps, Wrap};
use sealpost_protocol::wrap::{Recipient, wrap_hash, wraps_digest};

use super::core::SpaceCore;
use super::draft::Staged;
use crate::blocking;
use crate::entropy;
use crate::epoch::{EpochKey, WrapError, seal_wrap};
use crate::error::Error;

/// Fewer wraps than this are not worth a thread.
const MIN_PER_THREAD: usize = 16;

/// How far the wraps of a rekey are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RekeyProgress {
    /// Wraps that are made, and those that lie at the relay.
    pub done: u64,
    /// When both are finished.
    pub of: u64,
}

/// Counts what [`RekeyProgress`] tells.
#[derive(Default)]
pub(crate) struct Rekeying {
    done: AtomicU64,
    of: AtomicU64,
}

impl Rekeying {
    pub(super) fn now(&self) -> RekeyProgress {
        RekeyProgress {
            done: self.done.load(Ordering::Relaxed),
            of: self.of.load(Ordering::Relaxed),
        }
    }

    fn begin(&self, recipients: usize) {
        self.done.store(0, Ordering::Relaxed);
        self.of.store(2 * recipients as u64, Ordering::Relaxed);
    }

    fn advance(&self, count: usize) {
        self.done.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// Wraps a secret to each recipient; gives both back.
pub(super) async fn wrap_to_all(
    key: EpochKey,
    recipients: Vec<Recipient>,
    rekeying: Arc<Rekeying>,
) -> (EpochKey, Vec<Wrap>) {
    blocking::run(move || {
        rekeying.begin(recipients.len());
        let wraps = wrap_on_all_cores(&key, &recipients, &rekeying);
        (key, wraps)
    })
    .await
}

fn wrap_on_all_cores(key: &EpochKey, recipients: &[Recipient], rekeying: &Rekeying) -> Vec<Wrap> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = recipients.len().div_ceil(cores).max(MIN_PER_THREAD);
    thread::scope(|scope| {
        let workers: Vec<_> = recipients
            .chunks(share)
            .map(|share| scope.spawn(move || wrap_share(key, share, rekeying)))
            .collect();
        let join = |worker: thread::ScopedJoinHandle<'_, Vec<Wrap>>| {
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().flat_map(join).collect()
    })
}

fn wrap_share(key: &EpochKey, recipients: &[Recipient], rekeying: &Rekeying) -> Vec<Wrap> {
    let mut rng = entropy::system();
    recipients
        .iter()
        .map(|recipient| {
            let wrap = wrap_for(key, recipient, &mut rng);
            rekeying.advance(1);
            wrap.unwrap_or_else(|_| dead_wrap(recipient, &mut rng))
        })
        .collect()
}

pub(crate) fn wrap_for(
    key: &EpochKey,
    recipient: &Recipient,
    rng: &mut impl CryptoRng,
) -> Result<Wrap, Error> {
    let sealed = seal_wrap(key, recipient.clone(), rng)
        .map_err(|error: WrapError| Error::usage(format!("{}: {error}", recipient.id())))?;
    Ok(Wrap {
        recipient: recipient.id().to_bytes(),
        sealed,
    })
}

/// What a recipient gets whose HPKE key is none: bytes that open nothing. It is their own doing, and must not keep the others
/// from a new key.
fn dead_wrap(recipient: &Recipient, rng: &mut impl CryptoRng) -> Wrap {
    Wrap {
        recipient: recipient.id().to_bytes(),
        sealed: Bytes::copy_from_slice(&entropy::draw::<{ limits::WRAP }>(rng)),
    }
}

/// The record that names a new key and what was staged for it.
pub(crate) fn rekey_body(key: &EpochKey, wraps: &[Wrap], sealed_previous: Bytes) -> wire::Rekey {
    let key_id: KeyId = key.at().key_id;
    wire::Rekey {
        epoch: key.at().epoch,
        key_id: key_id.to_bytes(),
        wraps_digest: Bytes::copy_from_slice(&digest(wraps)),
        wrap_count: u32::try_from(wraps.len()).expect("a space has a few thousand members at most"),
        sealed_previous,
    }
}

fn digest(wraps: &[Wrap]) -> Digest32 {
    let mut list: Vec<(PrincipalId, Digest32)> = wraps
        .iter()
        .map(|wrap| {
            let recipient = PrincipalId::try_from(&wrap.recipient[..]).expect("made from a principal id");
            (recipient, wrap_hash(&wrap.sealed))
        })
        .collect();
    list.sort_unstable();
    wraps_digest(&list)
}

impl SpaceCore {
    /// Stages wraps, as many at once as a frame takes.
    pub(super) async fn stage(&self, staged: &Staged) -> Result<(), Error> {
        let at = &staged.at;
        for part in staged.wraps.chunks(limits::MAX_WRAPS_PER_FRAME) {
            self.socket
                .stage_wraps(StageWraps {
                    space_id: self.space_id.to_bytes(),
                    epoch: at.epoch,
                    key_id: at.key_id.to_bytes(),
                    wraps: part.to_vec(),
                })
                .await?;
            if staged.of_rekey {
                self.rekeying.advance(part.len());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sealpost_protocol::ids::SpaceId;

    use super::*;
    use crate::epoch::open_wrap;
    use crate::testing::person;

    #[tokio::test]
    async fn wraps_for_a_thousand_are_made_in_order_and_counted() {
        let (alice, bob) = (person(1), person(2));
        let key = EpochKey::generate(SpaceId::new([7; 32]), 1, &mut entropy::system());
        let mut recipients = vec![Recipient::from(bob.manifest()); 1000];
        recipients[500] = Recipient::from(alice.manifest());
        let rekeying = Arc::<Rekeying>::default();
        let (key, wraps) = wrap_to_all(key, recipients, Arc::clone(&rekeying)).await;
        assert_eq!(wraps.len(), 1000);
        assert!(open_wrap(&wraps[500].sealed, key.at(), &alice).is_ok());
        assert!(open_wrap(&wraps[999].sealed, key.at(), &bob).is_ok());
        assert_eq!(rekeying.now(), RekeyProgress { done: 1000, of: 2000 });
    }
}

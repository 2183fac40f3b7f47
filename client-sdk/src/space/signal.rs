//! Signals: sealed and signed like events, for whoever listens now, never stored.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use chacha20poly1305::{AeadInOut, XNonce};
use futures_util::{Stream, stream};
use sealpost_protocol::fold::SpaceFold;
use sealpost_protocol::ids::{PrincipalId, WriterId};
use sealpost_protocol::limits;
use sealpost_protocol::signal::{SignalContent, SignalHeader, sign_signal, verify_signal};
use sealpost_protocol::wire::SignedSignal;
use tokio::sync::broadcast;

use super::core::SpaceCore;
use super::handle::Handle;
use crate::entropy;
use crate::epoch::EpochKey;
use crate::error::Error;
use crate::socket::Announcement;
use crate::store::outbox::install_id;

/// Signals kept for a listener that is behind; it then misses the oldest.
const KEPT: usize = 256;

/// Longest body of a signal, in bytes.
pub const MAX_SIGNAL: usize = 7 * 1024;

/// One verified signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Who sent it.
    pub author: PrincipalId,
    /// The bytes, as they were given to `signal`.
    pub body: Bytes,
}

/// Signals of a space from now on. A listener that is behind misses the oldest.
pub type Signals = Pin<Box<dyn Stream<Item = Signal> + Send>>;

/// The signal half of an open space.
pub(super) struct SignalHub {
    /// The last counter sent.
    counter: AtomicU64,
    verified: broadcast::Sender<Signal>,
}

/// The last counter seen of each writer, with its epoch: a counter rises within an epoch.
///
/// A member names its writers as it likes, so there is a limit to how many of one member are remembered; signals of one
/// more are not shown.
#[derive(Default)]
struct Counters(HashMap<PrincipalId, HashMap<WriterId, (u64, u64)>>);

impl Default for SignalHub {
    fn default() -> Self {
        Self {
            counter: AtomicU64::new(0),
            verified: broadcast::channel(KEPT).0,
        }
    }
}

impl SignalHub {
    /// A counter above all that this install has used: microseconds, so that none needs to be stored.
    fn next_counter(&self, now_ms: u64) -> u64 {
        let next = |last: u64| (last + 1).max(now_ms.saturating_mul(1000));
        let last = self
            .counter
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(next(last)));
        next(last.unwrap_or_default())
    }
}

impl Counters {
    /// Whether the signal is newer than all before it; it then counts as seen.
    fn accept(&mut self, header: &SignalHeader) -> bool {
        let writers = self.0.entry(header.principal_id).or_default();
        let place = (header.epoch, header.counter);
        let newer = match writers.get(&header.writer_id) {
            Some(last) => *last < place,
            None => writers.len() < limits::MAX_WRITERS_PER_PRINCIPAL,
        };
        if newer {
            writers.insert(header.writer_id, place);
        }
        newer
    }
}

/// Seals, signs and sends what an application says.
pub(super) async fn send(handle: &Handle, body: &[u8]) -> Result<(), Error> {
    if body.len() > MAX_SIGNAL {
        return Err(Error::usage(format!(
            "a signal has {} bytes, the limit is {MAX_SIGNAL}",
            body.len()
        )));
    }
    let content = SignalContent::Application(Bytes::copy_from_slice(body));
    send_content(handle.core(), handle.signals(), &content).await
}

/// Seals, signs and sends a signal.
pub(super) async fn send_content(
    core: &SpaceCore,
    hub: &SignalHub,
    content: &SignalContent,
) -> Result<(), Error> {
    core.expect_going_on()?;
    let key = core.current_key().await?;
    // The one of the socket: the relay lets no other pass, and does not send a signal back to it.
    let writer_id = core.client.store.write(install_id).await?;
    let counter = hub.next_counter(core.client.config.clock.unix_ms());
    let header = SignalHeader {
        space_id: core.space_id,
        epoch: key.at().epoch,
        key_id: key.at().key_id,
        principal_id: core.me(),
        writer_id,
        counter,
        nonce: entropy::draw::<{ limits::NONCE }>(&mut entropy::system()),
    };
    let signal = sign_signal(
        &header,
        seal(&key, &header, content),
        core.client.identity.signing_key(),
    );
    core.socket.send_signal(signal).await
}

/// The stream of verified signals from now on; it keeps the space open.
pub(super) fn signals(handle: Arc<Handle>) -> Signals {
    let receiver = handle.signals().verified.subscribe();
    Box::pin(stream::unfold(
        (handle, receiver),
        |(handle, mut receiver)| async {
            loop {
                match receiver.recv().await {
                    Ok(signal) => return Some((signal, (handle, receiver))),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        },
    ))
}

/// Verifies what comes in, once for all listeners. What does not hold is dropped: nothing depends on a signal.
pub(super) async fn listen(core: Arc<SpaceCore>, hub: Arc<SignalHub>) {
    let closing = core.closing.clone();
    tokio::select! {
        () = closing.cancelled() => {}
        () = listen_on(&core, &hub) => {}
    }
}

async fn listen_on(core: &SpaceCore, hub: &SignalHub) {
    let mut announcements = core.socket.announcements();
    let mut counters = Counters::default();
    loop {
        match announcements.recv().await {
            Ok(Announcement::Signal(signal)) => {
                match verify(core, &signal, &mut counters).await {
                    Some((author, SignalContent::Application(body))) => {
                        // Nobody may be listening.
                        let _ = hub.verified.send(Signal { author, body });
                    }
                    Some((author, SignalContent::Heartbeat(checkpoint))) => {
                        core.hear(author, checkpoint).await;
                    }
                    None => {}
                }
            }
            Ok(Announcement::Notice(_)) | Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

async fn verify(
    core: &SpaceCore,
    signal: &SignedSignal,
    counters: &mut Counters,
) -> Option<(PrincipalId, SignalContent)> {
    let header = SignalHeader::parse(&signal.header).ok()?;
    if header.space_id != core.space_id {
        return None;
    }
    let by_member = core.with_fold(|fold| is_by_member(fold, &header, signal)).await;
    if !by_member.unwrap_or(false) || !counters.accept(&header) {
        return None;
    }
    let key = core.current_key().await.ok()?;
    let content = open(&key, &header, signal)?;
    Some((header.principal_id, content))
}

/// Whether a member sent it under the current epoch.
fn is_by_member(fold: &SpaceFold, header: &SignalHeader, signal: &SignedSignal) -> bool {
    let current = fold
        .chain()
        .epoch()
        .is_some_and(|epoch| epoch.number == header.epoch && epoch.key_id == header.key_id);
    let member = fold.chain().member(&header.principal_id);
    current && member.is_some_and(|member| verify_signal(signal, member.manifest.signing_key()).is_ok())
}

pub(super) fn seal(key: &EpochKey, header: &SignalHeader, content: &SignalContent) -> Bytes {
    let mut buffer = content.to_padded();
    debug_assert!(buffer.len() + limits::TAG <= limits::MAX_SIGNAL_CIPHERTEXT);
    key.signal_cipher()
        .encrypt_in_place(&XNonce::from(header.nonce), &header.encode(), &mut buffer)
        .expect("a signal is far below the cipher's limit");
    buffer.into()
}

pub(super) fn open(key: &EpochKey, header: &SignalHeader, signal: &SignedSignal) -> Option<SignalContent> {
    if signal.ciphertext.len() > limits::MAX_SIGNAL_CIPHERTEXT || key.at().key_id != header.key_id {
        return None;
    }
    let mut buffer = signal.ciphertext.to_vec();
    key.signal_cipher()
        .decrypt_in_place(&XNonce::from(header.nonce), &signal.header, &mut buffer)
        .ok()?;
    SignalContent::from_padded(&buffer)
}

#[cfg(test)]
mod tests {
    use sealpost_protocol::ids::{KeyId, SpaceId};

    use super::*;

    fn header(writer: u16, counter: u64) -> SignalHeader {
        let mut writer_id = [0; WriterId::LENGTH];
        writer_id[..2].copy_from_slice(&writer.to_be_bytes());
        SignalHeader {
            space_id: SpaceId::new([1; 32]),
            epoch: 1,
            key_id: KeyId::new([2; 32]),
            principal_id: PrincipalId::new([3; 32]),
            writer_id: WriterId::new(writer_id),
            counter,
            nonce: [0; limits::NONCE],
        }
    }

    #[test]
    fn member_with_ever_new_writers_takes_a_bounded_place() {
        let mut counters = Counters::default();
        let accepted = (0..1000).filter(|writer| counters.accept(&header(*writer, 1)));
        assert_eq!(accepted.count(), limits::MAX_WRITERS_PER_PRINCIPAL);
        assert!(counters.accept(&header(0, 2)), "those that are known go on");
        assert!(!counters.accept(&header(0, 2)));
    }
}

//! Takes signals from members and hands them to live subscribers, here and at other relays.
//!
//! Between relays a signal travels sealed under the data key of its space. It is told to those who listen at the moment,
//! or to nobody: a relay that is behind on the log, or whose key service is away, drops it.

use std::sync::Arc;

use prost::Message;
use sealpost_protocol::event::EventError;
use sealpost_protocol::fold::Refusal;
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::signal::{SignalHeader, verify_signal};
use sealpost_protocol::{limits, wire};

use super::ports::SpaceNumber;
use super::signals::{Live, LiveSignal};
use super::space::Space;
use super::{LogError, LogService};
use crate::bus::{BusClosed, Parcel};
use crate::spaces::AuthenticatedPrincipal;

impl LogService {
    /// Hands a signal to those who subscribe to its space now: at this relay when this returns, at others soon after.
    ///
    /// # Errors
    /// [`LogError::NotAMember`], a stale epoch, a bad signature, [`LogError::RateLimited`].
    pub async fn signal(
        &self,
        author: &AuthenticatedPrincipal,
        signal: wire::SignedSignal,
    ) -> Result<(), LogError> {
        self.shared.rates.signal(author.account_id())?;
        let header = parse(&signal)?;
        if header.principal_id != author.principal_id() || header.writer_id != author.writer_id() {
            return Err(LogError::OtherAuthor);
        }
        let number = self
            .with_view(header.space_id, |view| {
                view.membership
                    .check_may_signal(&header.principal_id, header.epoch, &header.key_id)?;
                Ok(view.number)
            })
            .await?;
        let signal = self.verify(author, signal).await?;
        let space = self.shared.spaces.get(header.space_id);
        self.hand_out(&space, &header, signal.clone());
        self.tell_other_relays(number, space.id, &signal).await;
        Ok(())
    }

    /// Takes in what other relays were sent, for as long as it is polled.
    pub(super) async fn take_in_signals(&self) -> Result<(), BusClosed> {
        let mut parcels = self.shared.bus.receive().await?;
        loop {
            let parcel = parcels.next().await?;
            // None of the reasons to drop one is worth more than the next one.
            self.take_in(parcel).await;
        }
    }

    async fn take_in(&self, parcel: Parcel) -> Option<()> {
        let space = self.shared.spaces.find(&parcel.space_id)?;
        if !space.has_signal_subscribers() {
            return None;
        }
        let view = space.view()?;
        let key = self.shared.space_key(view.number).await.ok()?;
        let sealed = parcel.sealed.to_vec();
        let opened = self.shared.cipher.open_signal(&key, &space.id, sealed).ok()?;
        let signal = wire::SignedSignal::decode(opened).ok()?;
        let header = SignalHeader::parse(&signal.header).ok()?;
        // The other relay has checked the signature, and its view of the members; ours may be newer.
        view.membership
            .check_may_signal(&header.principal_id, header.epoch, &header.key_id)
            .ok()?;
        self.hand_out(&space, &header, signal);
        Some(())
    }

    fn hand_out(&self, space: &Space, header: &SignalHeader, signal: wire::SignedSignal) {
        let live = LiveSignal {
            live: Live::Signal(signal),
            sender: (header.principal_id, header.writer_id),
        };
        // Without subscribers nobody misses it.
        let _ = space
            .signals(self.shared.limits.queued_signals)
            .send(Arc::new(live));
    }

    async fn tell_other_relays(&self, number: SpaceNumber, space_id: SpaceId, signal: &wire::SignedSignal) {
        // The cause was logged; those who are here have heard it.
        let Ok(key) = self.shared.space_key(number).await else {
            return;
        };
        let sealed = self
            .shared
            .cipher
            .seal_signal(&key, &space_id, &signal.encode_to_vec());
        self.shared.bus.send(Parcel {
            space_id,
            sealed: sealed.into(),
        });
    }

    async fn verify(
        &self,
        author: &AuthenticatedPrincipal,
        signal: wire::SignedSignal,
    ) -> Result<wire::SignedSignal, LogError> {
        let key = *author.signing_key();
        let checked = self
            .shared
            .verify
            .run(move || verify_signal(&signal, &key).map(|()| signal));
        let checked = checked.await.map_err(|_| LogError::Internal)?;
        Ok(checked.map_err(Refusal::from)?)
    }
}

fn parse(signal: &wire::SignedSignal) -> Result<SignalHeader, LogError> {
    let length = signal.ciphertext.len();
    if length > limits::MAX_SIGNAL_CIPHERTEXT {
        let too_large = EventError::TooLarge {
            what: "ciphertext",
            length,
            limit: limits::MAX_SIGNAL_CIPHERTEXT,
        };
        return Err(Refusal::from(too_large).into());
    }
    Ok(SignalHeader::parse(&signal.header).map_err(Refusal::from)?)
}

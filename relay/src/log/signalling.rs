//! Takes signals from members and hands them to live subscribers, here and at other relays; requests for wraps go the same way.
//!
//! Between relays each travels sealed under the data key of its space. It is told to those who listen at the moment,
//! or to nobody: a relay that is behind on the log, or whose key service is away, drops it.

use std::sync::Arc;

use prost::Message;
use sealpost_protocol::event::EventError;
use sealpost_protocol::fold::Refusal;
use sealpost_protocol::ids::{PrincipalId, SpaceId, WriterId};
use sealpost_protocol::signal::{SignalHeader, verify_signal};
use sealpost_protocol::wire::relay_frame::Body;
use sealpost_protocol::{limits, wire};

use super::ports::SpaceNumber;
use super::signals::{Live, LiveSignal};
use super::space::Space;
use super::view::Membership;
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
        self.shared.rates.signal(author.party())?;
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
        let sender = (header.principal_id, header.writer_id);
        let live = Live::Signal(signal);
        self.tell_all(number, header.space_id, LiveSignal { live, sender })
            .await;
        Ok(())
    }

    /// Tells those who subscribe to a space now: at this relay when this returns, at others soon after.
    pub(super) async fn tell_all(&self, number: SpaceNumber, space_id: SpaceId, live: LiveSignal) {
        let frame = frame_of(live.live.clone());
        self.tell_here(&self.shared.spaces.get(space_id), live);
        self.tell_other_relays(number, space_id, &frame).await;
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
        let live = live_of(wire::RelayFrame::decode(opened).ok()?)?;
        // The other relay has checked the signature, and its view of the members; ours may be newer.
        let sender = sender_of(&live, &view.membership)?;
        self.tell_here(&space, LiveSignal { live, sender });
        Some(())
    }

    fn tell_here(&self, space: &Space, live: LiveSignal) {
        // Without subscribers nobody misses it; a request for a wrap is found by the next who asks.
        let _ = space
            .signals(self.shared.limits.queued_signals)
            .send(Arc::new(live));
    }

    async fn tell_other_relays(&self, number: SpaceNumber, space_id: SpaceId, frame: &wire::RelayFrame) {
        // The cause was logged; those who are here have heard it.
        let Ok(key) = self.shared.space_key(number).await else {
            return;
        };
        let sealed = self
            .shared
            .cipher
            .seal_signal(&key, &space_id, &frame.encode_to_vec());
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
        let checked = self.shared.verify.run(author.party(), move || {
            verify_signal(&signal, &key).map(|()| signal)
        });
        let checked = checked.await.map_err(|_| LogError::Internal)?;
        Ok(checked.map_err(Refusal::from)?)
    }
}

/// What its subscribers at any relay are sent.
fn frame_of(live: Live) -> wire::RelayFrame {
    let body = match live {
        Live::Signal(signal) => {
            let signal = Some(signal);
            Body::SignalDelivered(wire::SignalDelivered { signal })
        }
        Live::WrapWanted(request) => {
            let request = Some(request);
            Body::WrapWanted(wire::WrapWanted { request })
        }
    };
    wire::RelayFrame {
        request_id: 0,
        body: Some(body),
    }
}

fn live_of(frame: wire::RelayFrame) -> Option<Live> {
    match frame.body? {
        Body::SignalDelivered(delivered) => delivered.signal.map(Live::Signal),
        Body::WrapWanted(wanted) => wanted.request.map(Live::WrapWanted),
        _ => None,
    }
}

/// Who it comes from, if that may be, as the members are seen here.
fn sender_of(live: &Live, membership: &Membership) -> Option<(PrincipalId, WriterId)> {
    match live {
        Live::Signal(signal) => {
            let header = SignalHeader::parse(&signal.header).ok()?;
            membership
                .check_may_signal(&header.principal_id, header.epoch, &header.key_id)
                .ok()?;
            Some((header.principal_id, header.writer_id))
        }
        Live::WrapWanted(request) => {
            let recipient = PrincipalId::try_from(&request.recipient[..]).ok()?;
            let is_meant = membership.contains(&recipient) && membership.key_id(request.epoch).is_some();
            // The socket that asked is at the other relay.
            is_meant.then_some((recipient, WriterId::new([0; WriterId::LENGTH])))
        }
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

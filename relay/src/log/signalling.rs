//! Takes signals from members and hands them to live subscribers.

use std::sync::Arc;

use sealpost_protocol::event::EventError;
use sealpost_protocol::fold::Refusal;
use sealpost_protocol::signal::{SignalHeader, verify_signal};
use sealpost_protocol::{limits, wire};

use super::signals::LiveSignal;
use super::{LogError, LogService};
use crate::spaces::AuthenticatedPrincipal;

impl LogService {
    /// Hands a signal to those who subscribe to its space on this relay now.
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
        self.with_view(header.space_id, |view| {
            view.membership
                .check_may_signal(&header.principal_id, header.epoch, &header.key_id)
        })
        .await?;
        let signal = self.verify(author, signal).await?;
        let space = self.shared.spaces.get(header.space_id);
        let live = LiveSignal {
            signal,
            sender: (header.principal_id, header.writer_id),
        };
        // Without subscribers nobody misses it.
        let _ = space
            .signals(self.shared.limits.queued_signals)
            .send(Arc::new(live));
        Ok(())
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

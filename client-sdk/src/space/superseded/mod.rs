//! Going on by a person's consent with a space whose log a restored relay continued without what this device had verified.
//!
//! What was verified is set aside and kept ([`lost`]). The relay's log is followed from its beginning like that of any space, and
//! what this account wrote, and the other one lacks, is published again in it, after the removals ([`again`]).

mod again;
mod changes;
mod lost;

use std::sync::Arc;

use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::root::Cursor;

use super::api::Space;
use super::core::SpaceCore;
use crate::client::Client;
use crate::error::Error;
use crate::outbox::await_turn;
use crate::socket::SubscriptionEvent;
use crate::store::log::SpaceLog;
use crate::sync;

pub use again::{Audience, PublishedAgain};

impl Client {
    /// Whether a space can be read on only by [`Self::go_on_without`]: the relay's log goes on without what this device has verified or
    /// the relay has acked to it, or without a place that another device of this account has verified.
    ///
    /// # Errors
    /// [`Error::Network`]; [`Error::Refused`] where the relay does not serve the space to this account.
    pub async fn is_superseded(&self, id: SpaceId) -> Result<bool, Error> {
        let core = SpaceCore::open(Arc::clone(self.shared()), self.socket()?, id).await?;
        Ok(core.how_superseded().await? != Superseded::NotAtAll)
    }

    /// Goes on with a space that stopped with `superseded`. To be called by a person's consent only: what this device had verified,
    /// and the relay's log lacks, is no part of the space any more for it. It is set aside, and [`Space::lost`] shows it. Called again, it
    /// opens the space. Waits while this home is sending into the space.
    ///
    /// # Errors
    /// [`Error::Usage`] if the relay's log holds all that this device has verified, or this process has the space open;
    /// [`Error::Network`]; [`Error::Refused`] where the relay does not serve the space to this account. Nothing is changed then.
    pub async fn go_on_without(&self, id: SpaceId) -> Result<Space, Error> {
        let (socket, shared) = (self.socket()?, self.shared());
        if shared.has_open(id).await {
            return Err(Error::usage("the space is in use"));
        }
        let turn = await_turn(&shared.store, id).await?;
        let core = SpaceCore::open(Arc::clone(shared), socket, id).await?;
        match core.how_superseded().await? {
            Superseded::ByTheLog => {
                // First: a pin of a log that is set aside already would stop the space for ever.
                core.unpin().await?;
                core.write(|log, view| {
                    view.forget();
                    log.acknowledge_alarms()?;
                    log.set_aside()
                })
                .await?;
            }
            Superseded::ByThePin => {
                core.write(|log, _| log.acknowledge_alarms()).await?;
                core.unpin().await?;
            }
            Superseded::NotAtAll if core.views_aside().await? > 0 => {}
            Superseded::NotAtAll => {
                return Err(Error::usage(
                    "the relay's log of this space holds all that this device has verified: there is nothing to go on without",
                ));
            }
        }
        drop(turn);
        self.space(id).await
    }
}

/// What the relay's log goes on without.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Superseded {
    NotAtAll,
    /// What this device has verified.
    ByTheLog,
    /// What another device of this account has verified, and this one has not.
    ByThePin,
}

impl SpaceCore {
    /// # Errors
    /// [`Error::Refused`] too if the relay's log is not for this account: there is nothing then to go on with.
    async fn how_superseded(&self) -> Result<Superseded, Error> {
        match self.ask_at(&Cursor::start(&self.space_id)).await {
            Err(Error::Refused(refusal)) => return Err(sync::explain(self, *refusal).await.into()),
            served => served?,
        }
        if self.is_superseded().await? {
            return Ok(Superseded::ByTheLog);
        }
        let Some(pinned) = self.pinned else {
            return Ok(Superseded::NotAtAll);
        };
        match self.ask_at(&pinned).await {
            Err(error) if error.code() == Some(ErrorCode::LogMismatch) => Ok(Superseded::ByThePin),
            asked => asked.map(|()| Superseded::NotAtAll),
        }
    }

    /// Whether the relay serves its log from a place on.
    async fn ask_at(&self, place: &Cursor) -> Result<(), Error> {
        let mut subscription = self.subscribe(place).await;
        match subscription.next().await {
            SubscriptionEvent::Ended(error) => Err(error),
            SubscriptionEvent::Started(_) | SubscriptionEvent::Page(_) | SubscriptionEvent::WrapWanted => {
                Ok(())
            }
        }
    }

    /// Has the keystore forget how far the log was verified that is given up.
    async fn unpin(&self) -> Result<(), Error> {
        let space_id = self.space_id;
        let unpinning = self.client.update_keystore(|content| {
            if let Some(space) = content.spaces.get_mut(&space_id) {
                space.verified = None;
            }
        });
        unpinning.await
    }

    /// How many views of the space were set aside.
    pub(crate) async fn views_aside(&self) -> Result<usize, Error> {
        self.with_views(|aside, _| Ok(aside.len())).await
    }

    /// Runs `work` on the views that were set aside, the oldest first, and on the one that goes on.
    async fn with_views<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&[SpaceLog<'_>], &SpaceLog<'_>) -> Result<T, Error> + Send + 'static,
    {
        let space_id = self.space_id;
        let reading = self.client.store.read(move |store| {
            let aside = SpaceLog::set_aside_of(store, space_id)?;
            work(&aside, &SpaceLog::find_or_empty(store, space_id)?)
        });
        reading.await
    }
}

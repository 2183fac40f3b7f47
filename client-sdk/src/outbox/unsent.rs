//! What was signed and not acked, for people and scripts: to look at, and to give up.

use std::sync::Arc;

use sealpost_protocol::ids::{EventId, SpaceId, WriterId};

use super::lock::SendLock;
use super::resolve::{Keys, delivered, own_content};
use crate::client::Client;
use crate::content::Message;
use crate::entropy;
use crate::error::Error;
use crate::store::log::SpaceLog;
use crate::store::outbox::OutboxRow;
use crate::store::{Store, StoreTransaction};

/// An event that this device has signed and that no ack has come for. The relay may have it all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsent {
    /// Rises with every event that this device signs; stays when the event has to be sealed again.
    pub number: u64,
    /// The event, as it is signed now.
    pub event_id: EventId,
    /// What it says.
    pub messages: Vec<Message>,
}

/// What was given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GivenUp {
    /// Signed events.
    pub events: u64,
    /// The messages in them.
    pub messages: u64,
}

impl Client {
    /// What this device has signed for a space and the relay has not acked, oldest first. It goes out first when the space
    /// is opened the next time, or with the next message; what was signed in a membership that has ended, only with the next message
    /// or [`crate::Space::flush`]. Waits while this home is sending into the space.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::NotLoggedIn`] when the home was destroyed meanwhile.
    pub async fn unsent(&self, space: SpaceId) -> Result<Vec<Unsent>, Error> {
        let store = &self.shared().store;
        if !is_known(store, space).await? {
            return Ok(Vec::new());
        }
        let _turn = SendLock::acquire(store.home(), &space).await?;
        store
            .read(move |store| {
                let log = SpaceLog::find_or_empty(store, space)?;
                log.unacked()?.iter().map(|row| read(&log, row)).collect()
            })
            .await
    }

    /// Gives up what [`Self::unsent`] lists; returns how much that was. What the relay has got hold of already may still
    /// appear. Later messages are written under a new writer id, so that nothing is ever signed in the place of these.
    /// Waits while this home is sending into the space.
    ///
    /// # Errors
    /// As [`Self::unsent`].
    pub async fn drop_unsent(&self, space: SpaceId) -> Result<GivenUp, Error> {
        let store = &self.shared().store;
        if !is_known(store, space).await? {
            return Ok(GivenUp::default());
        }
        let turn = Arc::new(SendLock::acquire(store.home(), &space).await?);
        store
            .write(move |store| {
                let _held = turn;
                let log = SpaceLog::find_or_empty(store, space)?;
                let given_up = to_give_up(&log)?;
                for row in log.unacked()? {
                    log.remove_event(row.number)?;
                }
                if given_up.events > 0 {
                    let writer_id = WriterId::new(entropy::draw(&mut entropy::system()));
                    log.put_own_writer(&writer_id)?;
                }
                Ok(given_up)
            })
            .await
    }
}

/// What would be given up with the outbox of a space: all of it that does not stand in the verified log.
pub(crate) fn to_give_up(log: &SpaceLog<'_>) -> Result<GivenUp, Error> {
    let mut found = GivenUp::default();
    for row in log.unacked()? {
        if delivered(log, &row.event)?.is_none() {
            found.events += 1;
            // What does not open any more was one message at least.
            found.messages += read(log, &row).map_or(1, |unsent| unsent.messages.len() as u64);
        }
    }
    Ok(found)
}

/// Keeps everybody from signing anything for a space, of which something is known.
///
/// # Errors
/// [`StoreError::Sending`](crate::error::StoreError::Sending) while somebody does.
pub(crate) async fn keep_unsent(store: &Store, space: SpaceId) -> Result<Option<SendLock>, Error> {
    match is_known(store, space).await? {
        true => SendLock::at_once(store.home(), &space).await.map(Some),
        false => Ok(None),
    }
}

/// Waits until nobody signs anything for a space, of which something is known, and keeps everybody from it.
pub(crate) async fn await_turn(store: &Store, space: SpaceId) -> Result<Option<SendLock>, Error> {
    match is_known(store, space).await? {
        true => SendLock::acquire(store.home(), &space).await.map(Some),
        false => Ok(None),
    }
}

/// Of a space that is not known, not even the lock is made.
async fn is_known(store: &Store, space: SpaceId) -> Result<bool, Error> {
    let find = move |store: &StoreTransaction<'_>| Ok(SpaceLog::find(store, space)?.is_some());
    store.read(find).await
}

fn read(log: &SpaceLog<'_>, row: &OutboxRow) -> Result<Unsent, Error> {
    let epoch = row.event.epoch;
    let mut epochs = log.epochs_from(epoch)?.into_iter();
    let key = epochs
        .find(|known| known.at.epoch == epoch)
        .and_then(|known| known.key);
    let keys: Keys = key.map(|key| (epoch, Arc::new(key))).into_iter().collect();
    Ok(Unsent {
        number: row.number.unsigned_abs(),
        event_id: row.event.event_id,
        messages: own_content(&row.event, &keys)?.messages,
    })
}

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

impl Client {
    /// What this device has signed for a space and the relay has not acked, oldest first. It goes out first when the space
    /// is opened the next time, or with the next message. Waits while this home is sending into the space.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn unsent(&self, space: SpaceId) -> Result<Vec<Unsent>, Error> {
        let store = &self.shared().store;
        let _turn = SendLock::acquire(store.home(), &space).await?;
        store
            .read(move |store| match SpaceLog::find(store, space)? {
                Some(log) => log.unacked()?.iter().map(|row| read(&log, row)).collect(),
                None => Ok(Vec::new()),
            })
            .await
    }

    /// Gives up what [`Self::unsent`] lists; returns the number of events. What the relay has got hold of already may still
    /// appear. Later messages are written under a new writer id, so that nothing is ever signed in the place of these.
    /// Waits while this home is sending into the space.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn drop_unsent(&self, space: SpaceId) -> Result<u64, Error> {
        let store = &self.shared().store;
        let turn = Arc::new(SendLock::acquire(store.home(), &space).await?);
        let me = self.shared().identity.id();
        store
            .write(move |store| {
                let _held = turn;
                let Some(log) = SpaceLog::find(store, space)? else {
                    return Ok(0);
                };
                let mut dropped = 0;
                for row in log.unacked()? {
                    dropped += u64::from(delivered(&log, &row.event, me)?.is_none());
                    log.remove_event(row.number)?;
                }
                if dropped > 0 {
                    let writer_id = WriterId::new(entropy::draw(&mut entropy::system()));
                    log.put_own_writer(&writer_id)?;
                }
                Ok(dropped)
            })
            .await
    }
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

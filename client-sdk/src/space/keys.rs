//! Epoch secrets as they are needed: from memory, from the store, from the own wrap, or back through the history chain.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::limits;
use sealpost_protocol::wrap::wrap_hash;

use super::core::SpaceCore;
use crate::epoch::{EpochKey, EpochRef, WrapError, open_previous, open_wrap};
use crate::error::{Alarm, Error};
use crate::store::log::{EpochRow, Weight};

/// Secrets of one space that were needed lately.
#[derive(Default)]
pub(crate) struct KeyRing {
    known: Mutex<BTreeMap<u64, Arc<EpochKey>>>,
    /// One fetch at a time: the next one finds what this one brought.
    fetching: tokio::sync::Mutex<()>,
    /// The newest epoch whose key was asked for before it was needed, in this connection.
    asked_ahead: tokio::sync::Mutex<u64>,
}

impl KeyRing {
    /// The newest epoch whose key was asked for before it was needed, in this connection; one asks at a time.
    pub(super) async fn asked_ahead(&self) -> tokio::sync::MutexGuard<'_, u64> {
        self.asked_ahead.lock().await
    }

    fn get(&self, epoch: u64) -> Option<Arc<EpochKey>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&epoch).map(Arc::clone)
    }

    fn put(&self, key: &Arc<EpochKey>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(key.at().epoch, Arc::clone(key));
    }
}

impl SpaceCore {
    /// The key of an epoch that the verified chain names; `None` where this member was never given it.
    ///
    /// # Errors
    /// [`Error::Integrity`] if the relay hands out a wrap that is not the one the chain commits to.
    pub(crate) async fn epoch_key(&self, epoch: u64) -> Result<Option<Arc<EpochKey>>, Error> {
        if let Some(key) = self.keys.get(epoch) {
            return Ok(Some(key));
        }
        let _one_at_a_time = self.keys.fetching.lock().await;
        if let Some(key) = self.keys.get(epoch) {
            return Ok(Some(key));
        }
        let rows = self.read(move |log| log.epochs_from(epoch)).await?;
        self.find_key(epoch, rows).await
    }

    /// Whether this device has the key of an epoch, without asking anybody for it.
    pub(super) async fn holds_key(&self, epoch: u64) -> Result<bool, Error> {
        if self.keys.get(epoch).is_some() {
            return Ok(true);
        }
        let rows = self.read(move |log| log.epochs_from(epoch)).await?;
        let first = rows.first().filter(|row| row.at.epoch == epoch);
        Ok(first.is_some_and(|row| row.key.is_some()))
    }

    /// Looks for the nearest epoch from `epoch` on whose secret can be had, and goes back from there.
    async fn find_key(&self, epoch: u64, mut rows: Vec<EpochRow>) -> Result<Option<Arc<EpochKey>>, Error> {
        let stored = rows.iter_mut().position(|row| row.key.is_some());
        if let Some(at) = stored {
            let key = rows[at].key.take();
            if let Some(found) = self.go_back(key, &rows[..=at]).await? {
                return Ok(Some(found));
            }
        }
        // The newest epoch's wrap is there for every member, an older one's for whoever was added in it.
        for at in [rows.len().checked_sub(1), (!rows.is_empty()).then_some(0)]
            .into_iter()
            .flatten()
        {
            let fetched = self.fetch_key(&rows[at]).await?;
            if let Some(found) = self.go_back(fetched, &rows[..=at]).await? {
                return Ok(Some(found));
            }
        }
        Ok(self.keys.get(epoch))
    }

    /// From the key of the last of `rows` to that of the first, through the secrets that each seals.
    async fn go_back(
        &self,
        newest: Option<EpochKey>,
        rows: &[EpochRow],
    ) -> Result<Option<Arc<EpochKey>>, Error> {
        let Some(newest) = newest else { return Ok(None) };
        let mut key = self.keep(newest).await?;
        for pair in rows.windows(2).rev() {
            let [previous, next] = pair else { continue };
            if next.sealed_previous.is_empty() {
                return Ok(None);
            }
            let opened = open_previous(&key, &previous.at, &next.sealed_previous).map_err(|_| {
                self.key_alarm("the rekey record seals another secret than the chain names", next)
            })?;
            key = self.keep(opened).await?;
        }
        Ok(Some(key))
    }

    /// The own wrap of an epoch. Of several that the relay may have, one that opens is enough; if there is none, the members
    /// are asked.
    async fn fetch_key(&self, row: &EpochRow) -> Result<Option<EpochKey>, Error> {
        let (mut unusable, mut last) = (Vec::new(), None);
        while unusable.len() < limits::MAX_UNUSABLE_WRAPS {
            let fetched = self
                .socket
                .fetch_wrap(&self.space_id, row.at.epoch, unusable.clone());
            let sealed = match fetched.await {
                Err(error) if error.code() == Some(ErrorCode::NotFound) => break,
                result => result?.sealed,
            };
            let what = match open_wrap(&sealed, &row.at, &self.client.identity) {
                Ok(key) => return Ok(Some(key)),
                Err(WrapError::WrongSecret(_)) => "the wrap opens to another secret than the chain names",
                Err(_) => "the wrap for this member does not open",
            };
            let hash = Bytes::copy_from_slice(&wrap_hash(&sealed));
            if unusable.contains(&hash) {
                break;
            }
            unusable.push(hash);
            let alarm = self.key_alarm(what, row);
            if last.is_none() {
                // One piece of a kind is enough. The log itself is whole: the space goes on as far as it has keys.
                self.keep_evidence(&alarm, sealed.to_vec(), Weight::Passing).await;
            }
            last = Some(alarm);
        }
        self.ask_for_wrap(row.at.epoch).await;
        match last {
            Some(alarm) => Err(alarm.into()),
            None => Ok(None),
        }
    }

    /// Whether this member may read an epoch: it is of its time, or the secrets since lead back to it.
    pub(crate) async fn is_open_to_me(&self, epoch: u64) -> Result<bool, Error> {
        let me = self.me();
        let first = self.with_fold(|fold| {
            let member = fold.chain().member(&me);
            let current = fold.chain().epoch_number();
            member.map_or(current, |member| member.first_epoch.min(current))
        });
        let first = first.await?;
        let rows = self.read(move |log| log.epochs_from(epoch)).await?;
        let on_the_way = |row: &&EpochRow| epoch < row.at.epoch && row.at.epoch <= first;
        let is_cut = |row: &EpochRow| row.sealed_previous.is_empty();
        Ok(!rows.iter().filter(on_the_way).any(is_cut))
    }

    /// On disk before anybody uses it: what was read once is read again without a connection.
    async fn keep(&self, key: EpochKey) -> Result<Arc<EpochKey>, Error> {
        let key = Arc::new(key);
        let kept = Arc::clone(&key);
        self.write(move |log, _| log.put_secret(&kept)).await?;
        self.keys.put(&key);
        Ok(key)
    }

    /// Keeps a secret that this device drew itself, once the chain names it.
    pub(crate) async fn adopt_key(&self, key: EpochKey) -> Result<(), Error> {
        self.keep(key).await.map(drop)
    }

    /// The newest epoch of the verified chain.
    pub(crate) async fn current_epoch(&self) -> Result<Option<EpochRef>, Error> {
        let space_id = self.space_id;
        self.with_fold(|fold| {
            fold.chain().epoch().map(|epoch| EpochRef {
                space_id,
                epoch: epoch.number,
                key_id: epoch.key_id,
            })
        })
        .await
    }

    /// The key under which new content is sealed. Who has none for the newest epoch that was read may not have read
    /// the log to its end, as a newcomer: only there its lack is told.
    ///
    /// # Errors
    /// [`Error::NoKey`] if this member has none, and whatever [`Self::catch_up`] says.
    pub(crate) async fn current_key(&self) -> Result<Arc<EpochKey>, Error> {
        match self.newest_known_key().await {
            Err(Error::NoKey { .. }) => {
                self.catch_up().await?;
                self.newest_known_key().await
            }
            key => key,
        }
    }

    async fn newest_known_key(&self) -> Result<Arc<EpochKey>, Error> {
        let epoch = self.current_epoch().await?.map_or(0, |at| at.epoch);
        match self.epoch_key(epoch).await? {
            Some(key) => Ok(key),
            None => Err(self.no_key(epoch).await),
        }
    }

    /// That this member was not given the key of an epoch.
    pub(crate) async fn no_key(&self, epoch: u64) -> Error {
        let me = self.me();
        let alone = self.with_fold(|fold| fold.chain().members().all(|member| member.manifest.id() == me));
        Error::NoKey {
            space_id: self.space_id,
            epoch,
            alone: alone.await.unwrap_or(false),
        }
    }

    fn key_alarm(&self, what: &str, row: &EpochRow) -> Alarm {
        Alarm::at(
            format!("{what} (epoch {})", row.at.epoch),
            self.space_id,
            row.seq,
            None,
        )
    }
}

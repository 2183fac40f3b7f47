//! Epochs as the control chain names them, and their secrets.

use rusqlite::{Row, params};
use sealpost_protocol::ids::KeyId;
use sealpost_protocol::wire;

use super::{SpaceLog, damaged};
use crate::epoch::{EpochKey, EpochRef, EpochSecret};
use crate::error::Error;

const TABLE: &str = "epoch";

/// One epoch of a verified chain.
pub(crate) struct EpochRow {
    /// Which one.
    pub(crate) at: EpochRef,
    /// The secret before, sealed under this one; empty where history is not shared.
    pub(crate) sealed_previous: Vec<u8>,
    /// Place of its Rekey record.
    pub(crate) seq: u64,
    /// Its key, where this device has the secret.
    pub(crate) key: Option<EpochKey>,
}

impl SpaceLog<'_> {
    /// Keeps what a verified Rekey record says. A secret that a view which was set aside has of the same epoch is kept with it: nobody
    /// else may have it any more.
    pub(crate) fn put_epoch(&self, rekey: &wire::Rekey, seq: u64) -> Result<(), Error> {
        self.store.sql().execute(
            "INSERT INTO epoch (space, number, key_id, sealed_previous, seq, secret) VALUES (?1, ?2, ?3, ?4, ?5,
             (SELECT secret FROM epoch JOIN superseded ON superseded.space = epoch.space
              WHERE superseded.space_id = ?6 AND number = ?2 AND key_id = ?3 AND secret IS NOT NULL LIMIT 1))",
            params![
                self.space,
                rekey.epoch,
                &rekey.key_id[..],
                &rekey.sealed_previous[..],
                seq,
                self.space_id.as_bytes()
            ],
        )?;
        Ok(())
    }

    /// Keeps the secret of an epoch that the chain names.
    pub(crate) fn put_secret(&self, key: &EpochKey) -> Result<(), Error> {
        let sealed = self
            .store
            .seal(TABLE, &self.row_key(key.at()), key.secret().expose_secret());
        self.store.sql().execute(
            "UPDATE epoch SET secret = ?3 WHERE space = ?1 AND number = ?2",
            params![self.space, key.at().epoch, sealed],
        )?;
        Ok(())
    }

    /// The epochs from `first` on, in order.
    pub(crate) fn epochs_from(&self, first: u64) -> Result<Vec<EpochRow>, Error> {
        let mut statement = self.store.sql().prepare_cached(
            "SELECT number, key_id, sealed_previous, seq, secret FROM epoch
             WHERE space = ?1 AND number >= ?2 ORDER BY number",
        )?;
        let mut rows = statement.query(params![self.space, first])?;
        let mut epochs = Vec::new();
        while let Some(row) = rows.next()? {
            epochs.push(self.epoch_from(row)?);
        }
        Ok(epochs)
    }

    fn epoch_from(&self, row: &Row<'_>) -> Result<EpochRow, Error> {
        let at = EpochRef {
            space_id: self.space_id,
            epoch: row.get(0)?,
            key_id: KeyId::new(row.get(1)?),
        };
        let sealed: Option<Vec<u8>> = row.get(4)?;
        let key = sealed.map(|sealed| self.open_secret(at, &sealed)).transpose()?;
        Ok(EpochRow {
            at,
            sealed_previous: row.get(2)?,
            seq: row.get(3)?,
            key,
        })
    }

    fn open_secret(&self, at: EpochRef, sealed: &[u8]) -> Result<EpochKey, Error> {
        let secret = self.store.open(TABLE, &self.row_key(&at), sealed)?;
        EpochSecret::from_slice(&secret)
            .and_then(|secret| EpochKey::checked(at, secret))
            .map_err(|_| damaged(TABLE))
    }

    fn row_key<'k>(&self, at: &'k EpochRef) -> [&'k [u8]; 2] {
        [at.space_id.as_bytes(), at.key_id.as_bytes()]
    }
}

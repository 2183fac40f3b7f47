//! Makes a space from its genesis record.

use sealpost_protocol::control::{Link, ParsedControl};
use sealpost_protocol::fold::SpaceFold;
use sealpost_protocol::root::Cursor;

use super::append::Setback;
use super::{Opened, Worker};
use crate::atrest::{KeyScope, OpenDataKey};
use crate::log::checked::Checked;
use crate::log::ledger::Ledger;
use crate::log::page::PlacedEntry;
use crate::log::plan::PlannedAck;
use crate::log::ports::{Append, Created, NewEvent, NewSpace, SpaceNumber, SpaceRow};
use crate::log::shared::key_failure;
use crate::log::submission::{Author, Pending};
use crate::log::{EncodedEntry, LogError};

impl Worker {
    /// Opens the space, or makes it from the first genesis record of the batch.
    pub(super) async fn open_or_create(&mut self, batch: &mut [Pending]) -> Result<Opened, Setback> {
        match self.open().await {
            Err(LogError::NotAMember) => {}
            result => return Ok(result?),
        }
        let Some(pending) = batch.iter_mut().find(|pending| genesis_of(pending).is_some()) else {
            return Err(LogError::NotAMember.into());
        };
        self.create(pending).await
    }

    async fn create(&mut self, pending: &mut Pending) -> Result<Opened, Setback> {
        let author = pending.author;
        let Some((record, encoded)) = genesis_of(pending) else {
            return Err(LogError::Internal.into());
        };
        let Some(at) = self.make(author, record, encoded).await? else {
            // Somebody else made it just now.
            return Ok(self.open().await?);
        };
        let ack = self.ack(PlannedAck::Placed(at)).await?;
        pending.outcome.acks.push(ack);
        Ok(Opened::Now)
    }

    /// Makes the space, for the account that pays; `None` if it is there already.
    pub(super) async fn make(
        &mut self,
        author: Author,
        record: &ParsedControl,
        encoded: &EncodedEntry,
    ) -> Result<Option<Cursor>, Setback> {
        let fold = SpaceFold::from_genesis(record).map_err(LogError::from)?;
        self.check_space_quota(author).await?;
        let number = self.shared.store.reserve_number().await?;
        let key = self.shared.data_keys.create(KeyScope::Space(number.0)).await;
        let key = key.map_err(|error| key_failure(&error))?;
        let space = self.new_space(author, number, &fold, encoded, &key);
        match self.shared.store.create(&space).await {
            Ok(Created::New) => {}
            Ok(Created::Taken) => return Ok(None),
            // Its socket is about to be closed.
            Ok(Created::NoAccount) => return Err(LogError::NotAMember.into()),
            Err(failure) => return Err(Setback::of_commit(&failure)),
        }
        let entry = PlacedEntry {
            at: fold.cursor(),
            encoded: encoded.clone(),
        };
        let at = fold.cursor();
        self.adopt(author, &space, fold, entry);
        Ok(Some(at))
    }

    async fn check_space_quota(&self, author: Author) -> Result<(), LogError> {
        let limit = self.shared.limits.spaces_per_account;
        let usage = self
            .shared
            .quotas
            .usage(&*self.shared.store, author.account)
            .await?;
        let fits = usage.spaces < limit;
        fits.then_some(()).ok_or(LogError::QuotaExceeded { limit })
    }

    fn new_space(
        &self,
        author: Author,
        number: SpaceNumber,
        fold: &SpaceFold,
        encoded: &EncodedEntry,
        key: &OpenDataKey,
    ) -> NewSpace {
        let at = fold.cursor();
        let genesis = NewEvent {
            seq: at.seq,
            root: at.root,
            control_index: Some(1),
            sealed: self.shared.cipher.seal_entry(key, &at, 0, encoded),
        };
        NewSpace {
            space_id: self.space.id,
            created_by: author.account,
            creator: author.principal,
            retention_seconds: fold.chain().policy().retention_seconds,
            genesis: Append {
                space: number,
                after: Cursor::start(&self.space.id),
                events: vec![genesis],
                data_key_id: key.id(),
                stored_at: self.shared.clock.now(),
            },
        }
    }

    /// Takes in a space that was made just now.
    fn adopt(&mut self, author: Author, space: &NewSpace, fold: SpaceFold, entry: PlacedEntry) {
        let bytes = space.genesis.events[0].sealed.len() as u64;
        let row = SpaceRow {
            number: space.genesis.space,
            created_by: author.account,
            appended_bytes: 0,
            dropped_bytes: 0,
            tombstone: None,
            restored_at: None,
        };
        self.bench.ledger = Some(Box::new(Ledger::new(&row, fold, bytes)));
        self.shared.quotas.add(author.account, 1, bytes);
        self.publish(&[entry]);
    }
}

/// The genesis record that a submission begins with.
fn genesis_of(pending: &Pending) -> Option<(&ParsedControl, &EncodedEntry)> {
    match pending.open_entries().first()? {
        (Checked::Control(record), encoded) if record.link == Link::Genesis => Some((record, encoded)),
        _ => None,
    }
}

//! Views of spaces that a restored relay went on without: set aside by a person's consent, and kept as they were verified.

use rusqlite::params;
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::root::Cursor;

use super::SpaceLog;
use crate::entropy;
use crate::epoch::{EpochKey, open_previous};
use crate::error::Error;
use crate::space::{MessageCursor, Position};
use crate::store::StoreTransaction;

/// Their first form.
pub(in crate::store) const TABLES: &str = "
-- Views that were set aside. Their rows in `space` bear ids that are no space's; what belongs to them stays where it is.
CREATE TABLE superseded (
    space INTEGER PRIMARY KEY REFERENCES space,
    space_id BLOB NOT NULL
) STRICT;
";

impl<'a> SpaceLog<'a> {
    /// Sets this view aside. Afterwards nothing of the space was verified, and this device writes in it under another writer id. What
    /// raised alarms is of the space, not of the view.
    pub(crate) fn set_aside(&self) -> Result<(), Error> {
        let drawn: [u8; SpaceId::LENGTH] = entropy::draw(&mut entropy::system());
        let sql = self.store.sql();
        sql.execute(
            "UPDATE space SET space_id = ?2 WHERE number = ?1",
            params![self.space, drawn],
        )?;
        sql.execute(
            "INSERT INTO superseded VALUES (?1, ?2)",
            params![self.space, self.space_id.as_bytes()],
        )?;
        let now = Self::find_or_create(self.store, self.space_id)?;
        sql.execute(
            "UPDATE evidence SET space = ?2 WHERE space = ?1",
            [self.space, now.space],
        )?;
        Ok(())
    }

    /// The views of a space that were set aside, the oldest first.
    pub(crate) fn set_aside_of(
        store: &'a StoreTransaction<'a>,
        space_id: SpaceId,
    ) -> Result<Vec<Self>, Error> {
        let all = Self::all_set_aside(store)?;
        Ok(all.into_iter().filter(|view| view.space_id == space_id).collect())
    }

    /// All views that were set aside, of any space, the oldest first.
    pub(crate) fn all_set_aside(store: &'a StoreTransaction<'a>) -> Result<Vec<Self>, Error> {
        let mut statement = store
            .sql()
            .prepare_cached("SELECT space, space_id FROM superseded ORDER BY space")?;
        let views = statement.query_map([], |row| {
            Ok(Self {
                store,
                space: row.get(0)?,
                space_id: SpaceId::new(row.get(1)?),
            })
        })?;
        Ok(views.collect::<Result<_, _>>()?)
    }

    /// The last place that this log and another one of the space have in common: from where they differ they never meet again.
    pub(crate) fn common_end(&self, other: &SpaceLog<'_>) -> Result<Cursor, Error> {
        let mut same = Cursor::start(&self.space_id);
        let mut beyond = self.cursor()?.seq.min(other.cursor()?.seq) + 1;
        while same.seq + 1 < beyond {
            let seq = same.seq.midpoint(beyond);
            match self.root_at(seq)? {
                Some(root) if other.root_at(seq)? == Some(root) => same = Cursor { seq, root },
                _ => beyond = seq,
            }
        }
        Ok(same)
    }

    /// The key of an epoch, from what this device keeps; the relay's log may have other ones.
    pub(crate) fn kept_key(&self, epoch: u64) -> Result<Option<EpochKey>, Error> {
        let mut rows = self.epochs_from(epoch)?;
        let Some(at) = rows.iter().position(|row| row.key.is_some()) else {
            return Ok(None);
        };
        let mut key = rows[at].key.take();
        for pair in rows[..=at].windows(2).rev() {
            let [previous, next] = pair else { continue };
            key = key.and_then(|key| open_previous(&key, &previous.at, &next.sealed_previous).ok());
        }
        Ok(key.filter(|key| key.at().epoch == epoch))
    }

    /// A place kept under `name` in the view that was set aside last: where that is behind what both logs have in common, the end of that.
    pub(crate) fn reader_aside(&self, name: &str) -> Result<Option<MessageCursor>, Error> {
        let Some(aside) = Self::set_aside_of(self.store, self.space_id)?.pop() else {
            return Ok(None);
        };
        let common = aside.common_end(self)?;
        Ok(aside
            .reader(name)?
            .map(|kept| match kept.position.seq <= common.seq {
                true => kept,
                false => MessageCursor {
                    position: Position::after_event(common.seq),
                    root: common.root,
                },
            }))
    }
}

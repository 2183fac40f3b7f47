//! Snapshots of what a log folds to.

use futures_util::FutureExt;
use sealpost_protocol::ids::Root;
use sealpost_protocol::root::Cursor;

use super::{
    Store,
    columns::{from_bigint, to_bigint},
    infallible,
    spaces::note_appended,
};
use crate::log::ports::{NewSnapshot, SnapshotRow, SnapshotStore, SpaceNumber, Stored};

impl SnapshotStore for Store {
    fn put_snapshot<'a>(&'a self, snapshot: &'a NewSnapshot) -> Stored<'a, ()> {
        infallible(self.run_tx("put_snapshot", move |tx| {
            async move {
                let space = snapshot.space.0;
                sqlx::query!(
                    "INSERT INTO space_snapshots (space_no, seq, root, data_key_id, sealed, taken_at)
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                    space,
                    to_bigint("space_snapshots.seq", snapshot.at.seq)?,
                    &snapshot.at.root.as_bytes()[..],
                    &snapshot.data_key_id.as_bytes()[..],
                    snapshot.sealed,
                    snapshot.taken_at,
                )
                .execute(tx.connection())
                .await?;
                sqlx::query!(
                    "DELETE FROM space_snapshots WHERE space_no = $1 AND seq NOT IN
                         (SELECT seq FROM space_snapshots WHERE space_no = $1 ORDER BY seq DESC LIMIT 2)",
                    space,
                )
                .execute(tx.connection())
                .await?;
                Ok(note_appended(tx.connection(), snapshot.space, snapshot.appended_bytes).await?)
            }
            .boxed()
        }))
        .boxed()
    }

    fn snapshot_before(&self, space: SpaceNumber, before: u64) -> Stored<'_, Option<SnapshotRow>> {
        async move {
            let record = sqlx::query!(
                r#"SELECT seq, root AS "root: [u8; 32]", sealed FROM space_snapshots
                   WHERE space_no = $1 AND seq < $2 ORDER BY seq DESC LIMIT 1"#,
                space.0,
                i64::try_from(before).unwrap_or(i64::MAX),
            )
            .fetch_optional(self.pool())
            .await?;
            let Some(record) = record else { return Ok(None) };
            let at = Cursor {
                seq: from_bigint("space_snapshots.seq", record.seq)?,
                root: Root::new(record.root),
            };
            Ok(Some(SnapshotRow {
                at,
                sealed: record.sealed,
            }))
        }
        .boxed()
    }
}

//! One insert for the ends of several logs.

use std::collections::HashSet;

use sqlx::PgConnection;

use super::{columns::to_bigint, error::violated_constraint};
use crate::log::ports::Append;
use crate::store_failure::StoreFailure;

/// The primary key of `events`: violated when somebody else took a place first.
const PLACE_TAKEN: &str = "events_pkey";
/// The index over control records: violated together with the former, or when the rows were tampered with.
const CONTROL_PLACE_TAKEN: &str = "events_control";

/// Appends as the columns of a statement. Borrows the sealed entries.
pub(super) struct EventBatch<'a> {
    heads: Heads<'a>,
    rows: Rows<'a>,
}

#[derive(Default)]
struct Heads<'a> {
    spaces: Vec<i64>,
    seqs: Vec<i64>,
    roots: Vec<&'a [u8]>,
    data_keys: Vec<&'a [u8]>,
    times: Vec<time::OffsetDateTime>,
}

#[derive(Default)]
struct Rows<'a> {
    spaces: Vec<i64>,
    seqs: Vec<i64>,
    roots: Vec<&'a [u8]>,
    control_indexes: Vec<Option<i64>>,
    sealed: Vec<&'a [u8]>,
}

impl<'a> EventBatch<'a> {
    /// The columns for `appends`, which are to different spaces.
    pub(super) fn new(appends: &'a [Append]) -> Result<Self, StoreFailure> {
        let mut batch = Self {
            heads: Heads::default(),
            rows: Rows::default(),
        };
        for append in appends {
            batch.heads.push(append)?;
            batch.rows.push(append)?;
        }
        Ok(batch)
    }

    /// Inserts every append whose space ends where the append builds on, lives, and is not locked by another session;
    /// returns the numbers of those spaces.
    ///
    /// The subqueries are scalar so that no plan can turn them into a scan of the table, and the heads are materialised
    /// so that each lock is asked for once. The shared lock ends with the statement's own transaction.
    pub(super) async fn insert(&self, connection: &mut PgConnection) -> Result<HashSet<i64>, sqlx::Error> {
        let spaces = sqlx::query_scalar!(
            r#"WITH heads AS MATERIALIZED (
                   SELECT space_no, data_key_id, stored_at
                   FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[], $5::timestamptz[])
                        AS head (space_no, seq, root, data_key_id, stored_at)
                   WHERE pg_try_advisory_xact_lock_shared(space_no)
                     AND (SELECT e.root FROM events e WHERE e.space_no = head.space_no AND e.seq = head.seq) = root
                     AND (SELECT s.tombstoned_at IS NULL FROM spaces s WHERE s.space_no = head.space_no)
               ), inserted AS (
                   INSERT INTO events (space_no, seq, root, control_index, data_key_id, sealed, stored_at)
                   SELECT space_no, event.seq, event.root, control_index, data_key_id, sealed, stored_at
                   FROM unnest($6::bigint[], $7::bigint[], $8::bytea[], $9::bigint[], $10::bytea[])
                        AS event (space_no, seq, root, control_index, sealed)
                   JOIN heads USING (space_no)
               )
               SELECT space_no AS "space_no!" FROM heads"#,
            &self.heads.spaces,
            &self.heads.seqs,
            &self.heads.roots as &[&[u8]],
            &self.heads.data_keys as &[&[u8]],
            &self.heads.times,
            &self.rows.spaces,
            &self.rows.seqs,
            &self.rows.roots as &[&[u8]],
            &self.rows.control_indexes as &[Option<i64>],
            &self.rows.sealed as &[&[u8]],
        )
        .fetch_all(connection)
        .await?;
        Ok(spaces.into_iter().collect())
    }

    /// As [`Self::insert`], for one append in a transaction that holds the lock of its space.
    pub(super) async fn insert_locked(&self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        let inserted = sqlx::query!(
            r#"INSERT INTO events (space_no, seq, root, control_index, data_key_id, sealed, stored_at)
               SELECT event.space_no, event.seq, event.root, control_index, data_key_id, sealed, stored_at
               FROM unnest($6::bigint[], $7::bigint[], $8::bytea[], $9::bigint[], $10::bytea[])
                    AS event (space_no, seq, root, control_index, sealed)
               JOIN unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[], $5::timestamptz[])
                    AS head (space_no, seq, root, data_key_id, stored_at) ON head.space_no = event.space_no
               WHERE (SELECT e.root FROM events e WHERE e.space_no = head.space_no AND e.seq = head.seq) = head.root
                 AND (SELECT s.tombstoned_at IS NULL FROM spaces s WHERE s.space_no = head.space_no)"#,
            &self.heads.spaces,
            &self.heads.seqs,
            &self.heads.roots as &[&[u8]],
            &self.heads.data_keys as &[&[u8]],
            &self.heads.times,
            &self.rows.spaces,
            &self.rows.seqs,
            &self.rows.roots as &[&[u8]],
            &self.rows.control_indexes as &[Option<i64>],
            &self.rows.sealed as &[&[u8]],
        )
        .execute(connection)
        .await?;
        Ok(inserted.rows_affected() == self.rows.seqs.len() as u64)
    }
}

/// Whether a statement failed because another append was first.
pub(super) fn is_place_taken(error: &sqlx::Error) -> bool {
    matches!(
        violated_constraint(error),
        Some(PLACE_TAKEN | CONTROL_PLACE_TAKEN)
    )
}

impl<'a> Heads<'a> {
    fn push(&mut self, append: &'a Append) -> Result<(), StoreFailure> {
        self.spaces.push(append.space.0);
        self.seqs.push(to_bigint("events.seq", append.after.seq)?);
        self.roots.push(append.after.root.as_bytes());
        self.data_keys.push(append.data_key_id.as_bytes());
        self.times.push(append.stored_at);
        Ok(())
    }
}

impl<'a> Rows<'a> {
    fn push(&mut self, append: &'a Append) -> Result<(), StoreFailure> {
        for event in &append.events {
            self.spaces.push(append.space.0);
            self.seqs.push(to_bigint("events.seq", event.seq)?);
            self.roots.push(event.root.as_bytes());
            let index = event
                .control_index
                .map(|index| to_bigint("events.control_index", index));
            self.control_indexes.push(index.transpose()?);
            self.sealed.push(&event.sealed);
        }
        Ok(())
    }
}

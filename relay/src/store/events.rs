//! The rows of the log: compare-and-append (adr/0006), and reading.

use std::collections::HashSet;

use futures_util::FutureExt;
use sealpost_protocol::ids::Root;
use sealpost_protocol::root::Cursor;

use super::{
    Store,
    columns::{from_bigint, to_bigint},
    error::from_commit,
    event_batch::{EventBatch, is_place_taken},
    link::answered,
    locked_space,
};
use crate::log::ports::{
    Append, Appended, EventRow, EventStore, LockedSpace, PageLimits, SpaceNumber, Stored,
};
use crate::store_failure::StoreFailure;

struct EventRecord {
    seq: i64,
    root: [u8; 32],
    control_index: Option<i64>,
    row_version: i64,
    sealed: Vec<u8>,
}

impl TryFrom<EventRecord> for EventRow {
    type Error = StoreFailure;

    fn try_from(record: EventRecord) -> Result<Self, StoreFailure> {
        Ok(Self {
            seq: from_bigint("events.seq", record.seq)?,
            root: Root::new(record.root),
            control_index: record
                .control_index
                .map(|index| from_bigint("events.control_index", index))
                .transpose()?,
            row_version: from_bigint("events.row_version", record.row_version)?,
            sealed: record.sealed,
        })
    }
}

struct PlaceRecord {
    seq: i64,
    root: [u8; 32],
}

impl TryFrom<PlaceRecord> for Cursor {
    type Error = StoreFailure;

    fn try_from(record: PlaceRecord) -> Result<Self, StoreFailure> {
        Ok(Self {
            seq: from_bigint("events.seq", record.seq)?,
            root: Root::new(record.root),
        })
    }
}

impl EventStore for Store {
    fn append<'a>(&'a self, appends: &'a [Append]) -> Stored<'a, Vec<Appended>> {
        self.append_all(appends).boxed()
    }

    fn lock(&self, space: SpaceNumber) -> Stored<'_, Box<dyn LockedSpace>> {
        locked_space::lock(self, space).boxed()
    }

    fn page(&self, space: SpaceNumber, after: u64, limits: PageLimits) -> Stored<'_, Vec<EventRow>> {
        self.event_page(space, after, limits).boxed()
    }

    fn controls(&self, space: SpaceNumber, after: u64, up_to: u64, limit: u32) -> Stored<'_, Vec<EventRow>> {
        self.control_page(space, after, up_to, limit).boxed()
    }

    fn roots<'a>(&'a self, space: SpaceNumber, seqs: &'a [u64]) -> Stored<'a, Vec<Cursor>> {
        self.roots_at(space, seqs).boxed()
    }

    fn control_place(&self, space: SpaceNumber, control_index: u64) -> Stored<'_, Option<Cursor>> {
        self.place_of_control(space, control_index).boxed()
    }

    fn heads<'a>(&'a self, spaces: &'a [SpaceNumber]) -> Stored<'a, Vec<(SpaceNumber, Cursor)>> {
        self.heads_of(spaces).boxed()
    }
}

impl Store {
    /// One statement for all. Where one of them takes a place that is taken, the whole statement fails; then each goes
    /// alone.
    async fn append_all(&self, appends: &[Append]) -> Result<Vec<Appended>, StoreFailure> {
        if let Some(outcomes) = self.try_append(appends).await? {
            return Ok(outcomes);
        }
        let mut outcomes = Vec::with_capacity(appends.len());
        for append in appends.chunks(1).filter(|_| appends.len() > 1) {
            let alone = self.try_append(append).await?;
            outcomes.push(alone.map_or(Appended::Lost, |outcomes| outcomes[0]));
        }
        outcomes.resize(appends.len(), Appended::Lost);
        Ok(outcomes)
    }

    /// `None`, and nothing stored, if a place was taken.
    async fn try_append(&self, appends: &[Append]) -> Result<Option<Vec<Appended>>, StoreFailure> {
        let batch = EventBatch::new(appends)?;
        // Without a connection nothing was sent, so nothing is unknown.
        let mut connection = self.pool().lend().await?;
        let inserting = batch.insert(&mut connection);
        match answered(self.answer_within, inserting).await {
            Ok(stored) => Ok(Some(outcomes(appends, &stored))),
            Err(error) if is_place_taken(&error) => Ok(None),
            Err(error) => Err(from_commit(error)),
        }
    }

    /// The sum is over the sizes alone, which Postgres knows without reading the values.
    async fn event_page(
        &self,
        space: SpaceNumber,
        after: u64,
        limits: PageLimits,
    ) -> Result<Vec<EventRow>, StoreFailure> {
        let records = sqlx::query_as!(
            EventRecord,
            r#"SELECT seq AS "seq!", root AS "root!: [u8; 32]", control_index,
                      row_version AS "row_version!", sealed AS "sealed!"
               FROM (SELECT *, sum(octet_length(sealed)) OVER (ORDER BY seq) - octet_length(sealed) AS before
                     FROM events WHERE space_no = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4) page
               WHERE before < $5::bigint ORDER BY seq"#,
            space.0,
            to_bigint("events.seq", after)?,
            to_bigint("events.seq", limits.up_to)?,
            i64::from(limits.rows),
            i64::try_from(limits.bytes).unwrap_or(i64::MAX),
        )
        .fetch_all(self.pool())
        .await?;
        records.into_iter().map(EventRow::try_from).collect()
    }

    async fn control_page(
        &self,
        space: SpaceNumber,
        after: u64,
        up_to: u64,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreFailure> {
        let records = sqlx::query_as!(
            EventRecord,
            r#"SELECT seq, root AS "root: [u8; 32]", control_index, row_version, sealed FROM events
               WHERE space_no = $1 AND control_index > $2 AND seq <= $3 ORDER BY control_index LIMIT $4"#,
            space.0,
            to_bigint("events.control_index", after)?,
            to_bigint("events.seq", up_to)?,
            i64::from(limit),
        )
        .fetch_all(self.pool())
        .await?;
        records.into_iter().map(EventRow::try_from).collect()
    }

    async fn roots_at(&self, space: SpaceNumber, seqs: &[u64]) -> Result<Vec<Cursor>, StoreFailure> {
        // Every batch of appends asks, and most have nothing to ask for.
        if seqs.is_empty() {
            return Ok(Vec::new());
        }
        let seqs: Result<Vec<i64>, _> = seqs.iter().map(|seq| to_bigint("events.seq", *seq)).collect();
        let records = sqlx::query_as!(
            PlaceRecord,
            r#"SELECT seq, root AS "root: [u8; 32]" FROM events WHERE space_no = $1 AND seq = ANY($2)"#,
            space.0,
            &seqs?,
        )
        .fetch_all(self.pool())
        .await?;
        records.into_iter().map(Cursor::try_from).collect()
    }

    async fn place_of_control(
        &self,
        space: SpaceNumber,
        control_index: u64,
    ) -> Result<Option<Cursor>, StoreFailure> {
        let record = sqlx::query_as!(
            PlaceRecord,
            r#"SELECT seq, root AS "root: [u8; 32]" FROM events WHERE space_no = $1 AND control_index = $2"#,
            space.0,
            to_bigint("events.control_index", control_index)?,
        )
        .fetch_optional(self.pool())
        .await?;
        record.map(Cursor::try_from).transpose()
    }

    async fn heads_of(&self, spaces: &[SpaceNumber]) -> Result<Vec<(SpaceNumber, Cursor)>, StoreFailure> {
        let numbers: Vec<i64> = spaces.iter().map(|space| space.0).collect();
        let records = sqlx::query!(
            r#"SELECT space_no AS "space_no!", head.seq, head.root AS "root: [u8; 32]"
               FROM unnest($1::bigint[]) AS wanted (space_no)
               CROSS JOIN LATERAL (SELECT seq, root FROM events WHERE events.space_no = wanted.space_no
                                   ORDER BY seq DESC LIMIT 1) head"#,
            &numbers,
        )
        .fetch_all(self.pool())
        .await?;
        records
            .into_iter()
            .map(|record| {
                let place = PlaceRecord {
                    seq: record.seq,
                    root: record.root,
                };
                Ok((SpaceNumber(record.space_no), place.try_into()?))
            })
            .collect()
    }
}

fn outcomes(appends: &[Append], stored: &HashSet<i64>) -> Vec<Appended> {
    let outcome = |append: &Append| match stored.contains(&append.space.0) {
        true => Appended::Committed,
        false => Appended::Lost,
    };
    appends.iter().map(outcome).collect()
}

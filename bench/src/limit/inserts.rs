//! Batched inserts of the same rows straight into the same Postgres.

use std::sync::Arc;

use anyhow::Result;
use futures_util::future::try_join_all;
use sqlx::PgConnection;
use tokio::time::Instant;

use crate::{
    measure::{Actor, Latencies, Measured, Meter, Times, Window},
    stage::{Limits, fill},
};

/// As many as the relay has append lanes by default.
const CONNECTIONS: usize = 2;
/// Rows in a batch.
const BATCH: usize = 256;

/// The rows.
#[derive(Clone, Copy, Debug)]
pub struct Inserts {
    /// Spaces that they are spread over.
    pub spaces: usize,
    /// Bytes of what would be sealed.
    pub sealed: usize,
    /// What a row counts for.
    pub messages_per_row: u64,
}

/// Inserts as fast as it goes, a batch per commit, and measures that. The latencies are those of commits.
pub async fn batched_inserts(
    limits: &Limits,
    rows: Inserts,
    times: Times,
    actors: &[Actor],
) -> Result<Measured> {
    limits.empty().await?;
    let meter = Arc::<Meter>::default();
    let mut running = Vec::new();
    for number in 0..CONNECTIONS {
        let lane = Lane::new(limits.connect().await?, rows, number, Arc::clone(&meter));
        running.push(tokio::spawn(lane.run()));
    }
    let (window, cpu) = Window::measure(&meter, times, actors).await?;
    let mut latencies = Latencies::default();
    for some in try_join_all(running).await? {
        latencies.add(&some?);
    }
    Ok(Measured {
        window,
        cpu,
        latencies,
    })
}

struct Lane {
    connection: PgConnection,
    rows: Inserts,
    meter: Arc<Meter>,
    spaces: Vec<i64>,
    inserted: u64,
    sealed: Vec<u8>,
}

#[derive(Default)]
struct Columns<'a> {
    spaces: Vec<i64>,
    seqs: Vec<i64>,
    roots: Vec<&'a [u8]>,
    keys: Vec<&'a [u8]>,
    sealed: Vec<&'a [u8]>,
}

impl Lane {
    fn new(connection: PgConnection, rows: Inserts, number: usize, meter: Arc<Meter>) -> Self {
        let mut sealed = vec![0; rows.sealed];
        fill(&mut sealed);
        Self {
            connection,
            spaces: spaces_of(number, rows.spaces),
            rows,
            meter,
            inserted: 0,
            sealed,
        }
    }

    async fn run(mut self) -> Result<Latencies> {
        let mut latencies = Latencies::default();
        while !self.meter.is_ended() {
            let started = Instant::now();
            self.insert().await?;
            if self.meter.count(self.rows.messages_per_row * BATCH as u64) {
                latencies.record(started.elapsed());
            }
        }
        Ok(latencies)
    }

    async fn insert(&mut self) -> Result<()> {
        let columns = columns(&self.spaces, self.inserted, &self.sealed);
        sqlx::query(
            "INSERT INTO events (space_no, seq, root, data_key_id, sealed, stored_at)
             SELECT space_no, seq, root, data_key_id, sealed, now()
             FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[])
                  AS row (space_no, seq, root, data_key_id, sealed)",
        )
        .bind(columns.spaces)
        .bind(columns.seqs)
        .bind(columns.roots)
        .bind(columns.keys)
        .bind(columns.sealed)
        .execute(&mut self.connection)
        .await?;
        self.inserted += BATCH as u64;
        Ok(())
    }
}

/// The numbers of a lane's spaces. With one space, each lane has one of its own: the limit is the database's, and there is no
/// order to keep.
fn spaces_of(lane: usize, spaces: usize) -> Vec<i64> {
    let last = spaces.max(CONNECTIONS);
    let numbers = (lane..last).step_by(CONNECTIONS);
    numbers.filter_map(|number| i64::try_from(number).ok()).collect()
}

/// The next batch, round the spaces.
fn columns<'a>(spaces: &[i64], inserted: u64, sealed: &'a [u8]) -> Columns<'a> {
    let mut columns = Columns::default();
    for row in inserted..inserted + BATCH as u64 {
        let (round, place) = (row / spaces.len() as u64, row % spaces.len() as u64);
        columns
            .spaces
            .push(spaces[usize::try_from(place).unwrap_or_default()]);
        columns
            .seqs
            .push(i64::try_from(round).unwrap_or(i64::MAX - 1) + 1);
        columns.roots.push(&sealed[..32]);
        columns.keys.push(&sealed[..16]);
        columns.sealed.push(sealed);
    }
    columns
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_rows_have_one_place() {
        for spaces in [1, 16, 1_000] {
            let mut places = BTreeSet::new();
            for lane in 0..CONNECTIONS {
                let mine = spaces_of(lane, spaces);
                for batch in 0..5 {
                    let columns = columns(&mine, batch * BATCH as u64, &[0; 32]);
                    places.extend(columns.spaces.into_iter().zip(columns.seqs));
                }
            }
            assert_eq!(places.len(), CONNECTIONS * 5 * BATCH);
            assert!(places.iter().all(|(_, seq)| *seq > 0));
        }
    }

    #[test]
    fn lanes_share_the_spaces_out() {
        assert_eq!(spaces_of(1, 16), [1, 3, 5, 7, 9, 11, 13, 15]);
        assert_eq!(spaces_of(1, 1), [1]);
    }
}

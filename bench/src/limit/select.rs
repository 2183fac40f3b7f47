//! The rows of a space by one plain statement.

use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use sealpost_protocol::ids::SpaceId;
use sqlx::{Connection, PgConnection, Row};

use crate::{measure::Measured, stage::Stage};

/// Reads the same rows by one plain statement.
pub async fn select(stage: &Stage, space: &SpaceId, count: u64) -> Result<Measured> {
    let mut connection = PgConnection::connect(&stage.relay_database()).await?;
    let number: i64 = sqlx::query("SELECT space_no FROM spaces WHERE space_id = $1")
        .bind(&space.as_bytes()[..])
        .fetch_one(&mut connection)
        .await?
        .try_get(0)?;
    let actors = [stage.postgres(), Stage::load()];
    Measured::of_work(&actors, async |_| {
        let mut rows =
            sqlx::query("SELECT seq, root, sealed FROM events WHERE space_no = $1 ORDER BY seq LIMIT $2")
                .bind(number)
                .bind(i64::try_from(count)?)
                .fetch(&mut connection);
        let (mut done, mut bytes) = (0, 0);
        while let Some(row) = rows.try_next().await? {
            let (_seq, root, sealed): (i64, &[u8], &[u8]) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            bytes += root.len() + sealed.len();
            done += 1;
        }
        (done == count && bytes > 0)
            .then_some(done)
            .context("the table has fewer rows")
    })
    .await
}

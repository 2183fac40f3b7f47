//! Ledger, bucket and messages, held against each other after everything has ended.

use std::collections::BTreeSet;

use sealpost_relay::blobs::{Difference, Reach, Repair};
use sqlx::Row;
use time::Duration;

use super::scene::Scene;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Blobs that the sweep removed.
    pub swept: u64,
    /// Uploads that only the server knew, and that were abandoned: a relay died between beginning one and noting it.
    pub uploads: u64,
    /// Objects that the server made after their blobs were swept, and that were removed again.
    pub late: u64,
    /// Blobs that are kept for a message that was never sent: their client died in between and was not started again.
    pub unsent: u64,
    /// Blobs that the ledger has.
    pub blobs: u64,
    /// Objects that the bucket has.
    pub objects: u64,
    /// Bytes of either.
    pub bytes: u64,
}

/// Sweeps, then compares. `kept` are the blobs to which messages refer and that nobody removed; so many clients were killed for
/// good.
pub(super) async fn audit(scene: &Scene, kept: &BTreeSet<String>, abandoned: u64) -> Result<Found, String> {
    let keeper = scene.keeper().await;
    let swept = keeper
        .sweep(Reach::Usual, |_| ())
        .await
        .map_err(|error| error.to_string())?;
    if swept.kept > 0 {
        return Err(format!("{} blobs could not be swept", swept.kept));
    }
    let mut found = Found {
        swept: swept.removed,
        ..Found::default()
    };
    let mut wrong = Vec::new();
    let note = |difference: Difference| match difference {
        Difference::Upload { removed: true, .. } => found.uploads += 1,
        // The sweep's clock is days ahead of the server's work.
        Difference::Late { removed: true, .. } => found.late += 1,
        other => wrong.push(other),
    };
    let repair = Repair::OlderThan(Duration::hours(1));
    let repaired = keeper.reconcile(repair, note).await;
    repaired.map_err(|error| error.to_string())?;
    let compared = keeper
        .reconcile(Repair::Report, |difference| wrong.push(difference))
        .await
        .map_err(|error| error.to_string())?;
    if !wrong.is_empty() {
        return Err(format!("ledger and bucket differ: {wrong:?}"));
    }
    (found.blobs, found.objects) = (compared.blobs, compared.objects);
    let ledger = ledger(scene).await?;
    found.bytes = ledger.bytes;
    let lost: Vec<_> = kept.difference(&ledger.whole).collect();
    let unsent: Vec<_> = ledger.whole.difference(kept).collect();
    found.unsent = unsent.len() as u64;
    if !lost.is_empty() || found.unsent > abandoned {
        return Err(format!(
            "messages refer to what is not there: {lost:?}; nothing refers to: {unsent:?}"
        ));
    }
    check(&found, scene.files(), &ledger)?;
    Ok(found)
}

fn check(found: &Found, files: Option<u64>, ledger: &Ledger) -> Result<(), String> {
    let counts = [found.blobs, found.objects, files.unwrap_or(found.objects)];
    if counts != [ledger.whole.len() as u64; 3] {
        return Err(format!(
            "{} blobs are whole, but ledger, bucket and its folder have {counts:?}",
            ledger.whole.len()
        ));
    }
    Ok(())
}

struct Ledger {
    /// Ids of blobs that can be fetched.
    whole: BTreeSet<String>,
    bytes: u64,
}

/// What the ledger has, if its sums are the sums of its rows.
async fn ledger(scene: &Scene) -> Result<Ledger, String> {
    let mut database = scene.database().await;
    let rows = sqlx::query("SELECT encode(blob_id, 'hex'), state, bytes FROM blobs WHERE state <> 'swept'")
        .fetch_all(&mut database)
        .await
        .unwrap();
    let mut ledger = Ledger {
        whole: BTreeSet::new(),
        bytes: 0,
    };
    for row in &rows {
        let (id, state, bytes): (String, String, i64) = (row.get(0), row.get(1), row.get(2));
        if state != "referenced" {
            return Err(format!("{id} is {state} after the sweep"));
        }
        ledger.whole.insert(id);
        ledger.bytes += bytes.cast_unsigned();
    }
    // A swept blob counts until its row goes.
    let rows = sqlx::query("SELECT count(*) FROM blobs")
        .fetch_one(&mut database)
        .await
        .unwrap();
    let counted = (ledger.bytes.cast_signed(), rows.get::<i64, _>(0));
    for (table, sums) in [
        (
            "blob_spaces",
            "SELECT sum(bytes)::bigint, sum(blobs)::bigint FROM blob_spaces",
        ),
        (
            "blob_accounts",
            "SELECT sum(bytes)::bigint, sum(blobs)::bigint FROM blob_accounts",
        ),
    ] {
        let row = sqlx::query(sums).fetch_one(&mut database).await.unwrap();
        let sums = (
            row.get::<Option<i64>, _>(0).unwrap_or_default(),
            row.get::<Option<i64>, _>(1).unwrap_or_default(),
        );
        if sums != counted {
            return Err(format!("{table} counts {sums:?} where the rows are {counted:?}"));
        }
    }
    Ok(ledger)
}

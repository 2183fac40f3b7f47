//! Sockets that do nothing.

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::measure::proportional_set_size;

/// Sockets that are opened at once; the relay admits only so many that have not authenticated.
const AT_ONCE: usize = 32;

/// Opens `count` sockets one way, and returns by how many bytes the memory of process `id` has grown for each. All are held
/// until then.
pub async fn hold<S>(id: u32, count: usize, open: impl AsyncFn(usize) -> Result<S>) -> Result<f64> {
    // What is made for the first socket is not made for each.
    let _first = open(0).await?;
    let before = proportional_set_size(id)?;
    let open = &open;
    let held: Vec<S> = stream::iter(1..=count)
        .map(async |number| open(number).await)
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let grown = proportional_set_size(id)?.saturating_sub(before);
    Ok(grown as f64 / held.len() as f64)
}

//! Between what Postgres has and what the domain has: `bigint` and counters, `integer` and small counts.

use crate::store_failure::StoreFailure;

/// A counter as `bigint`.
pub(super) fn to_bigint(column: &'static str, value: u64) -> Result<i64, StoreFailure> {
    i64::try_from(value).map_err(|_| StoreFailure::Malformed(column))
}

/// A `bigint` as a counter.
pub(super) fn from_bigint(column: &'static str, value: i64) -> Result<u64, StoreFailure> {
    u64::try_from(value).map_err(|_| StoreFailure::Malformed(column))
}

/// A small count as `integer`.
pub(super) fn to_integer(column: &'static str, value: u32) -> Result<i32, StoreFailure> {
    i32::try_from(value).map_err(|_| StoreFailure::Malformed(column))
}

/// An `integer` as a small count.
pub(super) fn from_integer(column: &'static str, value: i32) -> Result<u32, StoreFailure> {
    u32::try_from(value).map_err(|_| StoreFailure::Malformed(column))
}

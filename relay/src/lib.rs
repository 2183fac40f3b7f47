//! The Sealpost relay: orders, stores and fans out what it cannot read.

pub mod access;
pub mod app;
pub mod atrest;
pub mod backup;
pub mod blobs;
pub mod bus;
pub mod client_address;
pub mod clock;
pub mod commands;
pub mod config;
pub mod directory;
pub mod embedded;
pub mod entropy;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod health;
pub mod http;
pub mod jobs;
pub mod lifecycle;
mod limiter;
pub mod log;
pub mod metrics;
pub mod ops;
mod outbound;
#[cfg(feature = "planted-leaks")]
pub mod planted;
pub mod shred_folder;
pub mod spaces;
pub mod store;
pub mod store_failure;
pub mod telemetry;
pub mod ws;

#[cfg(test)]
mod testing;

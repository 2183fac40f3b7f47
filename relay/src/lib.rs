//! The Sealpost relay: orders, stores and fans out what it cannot read.

pub mod store;
pub mod store_failure;

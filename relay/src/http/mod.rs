//! What clients reach over HTTP.

pub mod listener;

//! The WebSocket endpoint `GET /v1/socket`.

mod bucket;
mod intake;
mod outbox;
mod scanner;
mod transport;

pub use bucket::Rate;

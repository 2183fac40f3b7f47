//! The WebSocket endpoint `GET /v1/socket`.
//!
//! What arrives passes, in this order: the checks of `handshake`, a slot from `admission`, the meter of `intake`,
//! tungstenite's parser, the proof in `authenticate`, and then `conversation`, which owns the socket to its end. What
//! goes out is queued in `outbox` as whole frames. Every limit is in `settings` or in the protocol.

mod admission;
mod authenticate;
mod bucket;
mod close;
mod conversation;
mod directory;
mod dispatch;
mod frame;
mod handshake;
mod intake;
mod link;
mod metrics;
mod outbox;
mod problem;
mod registry;
mod requests;
mod revocations;
mod scanner;
mod service;
mod sessions;
mod settings;
mod subscriptions;
mod timers;
mod transport;

pub use bucket::Rate;
pub use directory::DirectorySessions;
#[cfg(feature = "fuzzing")]
pub(crate) use frame::decode as decode_frame;
pub use metrics::SocketMetrics;
pub use revocations::end_revoked;
#[cfg(feature = "fuzzing")]
pub use scanner::FrameScanner;
pub use service::{SocketParts, Sockets};
pub use sessions::{Answer, LiveSession, SessionDirectory, Unavailable};
pub use settings::SocketSettings;

#[cfg(test)]
mod tests;

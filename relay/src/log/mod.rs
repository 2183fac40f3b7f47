//! The log: orders, stores and fans out entries that the relay cannot read.
//!
//! [`LogService`] is all that the sockets see: publish, subscribe, wraps and signals.

mod error;
mod page;
mod reader;
mod service;
mod signals;

pub use error::LogError;
pub use page::{EncodedEntry, Page};
pub use reader::{Head, Reader, Subscription};
pub use service::{Ack, LogService, PublishOutcome};
pub use signals::Signals;

//! Ephemeral frames: to those who listen now, stored nowhere.

use sealpost_protocol::wire;

/// The signals of one space, for one subscriber. A bounded number wait; of more, the oldest are dropped.
#[derive(Debug)]
pub struct Signals {}

impl Signals {
    /// The next signal that somebody else's socket sent; `None` when the subscriber is no longer a member.
    ///
    /// May be cancelled.
    pub async fn next(&mut self) -> Option<wire::SignedSignal> {
        None
    }
}

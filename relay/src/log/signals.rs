//! Ephemeral frames: to those who listen now, stored nowhere.

use std::fmt;
use std::sync::Arc;

use sealpost_protocol::ids::{PrincipalId, WriterId};
use sealpost_protocol::wire;
use tokio::sync::broadcast::{self, error::RecvError};

use super::space::Space;

/// Something for those who listen now, and for nobody later.
#[derive(Clone, Debug)]
pub enum Live {
    /// A member's signal.
    Signal(wire::SignedSignal),
    /// A member asks for a wrap.
    WrapWanted(wire::WrapRequest),
}

/// Such a thing on its way to the subscribers of its space.
#[derive(Debug)]
pub(super) struct LiveSignal {
    pub(super) live: Live,
    /// Whose socket sent it.
    pub(super) sender: (PrincipalId, WriterId),
}

/// The signals of one space, for one subscriber. A bounded number wait; of more, the oldest are dropped.
pub struct Signals {
    space: Arc<Space>,
    receiver: broadcast::Receiver<Arc<LiveSignal>>,
    subscriber: (PrincipalId, WriterId),
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals")
            .field("space", &self.space.id)
            .finish_non_exhaustive()
    }
}

impl Signals {
    pub(super) fn new(space: Arc<Space>, subscriber: (PrincipalId, WriterId), queued: usize) -> Self {
        Self {
            receiver: space.signals(queued).subscribe(),
            space,
            subscriber,
        }
    }

    /// The next thing that came from somebody else's socket; `None` when the subscriber is no longer a member.
    ///
    /// May be cancelled.
    pub async fn next(&mut self) -> Option<Live> {
        loop {
            let signal = match self.receiver.recv().await {
                Ok(signal) => signal,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return None,
            };
            let view = self.space.view()?;
            if !view.membership.contains(&self.subscriber.0) {
                return None;
            }
            if signal.sender != self.subscriber {
                return Some(signal.live.clone());
            }
        }
    }
}

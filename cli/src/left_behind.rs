//! What a command that failed leaves in the outbox.

use sealpost_sdk::Unsent;

/// Messages that are signed and not acked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftBehind {
    /// Of this command.
    pub(crate) kept: u64,
    /// Of commands before it.
    pub(crate) earlier: u64,
}

impl LeftBehind {
    /// Tells what was in the outbox `before` from what came since.
    pub(crate) fn of(before: &[Unsent], after: &[Unsent]) -> Self {
        let last = before.last().map_or(0, |unsent| unsent.number);
        let (own, earlier): (Vec<_>, Vec<_>) = after.iter().partition(|unsent| unsent.number > last);
        Self {
            kept: messages(&own),
            earlier: messages(&earlier),
        }
    }

    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }
}

fn messages(events: &[&Unsent]) -> u64 {
    events.iter().map(|unsent| unsent.messages.len() as u64).sum()
}

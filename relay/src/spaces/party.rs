//! Whose use of the relay is counted together.

use sealpost_protocol::ids::AccountId;

/// Whose use of the relay is counted together: what an agent uses up, if somebody stole its home say, does not keep its
/// owner from anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// The owner of an account, with all their devices.
    Person(AccountId),
    /// All agents of an account.
    AgentsOf(AccountId),
}

impl Party {
    /// Whose. What is stored counts against the quota of this, whoever of the two wrote it.
    #[must_use]
    pub const fn account_id(self) -> AccountId {
        match self {
            Self::Person(account) | Self::AgentsOf(account) => account,
        }
    }
}

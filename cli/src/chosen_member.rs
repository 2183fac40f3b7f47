//! How a member of a space is named on the command line.

use clap::Args;
use sealpost_sdk::protocol::ids::PrincipalId;

use crate::failure::Failure;
use crate::people::People;

/// Fewest digits by which an id is told from a handle.
const SHORTEST_PREFIX: usize = 6;

/// A member, by handle or id.
#[derive(Args)]
pub(crate) struct ChosenMember {
    /// Handle of a confirmed contact, agent:NAME of an agent, or six or more first digits of a principal id
    who: String,
}

impl ChosenMember {
    /// What was typed.
    pub(crate) fn who(&self) -> &str {
        &self.who
    }

    /// Finds who is meant among these.
    pub(crate) fn find(
        &self,
        among: impl Iterator<Item = PrincipalId>,
        people: &People,
    ) -> Result<PrincipalId, Failure> {
        let by_prefix = self.who.len() >= SHORTEST_PREFIX;
        let mut found = among.filter(|id| {
            people.handle(id) == Some(&self.who) || (by_prefix && id.to_string().starts_with(&self.who))
        });
        match (found.next(), found.next()) {
            (Some(id), None) => Ok(id),
            (None, _) => Err(Failure::usage(format!(
                "{:?} is not in the space; see `sealpost space members`",
                self.who
            ))),
            (Some(_), Some(_)) => Err(Failure::usage(format!(
                "{:?} is more than one; give more digits of the id",
                self.who
            ))),
        }
    }
}

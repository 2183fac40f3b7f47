//! Spaces in which an account is alone: what stands in them goes with the account.

use std::collections::BTreeSet;

use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::{PrincipalId, SpaceId};

use super::client::SpaceSummary;
use crate::client::Client;
use crate::error::Error;

/// The spaces of an account that nobody else may read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alone {
    /// Those whose verified chain has no other member but agents of this account, which end with it.
    pub spaces: Vec<SpaceSummary>,
    /// Those of which it could not be found out.
    pub unknown: Vec<SpaceSummary>,
}

impl Client {
    /// The spaces that nobody reads any more once this account is deleted: their keys are sealed to its members, and the relay drops
    /// what is sealed to an account with it. Reads each space to its end.
    ///
    /// # Errors
    /// [`Error::Store`]. Where the relay cannot be had, all spaces that go on are unknown.
    pub async fn alone_in(&self) -> Result<Alone, Error> {
        let mut spaces = match self.spaces().await {
            // Who has the passphrase may delete the account from a home that is logged out.
            Err(Error::NotAuthenticated(_)) => self.known_spaces().await?,
            listed => listed?,
        };
        let unheard = self.ask_after_all(&mut spaces).await;
        let me = self.account().principal_id;
        let mut own: BTreeSet<PrincipalId> = self.own_agents().await?;
        own.insert(me);
        let mut found = Alone::default();
        let may_go_on = |space: &SpaceSummary| goes_on(space) || unheard.contains(&space.id);
        for space in spaces.into_iter().filter(may_go_on) {
            match self.is_left_to(&own, &space).await {
                Some(true) => found.spaces.push(space),
                Some(false) => {}
                None => found.unknown.push(space),
            }
        }
        Ok(found)
    }

    /// Whether a space has none but these members; `None` where that could not be read.
    async fn is_left_to(&self, own: &BTreeSet<PrincipalId>, space: &SpaceSummary) -> Option<bool> {
        // Nothing is asked of a relay that was not heard.
        space.relay_head?;
        match self.members_of(space.id).await {
            Ok(members) => Some(members.is_subset(own)),
            // It has ended meanwhile.
            Err(error) if matches!(error.code(), Some(ErrorCode::NotAMember | ErrorCode::Tombstoned)) => {
                Some(false)
            }
            Err(error) => {
                tracing::debug!(space.id = %space.id, error = %error, "who else is in a space was not read");
                None
            }
        }
    }

    async fn members_of(&self, id: SpaceId) -> Result<BTreeSet<PrincipalId>, Error> {
        let space = self.space(id).await?;
        space.sync().await?;
        let members = space.members().await?;
        Ok(members.iter().map(|member| member.manifest.id()).collect())
    }

    async fn own_agents(&self) -> Result<BTreeSet<PrincipalId>, Error> {
        let contacts = self.shared().local_account().await?.content.contacts;
        let agents = contacts.into_iter().filter(|(_, contact)| contact.is_agent());
        Ok(agents.map(|(id, _)| id).collect())
    }
}

/// Whether this account reads it, or may.
fn goes_on(space: &SpaceSummary) -> bool {
    space.ended.is_none() && space.lost_with.is_none() && !space.waits_for_approval
}

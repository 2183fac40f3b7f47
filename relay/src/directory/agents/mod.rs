//! Agents: programs that act for a person, with keys and sessions of their own.
//!
//! A pairing code of the owner lets one in, once; a signed challenge lets it log in from then on. What it may do at the
//! relay is little ([`AuthenticatedSession::is_agent`]), and into a space it comes by a member's record alone.

mod enroll;
mod heartbeat;
mod list;
mod login;
mod pairing;
mod revoke;

use sealpost_protocol::http::{AgentLoggedIn, SecretToken};
use sealpost_protocol::ids::{AccountId, PrincipalId};

use super::{
    AuthenticatedSession, Directory, DirectoryError, DirectorySettings,
    ports::NewSession,
    seals::OpenSeals,
    sessions::{DraftSession, session_view},
};

impl Directory {
    /// A session for an agent; it is listed under the agent's name.
    fn draft_agent_session(
        &self,
        seals: &OpenSeals,
        account_id: AccountId,
        agent_id: PrincipalId,
        name: &str,
    ) -> Result<DraftSession, DirectoryError> {
        let mut draft = self.draft_session(seals, account_id, agent_id, name)?;
        draft.row.agent_id = Some(agent_id);
        Ok(draft)
    }
}

/// The answer to an agent whose session is stored.
fn logged_in(token: SecretToken, session: &NewSession, name: String) -> AgentLoggedIn {
    AgentLoggedIn {
        account_id: session.account_id,
        session: session_view(session, name.clone()),
        name,
        session_token: token,
    }
}

//! Signs of life.

use sealpost_protocol::ids::PrincipalId;

use super::{AuthenticatedSession, Directory, DirectoryError, DirectorySettings};

impl Directory {
    /// Notes down that the agent that calls is there; seldom, however often it calls.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn agent_heartbeat(&self, caller: &AuthenticatedSession) -> Result<(), DirectoryError> {
        self.note_agent_seen(caller.principal_id()).await
    }

    pub(super) async fn note_agent_seen(&self, agent_id: PrincipalId) -> Result<(), DirectoryError> {
        let now = self.clock.now();
        let before = now - DirectorySettings::SEEN_EVERY;
        Ok(self.store.touch_agent(agent_id, now, before).await?)
    }
}

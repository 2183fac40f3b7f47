use sealpost_protocol::ids::PrincipalId;

use super::{AuthenticatedSession, Directory, DirectoryError};
use crate::directory::{SessionsEnded, ports::AuditAction};

impl Directory {
    /// Revokes an agent of the caller: its sessions end, its sockets are closed, and nobody can enroll its keys again. Its
    /// membership of spaces is for members to end.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] if the caller has no such agent; [`DirectoryError::RateLimited`].
    pub async fn revoke_agent(
        &self,
        caller: &AuthenticatedSession,
        agent_id: PrincipalId,
    ) -> Result<(), DirectoryError> {
        let account_id = caller.account_id();
        self.limits.change(account_id)?;
        let seals = self.seals.open().await?;
        let (action, details) = (AuditAction::AgentRevoked, Some(&agent_id.as_bytes()[..]));
        let audit = self.audit_entry(&seals, Some(account_id), action, details);
        let ended = self.store.revoke_agent(account_id, agent_id, &audit).await?;
        for session_id in ended.ok_or(DirectoryError::NotFound)? {
            self.announce(SessionsEnded::One(session_id));
        }
        Ok(())
    }
}

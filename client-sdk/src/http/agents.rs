//! Agents: pairing, their login, and what their owner sees of them.

use sealpost_protocol::http::{
    AgentEnroll, AgentList, AgentLoggedIn, AgentLoginFinish, AgentLoginStart, AgentLoginStarted,
    PairingStart, PairingStarted, SecretToken, paths,
};
use sealpost_protocol::ids::PrincipalId;

use super::Api;
use crate::error::Error;

impl Api {
    pub(crate) async fn begin_pairing(
        &self,
        session: &SecretToken,
        body: &PairingStart,
    ) -> Result<PairingStarted, Error> {
        self.post(paths::AGENT_PAIRING, Some(session), body).await
    }

    pub(crate) async fn agents(&self, session: &SecretToken) -> Result<AgentList, Error> {
        self.get(paths::AGENTS, Some(session)).await
    }

    pub(crate) async fn revoke_agent(&self, session: &SecretToken, id: &PrincipalId) -> Result<(), Error> {
        self.delete(&format!("{}/{id}", paths::AGENTS), session).await
    }

    pub(crate) async fn enroll_agent(&self, body: &AgentEnroll) -> Result<AgentLoggedIn, Error> {
        self.post(paths::AGENT_ENROLL, None, body).await
    }

    pub(crate) async fn start_agent_login(&self, body: &AgentLoginStart) -> Result<AgentLoginStarted, Error> {
        self.post(paths::AGENT_LOGIN_START, None, body).await
    }

    pub(crate) async fn finish_agent_login(&self, body: &AgentLoginFinish) -> Result<AgentLoggedIn, Error> {
        self.post(paths::AGENT_LOGIN_FINISH, None, body).await
    }

    /// The agent's sign of life.
    pub(crate) async fn agent_heartbeat(&self, session: &SecretToken) -> Result<(), Error> {
        self.post_empty(paths::AGENT_HEARTBEAT, session).await
    }
}

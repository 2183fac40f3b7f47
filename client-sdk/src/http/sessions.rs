//! Sessions: one per login of one device.

use sealpost_protocol::http::{SecretToken, SessionList, SpaceList, paths};
use sealpost_protocol::ids::SessionId;

use super::Api;
use crate::error::Error;

impl Api {
    pub(crate) async fn sessions(&self, session: &SecretToken) -> Result<SessionList, Error> {
        self.get(paths::SESSIONS, Some(session)).await
    }

    pub(crate) async fn revoke_session(&self, session: &SecretToken, id: &SessionId) -> Result<(), Error> {
        self.delete(&format!("{}/{id}", paths::SESSIONS), session).await
    }

    /// Ends the session whose token this is.
    pub(crate) async fn log_out(&self, session: &SecretToken) -> Result<(), Error> {
        self.delete(paths::SESSION_CURRENT, session).await
    }

    /// The spaces the relay says the caller is a member of: a hint.
    pub(crate) async fn spaces(&self, session: &SecretToken) -> Result<SpaceList, Error> {
        self.get(paths::SPACES, Some(session)).await
    }
}

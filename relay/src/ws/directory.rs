//! [`SessionDirectory`] on the directory proper.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::http::SecretToken;
use sealpost_protocol::ids::{PrincipalId, SessionId};
use sealpost_protocol::keys::PublicKey;

use super::sessions::{Answer, LiveSession, SessionDirectory, Unavailable};
use crate::atrest::DataKeyError;
use crate::clock::Clock;
use crate::directory::{AuthenticatedSession, Directory, DirectoryError};
use crate::store_failure::StoreFailure;

/// The accounts of this relay, for its sockets.
pub struct DirectorySessions {
    /// The accounts.
    pub directory: Arc<Directory>,
    /// Tells how long a session has yet.
    pub clock: Arc<dyn Clock>,
}

impl DirectorySessions {
    fn live(&self, session: &AuthenticatedSession) -> LiveSession {
        let expires_in = session.expires_at() - self.clock.now();
        LiveSession {
            session_id: session.session_id(),
            party: session.party(),
            principal_id: session.principal_id(),
            expires_in: Duration::try_from(expires_in).unwrap_or(Duration::ZERO),
        }
    }
}

impl SessionDirectory for DirectorySessions {
    fn authenticate<'a>(
        &'a self,
        address: IpAddr,
        token: &'a SecretToken,
    ) -> Answer<'a, Option<LiveSession>> {
        Box::pin(async move {
            match self.directory.authenticate(address, token).await {
                Ok(session) => Ok(Some(self.live(&session))),
                Err(DirectoryError::NotAuthenticated | DirectoryError::AccountDisabled) => Ok(None),
                // Nothing is wrong here, so nothing is logged.
                Err(DirectoryError::RateLimited { .. }) => Err(Unavailable {
                    code: ErrorCode::RateLimited,
                }),
                Err(error) => Err(unavailable(&error)),
            }
        })
    }

    fn signing_key(&self, principal: PrincipalId) -> Answer<'_, Option<PublicKey>> {
        Box::pin(async move {
            let manifest = self.directory.manifest(principal).await;
            let manifest = manifest.map_err(|error| unavailable(&error))?;
            Ok(manifest.map(|manifest| *manifest.signing_key()))
        })
    }

    fn ended<'a>(&'a self, sessions: &'a [SessionId]) -> Answer<'a, Vec<SessionId>> {
        Box::pin(async {
            let ended = self.directory.ended_among(sessions).await;
            ended.map_err(|error| unavailable(&error))
        })
    }
}

fn unavailable(error: &DirectoryError) -> Unavailable {
    let code = code(error);
    tracing::warn!(error.code = code.as_str(), error.cause = %error, "the directory did not answer a socket");
    Unavailable { code }
}

fn code(error: &DirectoryError) -> ErrorCode {
    match error {
        DirectoryError::DataKey(cause) if cause.is_outage() => ErrorCode::KmsUnavailable,
        DirectoryError::DataKey(DataKeyError::Store(_) | DataKeyError::Aborted)
        | DirectoryError::Store(
            StoreFailure::Unavailable(_) | StoreFailure::CommitUnknown(_) | StoreFailure::Conflict(_),
        ) => ErrorCode::Overloaded,
        _ => ErrorCode::Internal,
    }
}

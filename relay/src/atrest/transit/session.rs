//! The relay's token: how it gets one, keeps it alive, and gets another when it is refused.
//!
//! A token is renewed when half of its lease has passed, by whatever call comes next; the relay's regular
//! canary sees to it that one comes.

use std::{
    sync::{Arc, Mutex as SyncMutex},
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant};
use vaultrs::{
    api::AuthInfo,
    auth::approle,
    client::{Client, VaultClient},
};
use zeroize::{Zeroize, Zeroizing};

use super::{
    connection::Connection,
    failure,
    settings::{SecretSource, TransitCredential},
};
use crate::atrest::key_wrapper::KeyWrapError;

/// A token and how long it lasts.
pub(super) struct Session {
    client: VaultClient,
    lease: Option<Lease>,
}

/// How long a token lasts. A token without a lease does not expire.
#[derive(Clone, Copy)]
struct Lease {
    granted: Instant,
    duration: Duration,
    is_renewable: bool,
}

impl Session {
    /// The client that shows the token.
    pub(super) fn client(&self) -> &VaultClient {
        &self.client
    }

    fn is_ageing(&self) -> bool {
        self.lease
            .is_some_and(|lease| lease.granted.elapsed() * 2 >= lease.duration)
    }

    fn is_expired(&self) -> bool {
        self.lease
            .is_some_and(|lease| lease.granted.elapsed() >= lease.duration)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.client.middle.token.zeroize();
    }
}

/// The current session, shared by all calls.
pub(super) struct Sessions {
    connection: Connection,
    credential: TransitCredential,
    /// Held while logging in or renewing, so that this is done once for all who wait.
    current: Mutex<Option<Arc<Session>>>,
    expires: SyncMutex<Option<Instant>>,
}

impl Sessions {
    /// Not logged in yet.
    pub(super) fn new(connection: Connection, credential: TransitCredential) -> Self {
        Self {
            connection,
            credential,
            current: Mutex::new(None),
            expires: SyncMutex::new(None),
        }
    }

    /// The current session; logs in or renews it where that is due.
    pub(super) async fn current(&self) -> Result<Arc<Session>, KeyWrapError> {
        let mut current = self.current.lock().await;
        let session = match &*current {
            Some(session) if !session.is_ageing() => return Ok(Arc::clone(session)),
            Some(session) => self.prolong(session).await?,
            None => Arc::new(self.log_in().await?),
        };
        Ok(self.adopt(&mut current, session))
    }

    /// A session in the place of one whose token was refused.
    pub(super) async fn replace(&self, refused: &Arc<Session>) -> Result<Arc<Session>, KeyWrapError> {
        let mut current = self.current.lock().await;
        match &*current {
            Some(session) if !Arc::ptr_eq(session, refused) => Ok(Arc::clone(session)),
            _ => {
                *current = None;
                let session = Arc::new(self.log_in().await?);
                Ok(self.adopt(&mut current, session))
            }
        }
    }

    /// Seconds until the token expires unless it is renewed; `None` while there is none, or if it never does.
    pub(super) fn seconds_left(&self) -> Option<u64> {
        let expires = *self
            .expires
            .lock()
            .expect("no code panics while it holds this lock");
        expires.map(|expires| expires.saturating_duration_since(Instant::now()).as_secs())
    }

    fn adopt(&self, current: &mut Option<Arc<Session>>, session: Arc<Session>) -> Arc<Session> {
        let expires = session.lease.map(|lease| lease.granted + lease.duration);
        *self
            .expires
            .lock()
            .expect("no code panics while it holds this lock") = expires;
        *current = Some(Arc::clone(&session));
        session
    }

    /// A younger session, or the old one where OpenBao cannot be reached and the old one still holds.
    async fn prolong(&self, session: &Arc<Session>) -> Result<Arc<Session>, KeyWrapError> {
        match self.renew(session).await {
            Ok(renewed) => Ok(Arc::new(renewed)),
            Err(KeyWrapError::Unavailable(_)) if !session.is_expired() => Ok(Arc::clone(session)),
            Err(_) => self.log_in().await.map(Arc::new),
        }
    }

    async fn renew(&self, session: &Session) -> Result<Session, KeyWrapError> {
        if !session.lease.is_some_and(|lease| lease.is_renewable) {
            return self.log_in().await;
        }
        let granted = Instant::now();
        let renewed = session.client.renew(None).await.map_err(failure::from_vaultrs)?;
        Ok(self.session(granted, renewed))
    }

    async fn log_in(&self) -> Result<Session, KeyWrapError> {
        match &self.credential {
            TransitCredential::AppRole {
                mount,
                role_id,
                secret_id,
            } => self.log_in_by_role(mount, role_id, &secret_id.read()?).await,
            TransitCredential::TokenFile(path) => {
                self.take_up(SecretSource::File(path.clone()).read()?).await
            }
        }
    }

    async fn log_in_by_role(
        &self,
        mount: &str,
        role_id: &str,
        secret_id: &str,
    ) -> Result<Session, KeyWrapError> {
        let granted = Instant::now();
        let anonymous = self.connection.client("");
        let login = approle::login(&anonymous, mount, role_id, secret_id).await;
        Ok(self.session(granted, login.map_err(failure::from_login)?))
    }

    /// Takes up a token that someone else was given, once OpenBao says how long it lasts.
    async fn take_up(&self, token: Zeroizing<String>) -> Result<Session, KeyWrapError> {
        let granted = Instant::now();
        let client = self.connection.client(&token);
        let mut found = client.lookup().await.map_err(failure::from_vaultrs)?;
        found.id.zeroize();
        let lease = lease(granted, found.ttl, found.renewable.unwrap_or(false));
        Ok(Session { client, lease })
    }

    fn session(&self, granted: Instant, mut auth: AuthInfo) -> Session {
        let client = self.connection.client(&auth.client_token);
        auth.client_token.zeroize();
        Session {
            client,
            lease: lease(granted, auth.lease_duration, auth.renewable),
        }
    }
}

/// OpenBao says 0 seconds of a token that does not expire.
fn lease(granted: Instant, seconds: u64, is_renewable: bool) -> Option<Lease> {
    let duration = Duration::from_secs(seconds);
    (seconds > 0).then_some(Lease {
        granted,
        duration,
        is_renewable,
    })
}

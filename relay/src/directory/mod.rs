//! Who may use the relay: accounts, credentials, keystores, sessions and principals.
//!
//! Passphrases and recovery codes never come here: OPAQUE and a signed challenge stand for them. Whether a
//! handle or a recovery code exists cannot be told from an answer or from the time it takes: the unknown ones
//! go the same way, on a stand-in.

mod accounts;
mod agents;
mod approvals;
mod attempts;
mod credentials;
mod device_name;
mod error;
mod handle;
pub mod ids;
mod keystores;
mod limits;
mod login;
mod opaque_setup;
mod operator;
pub mod ports;
mod principals;
mod recovery_login;
mod registration;
mod seals;
mod sessions;
mod settings;
mod staged;

use std::sync::Arc;

use sealpost_opaque::ServerSetup;
use sealpost_protocol::ids::Incarnation;
use tokio::sync::{OnceCell, broadcast};

pub use self::{
    error::DirectoryError,
    handle::{Handle, HandleInvalid},
    limits::{DirectoryLimits, LimitScope},
    operator::{AccountListing, IssuedToken, TokenListing, TokenRequest},
    sessions::{AuthenticatedSession, SessionsEnded},
    settings::DirectorySettings,
};
use self::{limits::Limits, ports::DirectoryStore, seals::Seals};
pub use crate::limiter::Rate;
use crate::{
    atrest::{DataKeys, RowSealer},
    clock::Clock,
    entropy::Entropy,
};

/// Subscribers that fall this many notices behind are told that they missed some.
const ENDED_SESSIONS_KEPT: usize = 1024;

/// The parts that a [`Directory`] works with.
pub struct DirectoryParts {
    /// Holds everything, sealed.
    pub store: Arc<dyn DirectoryStore>,
    /// Open the keys that seal.
    pub keys: DataKeys,
    /// Tells the time of day.
    pub clock: Arc<dyn Clock>,
    /// Gives ids, tokens and challenges.
    pub entropy: Arc<dyn Entropy>,
}

/// The accounts of this relay and what belongs to them.
pub struct Directory {
    store: Arc<dyn DirectoryStore>,
    seals: Seals,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: DirectorySettings,
    limits: Limits,
    opaque: OnceCell<ServerSetup>,
    incarnation: OnceCell<Incarnation>,
    ended: broadcast::Sender<SessionsEnded>,
}

impl Directory {
    /// A directory that has not touched store or key service yet: both may come up later.
    pub fn new(parts: DirectoryParts, settings: DirectorySettings) -> Self {
        Self {
            store: parts.store,
            seals: Seals::new(parts.keys, RowSealer::new(Arc::clone(&parts.entropy))),
            limits: Limits::new(&settings.limits),
            clock: parts.clock,
            entropy: parts.entropy,
            settings,
            opaque: OnceCell::new(),
            incarnation: OnceCell::new(),
            ended: broadcast::Sender::new(ENDED_SESSIONS_KEPT),
        }
    }

    /// What was decided about this directory.
    pub fn settings(&self) -> &DirectorySettings {
        &self.settings
    }

    /// Which life of the database this is; the first caller on a fresh database begins it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn incarnation(&self) -> Result<Incarnation, DirectoryError> {
        let begin = async || {
            let candidate = Incarnation::new(self.random_bytes());
            self.store.incarnation(candidate, self.clock.now()).await
        };
        Ok(*self.incarnation.get_or_try_init(begin).await?)
    }

    fn random_bytes<const LENGTH: usize>(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        self.entropy.fill(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests;

//! The handle on a logged-in device.

use std::sync::Arc;

use sealpost_protocol::ids::{AccountId, PrincipalId};
use sealpost_protocol::manifest::{Fingerprint, Manifest};

use crate::config::{ClientConfig, RelayUrl};
use crate::http::Api;
use crate::identity::Identity;
use crate::space::client::Spaces;
use crate::store::Store;

/// A device that is logged in. Clones are cheap and share everything.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

/// What all parts of a client share.
pub(crate) struct Shared {
    pub(crate) config: ClientConfig,
    pub(crate) store: Store,
    pub(crate) api: Api,
    pub(crate) identity: Identity,
    pub(crate) account_id: AccountId,
    pub(crate) handle: String,
    /// Whose agent this is; none for a person.
    pub(crate) owner: Option<PrincipalId>,
    pub(crate) spaces: Spaces,
}

/// Who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The handle by which others find the account at this relay.
    pub handle: String,
    /// The account at this relay.
    pub account_id: AccountId,
    /// The principal that signs and reads.
    pub principal_id: PrincipalId,
    /// Its public keys.
    pub manifest: Manifest,
}

impl Client {
    pub(crate) fn new(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
        }
    }

    #[cfg(test)]
    pub(crate) fn sharing(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Who is logged in.
    #[must_use]
    pub fn account(&self) -> Account {
        let manifest = self.shared.identity.manifest();
        Account {
            handle: self.shared.handle.clone(),
            account_id: self.shared.account_id,
            principal_id: manifest.id(),
            manifest: manifest.clone(),
        }
    }

    /// The relay that keeps the account.
    #[must_use]
    pub fn relay(&self) -> &RelayUrl {
        &self.shared.config.relay
    }

    /// What others compare before they trust this principal.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.shared.identity.id())
    }
}

//! Earlier versions of the keystore, which the relay keeps for a while.

use sealpost_protocol::http::KeystoreHistoryItem;
use sealpost_protocol::ids::SpaceId;

use super::keystore::does_not_open;
use crate::client::Client;
use crate::contacts::Contact;
use crate::error::Error;
use crate::keystore::SealedKeystore;

/// A version of the keystore, as the relay lists it: number, length and time are its word.
pub type KeptKeystore = KeystoreHistoryItem;

/// What a version of the keystore holds, apart from keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastKeystore {
    /// The relay's number for it.
    pub version: u64,
    /// The owner's own count, sealed with it: rises with every change.
    pub generation: u64,
    /// The spaces of the account, with their names.
    pub spaces: Vec<(SpaceId, String)>,
    /// The people whom the owner had confirmed.
    pub contacts: Vec<Contact>,
}

impl Client {
    /// The versions of this account's keystore that the relay keeps, newest first; the first is the current one.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] when this device's session has ended.
    pub async fn keystore_history(&self) -> Result<Vec<KeptKeystore>, Error> {
        let local = self.shared().local_account().await?;
        let history = self.shared().api.keystore_history(&local.session.token).await?;
        Ok(history.versions)
    }

    /// Fetches and opens a version of the keystore. Nothing is changed by it.
    ///
    /// # Errors
    /// [`Error::Refused`] with `not_found` when the relay does not keep it, [`Error::Integrity`] when it does not open or is
    /// another account's.
    pub async fn past_keystore(&self, version: u64) -> Result<PastKeystore, Error> {
        let shared = self.shared();
        let local = shared.local_account().await?;
        let view = shared.api.keystore_version(&local.session.token, version).await?;
        let sealed = SealedKeystore::parse(&view.keystore.0).map_err(|_| does_not_open())?;
        if view.version != version || sealed.account_id() != shared.account_id {
            return Err(does_not_open());
        }
        let content = sealed
            .open_content(&local.root_key)
            .map_err(|_| does_not_open())?;
        let spaces = content.spaces.into_iter().map(|(id, space)| (id, space.name));
        let contacts = content.contacts.iter();
        Ok(PastKeystore {
            version,
            generation: sealed.generation(),
            spaces: spaces.collect(),
            contacts: contacts
                .map(|(id, known)| Contact::confirmed(*id, known))
                .collect(),
        })
    }
}

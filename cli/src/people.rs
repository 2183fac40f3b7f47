//! Names for principals.

use std::collections::HashMap;

use sealpost_sdk::Client;
use sealpost_sdk::protocol::ids::PrincipalId;

use crate::failure::Failure;

/// Handles of the account itself and of its confirmed contacts.
pub(crate) struct People(HashMap<PrincipalId, String>);

impl People {
    /// As this device knows them: whoever finds a space by its name has heard what other devices know.
    pub(crate) async fn of(client: &Client) -> Result<Self, Failure> {
        let contacts = client.contacts().known().await?;
        let confirmed = contacts
            .into_iter()
            .filter(|contact| contact.confirmed_at_ms.is_some())
            .map(|contact| (contact.principal_id, contact.handle));
        let account = client.account();
        let own = [(account.principal_id, account.handle)];
        Ok(Self(confirmed.chain(own).collect()))
    }

    /// The handle of a principal, where the owner has confirmed it.
    pub(crate) fn handle(&self, id: &PrincipalId) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }

    /// The handle, or else the first digits of the id.
    pub(crate) fn show(&self, id: &PrincipalId) -> String {
        self.handle(id)
            .map_or_else(|| id.to_string()[..12].to_owned(), str::to_owned)
    }
}

//! Fetching and updating the keystore on a device that is logged in.

use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::http::{KeystorePut, SecretToken};
use sealpost_protocol::ids::{AccountId, Incarnation};

use super::healing;
use crate::client::{Client, Shared};
use crate::entropy;
use crate::error::{Error, Refusal};
use crate::http::Api;
use crate::keystore::{Content, DeviceSecret, SealedKeystore, SlotKey, SlotKind};
use crate::store::StoreTransaction;
use crate::store::account::{Generation, LocalAccount};
use crate::weakened::IS_WEAKENED;

/// How often an update is made again when other devices come first.
const ATTEMPTS: usize = 8;

/// A keystore from the relay that is no older than what this device has seen.
pub(super) struct Fetched {
    /// The relay's own number for it, which a change names as its base.
    pub(super) version: u64,
    pub(super) sealed: SealedKeystore,
    /// The life of the relay's database in which this device has put it back.
    pub(super) healed_in: Option<Incarnation>,
}

/// Fetches the current keystore and refuses one that is malformed, another account's, or older than what `home` has seen. A
/// relay that was restored has a newer one afterwards.
pub(super) async fn fetch(
    api: &Api,
    session: &SecretToken,
    account_id: AccountId,
    home: Option<&LocalAccount>,
) -> Result<Fetched, Error> {
    for _ in 1..ATTEMPTS {
        match try_fetch(api, session, account_id, home).await {
            Err(error) if error.code() == Some(ErrorCode::KeystoreConflict) => {}
            result => return result,
        }
    }
    try_fetch(api, session, account_id, home).await
}

async fn try_fetch(
    api: &Api,
    session: &SecretToken,
    account_id: AccountId,
    home: Option<&LocalAccount>,
) -> Result<Fetched, Error> {
    let fetched = ask(api, session, account_id).await?;
    match home {
        Some(home) => healing::mend(api, session, home, fetched).await,
        None => Ok(fetched),
    }
}

async fn ask(api: &Api, session: &SecretToken, account_id: AccountId) -> Result<Fetched, Error> {
    let view = api.keystore(session).await.map_err(|error| match error.code() {
        Some(ErrorCode::NotFound) => Error::alarm("the relay says that this account has no keystore"),
        _ => error,
    })?;
    let sealed = SealedKeystore::parse(&view.keystore.0).map_err(|_| does_not_open())?;
    if sealed.account_id() != account_id {
        return Err(does_not_open());
    }
    Ok(Fetched {
        version: view.version,
        sealed,
        healed_in: None,
    })
}

/// Tells a missing device secret from a keystore that was spoilt.
pub(super) fn expect_kind(sealed: &SealedKeystore, slot_key: &SlotKey) -> Result<(), Error> {
    let why = match (slot_key.kind(), sealed.needs_device_secret()) {
        (SlotKind::Passphrase, true) => {
            "this account's passphrase works together with its device secret: give that too, use the recovery code, or let \
             another device approve this one"
        }
        (SlotKind::PassphraseAndDevice, false) => {
            "the relay shows a keystore that needs no device secret; if the owner has switched it off, log in without it"
        }
        _ => return Ok(()),
    };
    Err(Error::NotAuthenticated(why))
}

/// The device secret that belongs to a keystore. A device that holds the root key looks into it, for another one may have changed the
/// secret; else it is the one that was `given`, or the last that the device heard of.
pub(super) fn device_secret_of(
    sealed: &SealedKeystore,
    home: Option<&LocalAccount>,
    given: Option<&DeviceSecret>,
) -> Option<DeviceSecret> {
    if let Some(Ok(content)) = home.map(|account| sealed.open_content(&account.root_key)) {
        return content.device_secret;
    }
    let heard_of = home.and_then(|account| account.content.device_secret.as_ref());
    given.or(heard_of).map(DeviceSecret::share)
}

/// The one thing said about a keystore that is not as it should be.
pub(super) fn does_not_open() -> Error {
    Error::alarm("the keystore does not open")
}

/// Refuses to go back, and to be shown two keystores of one generation.
pub(super) fn check_generation(sealed: &SealedKeystore, seen: Option<Generation>) -> Result<(), Error> {
    let Some(seen) = seen else { return Ok(()) };
    if IS_WEAKENED {
        return Ok(());
    }
    let shown = Generation::of(sealed);
    if shown.number < seen.number {
        return Err(Error::alarm(format!(
            "the relay shows keystore generation {}, this device has seen {}",
            shown.number, seen.number
        )));
    }
    if shown.number == seen.number && shown != seen {
        return Err(Error::alarm(format!(
            "the relay shows another keystore of generation {} than before",
            seen.number
        )));
    }
    Ok(())
}

impl Client {
    /// Fetches the keystore, which other devices may have changed: contacts and spaces.
    ///
    /// # Errors
    /// [`Error::Integrity`] when the relay has no keystore, an older one than this device has seen, or one that does not
    /// open.
    pub async fn refresh_keystore(&self) -> Result<(), Error> {
        self.shared().update_keystore(|_| ()).await
    }
}

impl Shared {
    /// What this device knows of its account.
    pub(crate) async fn local_account(&self) -> Result<LocalAccount, Error> {
        self.store
            .read(|transaction| transaction.account())
            .await?
            .ok_or_else(|| Error::NotLoggedIn(self.store.home().to_owned()))
    }

    /// Asks for a newer keystore: from then on this device knows what the account's other devices know. An agent has none but its own.
    pub(crate) async fn fetch_newer_keystore(&self, api: &Api) -> Result<(), Error> {
        let local = self.local_account().await?;
        if local.owner.is_some() {
            return Ok(());
        }
        let fetched = fetch(api, &local.session.token, self.account_id, Some(&local)).await?;
        if Generation::of(&fetched.sealed) == local.generation {
            return Ok(());
        }
        let content = fetched
            .sealed
            .open_content(&local.root_key)
            .map_err(|_| does_not_open())?;
        self.remember(&fetched.sealed, content, fetched.healed_in).await
    }

    /// The same for whoever can go on with what is known, without a connection for example.
    pub(crate) async fn hear_of_newer_keystore(&self) {
        // Boxed: most calls of the SDK carry it.
        match Box::pin(self.fetch_newer_keystore(&self.api.at_once())).await {
            Ok(()) => {}
            Err(alarm @ Error::Integrity(_)) => {
                tracing::warn!(error = %alarm, "what other devices know was not taken over")
            }
            Err(error) => tracing::debug!(error = %error, "what other devices know was not heard"),
        }
    }

    /// Runs `change` on what this device knows of its account, which it may write anew; durable when this returns.
    pub(crate) async fn change_account<F>(&self, change: F) -> Result<(), Error>
    where
        F: FnOnce(&StoreTransaction<'_>, LocalAccount) -> Result<(), Error> + Send + 'static,
    {
        let home = self.store.home().to_owned();
        self.store
            .write(move |transaction| {
                let account = transaction.account()?.ok_or(Error::NotLoggedIn(home))?;
                change(transaction, account)
            })
            .await
    }

    /// Changes the keystore's content, here and at the relay. `change` may run several times: other devices may come
    /// first. A change that changes nothing is not sent.
    pub(crate) async fn update_keystore(
        &self,
        change: impl Fn(&mut Content) + Send + Sync,
    ) -> Result<(), Error> {
        for _ in 1..ATTEMPTS {
            match self.try_update(&change).await {
                Err(error) if error.code() == Some(ErrorCode::KeystoreConflict) => {}
                result => return result,
            }
        }
        self.try_update(&change).await
    }

    async fn try_update(&self, change: &(impl Fn(&mut Content) + Send + Sync)) -> Result<(), Error> {
        let local = self.local_account().await?;
        if local.owner.is_some() {
            return self.update_here(local, change).await;
        }
        let token = &local.session.token;
        let fetched = fetch(&self.api, token, self.account_id, Some(&local)).await?;
        let mut content = fetched
            .sealed
            .open_content(&local.root_key)
            .map_err(|_| does_not_open())?;
        let before = content.encode();
        change(&mut content);
        if content.encode() == before {
            return self.remember(&fetched.sealed, content, fetched.healed_in).await;
        }
        let next = fetched
            .sealed
            .with_content(&local.root_key, &content, &mut entropy::system());
        let put = KeystorePut {
            base_version: fetched.version,
            keystore: next.to_bytes().into(),
        };
        self.api.put_keystore(token, &put).await?;
        self.remember(&next, content, fetched.healed_in).await
    }

    /// The same for an agent: there is no keystore of it but what is here. Another process of this home may come first.
    async fn update_here(
        &self,
        mut local: LocalAccount,
        change: &(impl Fn(&mut Content) + Send + Sync),
    ) -> Result<(), Error> {
        let before = local.content.encode();
        change(&mut local.content);
        if local.content.encode() == before {
            return Ok(());
        }
        self.change_account(move |transaction, mut account| {
            if account.generation != local.generation {
                let conflict = ErrorCode::KeystoreConflict;
                return Err(Refusal::new(conflict.as_str(), conflict.advice()).into());
            }
            account.generation.number += 1;
            account.content = local.content;
            transaction.put_account(&account)
        })
        .await
    }

    /// Notes the newest keystore, unless another process of this home has noted a newer one, and in which life of its database the relay
    /// was given it back.
    pub(super) async fn remember(
        &self,
        sealed: &SealedKeystore,
        content: Content,
        healed_in: Option<Incarnation>,
    ) -> Result<(), Error> {
        let generation = Generation::of(sealed);
        let origin = self.config.relay.origin();
        self.change_account(move |transaction, mut account| {
            if account.generation.number >= generation.number {
                return Ok(());
            }
            transaction.pin_relay(&origin, content.relay)?;
            account.go_on_to(generation);
            account.incarnation = healed_in.or(account.incarnation);
            account.content = content;
            transaction.put_account(&account)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keystore::testing::sealed_of_generation;

    fn seen(number: u64) -> Option<Generation> {
        Some(Generation::of(&sealed_of_generation(number)))
    }

    #[test]
    fn older_keystore_raises_the_alarm() {
        let refused = check_generation(&sealed_of_generation(1), seen(2));
        assert!(matches!(refused, Err(Error::Integrity(_))));
    }

    #[test]
    fn another_keystore_of_the_same_generation_raises_the_alarm() {
        let refused = check_generation(&sealed_of_generation(2), seen(2));
        assert!(matches!(refused, Err(Error::Integrity(_))));
    }

    #[test]
    fn newer_and_the_very_same_keystore_are_taken() {
        assert!(check_generation(&sealed_of_generation(3), seen(2)).is_ok());
        let same = sealed_of_generation(2);
        assert!(check_generation(&same, Some(Generation::of(&same))).is_ok());
        assert!(check_generation(&same, None).is_ok());
    }
}

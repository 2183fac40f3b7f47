//! An account in one sealed file, and an account from it.

use sealpost_protocol::http::SecretToken;
use sealpost_protocol::ids::{AccountId, PrincipalId};
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::wire::SignedManifest;

use super::register::PreparedAccount;
use crate::blocking;
use crate::client::Client;
use crate::config::ClientConfig;
use crate::entropy;
use crate::error::Error;
use crate::keystore::export::{self, Export, NotAnExport, STRETCHING};
use crate::keystore::{Content, RelayPin};
use crate::secret::Passphrase;

/// What an export holds, for the person who looks into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportSummary {
    /// The handle at the relay it comes from.
    pub handle: String,
    /// The account there.
    pub account_id: AccountId,
    /// The origin of that relay.
    pub origin: String,
    /// Whose keys it holds.
    pub principal_id: PrincipalId,
    /// When it was made, by the clock of the device, in milliseconds since the Unix epoch.
    pub exported_at_ms: u64,
    /// How many spaces it lists.
    pub spaces: usize,
    /// How many confirmed contacts it holds.
    pub contacts: usize,
}

impl Client {
    /// The account in one file, sealed under a passphrase of its own: the keys, the list of spaces with the places that were
    /// verified, the contacts. Whoever has the file and its passphrase is the owner; the relay is not needed to open it.
    /// What stands in the spaces is not in it: the keys in it open that at the relay.
    ///
    /// The keystore is fetched anew first; without a connection the file holds what this device knows.
    ///
    /// # Errors
    /// [`Error::Usage`] for a passphrase that is too short, [`Error::Integrity`] where the relay shows a bad keystore.
    pub async fn export(&self, passphrase: &Passphrase) -> Result<Vec<u8>, Error> {
        passphrase.expect_new()?;
        match self.refresh_keystore().await {
            Ok(()) | Err(Error::Network(_)) => {}
            Err(error) => return Err(error),
        }
        // What was never looked at is listed with this.
        self.spaces().await?;
        let export = self.to_export().await?;
        let (passphrase, ksf) = (passphrase.share(), STRETCHING.check().expect("above the floor"));
        blocking::run(move || export::seal(&export, &passphrase, ksf, &mut entropy::system()))
            .await
            .map_err(|_| Error::usage("this machine cannot stretch the passphrase"))
    }

    /// Opens an export and says what it holds; nothing is changed.
    ///
    /// # Errors
    /// [`Error::Usage`] when it is none, was damaged, or has another passphrase.
    pub async fn inspect_export(file: Vec<u8>, passphrase: &Passphrase) -> Result<ExportSummary, Error> {
        Ok(ExportSummary::of(&open(file, passphrase).await?))
    }

    /// Prepares an account with the identity, the spaces and the contacts of an export, and with its device secret where it has one. For
    /// a relay that does not know the identity: another one, or one that has lost or deleted the account.
    ///
    /// # Errors
    /// As [`Client::prepare_account`] and [`Client::inspect_export`]. [`PreparedAccount::commit`] ends with [`Error::Usage`] where an
    /// account of this relay holds the identity already.
    pub async fn prepare_import(
        config: ClientConfig,
        handle: &str,
        passphrase: &Passphrase,
        token: Option<SecretToken>,
        file: Vec<u8>,
        file_passphrase: &Passphrase,
    ) -> Result<PreparedAccount, Error> {
        let Export {
            content, manifests, ..
        } = open(file, file_passphrase).await?;
        let content = |relay: RelayPin| Content { relay, ..content };
        let preparing = Self::prepare_account_with(config, handle, passphrase, token, content);
        let mut prepared = preparing.await?;
        prepared.imported = Some(manifests);
        Ok(prepared)
    }

    /// Keeps manifests of an export.
    pub(super) async fn take_in(&self, manifests: Vec<(String, SignedManifest)>) -> Result<(), Error> {
        if manifests.is_empty() {
            return Ok(());
        }
        let put = self.shared().store.write(move |transaction| {
            manifests.iter().try_for_each(|(handle, signed)| {
                let manifest = Manifest::parse_signed(signed).expect("checked when the file was opened");
                transaction.put_contact(handle, signed, &manifest.id())
            })
        });
        put.await
    }

    async fn to_export(&self) -> Result<Export, Error> {
        let shared = self.shared();
        let local = shared.local_account().await?;
        let manifests = shared
            .store
            .read(|transaction| transaction.signed_contacts())
            .await?;
        Ok(Export {
            account_id: local.account_id,
            handle: local.handle,
            origin: local.origin,
            exported_at_ms: shared.config.clock.unix_ms(),
            content: local.content,
            manifests,
        })
    }
}

impl ExportSummary {
    fn of(export: &Export) -> Self {
        Self {
            handle: export.handle.clone(),
            account_id: export.account_id,
            origin: export.origin.clone(),
            principal_id: export.content.identity.id(),
            exported_at_ms: export.exported_at_ms,
            spaces: export.content.spaces.len(),
            contacts: export.content.contacts.len(),
        }
    }
}

async fn open(file: Vec<u8>, passphrase: &Passphrase) -> Result<Export, Error> {
    let passphrase = passphrase.share();
    blocking::run(move || export::open(&file, &passphrase))
        .await
        .map_err(|why: NotAnExport| Error::usage(why.to_string()))
}

/// The relay has no code of its own for a public key that it knows already.
pub(super) fn of_import(error: Error) -> Error {
    match error.code() {
        Some(sealpost_protocol::code::ErrorCode::Malformed) => Error::usage(
            "the relay does not take the identity in: most likely an account there holds it already; log in to that one",
        ),
        _ => error,
    }
}

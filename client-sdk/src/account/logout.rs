//! Leaving; and homes that may be damaged.

use std::path::Path;

use super::open::expect_store;
use crate::blocking;
use crate::client::Client;
use crate::error::Error;
use crate::outbox::NobodySends;
use crate::store::{Store, StoreReport};

/// Whose a home is, as far as it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HomeOf {
    /// A person's device: the account is at the relay, too.
    Person,
    /// An agent: its keys are here and nowhere else.
    Agent,
    /// There is no account in it.
    Nobody,
    /// It cannot be read.
    Unknown,
}

impl Client {
    /// Whose a home is.
    pub async fn home_of(home: &Path) -> HomeOf {
        if expect_store(home).is_err() {
            return HomeOf::Nobody;
        }
        let account = async { Store::open(home).await?.read(|store| store.account()).await };
        match account.await {
            Ok(Some(account)) if account.owner.is_some() => HomeOf::Agent,
            Ok(Some(_)) => HomeOf::Person,
            Ok(None) => HomeOf::Nobody,
            Err(_) => HomeOf::Unknown,
        }
    }

    /// Ends this device's session at the relay, then destroys the device's store: keys, logs and what was not sent yet.
    ///
    /// # Errors
    /// [`Error::Network`] when the relay cannot be told, [`StoreError::Sending`](crate::error::StoreError::Sending) while a process
    /// of this home is sending; nothing is destroyed then, see [`Client::forget`].
    pub async fn logout(self) -> Result<(), Error> {
        let _nobody_sends = NobodySends::in_home(self.shared().store.home()).await?;
        let local = self.shared().local_account().await?;
        match self.shared().api.log_out(&local.session.token).await {
            // A session that ended before is as good as one that ends now.
            Ok(()) | Err(Error::NotAuthenticated(_)) => self.forget().await,
            Err(error) => Err(error),
        }
    }

    /// Destroys the device's store without telling the relay. The session ends when it expires, or when another device
    /// revokes it.
    ///
    /// # Errors
    /// [`Error::Store`] when a file cannot be removed.
    pub async fn forget(self) -> Result<(), Error> {
        Self::forget_home(self.shared().store.home()).await
    }

    /// The same for a home that cannot be opened, a damaged one for example.
    ///
    /// # Errors
    /// [`Error::NotLoggedIn`] when there is nothing, [`Error::Store`] when a file cannot be removed.
    pub async fn forget_home(home: &Path) -> Result<(), Error> {
        expect_store(home)?;
        let home = home.to_owned();
        blocking::run(move || Store::destroy(&home)).await
    }

    /// Checks the local store of a home from end to end: the file, that every sealed value opens, and that every log is what
    /// was verified. Reads all of it, and tries whether there is room to write.
    ///
    /// # Errors
    /// [`Error::NotLoggedIn`] when there is none, [`Error::Store`] says what is wrong with it.
    pub async fn check_home(home: &Path) -> Result<StoreReport, Error> {
        expect_store(home)?;
        let report = Store::open(home).await?.check().await?;
        let home = home.to_owned();
        blocking::run(move || Store::expect_room(&home)).await?;
        Ok(report)
    }
}

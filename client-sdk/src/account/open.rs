//! A home that is logged in already.

use std::path::{Path, PathBuf};

use super::relay::expect_same_relay;
use crate::client::{Client, Shared};
use crate::config::ClientConfig;
use crate::error::Error;
use crate::http::Api;
use crate::space::client::Spaces;
use crate::store::Store;
use crate::store::account::LocalAccount;

impl Client {
    /// Opens a home that is logged in. The relay is not asked: that the session still holds shows with the first call.
    ///
    /// # Errors
    /// [`Error::NotLoggedIn`] when the home holds no account, [`Error::Usage`] when it belongs to another relay.
    pub async fn open(config: ClientConfig) -> Result<Self, Error> {
        expect_store(&config.home)?;
        let store = Store::open(&config.home).await?;
        let api = Api::new(&config)?;
        Self::of_home(config, store, api).await
    }

    pub(crate) async fn of_home(config: ClientConfig, store: Store, api: Api) -> Result<Self, Error> {
        let account = read_account(&store).await?;
        expect_same_relay(Some(&account), &config)?;
        Ok(Self::new(Shared {
            config,
            store,
            api,
            account_id: account.account_id,
            handle: account.handle,
            owner: account.owner,
            identity: account.content.identity,
            spaces: Spaces::default(),
        }))
    }
}

impl ClientConfig {
    /// The configuration of a home that is logged in: the relay is the one it belongs to.
    ///
    /// # Errors
    /// [`Error::NotLoggedIn`] when the home holds no account.
    pub async fn of_home(home: impl Into<PathBuf>) -> Result<Self, Error> {
        let home = home.into();
        expect_store(&home)?;
        let store = Store::open(&home).await?;
        let account = read_account(&store).await?;
        Self::new(&account.origin, home)
    }

    /// The name under which a home was logged in the last time; `None` where there was no login, or none that kept it.
    ///
    /// # Errors
    /// [`Error::Store`] when the home cannot be read.
    pub async fn kept_device_name(home: &Path) -> Result<Option<String>, Error> {
        if !Store::exists(home) {
            return Ok(None);
        }
        let store = Store::open(home).await?;
        let account = store.read(|transaction| transaction.account()).await?;
        let name = account.map(|account| account.device_name);
        Ok(name.filter(|name| !name.is_empty()))
    }
}

pub(super) fn expect_store(home: &Path) -> Result<(), Error> {
    if Store::exists(home) {
        return Ok(());
    }
    Err(Error::NotLoggedIn(home.to_owned()))
}

async fn read_account(store: &Store) -> Result<LocalAccount, Error> {
    store
        .read(|transaction| transaction.account())
        .await?
        .ok_or_else(|| Error::NotLoggedIn(store.home().to_owned()))
}

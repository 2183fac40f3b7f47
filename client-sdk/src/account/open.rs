//! A home that is logged in already.

use super::relay::expect_same_relay;
use crate::client::{Client, Shared};
use crate::config::ClientConfig;
use crate::error::Error;
use crate::http::Api;
use crate::space::client::Spaces;
use crate::store::Store;
use crate::store::account::LocalAccount;

const NOT_LOGGED_IN: Error = Error::NotAuthenticated("this home is not logged in");

impl Client {
    /// Opens a home that is logged in. The relay is not asked: that the session still holds shows with the first call.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] when the home holds no account, [`Error::Usage`] when it belongs to another relay.
    pub async fn open(config: ClientConfig) -> Result<Self, Error> {
        if !Store::exists(&config.home) {
            return Err(NOT_LOGGED_IN);
        }
        let store = Store::open(&config.home).await?;
        let api = Api::new(&config)?;
        Self::of_home(config, store, api).await
    }

    pub(super) async fn of_home(config: ClientConfig, store: Store, api: Api) -> Result<Self, Error> {
        let account = read_account(&store).await?;
        expect_same_relay(Some(&account), &config)?;
        Ok(Self::new(Shared {
            config,
            store,
            api,
            account_id: account.account_id,
            handle: account.handle,
            identity: account.content.identity,
            spaces: Spaces::default(),
        }))
    }
}

impl ClientConfig {
    /// The configuration of a home that is logged in: the relay is the one it belongs to.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] when the home holds no account.
    pub async fn of_home(home: impl Into<std::path::PathBuf>) -> Result<Self, Error> {
        let home = home.into();
        if !Store::exists(&home) {
            return Err(NOT_LOGGED_IN);
        }
        let store = Store::open(&home).await?;
        let account = read_account(&store).await?;
        Self::new(&account.origin, home)
    }
}

async fn read_account(store: &Store) -> Result<LocalAccount, Error> {
    store
        .read(|transaction| transaction.account())
        .await?
        .ok_or(NOT_LOGGED_IN)
}

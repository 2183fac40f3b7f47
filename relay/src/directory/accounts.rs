//! The caller's own account.

use sealpost_protocol::http::AccountView;

use super::{AuthenticatedSession, Directory, DirectoryError, seals::columns};

impl Directory {
    /// The caller's account.
    ///
    /// # Errors
    /// When the store or the key service fails.
    pub async fn account(&self, caller: &AuthenticatedSession) -> Result<AccountView, DirectoryError> {
        let account_id = caller.account_id();
        let seals = self.seals.open().await?;
        let account = self
            .store
            .account(account_id)
            .await?
            .ok_or(DirectoryError::NotFound)?;
        Ok(AccountView {
            account_id,
            handle: seals.open_text(columns::HANDLE, account_id.as_bytes(), &account.handle_sealed)?,
            principal_id: account.principal_id,
            keystore_version: account.keystore_version,
            stored_bytes: self.store.stored_bytes(account_id).await?,
            quota_bytes: self.settings.quota_bytes,
        })
    }
}

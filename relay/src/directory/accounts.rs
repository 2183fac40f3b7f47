//! The caller's own account.

use sealpost_protocol::{http::AccountView, ids::AccountId};

use super::{
    AuthenticatedSession, Directory, DirectoryError, SessionsEnded, ports::AuditAction, seals::columns,
};

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

    /// Deletes the caller's account with everything that belongs to it, and closes its sockets. The handle is free again; the
    /// account id, which passphrases are bound to, is never used again.
    ///
    /// # Errors
    /// [`DirectoryError::FreshLoginRequired`], [`DirectoryError::RateLimited`].
    pub async fn delete_own_account(&self, caller: &AuthenticatedSession) -> Result<(), DirectoryError> {
        self.limits.change(caller.account_id())?;
        self.require_fresh(caller)?;
        self.remove_account(caller.account_id(), AuditAction::AccountDeletedByOwner)
            .await
    }

    /// Deletes an account; the note of it tells which one it was to who can open the audit log, and nobody else.
    pub(super) async fn remove_account(
        &self,
        account_id: AccountId,
        action: AuditAction,
    ) -> Result<(), DirectoryError> {
        let seals = self.seals.open().await?;
        let audit = self.audit_entry(&seals, None, action, Some(account_id.as_bytes()));
        let estate = AccountId::new(self.random_bytes());
        if !self.store.delete_account(account_id, estate, &audit).await? {
            return Err(DirectoryError::NotFound);
        }
        self.announce(SessionsEnded::AllOf(account_id));
        Ok(())
    }
}

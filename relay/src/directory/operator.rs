//! What the operator may do: hand out registration tokens, list, disable, enable and delete accounts.

use std::time::Duration;

use sealpost_protocol::{http::SecretToken, ids::AccountId};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{
    Directory, DirectoryError, Handle, SessionsEnded,
    ids::TokenId,
    ports::{AccountState, AccountSummary, AuditAction, NewToken, TokenRow},
    seals::{OpenSeals, columns, fields},
};

/// A registration token to be made.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// How many accounts it makes.
    pub uses: u32,
    /// How long it counts; none for ever.
    pub lifetime: Option<Duration>,
    /// What the operator wants to remember.
    pub note: Option<String>,
}

/// A registration token that was made.
pub struct IssuedToken {
    /// Its public name.
    pub token_id: TokenId,
    /// The token: shown once.
    pub token: SecretToken,
}

/// A registration token as an operator lists it.
pub struct TokenListing {
    /// Its public name.
    pub token_id: TokenId,
    /// How many accounts it was made for.
    pub uses_total: u32,
    /// How many it can still make.
    pub uses_left: u32,
    /// What the operator wanted to remember.
    pub note: Option<String>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// From when on it is refused.
    pub expires_at: Option<OffsetDateTime>,
    /// When it was revoked.
    pub revoked_at: Option<OffsetDateTime>,
}

/// An account as an operator lists it.
pub struct AccountListing {
    /// Its id.
    pub account_id: AccountId,
    /// Its handle.
    pub handle: String,
    /// Whether it may log in.
    pub state: AccountState,
    /// When it was registered.
    pub created_at: OffsetDateTime,
}

impl Directory {
    /// Makes a registration token.
    ///
    /// # Errors
    /// [`DirectoryError::Malformed`] for no uses at all.
    pub async fn create_token(&self, request: &TokenRequest) -> Result<IssuedToken, DirectoryError> {
        if request.uses == 0 {
            return Err(DirectoryError::Malformed("uses"));
        }
        let seals = self.seals.open().await?;
        let token = SecretToken::new(Zeroizing::new(self.random_bytes()));
        let token_id = TokenId::generate(&*self.entropy);
        let created_at = self.clock.now();
        let note = request.note.as_deref();
        let new = NewToken {
            token_id,
            token_hash: seals.blind(fields::REGISTRATION_TOKEN, token.expose_bytes()),
            uses: request.uses,
            note_sealed: note
                .map(|note| seals.seal(columns::TOKEN_NOTE, token_id.as_bytes(), note.as_bytes())),
            created_at,
            expires_at: request.lifetime.map(|lifetime| created_at + lifetime),
        };
        self.store.insert_token(&new).await?;
        Ok(IssuedToken { token_id, token })
    }

    /// Every registration token, oldest first.
    ///
    /// # Errors
    /// When the store or the key service fails.
    pub async fn tokens(&self) -> Result<Vec<TokenListing>, DirectoryError> {
        let seals = self.seals.open().await?;
        let rows = self.store.tokens().await?;
        rows.iter().map(|row| token_listing(&seals, row)).collect()
    }

    /// Revokes a registration token.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] if there is none of that name that counts.
    pub async fn revoke_token(&self, token_id: TokenId) -> Result<(), DirectoryError> {
        let was_there = self.store.revoke_token(token_id, self.clock.now()).await?;
        was_there.then_some(()).ok_or(DirectoryError::NotFound)
    }

    /// Up to `limit` accounts with ids above `after`, in the order of their ids.
    ///
    /// # Errors
    /// When the store or the key service fails.
    pub async fn accounts(
        &self,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Vec<AccountListing>, DirectoryError> {
        let seals = self.seals.open().await?;
        let rows = self.store.accounts_page(after, limit).await?;
        rows.iter().map(|row| account_listing(&seals, row)).collect()
    }

    /// The account with that handle.
    ///
    /// # Errors
    /// [`DirectoryError::HandleInvalid`], [`DirectoryError::NotFound`].
    pub async fn account_of(&self, handle: &str) -> Result<AccountId, DirectoryError> {
        let handle = Handle::parse(handle).map_err(|_| DirectoryError::HandleInvalid)?;
        let seals = self.seals.open().await?;
        let index = seals.blind(fields::HANDLE, handle.as_str().as_bytes());
        let account = self.store.account_by_handle(index).await?;
        account
            .map(|account| account.account_id)
            .ok_or(DirectoryError::NotFound)
    }

    /// Refuses an account from now on: its sessions count no more.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn disable_account(&self, account_id: AccountId) -> Result<(), DirectoryError> {
        self.set_state(account_id, AccountState::Disabled, AuditAction::AccountDisabled)
            .await?;
        self.announce(SessionsEnded::AllOf(account_id));
        Ok(())
    }

    /// Lets a disabled account in again.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn enable_account(&self, account_id: AccountId) -> Result<(), DirectoryError> {
        self.set_state(account_id, AccountState::Active, AuditAction::AccountEnabled)
            .await
    }

    /// Deletes an account with everything that belongs to it, and closes its sockets. What it wrote to spaces stays in their
    /// logs, under the pseudonymous id of its principal.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn delete_account(&self, account_id: AccountId) -> Result<(), DirectoryError> {
        self.remove_account(account_id, AuditAction::AccountDeleted).await
    }

    async fn set_state(
        &self,
        account_id: AccountId,
        state: AccountState,
        action: AuditAction,
    ) -> Result<(), DirectoryError> {
        let seals = self.seals.open().await?;
        let audit = self.audit_entry(&seals, Some(account_id), action, None);
        let was_there = self.store.set_account_state(account_id, state, &audit).await?;
        was_there.then_some(()).ok_or(DirectoryError::NotFound)
    }
}

fn token_listing(seals: &OpenSeals, row: &TokenRow) -> Result<TokenListing, DirectoryError> {
    let open = |sealed: &Vec<u8>| seals.open_text(columns::TOKEN_NOTE, row.token_id.as_bytes(), sealed);
    Ok(TokenListing {
        token_id: row.token_id,
        uses_total: row.uses_total,
        uses_left: row.uses_left,
        note: row.note_sealed.as_ref().map(open).transpose()?,
        created_at: row.created_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
    })
}

fn account_listing(seals: &OpenSeals, row: &AccountSummary) -> Result<AccountListing, DirectoryError> {
    Ok(AccountListing {
        account_id: row.account_id,
        handle: seals.open_text(columns::HANDLE, row.account_id.as_bytes(), &row.handle_sealed)?,
        state: row.state,
        created_at: row.created_at,
    })
}

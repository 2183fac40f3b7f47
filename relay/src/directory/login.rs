//! Login with a passphrase. Handles without an account go the same way, on a stand-in.

use std::net::IpAddr;

use sealpost_opaque::LoginState;
use sealpost_protocol::{
    http::{LoggedIn, LoginFinish, LoginStart, LoginStarted},
    ids::AccountId,
};
use zeroize::Zeroizing;

use super::{
    Directory, DirectoryError, DirectorySettings, Handle,
    attempts::{read_subject, write_subject},
    credentials::{absent_credentials, open_record},
    opaque_setup::KSF,
    ports::{AccountState, AttemptPurpose, AuditAction},
    seals::{OpenSeals, columns, fields},
    sessions::{DraftSession, logged_in},
};

impl Directory {
    /// First message: answers OPAQUE's.
    ///
    /// # Errors
    /// [`DirectoryError::HandleInvalid`], [`DirectoryError::RateLimited`]; never whether there is an account.
    pub async fn start_login(
        &self,
        address: IpAddr,
        request: &LoginStart,
    ) -> Result<LoginStarted, DirectoryError> {
        let handle = Handle::parse(&request.handle).map_err(|_| DirectoryError::HandleInvalid)?;
        self.limits.login(address, &handle)?;
        let seals = self.seals.open().await?;
        let opaque = self.opaque().await?;
        let absent = absent_credentials(&seals, &handle, &opaque.stand_in());
        let handle_index = seals.blind(fields::HANDLE, handle.as_str().as_bytes());
        let (is_known, credentials) = self.store.credentials_by_handle(handle_index, &absent).await?;
        let record = open_record(&seals, &credentials)?;
        let account_id = credentials.account_id;
        let (state, response) = opaque
            .start_login(
                is_known.then_some(&record),
                &request.credential_request.0,
                account_id.as_bytes(),
            )
            .map_err(|error| DirectoryError::from_opaque("credential_request", &error))?;
        let login_id = self
            .remember_login(&seals, is_known.then_some(account_id), &state)
            .await?;
        Ok(LoginStarted {
            login_id: login_id.into(),
            credential_response: response.into(),
            ksf: KSF,
        })
    }

    /// Second message: checks the proof and opens a session.
    ///
    /// # Errors
    /// [`DirectoryError::LoginFailed`] for a wrong passphrase and for no account alike;
    /// [`DirectoryError::Expired`]; [`DirectoryError::AccountDisabled`] to who knows the passphrase.
    pub async fn finish_login(&self, request: LoginFinish) -> Result<LoggedIn, DirectoryError> {
        let seals = self.seals.open().await?;
        let state = self
            .recall(&seals, AttemptPurpose::Login, &request.login_id.0)
            .await?;
        let (account_id, opaque_state) = read_subject(&state)?;
        let opaque_state = LoginState::parse(opaque_state)
            .map_err(|_| DirectoryError::Internal("a stored login state is malformed"))?;
        let proven = opaque_state
            .finish(&request.credential_finalization.0)
            .map_err(|error| DirectoryError::from_opaque("credential_finalization", &error));
        // Without an account the proof fails too; nothing here may depend on that.
        let account_id = proven.and(account_id.ok_or(DirectoryError::LoginFailed))?;
        self.open_session(&seals, account_id, request.device_name, AuditAction::LoggedIn)
            .await
    }

    /// Stores a session for a device that proved itself.
    pub(super) async fn open_session(
        &self,
        seals: &OpenSeals,
        account_id: AccountId,
        device_name: String,
        action: AuditAction,
    ) -> Result<LoggedIn, DirectoryError> {
        let account = self
            .store
            .account(account_id)
            .await?
            .ok_or(DirectoryError::LoginFailed)?;
        if account.state == AccountState::Disabled {
            return Err(DirectoryError::AccountDisabled);
        }
        let handle = seals.open_text(columns::HANDLE, account_id.as_bytes(), &account.handle_sealed)?;
        let DraftSession { token, row } = self.draft_session(seals, account_id, &device_name)?;
        let audit = self.audit_entry(seals, Some(account_id), action, Some(row.session_id.as_bytes()));
        if !self.store.insert_session(&row, &audit).await? {
            return Err(DirectoryError::LoginFailed);
        }
        Ok(logged_in(token, &row, handle, device_name))
    }

    async fn remember_login(
        &self,
        seals: &OpenSeals,
        account_id: Option<AccountId>,
        opaque_state: &LoginState,
    ) -> Result<Vec<u8>, DirectoryError> {
        let mut state = Zeroizing::new(Vec::new());
        write_subject(&mut state, account_id);
        state.extend_from_slice(&opaque_state.serialize());
        let within = DirectorySettings::LOGIN_WITHIN;
        let attempt_id = self
            .remember(seals, AttemptPurpose::Login, within, &state)
            .await?;
        Ok(attempt_id.as_bytes().to_vec())
    }
}

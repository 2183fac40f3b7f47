//! Making an account, in two messages; the second one stores everything in one transaction.

use std::net::IpAddr;

use sealpost_protocol::{
    http::{LoggedIn, RegistrationFinish, RegistrationStart, RegistrationStarted},
    ids::AccountId,
    wire::PrincipalKind,
};
use zeroize::Zeroizing;

use super::{
    Directory, DirectoryError, DirectorySettings, Handle,
    credentials::{FIRST, parse_record, parse_recovery_key, seal_record, seal_recovery_key},
    keystores::{check_keystore, seal_keystore},
    opaque_setup::KSF,
    ports::{AttemptPurpose, AuditAction, NewAccount, NewPrincipal, NewSession, RegistrationRefusal},
    seals::{OpenSeals, columns, fields},
    sessions::{DraftSession, logged_in},
};
use crate::{atrest::BlindIndexValue, store_failure::StoreError};

/// What is remembered between the two messages.
struct Pending {
    account_id: AccountId,
    token_hash: Option<BlindIndexValue>,
    handle: Handle,
}

impl Directory {
    /// First message: gives out an account id and answers OPAQUE's.
    ///
    /// # Errors
    /// [`DirectoryError::HandleInvalid`], [`DirectoryError::RegistrationClosed`] without a token,
    /// [`DirectoryError::RegistrationTokenInvalid`], [`DirectoryError::RateLimited`]. Whether the handle is
    /// taken shows at the second message, to the holder of a token only.
    pub async fn start_registration(
        &self,
        address: IpAddr,
        request: &RegistrationStart,
    ) -> Result<RegistrationStarted, DirectoryError> {
        self.limits.registration(address)?;
        let handle = Handle::parse_new(&request.handle).map_err(|_| DirectoryError::HandleInvalid)?;
        let seals = self.seals.open().await?;
        let token_hash = self.check_token(&seals, request).await?;
        let pending = Pending {
            account_id: AccountId::new(self.random_bytes()),
            token_hash,
            handle,
        };
        let response = self
            .opaque()
            .await?
            .answer_registration(&request.registration_request.0, pending.account_id.as_bytes())
            .map_err(|error| DirectoryError::from_opaque("registration_request", &error))?;
        let purpose = AttemptPurpose::Registration;
        let within = DirectorySettings::REGISTRATION_WITHIN;
        let attempt_id = self.remember(&seals, purpose, within, &pending.encode()).await?;
        Ok(RegistrationStarted {
            registration_id: attempt_id.as_bytes().to_vec().into(),
            account_id: pending.account_id,
            registration_response: response.into(),
            ksf: KSF,
        })
    }

    /// Second message: makes the account and logs its first device in.
    ///
    /// # Errors
    /// [`DirectoryError::Expired`], [`DirectoryError::HandleTaken`],
    /// [`DirectoryError::RegistrationTokenInvalid`] if the token was used up meanwhile, or what is malformed.
    pub async fn finish_registration(
        &self,
        address: IpAddr,
        request: RegistrationFinish,
    ) -> Result<LoggedIn, DirectoryError> {
        self.limits
            .unless_failing(address, self.make_account(request))
            .await
    }

    async fn make_account(&self, request: RegistrationFinish) -> Result<LoggedIn, DirectoryError> {
        let seals = self.seals.open().await?;
        let purpose = AttemptPurpose::Registration;
        let state = self.recall(&seals, purpose, &request.registration_id.0).await?;
        let pending = Pending::decode(&state).ok_or(DirectoryError::Internal("a pending registration"))?;
        let (account_id, manifest) = (pending.account_id, &request.signed_manifest.0);
        let principal = self.draft_principal(&seals, account_id, PrincipalKind::Human, manifest)?;
        let DraftSession { token, mut row } =
            self.draft_session(&seals, account_id, principal.principal_id, &request.device_name)?;
        row.credential_version = Some(FIRST);
        let account = self.draft_account(&seals, &pending, principal, row, &request)?;
        self.store.register(&account).await.map_err(refused)?;
        let handle = pending.handle.as_str().to_owned();
        Ok(logged_in(token, &account.session, handle, request.device_name))
    }

    async fn check_token(
        &self,
        seals: &OpenSeals,
        request: &RegistrationStart,
    ) -> Result<Option<BlindIndexValue>, DirectoryError> {
        let Some(token) = &request.registration_token else {
            let is_open = self.settings.open_registration;
            return is_open.then_some(None).ok_or(DirectoryError::RegistrationClosed);
        };
        let token_hash = seals.blind(fields::REGISTRATION_TOKEN, token.expose_bytes());
        let is_usable = self.store.is_token_usable(token_hash, self.clock.now()).await?;
        is_usable
            .then_some(Some(token_hash))
            .ok_or(DirectoryError::RegistrationTokenInvalid)
    }

    fn draft_account(
        &self,
        seals: &OpenSeals,
        pending: &Pending,
        principal: NewPrincipal,
        session: NewSession,
        request: &RegistrationFinish,
    ) -> Result<NewAccount, DirectoryError> {
        let account_id = pending.account_id;
        let record = parse_record(&request.registration_upload.0)?;
        let recovery_key = parse_recovery_key(&request.recovery_login_key.0)?;
        let keystore = check_keystore(&request.keystore.0)?;
        let handle = pending.handle.as_str().as_bytes();
        Ok(NewAccount {
            account_id,
            token_hash: pending.token_hash,
            handle_index: seals.blind(fields::HANDLE, handle),
            handle_sealed: seals.seal(columns::HANDLE, account_id.as_bytes(), handle),
            record_sealed: seal_record(seals, account_id, FIRST, &record),
            recovery_key: seal_recovery_key(seals, account_id, FIRST, &recovery_key),
            keystore_sealed: seal_keystore(seals, account_id, FIRST, keystore),
            principal,
            session,
            audit: self.audit_entry(seals, Some(account_id), AuditAction::Registered, None),
            created_at: self.clock.now(),
        })
    }
}

impl Pending {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let token_hash = self.token_hash.map(|hash| *hash.as_bytes());
        let mut state = Zeroizing::new(self.account_id.as_bytes().to_vec());
        state.push(u8::from(token_hash.is_some()));
        state.extend_from_slice(&token_hash.unwrap_or_default());
        state.extend_from_slice(self.handle.as_str().as_bytes());
        state
    }

    fn decode(state: &[u8]) -> Option<Self> {
        let (&account_id, rest) = state.split_first_chunk()?;
        let (&[has_token], rest) = rest.split_first_chunk()?;
        let (&token_hash, handle) = rest.split_first_chunk()?;
        Some(Self {
            account_id: AccountId::new(account_id),
            token_hash: (has_token == 1).then_some(BlindIndexValue::from_bytes(token_hash)),
            handle: Handle::parse_new(str::from_utf8(handle).ok()?).ok()?,
        })
    }
}

fn refused(error: StoreError<RegistrationRefusal>) -> DirectoryError {
    match error {
        StoreError::Refused(RegistrationRefusal::TokenInvalid) => DirectoryError::RegistrationTokenInvalid,
        StoreError::Refused(RegistrationRefusal::HandleTaken) => DirectoryError::HandleTaken,
        StoreError::Refused(RegistrationRefusal::KeyTaken) => DirectoryError::Malformed("a public key"),
        StoreError::Failed(failure) => failure.into(),
    }
}

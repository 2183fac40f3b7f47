//! Login with a recovery code: the account is found by the key that the code derives, so that the code alone
//! is enough. Keys without an account get a challenge like any other.

use std::net::IpAddr;

use sealpost_protocol::{
    http::{LoggedIn, RecoveryLoginFinish, RecoveryLoginStart, RecoveryLoginStarted},
    ids::AccountId,
    keys::PublicKey,
    recovery::verify_recovery_login,
};

use super::{
    Directory, DirectoryError, DirectorySettings,
    attempts::{read_subject, write_subject},
    credentials::{parse_recovery_key, stored_recovery_key},
    ports::{AttemptPurpose, AuditAction},
    seals::fields,
};

/// What is remembered between the two messages.
struct Pending {
    account_id: Option<AccountId>,
    key: PublicKey,
    challenge: [u8; 32],
}

impl Directory {
    /// First message: gives out a challenge.
    ///
    /// # Errors
    /// [`DirectoryError::Malformed`], [`DirectoryError::RateLimited`]; never whether there is an account.
    pub async fn start_recovery_login(
        &self,
        address: IpAddr,
        request: &RecoveryLoginStart,
    ) -> Result<RecoveryLoginStarted, DirectoryError> {
        let key = parse_recovery_key(&request.recovery_login_key.0)?;
        self.limits.recovery_login(address, key.as_bytes())?;
        let seals = self.seals.open().await?;
        let index = seals.blind(fields::RECOVERY_KEY, key.as_bytes());
        let account_id = self.store.account_id_by_recovery_key(index).await?;
        let pending = Pending {
            account_id,
            key,
            challenge: self.random_bytes(),
        };
        let (purpose, within) = (AttemptPurpose::Recovery, DirectorySettings::LOGIN_WITHIN);
        let attempt_id = self.remember(&seals, purpose, within, &pending.encode()).await?;
        Ok(RecoveryLoginStarted {
            login_id: attempt_id.as_bytes().to_vec().into(),
            challenge: pending.challenge.to_vec().into(),
        })
    }

    /// Second message: checks the signature and opens a session.
    ///
    /// # Errors
    /// [`DirectoryError::LoginFailed`] for a wrong signature and for no account alike;
    /// [`DirectoryError::Expired`]; [`DirectoryError::AccountDisabled`] to who has the code.
    pub async fn finish_recovery_login(
        &self,
        request: RecoveryLoginFinish,
    ) -> Result<LoggedIn, DirectoryError> {
        let seals = self.seals.open().await?;
        let state = self
            .recall(&seals, AttemptPurpose::Recovery, &request.login_id.0)
            .await?;
        let pending = Pending::decode(&state)?;
        let origin = &self.settings.origin;
        let signed = verify_recovery_login(&pending.key, origin, &pending.challenge, &request.signature.0);
        let account_id = signed
            .ok()
            .and(pending.account_id)
            .ok_or(DirectoryError::LoginFailed)?;
        let action = AuditAction::LoggedInByRecoveryCode;
        self.open_session(&seals, account_id, request.device_name, action)
            .await
    }
}

impl Pending {
    fn encode(&self) -> Vec<u8> {
        let mut state = Vec::new();
        write_subject(&mut state, self.account_id);
        state.extend_from_slice(self.key.as_bytes());
        state.extend_from_slice(&self.challenge);
        state
    }

    fn decode(state: &[u8]) -> Result<Self, DirectoryError> {
        let (account_id, rest) = read_subject(state)?;
        let malformed = DirectoryError::Internal("a pending recovery login is malformed");
        let Some((key, challenge)) = rest.split_at_checked(32) else {
            return Err(malformed);
        };
        let challenge = challenge.try_into().map_err(|_| malformed)?;
        Ok(Self {
            account_id,
            key: stored_recovery_key(key)?,
            challenge,
        })
    }
}

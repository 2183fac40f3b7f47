//! Login with a recovery code: the account is found by the key that the code derives, so that the code alone
//! is enough. Keys without an account get a challenge like any other.

use std::net::IpAddr;

use sealpost_protocol::{
    http::{LoggedIn, RecoveryLoginFinish, RecoveryLoginStart, RecoveryLoginStarted},
    keys::PublicKey,
    recovery::verify_recovery_login,
};

use super::{
    Directory, DirectoryError, DirectorySettings,
    attempts::{Subject, read_subject, write_subject},
    credentials::{parse_recovery_key, stored_recovery_key},
    ports::{AttemptPurpose, AuditAction},
    seals::fields,
};

/// What is remembered between the two messages.
struct Pending {
    subject: Option<Subject>,
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
        self.limits.signed_login(address, key.as_bytes())?;
        let seals = self.seals.open().await?;
        let index = seals.blind(fields::RECOVERY_KEY, key.as_bytes());
        let account = self.store.account_by_recovery_key(index).await?;
        let pending = Pending {
            subject: account.map(|(account_id, credential_version)| Subject {
                account_id,
                credential_version,
            }),
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
        address: IpAddr,
        request: RecoveryLoginFinish,
    ) -> Result<LoggedIn, DirectoryError> {
        self.limits
            .unless_failing(address, self.check_recovery_login(request))
            .await
    }

    async fn check_recovery_login(&self, request: RecoveryLoginFinish) -> Result<LoggedIn, DirectoryError> {
        let seals = self.seals.open().await?;
        let state = self
            .recall(&seals, AttemptPurpose::Recovery, &request.login_id.0)
            .await?;
        let pending = Pending::decode(&state)?;
        let origin = &self.settings.origin;
        let signed = verify_recovery_login(&pending.key, origin, &pending.challenge, &request.signature.0);
        let subject = signed
            .ok()
            .and(pending.subject)
            .ok_or(DirectoryError::LoginFailed)?;
        let action = AuditAction::LoggedInByRecoveryCode;
        self.open_session(&seals, subject, request.device_name, action)
            .await
    }
}

impl Pending {
    fn encode(&self) -> Vec<u8> {
        let mut state = Vec::new();
        write_subject(&mut state, self.subject);
        state.extend_from_slice(self.key.as_bytes());
        state.extend_from_slice(&self.challenge);
        state
    }

    fn decode(state: &[u8]) -> Result<Self, DirectoryError> {
        let (subject, rest) = read_subject(state)?;
        let malformed = DirectoryError::Internal("a pending recovery login is malformed");
        let Some((key, challenge)) = rest.split_at_checked(32) else {
            return Err(malformed);
        };
        let challenge = challenge.try_into().map_err(|_| malformed)?;
        Ok(Self {
            subject,
            key: stored_recovery_key(key)?,
            challenge,
        })
    }
}

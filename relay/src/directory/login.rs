//! Login with a passphrase. Handles without an account go the same way, on a stand-in.

use std::net::IpAddr;

use sealpost_opaque::{LoginState, Record};
use sealpost_protocol::http::{LoggedIn, LoginFinish, LoginStart, LoginStarted};
use sealpost_protocol::ids::SessionId;
use zeroize::Zeroizing;

use super::{
    Directory, DirectoryError, DirectorySettings, Handle,
    attempts::{Subject, read_subject, write_subject},
    credentials::open_record,
    opaque_setup::KSF,
    ports::{AccountRow, AccountState, AttemptPurpose, AuditAction},
    seals::{OpenSeals, columns, fields},
    sessions::{DraftSession, logged_in},
};
use crate::atrest::BlindIndexValue;

/// What the answer is made of: nobody's looks like somebody's.
struct Answerer {
    subject: Option<Subject>,
    record: Option<Record>,
    credential_identifier: [u8; 16],
}

/// A device that is about to get a session.
pub(super) struct Entry {
    pub(super) subject: Subject,
    pub(super) device_name: String,
    pub(super) action: AuditAction,
    /// The session's id, where it was drawn before.
    pub(super) session_id: Option<SessionId>,
    /// The device's request, where another one let it in.
    pub(super) claim_hash: Option<BlindIndexValue>,
}

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
        let answerer = self.answerer(&seals, &handle).await?;
        let (state, response) = self
            .opaque()
            .await?
            .start_login(
                answerer.record.as_ref(),
                &request.credential_request.0,
                &answerer.credential_identifier,
            )
            .map_err(|error| DirectoryError::from_opaque("credential_request", &error))?;
        let login_id = self.remember_login(&seals, answerer.subject, &state).await?;
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
    pub async fn finish_login(
        &self,
        address: IpAddr,
        request: LoginFinish,
    ) -> Result<LoggedIn, DirectoryError> {
        self.limits
            .unless_failing(address, self.check_login(request))
            .await
    }

    async fn check_login(&self, request: LoginFinish) -> Result<LoggedIn, DirectoryError> {
        let seals = self.seals.open().await?;
        let state = self
            .recall(&seals, AttemptPurpose::Login, &request.login_id.0)
            .await?;
        let (subject, opaque_state) = read_subject(&state)?;
        let opaque_state = LoginState::parse(opaque_state)
            .map_err(|_| DirectoryError::Internal("a stored login state is malformed"))?;
        let proven = opaque_state
            .finish(&request.credential_finalization.0)
            .map_err(|error| DirectoryError::from_opaque("credential_finalization", &error));
        // Without an account the proof fails too; nothing here may depend on that.
        let subject = proven.and(subject.ok_or(DirectoryError::LoginFailed))?;
        self.open_session(&seals, subject, request.device_name, AuditAction::LoggedIn)
            .await
    }

    /// Stores a session for a device that proved itself, if the credentials it proved are still those of the account:
    /// who knows only the old ones must not get in with a login begun before they were changed. The session names the
    /// principal that the account had then, so that it counts no more should its owner start over at this moment.
    pub(super) async fn open_session(
        &self,
        seals: &OpenSeals,
        subject: Subject,
        device_name: String,
        action: AuditAction,
    ) -> Result<LoggedIn, DirectoryError> {
        let entry = Entry {
            subject,
            device_name,
            action,
            session_id: None,
            claim_hash: None,
        };
        self.enter(seals, entry).await
    }

    /// The same for a device that was let in.
    pub(super) async fn enter(&self, seals: &OpenSeals, entry: Entry) -> Result<LoggedIn, DirectoryError> {
        let (subject, device_name) = (entry.subject, entry.device_name);
        let account_id = subject.account_id;
        let account = self
            .store
            .account(account_id)
            .await?
            .filter(|account| account.credential_version == subject.credential_version)
            .ok_or(DirectoryError::LoginFailed)?;
        if account.state == AccountState::Disabled {
            return Err(DirectoryError::AccountDisabled);
        }
        let handle = seals.open_text(columns::HANDLE, account_id.as_bytes(), &account.handle_sealed)?;
        let session_id = entry
            .session_id
            .unwrap_or_else(|| SessionId::new(self.random_bytes()));
        let DraftSession { token, mut row } =
            self.draft_session_as(session_id, seals, account_id, account.principal_id, &device_name)?;
        row.credential_version = Some(subject.credential_version);
        row.claim_hash = entry.claim_hash;
        let audit = self.audit_entry(seals, Some(account_id), entry.action, Some(session_id.as_bytes()));
        let kept = DirectorySettings::SESSIONS_PER_ACCOUNT;
        if !self.store.insert_session(&row, kept, &audit).await? {
            return Err(DirectoryError::LoginFailed);
        }
        Ok(logged_in(token, &row, handle, device_name))
    }

    async fn answerer(&self, seals: &OpenSeals, handle: &Handle) -> Result<Answerer, DirectoryError> {
        let handle = handle.as_str().as_bytes();
        // Computed for known handles too: the time must not tell.
        let absent = seals.blind(fields::ABSENT_ACCOUNT, handle);
        let account = self
            .store
            .account_by_handle(seals.blind(fields::HANDLE, handle))
            .await?;
        match account {
            Some(account) => known(seals, &account),
            None => Ok(absent_account(seals, absent.as_bytes())),
        }
    }

    async fn remember_login(
        &self,
        seals: &OpenSeals,
        subject: Option<Subject>,
        opaque_state: &LoginState,
    ) -> Result<Vec<u8>, DirectoryError> {
        let mut state = Zeroizing::new(Vec::new());
        write_subject(&mut state, subject);
        state.extend_from_slice(&opaque_state.serialize());
        let within = DirectorySettings::LOGIN_WITHIN;
        let attempt_id = self
            .remember(seals, AttemptPurpose::Login, within, &state)
            .await?;
        Ok(attempt_id.as_bytes().to_vec())
    }
}

fn known(seals: &OpenSeals, account: &AccountRow) -> Result<Answerer, DirectoryError> {
    let subject = Subject {
        account_id: account.account_id,
        credential_version: account.credential_version,
    };
    Ok(Answerer {
        subject: Some(subject),
        record: Some(open_record(seals, account)?),
        credential_identifier: *account.account_id.as_bytes(),
    })
}

/// The identifier is a keyed hash of the handle, so that the answer to the same question stays the same.
fn absent_account(seals: &OpenSeals, absent: &[u8; 32]) -> Answerer {
    // As much work as opening a record.
    drop(seals.seal(columns::RECORD, absent, &[0; sealpost_opaque::sizes::RECORD]));
    let (identifier, _) = absent.split_first_chunk().expect("32 bytes hold 16");
    Answerer {
        subject: None,
        record: None,
        credential_identifier: *identifier,
    }
}

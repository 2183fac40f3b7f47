//! Changes of passphrase or recovery code: staged, read back, opened from scratch by the client, then put in
//! force with one transaction. Until then nothing is changed; afterwards the old version is still kept.

use sealpost_opaque::Record;
use sealpost_protocol::{
    http::{
        KeystoreStage, KeystoreVersion, PassphraseStart, PassphraseStarted, StagedCommit, StagedVerified,
        StagedVerify, StagedView,
    },
    ids::AccountId,
    keys::PublicKey,
    wire::PrincipalKind,
};
use zeroize::Zeroizing;

use super::{
    AuthenticatedSession, Directory, DirectoryError, SessionsEnded,
    credentials::{
        open_record, open_recovery_key, parse_record, parse_recovery_key, seal_record, seal_recovery_key,
        stored_record, stored_recovery_key,
    },
    ids::StageId,
    keystores::{check_keystore, next_version, seal_keystore},
    opaque_setup::KSF,
    ports::{
        AccountRow, AuditAction, CommitStaged, NewKeystoreVersion, NewPrincipal, NewRecoveryKey, NewStage,
        StageRow, StagedPrincipal, StagedRefusal,
    },
    seals::{OpenSeals, columns, fields},
};
use crate::store_failure::StoreError;

impl Directory {
    /// Answers OPAQUE's registration request for a new passphrase.
    ///
    /// # Errors
    /// [`DirectoryError::FreshLoginRequired`], [`DirectoryError::Malformed`], [`DirectoryError::RateLimited`].
    pub async fn start_passphrase(
        &self,
        caller: &AuthenticatedSession,
        request: &PassphraseStart,
    ) -> Result<PassphraseStarted, DirectoryError> {
        self.limits.change(caller.account_id())?;
        self.require_fresh(caller)?;
        let response = self
            .opaque()
            .await?
            .answer_registration(&request.registration_request.0, caller.account_id().as_bytes())
            .map_err(|error| DirectoryError::from_opaque("registration_request", &error))?;
        Ok(PassphraseStarted {
            registration_response: response.into(),
            ksf: KSF,
        })
    }

    /// Stages a change in the place of an earlier one. The caller's session alone can go on with it, while its login is fresh.
    ///
    /// # Errors
    /// [`DirectoryError::FreshLoginRequired`], [`DirectoryError::KeystoreConflict`], or what is malformed.
    pub async fn stage(
        &self,
        caller: &AuthenticatedSession,
        request: &KeystoreStage,
    ) -> Result<StagedView, DirectoryError> {
        self.limits.change(caller.account_id())?;
        self.require_fresh(caller)?;
        let seals = self.seals.open().await?;
        let stage = self.draft_stage(&seals, caller, request)?;
        let stored = self.store.stage(&stage).await;
        stored.map_err(|error| self.staged_refused(error))?;
        Ok(StagedView {
            stage_id: stage.stage_id.as_bytes().to_vec().into(),
            base_version: request.base_version,
            keystore: request.keystore.clone(),
            recovery_login_key: request.recovery_login_key.clone(),
            signed_manifest: request.signed_manifest.clone(),
        })
    }

    /// The change that the caller has staged, as it is stored.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] if the caller's session has staged none.
    pub async fn staged(&self, caller: &AuthenticatedSession) -> Result<StagedView, DirectoryError> {
        let account_id = caller.account_id();
        let seals = self.seals.open().await?;
        let row = self
            .store
            .staged(account_id, caller.session_id(), self.clock.now())
            .await?
            .ok_or(DirectoryError::NotFound)?;
        let staged = OpenedStage::open(&seals, account_id, &row)?;
        Ok(StagedView {
            stage_id: row.stage_id.as_bytes().to_vec().into(),
            base_version: row.base_version,
            keystore: staged.keystore.to_vec().into(),
            recovery_login_key: staged.recovery_key.map(|key| key.as_bytes().to_vec().into()),
            signed_manifest: staged.manifest.map(|manifest| manifest.to_vec().into()),
        })
    }

    /// Answers OPAQUE's login request on the staged record, so that the client can prove to itself that the new
    /// passphrase opens the new keystore.
    ///
    /// # Errors
    /// [`DirectoryError::Expired`] if the stage is gone or another session's; [`DirectoryError::NotFound`] if it has no record.
    pub async fn verify_staged(
        &self,
        caller: &AuthenticatedSession,
        request: &StagedVerify,
    ) -> Result<StagedVerified, DirectoryError> {
        self.limits.change(caller.account_id())?;
        let seals = self.seals.open().await?;
        let row = self.named_stage(caller, &request.stage_id.0).await?;
        let staged = OpenedStage::open(&seals, caller.account_id(), &row)?;
        let record = staged.record.ok_or(DirectoryError::NotFound)?;
        // The client's last message is not asked for: what it opens, it opens for itself.
        let (_, response) = self
            .opaque()
            .await?
            .start_login(
                Some(&record),
                &request.credential_request.0,
                caller.account_id().as_bytes(),
            )
            .map_err(|error| DirectoryError::from_opaque("credential_request", &error))?;
        if !self
            .store
            .mark_stage_verified(caller.account_id(), row.stage_id)
            .await?
        {
            return Err(DirectoryError::Expired);
        }
        Ok(StagedVerified {
            credential_response: response.into(),
        })
    }

    /// Puts the staged change in force. No other session of the account can: one that was stolen would take it over, before
    /// the new secrets were shown to anybody.
    ///
    /// # Errors
    /// [`DirectoryError::FreshLoginRequired`], [`DirectoryError::Expired`] if the stage is gone or another session's,
    /// [`DirectoryError::StageUnverified`], [`DirectoryError::KeystoreConflict`] if keystore or credentials changed meanwhile.
    /// Nothing is changed then.
    pub async fn commit_staged(
        &self,
        caller: &AuthenticatedSession,
        request: &StagedCommit,
    ) -> Result<KeystoreVersion, DirectoryError> {
        let proven = self.require_fresh(caller)?;
        let seals = self.seals.open().await?;
        let row = self.named_stage(caller, &request.stage_id.0).await?;
        if !row.verified {
            return Err(DirectoryError::StageUnverified);
        }
        let account = self
            .store
            .account(caller.account_id())
            .await?
            .filter(|account| account.credential_version == proven)
            .ok_or(DirectoryError::KeystoreConflict)?;
        let staged = OpenedStage::open(&seals, account.account_id, &row)?;
        let starts_over = row.principal.is_some();
        let base_version = row.base_version;
        let commit = self.draft_commit(&seals, caller, &account, row, staged)?;
        let committed = self.store.commit_staged(&commit, self.fresh_rules()).await;
        committed.map_err(|error| self.staged_refused(error))?;
        if starts_over {
            // The caller's session goes on, but a socket it may have open speaks for the old principal.
            self.announce(SessionsEnded::AllOf(account.account_id));
        }
        Ok(KeystoreVersion {
            version: next_version(base_version)?,
        })
    }

    fn staged_refused(&self, error: StoreError<StagedRefusal>) -> DirectoryError {
        match error {
            StoreError::Refused(StagedRefusal::Conflict) => DirectoryError::KeystoreConflict,
            StoreError::Refused(StagedRefusal::SessionEnded) => DirectoryError::NotAuthenticated,
            StoreError::Refused(StagedRefusal::KeyTaken) => DirectoryError::Malformed("recovery_login_key"),
            StoreError::Refused(StagedRefusal::PrincipalTaken) => {
                DirectoryError::Malformed("signed_manifest")
            }
            StoreError::Refused(StagedRefusal::Keystore(refusal)) => {
                self.keystore_refused(StoreError::Refused(refusal))
            }
            StoreError::Failed(failure) => failure.into(),
        }
    }

    async fn named_stage(
        &self,
        caller: &AuthenticatedSession,
        stage_id: &[u8],
    ) -> Result<StageRow, DirectoryError> {
        let (account_id, session_id) = (caller.account_id(), caller.session_id());
        let staged = self
            .store
            .staged(account_id, session_id, self.clock.now())
            .await?;
        let row = staged.ok_or(DirectoryError::Expired)?;
        let is_named = row.stage_id.as_bytes() == stage_id;
        is_named.then_some(row).ok_or(DirectoryError::KeystoreConflict)
    }

    fn draft_stage(
        &self,
        seals: &OpenSeals,
        caller: &AuthenticatedSession,
        request: &KeystoreStage,
    ) -> Result<NewStage, DirectoryError> {
        let account_id = caller.account_id();
        let stage_id = StageId::generate(&*self.entropy);
        let row_key = row_key(account_id, stage_id);
        let seal = |column, plaintext: &[u8]| seals.seal(column, &row_key, plaintext);
        let keystore = check_keystore(&request.keystore.0)?;
        let record = request
            .registration_upload
            .as_ref()
            .map(|upload| parse_record(&upload.0))
            .transpose()?;
        let key = request
            .recovery_login_key
            .as_ref()
            .map(|key| parse_recovery_key(&key.0))
            .transpose()?;
        let principal = request
            .signed_manifest
            .as_ref()
            .map(|manifest| self.draft_principal(seals, account_id, PrincipalKind::Human, &manifest.0))
            .transpose()?;
        next_version(request.base_version)?;
        Ok(NewStage {
            account_id,
            stage_id,
            session_id: caller.session_id(),
            base_version: request.base_version,
            keystore_sealed: seal(columns::STAGED_KEYSTORE, keystore),
            record_sealed: record.map(|record| seal(columns::STAGED_RECORD, record.expose_bytes())),
            recovery_key: key.map(|key| NewRecoveryKey {
                index: seals.blind(fields::RECOVERY_KEY, key.as_bytes()),
                sealed: seal(columns::STAGED_RECOVERY_KEY, key.as_bytes()),
            }),
            principal: principal.map(|principal| StagedPrincipal {
                principal_id: principal.principal_id,
                manifest_sealed: principal.manifest_sealed,
            }),
            staged_at: self.clock.now(),
            expires_at: caller.fresh_until(),
        })
    }

    /// Seals what was staged, and what stays, for its place from now on.
    fn draft_commit(
        &self,
        seals: &OpenSeals,
        caller: &AuthenticatedSession,
        account: &AccountRow,
        row: StageRow,
        staged: OpenedStage,
    ) -> Result<CommitStaged, DirectoryError> {
        let account_id = account.account_id;
        let record = staged.record.map_or_else(|| open_record(seals, account), Ok)?;
        let key = staged
            .recovery_key
            .map_or_else(|| open_recovery_key(seals, account), Ok)?;
        let action = match row.principal {
            Some(_) => AuditAction::StartedOver,
            None => AuditAction::CredentialsChanged,
        };
        let credential_version = account.credential_version + 1;
        let keystore_version = next_version(row.base_version)?;
        Ok(CommitStaged {
            stage_id: row.stage_id,
            keystore: NewKeystoreVersion {
                account_id,
                base_version: row.base_version,
                sealed: seal_keystore(seals, account_id, keystore_version, &staged.keystore),
                created_at: self.clock.now(),
            },
            base_credential_version: account.credential_version,
            record_sealed: seal_record(seals, account_id, credential_version, &record),
            recovery_key: seal_recovery_key(seals, account_id, credential_version, &key),
            audit: self.audit_entry(seals, Some(account_id), action, None),
            principal: row.principal.map(|principal| NewPrincipal {
                principal_id: principal.principal_id,
                account_id,
                manifest_sealed: principal.manifest_sealed,
                created_at: self.clock.now(),
            }),
            session_id: caller.session_id(),
        })
    }
}

/// A staged change in the clear: as the client sealed it, that is.
struct OpenedStage {
    keystore: Zeroizing<Vec<u8>>,
    record: Option<Record>,
    recovery_key: Option<PublicKey>,
    manifest: Option<Zeroizing<Vec<u8>>>,
}

impl OpenedStage {
    fn open(seals: &OpenSeals, account_id: AccountId, row: &StageRow) -> Result<Self, DirectoryError> {
        let row_key = row_key(account_id, row.stage_id);
        let open = |column, sealed: &[u8]| seals.open(column, &row_key, sealed);
        let record = row
            .record_sealed
            .as_deref()
            .map(|sealed| open(columns::STAGED_RECORD, sealed));
        let key = row
            .recovery_key_sealed
            .as_deref()
            .map(|sealed| open(columns::STAGED_RECOVERY_KEY, sealed));
        let manifest = row.principal.as_ref().map(|principal| {
            let row_key = principal.principal_id.as_bytes();
            seals.open(columns::MANIFEST, row_key, &principal.manifest_sealed)
        });
        Ok(Self {
            manifest: manifest.transpose()?,
            keystore: open(columns::STAGED_KEYSTORE, &row.keystore_sealed)?,
            record: record
                .transpose()?
                .map(|bytes| stored_record(&bytes))
                .transpose()?,
            recovery_key: key
                .transpose()?
                .map(|bytes| stored_recovery_key(&bytes))
                .transpose()?,
        })
    }
}

fn row_key(account_id: AccountId, stage_id: StageId) -> Vec<u8> {
    [&account_id.as_bytes()[..], &stage_id.as_bytes()[..]].concat()
}

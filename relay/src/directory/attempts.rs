//! The memory between two messages: sealed, single use, with a deadline.

use std::time::Duration;

use sealpost_protocol::ids::AccountId;
use zeroize::Zeroizing;

use super::{
    Directory, DirectoryError,
    ids::AttemptId,
    ports::{AttemptPurpose, NewAttempt, SweptRows},
    seals::{OpenSeals, columns},
};

/// Rows of one kind that are deleted in one transaction: each has an end in time.
const SWEPT_AT_ONCE: u32 = 1_000;

impl Directory {
    /// Deletes attempts, sessions, staged changes, pairing codes and requests of new devices that are past their time. To be
    /// called every minute or so.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sweep(&self) -> Result<SweptRows, DirectoryError> {
        let now = self.clock.now();
        let mut swept = SweptRows::default();
        loop {
            let rows = self.store.sweep(now, SWEPT_AT_ONCE).await?;
            swept += rows;
            if rows.most() < SWEPT_AT_ONCE.into() {
                return Ok(swept);
            }
        }
    }

    /// Keeps `state` for the second message.
    pub(super) async fn remember(
        &self,
        seals: &OpenSeals,
        purpose: AttemptPurpose,
        within: Duration,
        state: &[u8],
    ) -> Result<AttemptId, DirectoryError> {
        let attempt_id = AttemptId::generate(&*self.entropy);
        let created_at = self.clock.now();
        let attempt = NewAttempt {
            attempt_id,
            purpose,
            state_sealed: seals.seal(columns::ATTEMPT_STATE, &row_key(attempt_id, purpose), state),
            created_at,
            expires_at: created_at + within,
        };
        self.store.insert_attempt(&attempt).await?;
        Ok(attempt_id)
    }

    /// Gives back what was kept, once.
    pub(super) async fn recall(
        &self,
        seals: &OpenSeals,
        purpose: AttemptPurpose,
        attempt_id: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DirectoryError> {
        // An id of another length was never given out.
        let attempt_id = attempt_id
            .try_into()
            .map(AttemptId::new)
            .map_err(|_| DirectoryError::Expired)?;
        let sealed = self
            .store
            .take_attempt(attempt_id, purpose, self.clock.now())
            .await?;
        let sealed = sealed.ok_or(DirectoryError::Expired)?;
        seals.open(columns::ATTEMPT_STATE, &row_key(attempt_id, purpose), &sealed)
    }
}

fn row_key(attempt_id: AttemptId, purpose: AttemptPurpose) -> Vec<u8> {
    [&attempt_id.as_bytes()[..], purpose.as_str().as_bytes()].concat()
}

/// Whose login it is, where anybody's, and under which version of its credentials.
#[derive(Clone, Copy)]
pub(super) struct Subject {
    pub(super) account_id: AccountId,
    pub(super) credential_version: u64,
}

/// Writes a subject in a form whose length does not tell whether there is one.
pub(super) fn write_subject(state: &mut Vec<u8>, subject: Option<Subject>) {
    state.push(u8::from(subject.is_some()));
    state.extend_from_slice(&subject.map_or([0; 16], |subject| *subject.account_id.as_bytes()));
    let version = subject.map_or(0, |subject| subject.credential_version);
    state.extend_from_slice(&version.to_be_bytes());
}

/// Reads what [`write_subject`] wrote; returns the rest too.
pub(super) fn read_subject(state: &[u8]) -> Result<(Option<Subject>, &[u8]), DirectoryError> {
    split_subject(state).ok_or(DirectoryError::Internal("the state of an attempt is malformed"))
}

fn split_subject(state: &[u8]) -> Option<(Option<Subject>, &[u8])> {
    let (&[is_known], rest) = state.split_first_chunk()?;
    let (&account_id, rest) = rest.split_first_chunk()?;
    let (&version, rest) = rest.split_first_chunk()?;
    let subject = Subject {
        account_id: AccountId::new(account_id),
        credential_version: u64::from_be_bytes(version),
    };
    Some(((is_known == 1).then_some(subject), rest))
}

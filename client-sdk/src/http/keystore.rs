//! The sealed keystore and its staged changes.

use sealpost_protocol::http::{
    KeystoreHistory, KeystorePut, KeystoreStage, KeystoreVersion, KeystoreView, PassphraseStart,
    PassphraseStarted, SecretToken, StagedCommit, StagedVerified, StagedVerify, StagedView, paths,
};

use super::Api;
use crate::error::Error;

impl Api {
    pub(crate) async fn keystore(&self, session: &SecretToken) -> Result<KeystoreView, Error> {
        self.get(paths::KEYSTORE, Some(session)).await
    }

    pub(crate) async fn keystore_history(&self, session: &SecretToken) -> Result<KeystoreHistory, Error> {
        self.get(paths::KEYSTORE_HISTORY, Some(session)).await
    }

    /// One of the versions that the relay keeps.
    pub(crate) async fn keystore_version(
        &self,
        session: &SecretToken,
        version: u64,
    ) -> Result<KeystoreView, Error> {
        let path = format!("{}/{version}", paths::KEYSTORE_HISTORY);
        self.get(&path, Some(session)).await
    }

    pub(crate) async fn put_keystore(
        &self,
        session: &SecretToken,
        body: &KeystorePut,
    ) -> Result<KeystoreVersion, Error> {
        self.put(paths::KEYSTORE, session, body).await
    }

    pub(crate) async fn start_passphrase(
        &self,
        session: &SecretToken,
        body: &PassphraseStart,
    ) -> Result<PassphraseStarted, Error> {
        self.post(paths::PASSPHRASE_START, Some(session), body).await
    }

    pub(crate) async fn stage_keystore(
        &self,
        session: &SecretToken,
        body: &KeystoreStage,
    ) -> Result<StagedView, Error> {
        self.post(paths::KEYSTORE_STAGED, Some(session), body).await
    }

    pub(crate) async fn staged_keystore(&self, session: &SecretToken) -> Result<StagedView, Error> {
        self.get(paths::KEYSTORE_STAGED, Some(session)).await
    }

    pub(crate) async fn verify_staged(
        &self,
        session: &SecretToken,
        body: &StagedVerify,
    ) -> Result<StagedVerified, Error> {
        self.post(paths::KEYSTORE_STAGED_VERIFY, Some(session), body)
            .await
    }

    pub(crate) async fn commit_staged(
        &self,
        session: &SecretToken,
        body: &StagedCommit,
    ) -> Result<KeystoreVersion, Error> {
        self.post(paths::KEYSTORE_STAGED_COMMIT, Some(session), body)
            .await
    }
}

//! OpenBao Transit as key wrapper. The only module that knows OpenBao.
//!
//! The relay's credential can encrypt and decrypt with one key, look at and renew itself, and nothing else
//! (invariant I-11). Nothing here ever creates, reads or configures a key.
//!
//! What vaultrs lacks is the batch; it is an endpoint of our own, run through the vaultrs client. What the HTTP
//! and TLS layers copy of a request cannot be wiped from here; everything before and after them is.

mod answers;
mod batch;
mod breaker;
mod ciphertext;
mod connection;
mod failure;
mod patience;
mod raft;
mod session;
mod settings;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use futures_util::{FutureExt, future::BoxFuture};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub(super) use self::ciphertext::version_of;
use self::{
    answers::Encrypted,
    batch::{Batch, Questions},
    breaker::Breaker,
    connection::Connection,
    patience::Patience,
    session::Sessions,
};
pub use self::{
    raft::{RaftCredential, RaftError, RaftSnapshots, RoleSecret},
    settings::{SecretSource, TransitCredential, TransitSettings},
};
use super::{
    data_key::DataKey,
    key_wrapper::{
        KeyToUnwrap, KeyToWrap, KeyWrapError, KeyWrapper, UnwrapResult, WrappedKey, WrapperDescription,
    },
};
use crate::entropy::Entropy;

/// Items per request. OpenBao refuses a request with more than 1,000 strings; an item has four.
const CHUNK_ITEMS: usize = 150;

/// A [`KeyWrapper`] on a Transit key.
pub struct Transit {
    mount: String,
    key_name: String,
    sessions: Sessions,
    patience: Patience,
    breaker: Breaker,
    newest_version: AtomicU32,
    entropy: Arc<dyn Entropy>,
}

impl Transit {
    /// Does not connect yet: a relay must start, serve health and recover by itself while OpenBao is sealed.
    ///
    /// # Errors
    /// [`KeyWrapError::Internal`] when the certificate file or the address cannot be used. Blocks to read the
    /// former.
    pub fn new(settings: TransitSettings, entropy: Arc<dyn Entropy>) -> Result<Self, KeyWrapError> {
        let connection = Connection::new(&settings)?;
        Ok(Self {
            mount: settings.mount,
            key_name: settings.key_name,
            sessions: Sessions::new(connection, settings.credential),
            patience: Patience::new(Arc::clone(&entropy)),
            breaker: Breaker::new(Arc::clone(&entropy)),
            newest_version: AtomicU32::new(0),
            entropy,
        })
    }

    /// Puts one chunk of questions to OpenBao, unless it failed too often just now.
    async fn ask(&self, questions: Questions<'_>) -> Result<Zeroizing<Vec<u8>>, KeyWrapError> {
        self.breaker.admit()?;
        self.ask_anyway(questions).await
    }

    async fn ask_anyway(&self, questions: Questions<'_>) -> Result<Zeroizing<Vec<u8>>, KeyWrapError> {
        let mut retries = self.patience.start();
        loop {
            let result = self.ask_once(questions).await;
            let is_worth_a_retry = matches!(result, Err(KeyWrapError::Unavailable(_)));
            if !(is_worth_a_retry && retries.wait().await) {
                self.breaker.note(result.as_ref().err());
                return result;
            }
        }
    }

    /// Asks once; twice when the credential is refused, because it may only have expired or been replaced.
    async fn ask_once(&self, questions: Questions<'_>) -> Result<Zeroizing<Vec<u8>>, KeyWrapError> {
        let batch = Batch {
            mount: &self.mount,
            key_name: &self.key_name,
            questions,
        };
        let session = self.sessions.current().await?;
        match batch.send(session.client()).await {
            Err(KeyWrapError::Denied(_)) => {
                let session = self.sessions.replace(&session).await?;
                batch.send(session.client()).await
            }
            result => result,
        }
    }

    async fn wrap(&self, items: &[KeyToWrap<'_>]) -> Result<Vec<WrappedKey>, KeyWrapError> {
        let mut wrapped = Vec::with_capacity(items.len());
        for chunk in items.chunks(CHUNK_ITEMS) {
            let body = self.ask(Questions::Encrypt(chunk)).await?;
            for answer in answers::encrypted(&body, chunk.len())? {
                wrapped.push(self.accept(answer?));
            }
        }
        Ok(wrapped)
    }

    /// Does not ask about what cannot be a ciphertext of Transit.
    async fn unwrap(&self, items: &[KeyToUnwrap<'_>]) -> UnwrapResult {
        let is_ciphertext = |item: &&KeyToUnwrap<'_>| version_of(item.wrapped).is_some();
        let ciphertexts: Vec<_> = items.iter().filter(is_ciphertext).collect();
        let mut opened = self.unwrap_ciphertexts(&ciphertexts).await?.into_iter();
        let answers = items.iter().map(|item| match is_ciphertext(&item) {
            true => opened.next().unwrap_or_else(|| Err(failure::not_an_answer())),
            false => Err(KeyWrapError::Corrupt("not a ciphertext of Transit".into())),
        });
        Ok(answers.collect())
    }

    async fn unwrap_ciphertexts(&self, items: &[&KeyToUnwrap<'_>]) -> UnwrapResult {
        let mut keys = Vec::with_capacity(items.len());
        for chunk in items.chunks(CHUNK_ITEMS) {
            let body = self.ask(Questions::Decrypt(chunk)).await?;
            keys.extend(answers::decrypted(&body, chunk.len())?);
        }
        Ok(keys)
    }

    fn accept(&self, encrypted: Encrypted) -> WrappedKey {
        self.newest_version
            .fetch_max(encrypted.key_version, Ordering::Relaxed);
        encrypted.wrapped
    }

    /// Asks even where the breaker is open: this is how an outage is found to be over.
    async fn round_trip(&self) -> Result<(), KeyWrapError> {
        let key = DataKey::generate(&*self.entropy);
        let wrapped = self.wrap_canary(&key).await?;
        let opened = self.unwrap_canary(&wrapped).await?;
        let is_same = bool::from(opened.expose_bytes().ct_eq(key.expose_bytes()));
        is_same
            .then_some(())
            .ok_or(KeyWrapError::Internal("the canary came back changed".into()))
    }

    async fn wrap_canary(&self, key: &DataKey) -> Result<WrappedKey, KeyWrapError> {
        let items = [KeyToWrap {
            associated_data: CANARY.to_vec(),
            key,
        }];
        let body = self.ask_anyway(Questions::Encrypt(&items)).await?;
        let answer = answers::encrypted(&body, items.len())?.pop();
        Ok(self.accept(answer.ok_or_else(failure::not_an_answer)??))
    }

    async fn unwrap_canary(&self, wrapped: &WrappedKey) -> Result<DataKey, KeyWrapError> {
        let item = KeyToUnwrap {
            associated_data: CANARY.to_vec(),
            wrapped,
        };
        let body = self.ask_anyway(Questions::Decrypt(&[&item])).await?;
        answers::decrypted(&body, 1)?
            .pop()
            .ok_or_else(failure::not_an_answer)?
    }
}

const CANARY: &[u8] = b"sealpost/v1/canary";

impl KeyWrapper for Transit {
    fn wrap_batch<'a>(
        &'a self,
        items: &'a [KeyToWrap<'a>],
    ) -> BoxFuture<'a, Result<Vec<WrappedKey>, KeyWrapError>> {
        self.wrap(items).boxed()
    }

    fn unwrap_batch<'a>(&'a self, items: &'a [KeyToUnwrap<'a>]) -> BoxFuture<'a, UnwrapResult> {
        self.unwrap(items).boxed()
    }

    fn canary(&self) -> BoxFuture<'_, Result<(), KeyWrapError>> {
        self.round_trip().boxed()
    }

    fn is_outdated(&self, wrapped: &WrappedKey) -> bool {
        let newest = self.newest_version.load(Ordering::Relaxed);
        version_of(wrapped).is_none_or(|version| version < newest)
    }

    fn describe(&self) -> WrapperDescription {
        let newest = self.newest_version.load(Ordering::Relaxed);
        WrapperDescription {
            kind: "openbao-transit",
            key_name: format!("{}/{}", self.mount, self.key_name),
            key_version: (newest > 0).then_some(newest),
            credential_seconds_left: self.sessions.seconds_left(),
        }
    }
}

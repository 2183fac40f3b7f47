//! A real key wrapper behind a switch, which stands for the line to it: it fails while it is cut.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::{FutureExt, future::BoxFuture};
use sealpost_relay::atrest::{
    KeyToUnwrap, KeyToWrap, KeyWrapError, KeyWrapper, UnwrapResult, WrappedKey, WrapperDescription,
};
use tokio::sync::{Semaphore, SemaphorePermit};

pub struct Breakable<W> {
    inner: W,
    failure: Mutex<Option<KeyWrapError>>,
    gate: Semaphore,
    unwraps: AtomicUsize,
    outdated: Mutex<Vec<WrappedKey>>,
}

impl<W: KeyWrapper> Breakable<W> {
    pub fn new(inner: W) -> Self {
        let gate = Semaphore::new(Semaphore::MAX_PERMITS);
        Self {
            inner,
            failure: Mutex::new(None),
            gate,
            unwraps: AtomicUsize::new(0),
            outdated: Mutex::default(),
        }
    }

    /// From now on every call fails so.
    pub fn break_with(&self, failure: KeyWrapError) {
        *self.failure.lock().unwrap() = Some(failure);
    }

    /// From now on calls work again.
    pub fn repair(&self) {
        *self.failure.lock().unwrap() = None;
    }

    /// Calls to unwrap wait until the permit is dropped.
    pub async fn hold_unwraps(&self) -> SemaphorePermit<'_> {
        let all = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
        self.gate.acquire_many(all).await.unwrap()
    }

    /// How many calls to unwrap there were.
    pub fn unwraps(&self) -> usize {
        self.unwraps.load(Ordering::SeqCst)
    }

    /// Declares these wrapped keys to be under an old version of the wrapping key.
    pub fn declare_outdated(&self, wrapped: impl IntoIterator<Item = WrappedKey>) {
        self.outdated.lock().unwrap().extend(wrapped);
    }

    fn check(&self) -> Result<(), KeyWrapError> {
        self.failure.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

impl<W: KeyWrapper> KeyWrapper for Breakable<W> {
    fn wrap_batch<'a>(
        &'a self,
        items: &'a [KeyToWrap<'a>],
    ) -> BoxFuture<'a, Result<Vec<WrappedKey>, KeyWrapError>> {
        async {
            self.check()?;
            self.inner.wrap_batch(items).await
        }
        .boxed()
    }

    fn unwrap_batch<'a>(&'a self, items: &'a [KeyToUnwrap<'a>]) -> BoxFuture<'a, UnwrapResult> {
        async {
            self.unwraps.fetch_add(1, Ordering::SeqCst);
            let _permit = self.gate.acquire().await.unwrap();
            self.check()?;
            self.inner.unwrap_batch(items).await
        }
        .boxed()
    }

    fn canary(&self) -> BoxFuture<'_, Result<(), KeyWrapError>> {
        async {
            self.check()?;
            self.inner.canary().await
        }
        .boxed()
    }

    fn is_outdated(&self, wrapped: &WrappedKey) -> bool {
        self.outdated.lock().unwrap().contains(wrapped) || self.inner.is_outdated(wrapped)
    }

    fn describe(&self) -> WrapperDescription {
        self.inner.describe()
    }
}

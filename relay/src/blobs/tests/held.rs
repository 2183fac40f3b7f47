//! A storage that makes objects when it is told to.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::Notify;

use crate::blobs::ports::{
    BlobStorage, Done, Listed, ListedUpload, SignedGet, SignedPut, StoredPart, Stores, Upload, UploadId,
};
use crate::blobs::{ObjectKey, Part};

/// Another storage, whose finishing can be held up.
pub struct Held {
    inner: Arc<dyn BlobStorage>,
    /// Hears that an object is to be made.
    pub finishing: Notify,
    /// Lets it be made.
    pub go_on: Notify,
}

impl Held {
    pub fn around(inner: Arc<dyn BlobStorage>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            finishing: Notify::new(),
            go_on: Notify::new(),
        })
    }
}

impl BlobStorage for Held {
    fn url_prefix(&self) -> &str {
        self.inner.url_prefix()
    }

    fn begin<'a>(&'a self, key: &'a ObjectKey) -> Stores<'a, UploadId> {
        self.inner.begin(key)
    }

    fn sign_put<'a>(&'a self, upload: &'a Upload, part: &'a Part) -> Stores<'a, SignedPut> {
        self.inner.sign_put(upload, part)
    }

    fn sign_get<'a>(&'a self, key: &'a ObjectKey) -> Stores<'a, SignedGet> {
        self.inner.sign_get(key)
    }

    fn parts<'a>(&'a self, upload: &'a Upload) -> Stores<'a, Vec<StoredPart>> {
        self.inner.parts(upload)
    }

    fn finish<'a>(&'a self, upload: &'a Upload, parts: &'a [Done]) -> Stores<'a, ()> {
        async move {
            self.finishing.notify_one();
            self.go_on.notified().await;
            self.inner.finish(upload, parts).await
        }
        .boxed()
    }

    fn abandon<'a>(&'a self, name: &'a str, id: &'a UploadId) -> Stores<'a, ()> {
        self.inner.abandon(name, id)
    }

    fn length<'a>(&'a self, key: &'a ObjectKey) -> Stores<'a, Option<u64>> {
        self.inner.length(key)
    }

    fn remove<'a>(&'a self, name: &'a str) -> Stores<'a, ()> {
        self.inner.remove(name)
    }

    fn list<'a>(&'a self, after: Option<&'a str>) -> Stores<'a, Vec<Listed>> {
        self.inner.list(after)
    }

    fn uploads<'a>(&'a self, after: Option<&'a ListedUpload>) -> Stores<'a, Option<Vec<ListedUpload>>> {
        self.inner.uploads(after)
    }

    fn uploads_of<'a>(&'a self, key: &'a ObjectKey) -> Stores<'a, Option<Vec<ListedUpload>>> {
        self.inner.uploads_of(key)
    }
}

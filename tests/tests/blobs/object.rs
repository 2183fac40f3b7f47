//! What whoever controls the storage has in hand: they need no relay to change it.

use std::sync::Arc;

use sealpost_protocol::hash::sha256;
use sealpost_protocol::ids::BlobId;
use sealpost_relay::blobs::ports::{BlobStorage, Done, Upload};
use sealpost_relay::blobs::{BlobKeeper, ObjectKey, Part};
use sealpost_tests::relay::http;

/// The object of a blob.
pub struct Object {
    storage: Arc<dyn BlobStorage>,
    pub key: ObjectKey,
}

impl Object {
    pub async fn of(keeper: &BlobKeeper, blob_id: BlobId) -> Self {
        let mut key = None;
        let look = |row: &sealpost_relay::blobs::ports::BlobRow| {
            if row.blob_id == blob_id {
                key = Some(row.key);
            }
        };
        keeper.inventory(look).await.unwrap();
        Self {
            storage: Arc::clone(&keeper.storage),
            key: key.expect("it is whole"),
        }
    }

    pub async fn read(&self) -> Vec<u8> {
        let at = self.storage.sign_get(&self.key).await.unwrap();
        let answer = http().get(at.url).send().await.unwrap();
        let answer = answer.error_for_status().unwrap();
        answer.bytes().await.unwrap().to_vec()
    }

    /// Makes another object of the same name.
    pub async fn replace(&self, bytes: &[u8]) {
        let id = self.storage.begin(&self.key).await.unwrap();
        let upload = Upload { key: self.key, id };
        let part = Part {
            number: 1,
            length: bytes.len() as u64,
            sha256: sha256(bytes),
        };
        let at = self.storage.sign_put(&upload, &part).await.unwrap();
        // Of nothing, too, it is signed how long it is.
        let request = http().put(at.url).header("content-length", bytes.len());
        let request = request.body(bytes.to_vec());
        let request = at.headers.iter().fold(request, |request, header| {
            request.header(&header.name, &header.value)
        });
        let answer = request.send().await.unwrap().error_for_status().unwrap();
        let etag = answer.headers()["etag"].to_str().unwrap();
        let done = Done {
            number: part.number,
            length: part.length,
            sha256: part.sha256,
            etag: etag.trim_matches('"').to_owned(),
        };
        self.storage.finish(&upload, &[done]).await.unwrap();
    }

    pub async fn remove(&self) {
        self.storage.remove(&self.key.to_string()).await.unwrap();
    }
}

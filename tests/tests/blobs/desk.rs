//! Alice and Bob at a relay with a storage, with clients that ask for anything.

use std::sync::Arc;

use reqwest::{Method, RequestBuilder, Response};
use sealpost_protocol::hash::sha256;
use sealpost_protocol::http::{
    BlobComplete, BlobDownload, BlobPart, BlobPartDone, BlobPartUrl, BlobPartUrls, BlobPartsRequest,
    BlobReferenced, BlobReserve, BlobReserved, HttpHeader, Problem, paths,
};
use sealpost_protocol::ids::BlobId;
use sealpost_protocol::limits::MIN_BLOB_PART;
use sealpost_relay::blobs::{BlobKeeper, Reach, Repair};
use sealpost_tests::bare::{ORIGIN, Person, Room, Socket};
use sealpost_tests::database::Database;
use sealpost_tests::proxy::FaultProxy;
use sealpost_tests::relay::{Relay, RelayOptions, http};
use sealpost_tests::transfers::{Later, Store};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use crate::shelf::{storage, with_storage};

/// A relay with a storage, and a space of Alice and Bob.
pub struct Desk {
    pub relay: Relay,
    pub store: Store,
    pub alice: Person,
    pub bob: Person,
    pub room: Room,
    pub http: reqwest::Client,
    _link: FaultProxy,
    _folder: TempDir,
}

impl Desk {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With these keys of the configuration set.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (store, link) = storage(&folder.path().join("objects")).await;
        let options =
            RelayOptions::on(&Database::create().await).with("SEALPOST__SERVER__PUBLIC_URL", ORIGIN);
        let options = settings
            .iter()
            .fold(options, |options, (key, value)| options.with(key, value));
        let relay = Relay::start(with_storage(options, &store, &link)).await;
        let address = relay.addresses().public;
        let alice = Person::register(address, "alice").await;
        let bob = Person::register(address, "bob").await;
        let mut socket = Socket::log_in(address.ip(), address, &alice).await.unwrap();
        let room = Room::make(&mut socket, &alice, &[&bob]).await;
        Self {
            relay,
            store,
            alice,
            bob,
            room,
            http: http(),
            _link: link,
            _folder: folder,
        }
    }

    /// Takes Bob out.
    pub async fn remove_bob(&self) {
        let address = self.relay.addresses().public;
        let mut socket = Socket::log_in(address.ip(), address, &self.alice).await.unwrap();
        let answer = socket
            .ask(self.room.remove(&self.alice, &self.bob))
            .await
            .unwrap();
        let text = format!("{answer:?}");
        assert!(text.contains("nack: None"), "{text}");
    }

    pub async fn reserve(&self, who: &Person, blob: u8, bytes: u64) -> Result<u64, Problem> {
        let body = BlobReserve {
            space_id: self.room.id,
            blob_id: id(blob),
            part_bytes: MIN_BLOB_PART,
            bytes,
        };
        let reserved: BlobReserved = self.post(who, paths::BLOBS, &body).await?;
        Ok(reserved.bytes)
    }

    /// Where the only part can be put.
    pub async fn sign(&self, who: &Person, blob: u8, bytes: &[u8]) -> Result<BlobPartUrl, Problem> {
        let part = BlobPart {
            number: 1,
            length: bytes.len() as u64,
            sha256: sha256(bytes).to_vec().into(),
        };
        let path = paths::blob_parts(&self.room.id, &id(blob));
        let body = BlobPartsRequest { parts: vec![part] };
        let mut signed: BlobPartUrls = self.post(who, &path, &body).await?;
        Ok(signed.parts.remove(0))
    }

    pub async fn complete(&self, who: &Person, blob: u8, list: &BlobComplete) -> Result<(), Problem> {
        let path = paths::blob_complete(&self.room.id, &id(blob));
        self.post(who, &path, list).await
    }

    pub async fn download(&self, who: &Person, blob: u8) -> Result<BlobDownload, Problem> {
        let path = paths::blob(&self.room.id, &id(blob));
        answered(self.request(who, Method::GET, &path)).await
    }

    pub async fn delete(&self, who: &Person, blob: u8) -> Result<(), Problem> {
        let path = paths::blob(&self.room.id, &id(blob));
        answered(self.request(who, Method::DELETE, &path)).await
    }

    /// Says that an event refers to it, so that it is kept.
    pub async fn keep(&self, who: &Person, blob: u8) {
        let path = paths::blob_reference(&self.room.id, &id(blob));
        let noted: Result<(), Problem> = self.post(who, &path, &BlobReferenced { seq: 1 }).await;
        noted.unwrap();
    }

    /// Puts a blob of one part, and keeps it.
    pub async fn store_blob(&self, who: &Person, blob: u8, bytes: &[u8]) {
        self.reserve(who, blob, bytes.len() as u64).await.unwrap();
        let at = self.sign(who, blob, bytes).await.unwrap();
        let etag = self.put(&at.url, &at.headers, bytes).await.unwrap();
        self.complete(who, blob, &list(bytes, &etag)).await.unwrap();
        self.keep(who, blob).await;
    }

    /// Puts bytes where an address says; gives their tag, if they were taken.
    pub async fn put(&self, url: &str, headers: &[HttpHeader], bytes: &[u8]) -> Option<String> {
        let request = self.http.put(url).body(bytes.to_vec());
        let request = headers.iter().fold(request, |request, header| {
            request.header(&header.name, &header.value)
        });
        // A server may cut the connection of who sends too much.
        let answer = request.send().await.ok()?;
        let etag = |answer: Response| answer.headers()["etag"].to_str().unwrap().to_owned();
        answer.status().is_success().then(|| etag(answer))
    }

    /// Sweeps as if days had gone by, and holds ledger and bucket against each other; gives how many objects there are.
    pub async fn settled(&self) -> u64 {
        let keeper = BlobKeeper {
            clock: Arc::new(Later),
            ..self.relay.blob_keeper()
        };
        let swept = keeper.sweep(Reach::Usual, |_| ()).await.unwrap();
        assert_eq!(swept.kept, 0);
        let compared = keeper.reconcile(Repair::Report, |difference| panic!("{difference:?}"));
        let compared = compared.await.unwrap();
        assert_eq!(compared.blobs, compared.objects);
        if let Some(files) = self.store.objects() {
            assert_eq!(files.len() as u64, compared.objects);
        }
        compared.objects
    }

    async fn post<T: DeserializeOwned>(
        &self,
        who: &Person,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Problem> {
        answered(self.request(who, Method::POST, path).json(body)).await
    }

    fn request(&self, who: &Person, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.relay.addresses().url());
        self.http.request(method, url).bearer_auth(&who.bearer)
    }
}

async fn answered<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, Problem> {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    if !status.is_success() {
        return Err(serde_json::from_str(&text).expect(&text));
    }
    // Where there is nothing to say, nothing is said.
    let text = if text.is_empty() { "null" } else { &text };
    Ok(serde_json::from_str(text).expect(text))
}

pub fn id(blob: u8) -> BlobId {
    BlobId::new([blob; 16])
}

/// What says that a blob is of this one part.
pub fn list(bytes: &[u8], etag: &str) -> BlobComplete {
    let part = BlobPartDone {
        number: 1,
        length: bytes.len() as u64,
        sha256: sha256(bytes).to_vec().into(),
        etag: etag.to_owned(),
    };
    BlobComplete {
        bytes: part.length,
        sha256: part.sha256.clone(),
        parts: vec![part],
    }
}

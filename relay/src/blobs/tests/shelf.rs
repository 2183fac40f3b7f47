use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Response, StatusCode};
use sealpost_protocol::http::{
    BlobComplete, BlobPart, BlobPartDone, BlobPartUrl, BlobPartsRequest, BlobReserve, HttpHeader,
};
use sealpost_protocol::ids::BlobId;
use sealpost_protocol::limits::MIN_BLOB_PART;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::blobs::ports::{BlobLedger, BlobState, BlobStorage, Usage};
use crate::blobs::s3::{S3Settings, S3Storage};
use crate::blobs::{BlobError, BlobParts, BlobService, BlobSettings, Caller};
use crate::clock::{Clock, SystemClock};
use crate::embedded::{ObjectStore, object_store};
use crate::entropy::SystemEntropy;
use crate::log::LogService;
use crate::log::tests::actors::Actor;
use crate::log::tests::chat::Chat;
use crate::store::Store;
use crate::testing::TestLog;

/// The length of parts here: the shortest there can be.
pub const PART: u64 = MIN_BLOB_PART;

/// A relay with a space of Alice and Bob, and a storage.
pub struct Shelf {
    pub log: TestLog,
    pub relay: LogService,
    pub chat: Chat,
    pub alice: Actor,
    pub bob: Actor,
    pub store: Store,
    pub objects: ObjectStore,
    pub blobs: BlobService,
    pub http: reqwest::Client,
    _folder: TempDir,
}

impl Shelf {
    pub async fn new() -> Self {
        Self::with(BlobSettings::default()).await
    }

    pub async fn with(settings: BlobSettings) -> Self {
        let log = TestLog::new().await;
        let relay = log.relay().await;
        let (alice, bob) = (Actor::alice(), Actor::bob());
        let mut chat = Chat::create(&relay, &alice).await;
        chat.add(&relay, &alice, &bob).await;
        let folder = TempDir::new().unwrap();
        let objects = start_objects(&folder).await;
        let store = log.database.store().await;
        let storage = Arc::new(storage(&objects, Arc::new(SystemClock)));
        let blobs = service(&log, &relay, &store, storage, settings);
        Self {
            log,
            relay,
            chat,
            alice,
            bob,
            store,
            objects,
            blobs,
            http: http(),
            _folder: folder,
        }
    }

    /// Another relay's blobs on the same database and storage, with this storage's clock.
    pub fn second(&self, clock: Arc<dyn Clock>) -> BlobService {
        let storage = Arc::new(storage(&self.objects, clock));
        service(
            &self.log,
            &self.relay,
            &self.store,
            storage,
            *self.blobs.settings(),
        )
    }

    /// This relay's blobs with a storage around its own.
    pub fn around(&self, storage: Arc<dyn BlobStorage>) -> BlobService {
        let parts = BlobParts {
            storage,
            ..self.blobs.parts.clone()
        };
        BlobService::new(parts, *self.blobs.settings())
    }

    pub async fn reserve(&self, who: &Actor, blob: u8, bytes: u64) -> Result<u64, BlobError> {
        let request = BlobReserve {
            space_id: self.chat.id(),
            blob_id: id(blob),
            part_bytes: PART,
            bytes,
        };
        let reserved = self.blobs.reserve(caller(who), &request).await?;
        Ok(reserved.bytes)
    }

    pub async fn sign(&self, who: &Actor, blob: u8, parts: &[&[u8]]) -> Result<Vec<BlobPartUrl>, BlobError> {
        let request = BlobPartsRequest {
            parts: parts
                .iter()
                .zip(1..)
                .map(|(bytes, number)| part(number, bytes))
                .collect(),
        };
        let signed = self
            .blobs
            .sign_parts(caller(who), self.chat.id(), id(blob), &request);
        Ok(signed.await?.parts)
    }

    pub async fn complete(&self, who: &Actor, blob: u8, list: &BlobComplete) -> Result<(), BlobError> {
        let completed = self.blobs.complete(caller(who), self.chat.id(), id(blob), list);
        completed.await
    }

    pub async fn delete(&self, who: &Actor, blob: u8) -> Result<(), BlobError> {
        let space = self.chat.id();
        self.blobs.delete(caller(who), space, id(blob), None).await
    }

    pub async fn reference(&self, who: &Actor, blob: u8, seq: u64) -> Result<(), BlobError> {
        let noted = self
            .blobs
            .note_reference(caller(who), self.chat.id(), id(blob), seq);
        noted.await
    }

    /// What a member fetches.
    pub async fn fetch(&self, who: &Actor, blob: u8) -> Result<Vec<u8>, BlobError> {
        let signed = self
            .blobs
            .sign_download(caller(who), self.chat.id(), id(blob))
            .await?;
        let answer = self.http.get(&signed.url).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        Ok(answer.bytes().await.unwrap().to_vec())
    }

    /// Puts bytes where an address says.
    pub async fn put(&self, at: &BlobPartUrl, bytes: &[u8]) -> reqwest::Result<Response> {
        self.put_with(&at.url, &at.headers, bytes).await
    }

    pub async fn put_with(
        &self,
        url: &str,
        headers: &[HttpHeader],
        bytes: &[u8],
    ) -> reqwest::Result<Response> {
        let request = self.http.put(url).body(bytes.to_vec());
        let request = headers.iter().fold(request, |request, header| {
            request.header(&header.name, &header.value)
        });
        request.send().await
    }

    /// Puts all parts and returns the list of them.
    pub async fn put_parts(&self, who: &Actor, blob: u8, parts: &[&[u8]]) -> BlobComplete {
        let signed = self.sign(who, blob, parts).await.unwrap();
        let mut done = Vec::new();
        for (at, bytes) in signed.iter().zip(parts) {
            let answer = self.put(at, bytes).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            done.push(self.done(at.number, bytes, etag(&answer)));
        }
        list(done, parts)
    }

    pub fn done(&self, number: u32, bytes: &[u8], etag: String) -> BlobPartDone {
        BlobPartDone {
            number,
            length: bytes.len() as u64,
            sha256: Sha256::digest(bytes).to_vec().into(),
            etag,
        }
    }

    /// Everything that a client does to put a blob.
    pub async fn store_blob(&self, who: &Actor, blob: u8, parts: &[&[u8]]) {
        let bytes = parts.iter().map(|part| part.len() as u64).sum();
        self.reserve(who, blob, bytes).await.unwrap();
        let list = self.put_parts(who, blob, parts).await;
        self.complete(who, blob, &list).await.unwrap();
    }

    pub async fn state(&self, blob: u8) -> Option<BlobState> {
        let standing = self
            .blobs
            .standing(caller(&self.alice), self.chat.id())
            .await
            .unwrap();
        let row = self.store.blob(standing.space, id(blob)).await.unwrap();
        row.map(|row| row.state)
    }

    /// What the database says that spaces and accounts use, which must be the sum over the rows.
    pub async fn usage(&self) -> Usage {
        let sums = "SELECT concat(coalesce(sum(bytes), 0), ' ', count(*)) FROM blobs";
        let [rows] = self.log.database.texts(sums).await.try_into().unwrap();
        for table in ["blob_spaces", "blob_accounts"] {
            let used =
                format!("SELECT concat(coalesce(sum(bytes), 0), ' ', coalesce(sum(blobs), 0)) FROM {table}");
            assert_eq!(self.log.database.texts(used).await.join(","), rows, "{table}");
        }
        let (bytes, blobs) = rows.split_once(' ').unwrap();
        Usage {
            bytes: bytes.parse().unwrap(),
            blobs: blobs.parse().unwrap(),
        }
    }

    /// Objects and parts that the storage has.
    pub fn stored(&self) -> usize {
        let data = self.objects.bucket_folder().parent().unwrap().to_owned();
        files(&data)
    }
}

/// Files that hold what somebody put: the server's own notes are left out.
fn files(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => files(&entry.path()),
                false => usize::from(!name.ends_with(".json")),
            }
        })
        .sum()
}

fn http() -> reqwest::Client {
    // Already installed is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub async fn start_objects(folder: &TempDir) -> ObjectStore {
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    ObjectStore::start(folder.path(), any_port, &SystemEntropy)
        .await
        .unwrap()
}

pub fn settings(objects: &ObjectStore) -> S3Settings {
    let endpoint: url::Url = objects.endpoint().parse().unwrap();
    let secret_key = std::fs::read_to_string(objects.secret_key_file()).unwrap();
    S3Settings {
        bucket: object_store::BUCKET.into(),
        access_key: object_store::ACCESS_KEY.into(),
        secret_key: Zeroizing::new(secret_key),
        ..S3Settings::at(endpoint)
    }
}

fn storage(objects: &ObjectStore, clock: Arc<dyn Clock>) -> S3Storage {
    S3Storage::new(settings(objects), Duration::from_secs(300), None, clock).unwrap()
}

fn service(
    log: &TestLog,
    relay: &LogService,
    store: &Store,
    storage: Arc<S3Storage>,
    settings: BlobSettings,
) -> BlobService {
    let parts = BlobParts {
        ledger: Arc::new(store.clone()),
        storage,
        spaces: Arc::new(relay.clone()),
        clock: log.clock.clone(),
        entropy: Arc::new(SystemEntropy),
    };
    BlobService::new(parts, settings)
}

pub fn id(blob: u8) -> BlobId {
    BlobId::new([blob; 16])
}

pub fn caller(who: &Actor) -> Caller {
    Caller {
        party: who.principal().party(),
        principal: who.id(),
    }
}

pub fn part(number: u32, bytes: &[u8]) -> BlobPart {
    BlobPart {
        number,
        length: bytes.len() as u64,
        sha256: Sha256::digest(bytes).to_vec().into(),
    }
}

pub fn etag(answer: &Response) -> String {
    answer.headers()["etag"].to_str().unwrap().to_owned()
}

pub fn list(parts: Vec<BlobPartDone>, bytes: &[&[u8]]) -> BlobComplete {
    BlobComplete {
        bytes: parts.iter().map(|part| part.length).sum(),
        sha256: Sha256::digest(bytes.concat()).to_vec().into(),
        parts,
    }
}

/// Bytes that fill a part.
pub fn full_part(seed: u8) -> Vec<u8> {
    (0..PART).map(|at| (at % 251) as u8 ^ seed).collect()
}

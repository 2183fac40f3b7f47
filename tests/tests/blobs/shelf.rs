use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};

use sealpost_protocol::chain::Capabilities;
use sealpost_relay::blobs::Repair;
use sealpost_sdk::blob::BlobReference;
use sealpost_sdk::{
    Client, ClientConfig, Error, Passphrase, Progress, PutOptions, Space, SpaceOptions, Watch,
};
use sealpost_tests::command::PASSPHRASE;
use sealpost_tests::database::Database;
use sealpost_tests::proxy::{FaultProxy, Upstream};
use sealpost_tests::relay::{Relay, RelayOptions};
use sealpost_tests::removal::confirm_card;
use sealpost_tests::transfers::{Server, Store};
use tempfile::TempDir;

use crate::object::Object;

/// What a part holds, as the SDK cuts it.
pub const PART: usize = 128 * 65_536;

/// A relay with a storage behind a proxy, and a space of Alice and Bob.
pub struct Shelf {
    relay: Relay,
    pub database: Database,
    _store: Store,
    pub link: FaultProxy,
    pub alice: Client,
    pub alices: Space,
    pub bobs: Space,
    pub folder: TempDir,
}

/// A store at an address that a proxy keeps for it.
pub async fn storage(folder: &Path) -> (Store, FaultProxy) {
    let store = Server::chosen().start(folder).await;
    let link = FaultProxy::start().await;
    link.lead_to(Upstream::Tcp(store.address()));
    (store, link)
}

/// A relay that stores blobs there.
pub fn with_storage(options: RelayOptions, store: &Store, link: &FaultProxy) -> RelayOptions {
    let options = options.with("SEALPOST__ACCOUNTS__REGISTRATION", "open");
    store.for_relay(options, store.address(), link.address())
}

impl Shelf {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (store, link) = storage(&folder.path().join("objects")).await;
        let database = Database::create().await;
        let relay = Relay::start(with_storage(RelayOptions::on(&database), &store, &link)).await;
        let (alice, bob) = (
            register(&relay, &folder, "alice").await,
            register(&relay, &folder, "bob").await,
        );
        let alices = alice
            .create_space("garden", SpaceOptions::default())
            .await
            .unwrap();
        let confirmed = confirm_card(&alice, &bob).await;
        alices.add_member(&confirmed, Capabilities::WRITE).await.unwrap();
        let bobs = bob.space(alices.id()).await.unwrap();
        Self {
            relay,
            database,
            _store: store,
            link,
            alice,
            alices,
            bobs,
            folder,
        }
    }

    /// What Alice puts.
    pub async fn put(&self, bytes: &[u8], options: PutOptions) -> BlobReference {
        self.alices.put_blob(bytes, options).await.unwrap().reference
    }

    /// What Bob gets, and how it ended.
    pub async fn get(&self, reference: &BlobReference) -> (Vec<u8>, Result<(), Error>) {
        let mut got = Vec::new();
        let ended = self.bobs.get_blob(reference, &mut got, Arc::new(|_| ())).await;
        (got, ended)
    }

    /// What is stored of a blob, in the hands of whoever controls the storage.
    pub async fn object(&self, reference: &BlobReference) -> Object {
        Object::of(&self.relay.blob_keeper(), reference.blob_id).await
    }

    /// What `sealpost-relay blobs` does with these arguments.
    pub fn operator(&self, arguments: &[&str]) -> Output {
        let mut command = self.relay.operator(&self.folder.path().join("relay.toml"));
        command.arg("blobs").args(arguments).output().unwrap()
    }

    /// How many blobs the ledger has in a state.
    pub async fn in_state(&self, state: &str) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM blobs WHERE state = $1")
            .bind(state)
            .fetch_one(&mut self.database.connect().await)
            .await
            .unwrap()
    }

    /// Does something to the database behind the relay's back.
    pub async fn execute(&self, sql: &'static str) {
        let mut database = self.database.connect().await;
        sqlx::raw_sql(sql).execute(&mut database).await.unwrap();
    }

    /// How many objects the bucket has: as the ledger and it agree.
    pub async fn count(&self) -> u64 {
        let keeper = self.relay.blob_keeper();
        let compared = keeper.reconcile(Repair::Report, |_| ()).await.unwrap();
        compared.objects
    }
}

pub fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE.to_owned())
}

async fn register(relay: &Relay, folder: &TempDir, handle: &str) -> Client {
    let config = ClientConfig::new(&relay.addresses().url(), folder.path().join(handle)).unwrap();
    let (client, _recovery_code) = Client::register(config, handle, &passphrase(), None)
        .await
        .unwrap();
    client
}

/// Bytes that differ from place to place.
pub fn plaintext(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Collects what is told of progress.
pub fn watching() -> (Watch, Arc<Mutex<Vec<Progress>>>) {
    let seen = Arc::<Mutex<Vec<Progress>>>::default();
    let watched = Arc::clone(&seen);
    (
        Arc::new(move |progress| watched.lock().unwrap().push(progress)),
        seen,
    )
}

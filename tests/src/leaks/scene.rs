//! A relay on a Postgres and an OpenBao of its own, so that all their files can be looked at.

use std::{fs, path::Path};

use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use super::places::{Search, Searched};
use crate::{
    canary::Canary,
    database::OwnPostgres,
    openbao::OwnOpenBao,
    proxy::{FaultProxy, Upstream},
    relay::{ChildRelay, RelayOptions},
    transfers::{Server, Store},
};

pub(super) struct Scene {
    postgres: OwnPostgres,
    store: Store,
    /// Where the store keeps its objects.
    objects: TempDir,
    openbao: OwnOpenBao,
    /// What clients call the relay, whichever one runs.
    front: FaultProxy,
}

impl Scene {
    pub(super) async fn set() -> Self {
        let objects = tempfile::tempdir().unwrap();
        let store = Server::S3sFs.start(objects.path());
        let (postgres, openbao, store) = tokio::join!(OwnPostgres::start(), OwnOpenBao::start(), store);
        Self {
            postgres,
            store,
            objects,
            openbao,
            front: FaultProxy::start().await,
        }
    }

    /// How a relay runs on it: it logs everything there is, traces of libraries included.
    pub(super) fn options(&self) -> RelayOptions {
        let options = RelayOptions::at(&self.postgres.url())
            .with_kms(self.openbao.section())
            .behind(self.front.address())
            .with("SEALPOST__ACCOUNTS__REGISTRATION", "open")
            .with("SEALPOST__TELEMETRY__FILTER", "trace");
        let address = self.store.address();
        self.store.for_relay(options, address, address)
    }

    /// Leads people to this relay; gives the URL by which they know it.
    pub(super) fn lead_to(&self, relay: &ChildRelay) -> String {
        self.front.lead_to(Upstream::Tcp(relay.addresses().public));
        format!("http://{}", self.front.address())
    }

    /// Looks at everything but the relay's memory.
    pub(super) async fn search(&self, relay: &ChildRelay, canaries: &[Canary]) -> Vec<Searched> {
        let (_, metrics) = relay.addresses().ask_ops("/metrics").await;
        let row = self.checkpoint().await;
        let dump = self.postgres.dump();
        let (data, log) = (self.postgres.folder().join("data"), self.postgres.folder());
        let of = |place| Search::of(place, canaries);
        vec![
            of("database dump").where_there_is(&row).bytes(&dump).done(),
            of("database files")
                .where_there_is(&row)
                .folder(&data, &["pg_wal"])
                .done(),
            of("database WAL")
                .where_there_is(&row)
                .folder(&data.join("pg_wal"), &[])
                .done(),
            of("database log")
                .where_there_is(b"database system is ready")
                .file(&log.join("server.log"))
                .done(),
            of("OpenBao's logs and files")
                .where_there_is(b"transit/encrypt/relay-atrest")
                .folder(self.openbao.folder(), &[])
                .done(),
            of("relay log and traces")
                .where_there_is(b"address.public")
                .bytes(&relay.log())
                .done(),
            of("metrics")
                .where_there_is(b"sealpost_kms_calls")
                .bytes(metrics.as_bytes())
                .done(),
        ]
    }

    /// Looks at the objects of the store, and at what they are called.
    pub(super) fn search_storage(&self, canaries: &[Canary]) -> Searched {
        let key = fs::read(self.objects.path().join("secret_key")).unwrap();
        Search::of("storage of blobs", canaries)
            .where_there_is(&key)
            .folder(self.objects.path(), &[])
            .bytes(names(self.objects.path()).as_bytes())
            .done()
    }

    /// Puts into the store what a client that forgot to seal would put.
    pub(super) fn plant_in_storage(&self, text: &str) {
        fs::write(self.objects.path().join("data").join("planted"), text).unwrap();
    }

    /// Has everything written to the data files; gives a part of a row, which is then in all of them.
    async fn checkpoint(&self) -> Vec<u8> {
        let mut connection = PgConnection::connect(&self.postgres.superuser_url("sealpost"))
            .await
            .unwrap();
        let row = sqlx::query_scalar("SELECT substring(sealed FOR 24) FROM events ORDER BY seq DESC LIMIT 1")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        sqlx::raw_sql("CHECKPOINT")
            .execute(&mut connection)
            .await
            .unwrap();
        row
    }
}

/// The paths below a folder, a line each.
fn names(folder: &Path) -> String {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let lines = paths.map(|path| {
        let below = if path.is_dir() {
            names(&path)
        } else {
            String::new()
        };
        format!("{}\n{below}", path.display())
    });
    lines.collect()
}

/// Looks at the memory of a running relay, which is not stopped for it.
pub(super) fn search_memory(relay: &ChildRelay, canaries: &[Canary]) -> Searched {
    Search::of("relay memory", canaries)
        .where_there_is(b"sealpost-relay")
        .memory_of(relay.id())
        .done()
}

/// Looks at the files of devices.
pub(super) fn search_homes(homes: &[impl AsRef<Path>], canaries: &[Canary]) -> Searched {
    let search = Search::of("homes of the command", canaries).where_there_is(b"SQLite format 3");
    homes
        .iter()
        .fold(search, |search, home| search.folder(home.as_ref(), &[]))
        .done()
}

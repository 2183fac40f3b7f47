//! The device's store: one SQLite file in the home folder, every value of substance sealed under a device key.
//!
//! Several processes may share one home. Each change is one transaction that is on the disk when the call returns (WAL,
//! `synchronous=FULL`); a crash leaves either all of it or nothing.

pub(crate) mod account;
mod check;
mod ended;
pub(crate) mod lock;
pub(crate) mod log;
pub(crate) mod outbox;
mod schema;
pub(crate) mod uploads;
mod vault;

use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::blocking;
use crate::error::{Error, StoreError};
use crate::secret::SecretBytes;
use lock::is_own_lock;
use vault::Vault;

pub use check::StoreReport;
pub use lock::AGENT_RUN_LOCK;

const DATABASE: &str = "store.sqlite3";
/// How long a process waits for another one that writes to the same home.
const BUSY: Duration = Duration::from_secs(30);

/// A handle on the store; clones share it.
#[derive(Clone)]
pub(crate) struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    connection: Mutex<Connection>,
    vault: Vault,
    home: PathBuf,
}

/// One transaction. Dropped without a commit, it never happened.
pub(crate) struct StoreTransaction<'a> {
    sql: Transaction<'a>,
    vault: &'a Vault,
}

impl Store {
    /// Opens the store in `home`; makes folder, device key and tables where they are missing.
    pub(crate) async fn open(home: &Path) -> Result<Self, Error> {
        let home = home.to_owned();
        blocking::run(move || Self::open_blocking(&home)).await
    }

    fn open_blocking(home: &Path) -> Result<Self, Error> {
        prepare_home(home)?;
        let database = home.join(DATABASE);
        let vault = Vault::open(home, database.exists())?;
        let mut connection = Connection::open(&database)?;
        configure(&connection)?;
        make_private(&database)?;
        schema::migrate(&mut connection)?;
        Ok(Self {
            shared: Arc::new(Shared {
                connection: Mutex::new(connection),
                vault,
                home: home.to_owned(),
            }),
        })
    }

    /// Runs `work` in a transaction that may write, on a blocking thread. It is durable when this returns `Ok`; an error
    /// of `work` undoes it.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&StoreTransaction<'_>) -> Result<T, Error> + Send + 'static,
    {
        self.run(TransactionBehavior::Immediate, work).await
    }

    /// Runs `work` on one consistent view of the store, on a blocking thread.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&StoreTransaction<'_>) -> Result<T, Error> + Send + 'static,
    {
        self.run(TransactionBehavior::Deferred, work).await
    }

    /// The folder that holds the store.
    pub(crate) fn home(&self) -> &Path {
        &self.shared.home
    }

    /// Whether there is a store in `home`.
    pub(crate) fn exists(home: &Path) -> bool {
        home.join(DATABASE).exists()
    }

    /// Makes everything in the store of `home` unreadable for good by deleting the device key, then deletes the files, whether
    /// or not they can be read. Handles on the same home fail from here on.
    pub(crate) fn destroy(home: &Path) -> Result<(), Error> {
        vault::destroy(home)?;
        for suffix in ["", "-wal", "-shm"] {
            let path = home.join(format!("{DATABASE}{suffix}"));
            remove_if_there(&path)?;
        }
        // Their names tell which spaces the account was in.
        for entry in list(home)? {
            if is_own_lock(&entry) {
                remove_if_there(&entry)?;
            }
        }
        Ok(())
    }

    async fn run<T, F>(&self, behavior: TransactionBehavior, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&StoreTransaction<'_>) -> Result<T, Error> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        blocking::run(move || shared.transact(behavior, work)).await
    }
}

impl Shared {
    fn transact<T>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&StoreTransaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // A panic inside a transaction rolled it back; the connection itself is whole.
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = StoreTransaction {
            sql: connection.transaction_with_behavior(behavior)?,
            vault: &self.vault,
        };
        let result = work(&transaction)?;
        transaction.sql.commit()?;
        Ok(result)
    }
}

impl<'a> StoreTransaction<'a> {
    /// The SQL side.
    pub(crate) fn sql(&self) -> &Transaction<'a> {
        &self.sql
    }

    /// Seals a value for the row `key` of `table`; it opens there and nowhere else.
    pub(crate) fn seal(&self, table: &'static str, key: &[&[u8]], value: &[u8]) -> Vec<u8> {
        self.vault.seal(table, key, value)
    }

    /// By what a row is found whose name is secret.
    pub(crate) fn index(&self, table: &'static str, name: &str) -> String {
        self.vault.index(table, name)
    }

    /// Opens what [`Self::seal`] made for the same row.
    pub(crate) fn open(
        &self,
        table: &'static str,
        key: &[&[u8]],
        sealed: &[u8],
    ) -> Result<SecretBytes, Error> {
        self.vault.open_or_damaged(table, key, sealed)
    }
}

fn configure(connection: &Connection) -> Result<(), Error> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(())
}

/// Removes what may be there, on the way out of something that has failed and says so.
fn remove_after_failure(path: &Path) {
    if let Err(error) = remove_if_there(path) {
        tracing::warn!(error = %error, "an unfinished file stays");
    }
}

/// Makes the folder where it is missing, and refuses one that others may touch.
pub(crate) fn prepare_home(home: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(home)
        .map_err(|source| file_error("creating the folder", home, source))?;
    expect_private(home)
}

/// Refuses a file or folder that the group or others may touch.
fn expect_private(path: &Path) -> Result<(), Error> {
    let metadata = path
        .metadata()
        .map_err(|source| file_error("looking at", path, source))?;
    if metadata.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(StoreError::NotPrivate(path.display().to_string()).into())
}

fn make_private(path: &Path) -> Result<(), Error> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .map_err(|source| file_error("making private", path, source))
}

fn remove_if_there(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(file_error("removing", path, source))
        }
        _ => Ok(()),
    }
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(|source| file_error("listing", folder, source))
}

/// Makes the names in a folder durable.
fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| file_error("syncing", folder, source))
}

/// What the system said while this was done with a file or folder.
pub(crate) fn file_error(what: &str, path: &Path, source: std::io::Error) -> Error {
    let what = format!("{what} {}", path.display());
    StoreError::File { what, source }.into()
}

#[cfg(test)]
mod tests;

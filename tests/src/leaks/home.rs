//! The secrets of a device, read from its home with its device key: what a thief of the whole folder has, and nobody else.

use std::{fs, path::Path};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use prost::Message;
use rusqlite::{Connection, OpenFlags};
use sealpost_protocol::{
    hash::{Label, framed},
    limits,
};

use super::secret::Secret;

/// The sealed value of the row `account`, as far as it holds secrets.
#[derive(Message)]
#[prost(skip_debug)]
struct AccountRow {
    #[prost(bytes = "vec", tag = "4")]
    session_token: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    root_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    content: Vec<u8>,
}

/// The content of a keystore, as far as it holds secrets.
#[derive(Message)]
#[prost(skip_debug)]
struct KeystoreContent {
    #[prost(bytes = "vec", tag = "1")]
    signing_seed: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    hpke_seed: Vec<u8>,
    /// Empty where the account has none.
    #[prost(bytes = "vec", tag = "6")]
    device_secret: Vec<u8>,
}

/// Every secret of the device; nothing may use the home meanwhile.
pub(super) fn secrets(home: &Path) -> Vec<Secret> {
    // A copy, because whoever opens a database may tidy it up.
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(home).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let key = fs::read(copy.path().join("device.key")).unwrap();
    let vault = Vault(XChaCha20Poly1305::new_from_slice(&key).unwrap());
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let store = Connection::open_with_flags(copy.path().join("store.sqlite3"), flags).unwrap();
    let mut secrets = vault.account(&store);
    secrets.extend(vault.epochs(&store));
    secrets
}

struct Vault(XChaCha20Poly1305);

impl Vault {
    fn open(&self, row: &[&[u8]], sealed: &[u8]) -> Vec<u8> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<{ limits::NONCE }>().unwrap();
        let payload = Payload {
            msg: ciphertext,
            aad: &framed(Label::DEVICE_STORE, row),
        };
        self.0.decrypt(&XNonce::from(*nonce), payload).unwrap()
    }

    fn account(&self, store: &Connection) -> Vec<Secret> {
        let sql = "SELECT account_id, sealed FROM account";
        let (id, sealed): (Vec<u8>, Vec<u8>) = store
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        let row = AccountRow::decode(&self.open(&[b"account", &id], &sealed)[..]).unwrap();
        let content = KeystoreContent::decode(&row.content[..]).unwrap();
        let mut secrets = vec![
            Secret::new("session token", row.session_token).that_the_relay_sees(),
            Secret::new("keystore's root key", row.root_key),
            Secret::new("signing key", content.signing_seed),
            Secret::new("HPKE key", content.hpke_seed),
        ];
        if !content.device_secret.is_empty() {
            secrets.push(Secret::new("device secret", content.device_secret));
        }
        secrets
    }

    fn epochs(&self, store: &Connection) -> Vec<Secret> {
        let sql = "SELECT space_id, key_id, secret FROM epoch
                   JOIN space ON space.number = epoch.space WHERE secret IS NOT NULL";
        let mut statement = store.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.unwrap()
            .map(|row| {
                let (space, key_id, sealed): (Vec<u8>, Vec<u8>, Vec<u8>) = row.unwrap();
                Secret::new("epoch secret", self.open(&[b"epoch", &space, &key_id], &sealed))
            })
            .collect()
    }
}

//! Tables of the account half: who this device is, what it pinned of its relay, and whose manifests it holds.

use bytes::Bytes;
use prost::Message;
use rusqlite::{OptionalExtension, params};
use sealpost_protocol::hash::Digest32;
use sealpost_protocol::http::SecretToken;
use sealpost_protocol::ids::{AccountId, Incarnation, PrincipalId, SessionId};
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::wire::SignedManifest;
use zeroize::{Zeroize, Zeroizing};

use super::StoreTransaction;
use crate::error::{Error, StoreError};
use crate::keystore::{Content, GENERATIONS_PER_LIFE, RelayPin, SealedKeystore};
use crate::secret::SecretKey;

/// Their first form.
pub(super) const TABLES: &str = "
-- The one account of this home.
CREATE TABLE account (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    account_id BLOB NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

-- What was pinned at the first contact with a relay.
CREATE TABLE relay (
    origin TEXT PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;

-- Manifests of other people, candidates and confirmed ones, with the handle each came under.
CREATE TABLE contact (
    principal_id BLOB PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;
";

/// The keys that relays sign checkpoints with, as each named its own first.
pub(super) const CHECKPOINT_KEYS: &str = "
CREATE TABLE checkpoint_key (
    origin TEXT PRIMARY KEY,
    key BLOB NOT NULL
) STRICT;
";

const ACCOUNT: &str = "account";
const RELAY: &str = "relay";
const CONTACT: &str = "contact";

/// What this device knows of its account: enough to work without the passphrase.
pub(crate) struct LocalAccount {
    pub(crate) account_id: AccountId,
    pub(crate) handle: String,
    /// The relay's origin; the session token goes nowhere else.
    pub(crate) origin: String,
    pub(crate) session: Session,
    pub(crate) root_key: SecretKey,
    /// The newest keystore this device has seen.
    pub(crate) generation: Generation,
    pub(crate) content: Content,
    /// How the relay lists this device; empty in a home that was logged in before this was kept.
    pub(crate) device_name: String,
    /// Whose agent this is, as the pairing code named them; none for a person. What an agent has is here and nowhere else.
    pub(crate) owner: Option<PrincipalId>,
    /// The life of the relay's database in which it had the newest keystore; none in a home from before this was kept.
    pub(crate) incarnation: Option<Incarnation>,
    /// Keystores that this device had seen before the newest, oldest first: the last [`MOST_EARLIER`].
    pub(crate) earlier: Vec<Generation>,
}

/// How many keystores a device remembers to have seen.
const MOST_EARLIER: usize = 64;

/// A session at the relay.
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) token: SecretToken,
}

/// Which keystore it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    pub(crate) number: u64,
    pub(crate) digest: Digest32,
}

impl Generation {
    pub(crate) fn of(sealed: &SealedKeystore) -> Self {
        Self {
            number: sealed.generation(),
            digest: sealed.digest(),
        }
    }

    /// How often the keystore had been put back after a restore of the relay.
    pub(crate) fn life(&self) -> u64 {
        self.number / GENERATIONS_PER_LIFE
    }
}

/// Another principal's manifest, and the handle it came under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredContact {
    pub(crate) handle: String,
    pub(crate) manifest: Manifest,
}

/// The sealed value of the row in `account`.
#[derive(Message)]
#[prost(skip_debug)]
struct AccountRow {
    #[prost(string, tag = "1")]
    handle: String,
    #[prost(string, tag = "2")]
    origin: String,
    #[prost(bytes = "vec", tag = "3")]
    session_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    session_token: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    root_key: Vec<u8>,
    #[prost(uint64, tag = "6")]
    generation: u64,
    #[prost(bytes = "vec", tag = "7")]
    digest: Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    content: Vec<u8>,
    #[prost(string, tag = "9")]
    device_name: String,
    #[prost(bytes = "vec", tag = "10")]
    owner: Vec<u8>,
    #[prost(bytes = "vec", tag = "11")]
    incarnation: Vec<u8>,
    #[prost(message, repeated, tag = "12")]
    earlier: Vec<GenerationRow>,
}

#[derive(Clone, PartialEq, Message)]
struct GenerationRow {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(bytes = "vec", tag = "2")]
    digest: Vec<u8>,
}

/// The sealed value of a row in `contact`.
#[derive(Clone, PartialEq, Message)]
struct ContactRow {
    #[prost(string, tag = "1")]
    handle: String,
    #[prost(bytes = "bytes", tag = "2")]
    manifest: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    signature: Bytes,
}

impl StoreTransaction<'_> {
    /// The account of this home; `None` before the first login.
    pub(crate) fn account(&self) -> Result<Option<LocalAccount>, Error> {
        let row: Option<(Vec<u8>, Vec<u8>)> = self
            .sql()
            .query_row("SELECT account_id, sealed FROM account WHERE id = 1", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let Some((account_id, sealed)) = row else {
            return Ok(None);
        };
        let value = self.open(ACCOUNT, &[&account_id], &sealed)?;
        LocalAccount::decode(&account_id, &value)
            .ok_or_else(|| damaged(ACCOUNT))
            .map(Some)
    }

    /// Writes the account of this home, unless it is another one's.
    pub(crate) fn put_account(&self, account: &LocalAccount) -> Result<(), Error> {
        let is_other = |before: LocalAccount| before.content.identity.id() != account.content.identity.id();
        if self.account()?.is_some_and(is_other) {
            // Writer chains belong to a principal.
            self.sql().execute("DELETE FROM own_writer", [])?;
        }
        let id = account.account_id.as_bytes();
        let sealed = self.seal(ACCOUNT, &[id], &account.encode());
        let changed = self.sql().execute(
            "INSERT INTO account (id, account_id, sealed) VALUES (1, ?1, ?2)
             ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed WHERE account_id = excluded.account_id",
            params![id, sealed],
        )?;
        (changed == 1)
            .then_some(())
            .ok_or(StoreError::OtherAccount.into())
    }

    /// What was pinned of the relay with this origin.
    pub(crate) fn relay_pin(&self, origin: &str) -> Result<Option<RelayPin>, Error> {
        let sealed: Option<Vec<u8>> = self
            .sql()
            .query_row("SELECT sealed FROM relay WHERE origin = ?1", [origin], |row| {
                row.get(0)
            })
            .optional()?;
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let value = self.open(RELAY, &[origin.as_bytes()], &sealed)?;
        RelayPin::decode(&value).ok_or_else(|| damaged(RELAY)).map(Some)
    }

    /// The origins of the relays of which something was pinned.
    pub(crate) fn known_relays(&self) -> Result<Vec<String>, Error> {
        let mut statement = self.sql().prepare("SELECT origin FROM relay")?;
        let origins = statement.query_map([], |row| row.get(0))?;
        Ok(origins.collect::<Result<_, _>>()?)
    }

    /// Pins a relay.
    pub(crate) fn pin_relay(&self, origin: &str, pin: RelayPin) -> Result<(), Error> {
        let sealed = self.seal(RELAY, &[origin.as_bytes()], &pin.encode());
        self.sql().execute(
            "INSERT INTO relay (origin, sealed) VALUES (?1, ?2)
             ON CONFLICT (origin) DO UPDATE SET sealed = excluded.sealed",
            params![origin, sealed],
        )?;
        Ok(())
    }

    /// The key that a relay signs checkpoints with, if it has named one to this device.
    pub(crate) fn checkpoint_key(&self, origin: &str) -> Result<Option<[u8; 32]>, Error> {
        let sql = "SELECT key FROM checkpoint_key WHERE origin = ?1";
        let key = self.sql().query_row(sql, [origin], |row| row.get(0));
        Ok(key.optional()?)
    }

    /// Pins the key that a relay names for its checkpoints, unless it has named one before; returns the pinned one.
    pub(crate) fn pin_checkpoint_key(&self, origin: &str, key: &[u8; 32]) -> Result<[u8; 32], Error> {
        self.sql().execute(
            "INSERT INTO checkpoint_key (origin, key) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![origin, key],
        )?;
        Ok(self.checkpoint_key(origin)?.unwrap_or(*key))
    }

    /// Every manifest this device holds of others.
    pub(crate) fn contacts(&self) -> Result<Vec<StoredContact>, Error> {
        let mut statement = self.sql().prepare("SELECT principal_id, sealed FROM contact")?;
        let mut rows = statement.query([])?;
        let mut contacts = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, sealed): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let value = self.open(CONTACT, &[&id], &sealed)?;
            contacts.push(StoredContact::decode(&value).ok_or_else(|| damaged(CONTACT))?);
        }
        Ok(contacts)
    }

    /// The same as they were signed, each with its handle, sorted by principal.
    pub(crate) fn signed_contacts(&self) -> Result<Vec<(String, SignedManifest)>, Error> {
        let mut statement = self
            .sql()
            .prepare("SELECT principal_id, sealed FROM contact ORDER BY principal_id")?;
        let mut rows = statement.query([])?;
        let mut contacts = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, sealed): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let value = self.open(CONTACT, &[&id], &sealed)?;
            let row = ContactRow::decode(&value[..]).map_err(|_| damaged(CONTACT))?;
            contacts.push(row.into_signed());
        }
        Ok(contacts)
    }

    /// Keeps a manifest whose signature was checked.
    pub(crate) fn put_contact(
        &self,
        handle: &str,
        signed: &SignedManifest,
        id: &PrincipalId,
    ) -> Result<(), Error> {
        let row = ContactRow {
            handle: handle.to_owned(),
            manifest: signed.manifest.clone(),
            signature: signed.signature.clone(),
        };
        let sealed = self.seal(CONTACT, &[id.as_bytes()], &row.encode_to_vec());
        self.sql().execute(
            "INSERT INTO contact (principal_id, sealed) VALUES (?1, ?2)
             ON CONFLICT (principal_id) DO UPDATE SET sealed = excluded.sealed",
            params![id.as_bytes(), sealed],
        )?;
        Ok(())
    }

    /// Forgets a manifest.
    pub(crate) fn remove_contact(&self, id: &PrincipalId) -> Result<(), Error> {
        self.sql()
            .execute("DELETE FROM contact WHERE principal_id = ?1", [id.as_bytes()])?;
        Ok(())
    }
}

impl LocalAccount {
    /// An account with this keystore content.
    #[cfg(test)]
    pub(crate) fn for_tests(content: Content) -> Self {
        Self {
            account_id: AccountId::new([1; 16]),
            handle: "alice".to_owned(),
            origin: "https://relay.example.org".to_owned(),
            session: Session {
                id: SessionId::new([2; 16]),
                token: SecretToken::new(Zeroizing::new([3; 32])),
            },
            root_key: [4; 32].into(),
            generation: Generation {
                number: 1,
                digest: [5; 32],
            },
            content,
            device_name: "device".to_owned(),
            owner: None,
            incarnation: None,
            earlier: Vec::new(),
        }
    }

    /// Notes another keystore as the newest.
    pub(crate) fn go_on_to(&mut self, newest: Generation) {
        self.earlier = self.line();
        self.generation = newest;
    }

    /// The keystores that this device remembers to have seen, oldest first.
    pub(crate) fn line(&self) -> Vec<Generation> {
        let all = self.earlier.iter().chain([&self.generation]);
        let too_many = (self.earlier.len() + 1).saturating_sub(MOST_EARLIER);
        all.skip(too_many).copied().collect()
    }

    /// Whether this device remembers to have seen a keystore.
    pub(crate) fn has_seen(&self, generation: Generation) -> bool {
        generation == self.generation || self.earlier.contains(&generation)
    }

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut row = AccountRow {
            handle: self.handle.clone(),
            origin: self.origin.clone(),
            session_id: self.session.id.as_bytes().to_vec(),
            session_token: self.session.token.expose_bytes().to_vec(),
            root_key: self.root_key.expose_bytes().to_vec(),
            generation: self.generation.number,
            digest: self.generation.digest.to_vec(),
            content: self.content.encode().to_vec(),
            device_name: self.device_name.clone(),
            owner: self
                .owner
                .map_or_else(Vec::new, |owner| owner.as_bytes().to_vec()),
            incarnation: self
                .incarnation
                .map_or_else(Vec::new, |life| life.as_bytes().to_vec()),
            earlier: self.earlier.iter().map(GenerationRow::of).collect(),
        };
        let bytes = Zeroizing::new(row.encode_to_vec());
        row.wipe();
        bytes
    }

    fn decode(account_id: &[u8], value: &[u8]) -> Option<Self> {
        let mut row = AccountRow::decode(value).ok()?;
        let account = Self::from_row(account_id, &row);
        row.wipe();
        account
    }

    fn from_row(account_id: &[u8], row: &AccountRow) -> Option<Self> {
        let token: [u8; 32] = row.session_token[..].try_into().ok()?;
        let (content, owner) = content_and_owner(row)?;
        Some(Self {
            account_id: AccountId::try_from(account_id).ok()?,
            handle: row.handle.clone(),
            origin: row.origin.clone(),
            session: Session {
                id: SessionId::try_from(&row.session_id[..]).ok()?,
                token: SecretToken::new(Zeroizing::new(token)),
            },
            root_key: SecretKey::from_slice(&row.root_key)?,
            generation: Generation {
                number: row.generation,
                digest: row.digest[..].try_into().ok()?,
            },
            content,
            device_name: row.device_name.clone(),
            owner,
            incarnation: Incarnation::try_from(&row.incarnation[..]).ok(),
            earlier: row
                .earlier
                .iter()
                .map(GenerationRow::read)
                .collect::<Option<_>>()?,
        })
    }
}

impl GenerationRow {
    fn of(generation: &Generation) -> Self {
        Self {
            number: generation.number,
            digest: generation.digest.to_vec(),
        }
    }

    fn read(&self) -> Option<Generation> {
        Some(Generation {
            number: self.number,
            digest: self.digest[..].try_into().ok()?,
        })
    }
}

/// An agent's keys are those of an agent.
fn content_and_owner(row: &AccountRow) -> Option<(Content, Option<PrincipalId>)> {
    let content = Content::decode(&row.content)?;
    if row.owner.is_empty() {
        return Some((content, None));
    }
    let owner = PrincipalId::try_from(&row.owner[..]).ok()?;
    let identity = content.identity.into_agent();
    Some((Content { identity, ..content }, Some(owner)))
}

impl AccountRow {
    fn wipe(&mut self) {
        self.session_token.zeroize();
        self.root_key.zeroize();
        self.content.zeroize();
    }
}

impl ContactRow {
    fn into_signed(self) -> (String, SignedManifest) {
        let signed = SignedManifest {
            manifest: self.manifest,
            signature: self.signature,
        };
        (self.handle, signed)
    }
}

impl StoredContact {
    fn decode(value: &[u8]) -> Option<Self> {
        let (handle, signed) = ContactRow::decode(value).ok()?.into_signed();
        Some(Self {
            handle,
            manifest: Manifest::parse_signed(&signed).ok()?,
        })
    }
}

fn damaged(table: &'static str) -> Error {
    StoreError::Damaged { table }.into()
}

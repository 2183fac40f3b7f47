//! The keystore's bytes: canonical protobuf, as SPEC.md says in its section on keystores.

use prost::Message;

/// A sealed keystore.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SealedKeystore {
    /// 1.
    #[prost(uint32, tag = "1")]
    pub(super) version: u32,
    /// Whose it is, 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) account_id: Vec<u8>,
    /// Rises with every change.
    #[prost(uint64, tag = "3")]
    pub(super) generation: u64,
    /// Seals the root key under the passphrase.
    #[prost(message, optional, tag = "4")]
    pub(super) passphrase_slot: Option<CommittedBox>,
    /// Seals the root key under the recovery code.
    #[prost(message, optional, tag = "5")]
    pub(super) recovery_slot: Option<CommittedBox>,
    /// Seals the padded content under the root key.
    #[prost(message, optional, tag = "6")]
    pub(super) content: Option<CommittedBox>,
    /// 0: the passphrase opens its slot; 1: the passphrase and the device secret together.
    #[prost(uint32, tag = "7")]
    pub(super) passphrase_slot_kind: u32,
}

/// See [`super::committed`].
#[derive(Clone, PartialEq, Message)]
pub(super) struct CommittedBox {
    /// 32 random bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) salt: Vec<u8>,
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) commitment: Vec<u8>,
    /// 24 random bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub(super) nonce: Vec<u8>,
    /// With its tag of 16 bytes at the end.
    #[prost(bytes = "vec", tag = "4")]
    pub(super) ciphertext: Vec<u8>,
}

/// The plaintext of the content. It holds seeds: never printed, wiped by who uses it.
#[derive(Message)]
#[prost(skip_debug)]
pub(super) struct KeystoreContent {
    /// Ed25519 seed, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) signing_seed: Vec<u8>,
    /// X-Wing seed, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) hpke_seed: Vec<u8>,
    /// The relay as pinned when the passphrase was set.
    #[prost(message, optional, tag = "3")]
    pub(super) relay: Option<RelayEntry>,
    /// Sorted by id, each once.
    #[prost(message, repeated, tag = "4")]
    pub(super) spaces: Vec<SpaceEntry>,
    /// Sorted by principal id, each once.
    #[prost(message, repeated, tag = "5")]
    pub(super) contacts: Vec<ContactEntry>,
    /// The device secret, 16 bytes, where the passphrase slot needs it; else empty.
    #[prost(bytes = "vec", tag = "6")]
    pub(super) device_secret: Vec<u8>,
}

/// What is pinned of a relay.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RelayEntry {
    /// OPAQUE's static key, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) opaque_public_key: Vec<u8>,
    /// Argon2id memory in KiB.
    #[prost(uint32, tag = "2")]
    pub(super) ksf_m_kib: u32,
    /// Argon2id passes.
    #[prost(uint32, tag = "3")]
    pub(super) ksf_t: u32,
    /// Argon2id lanes.
    #[prost(uint32, tag = "4")]
    pub(super) ksf_p: u32,
}

/// A space of the account.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SpaceEntry {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) space_id: Vec<u8>,
    /// How its members call it, as its creator or this owner wrote it down.
    #[prost(string, tag = "2")]
    pub(super) name: String,
    /// A control head that was verified, 32 bytes; empty where none was pinned yet.
    #[prost(bytes = "vec", tag = "3")]
    pub(super) control_head: Vec<u8>,
    /// Its control index.
    #[prost(uint64, tag = "4")]
    pub(super) control_index: u64,
    /// A place of the log that was verified.
    #[prost(uint64, tag = "5")]
    pub(super) seq: u64,
    /// Its root, 32 bytes; empty where none was pinned yet.
    #[prost(bytes = "vec", tag = "6")]
    pub(super) root: Vec<u8>,
    /// The principal that was the member, 32 bytes, where the owner has started over with other keys since; else empty.
    #[prost(bytes = "vec", tag = "7")]
    pub(super) lost_with: Vec<u8>,
    /// Whether the owner accepted an invite that needs approval, and was not seen to be let in yet.
    #[prost(bool, tag = "8")]
    pub(super) waits_for_approval: bool,
}

/// A principal whose fingerprint the owner has confirmed.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ContactEntry {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) principal_id: Vec<u8>,
    /// Under which handle.
    #[prost(string, tag = "2")]
    pub(super) handle: String,
    /// When, by the clock of the device.
    #[prost(uint64, tag = "3")]
    pub(super) confirmed_at_ms: u64,
}

/// An account in a file, behind the line `sealpost-export:1`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ExportFile {
    /// 1.
    #[prost(uint32, tag = "1")]
    pub(super) version: u32,
    /// 32 random bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) salt: Vec<u8>,
    /// Argon2id memory in KiB.
    #[prost(uint32, tag = "3")]
    pub(super) ksf_m_kib: u32,
    /// Argon2id passes.
    #[prost(uint32, tag = "4")]
    pub(super) ksf_t: u32,
    /// Argon2id lanes.
    #[prost(uint32, tag = "5")]
    pub(super) ksf_p: u32,
    /// Seals the padded content under the stretched passphrase.
    #[prost(message, optional, tag = "6")]
    pub(super) content: Option<CommittedBox>,
}

/// The plaintext of an export. It holds seeds: never printed, wiped by who uses it.
#[derive(Message)]
#[prost(skip_debug)]
pub(super) struct ExportContent {
    /// The account at the relay, 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) account_id: Vec<u8>,
    /// Its handle.
    #[prost(string, tag = "2")]
    pub(super) handle: String,
    /// The relay's origin.
    #[prost(string, tag = "3")]
    pub(super) origin: String,
    /// When it was made, by the clock of the device.
    #[prost(uint64, tag = "4")]
    pub(super) exported_at_ms: u64,
    /// A [`KeystoreContent`].
    #[prost(bytes = "vec", tag = "5")]
    pub(super) keystore_content: Vec<u8>,
    /// Manifests of other people, candidates and confirmed ones.
    #[prost(message, repeated, tag = "6")]
    pub(super) manifests: Vec<ExportedManifest>,
}

/// Somebody's manifest, and the handle it came under.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ExportedManifest {
    /// The handle.
    #[prost(string, tag = "1")]
    pub(super) handle: String,
    /// The manifest.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) manifest: Vec<u8>,
    /// Its signature by its own key.
    #[prost(bytes = "vec", tag = "3")]
    pub(super) signature: Vec<u8>,
}

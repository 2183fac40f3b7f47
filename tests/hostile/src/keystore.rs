//! The bytes of a keystore as SPEC.md has them, in the hands of whoever stores them.

use prost::Message;

/// SPEC.md, section 5: `SealedKeystore`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SealedKeystore {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(bytes = "vec", tag = "2")]
    account_id: Vec<u8>,
    #[prost(uint64, tag = "3")]
    generation: u64,
    #[prost(message, optional, tag = "4")]
    pub(crate) passphrase_slot: Option<CommittedBox>,
    #[prost(message, optional, tag = "5")]
    recovery_slot: Option<CommittedBox>,
    #[prost(message, optional, tag = "6")]
    pub(crate) content: Option<CommittedBox>,
    #[prost(uint32, tag = "7")]
    passphrase_slot_kind: u32,
}

/// SPEC.md, section 5: `CommittedBox`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct CommittedBox {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) salt: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) commitment: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    nonce: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    ciphertext: Vec<u8>,
}

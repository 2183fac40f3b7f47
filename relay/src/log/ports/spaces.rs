//! Spaces, their members and what they use.

use bytes::Bytes;
use sealpost_protocol::ids::{AccountId, PrincipalId, SpaceId};
use time::OffsetDateTime;

use super::{Append, SpaceNumber, Stored};

/// A space to be made.
#[derive(Clone, Debug)]
pub struct NewSpace {
    /// Hash of its genesis record.
    pub space_id: SpaceId,
    /// Who makes it and pays for its storage.
    pub created_by: AccountId,
    /// Its first member.
    pub creator: PrincipalId,
    /// From the policy in the genesis record.
    pub retention_seconds: u64,
    /// The genesis record, at place 1; `after` is the start of the space.
    pub genesis: Append,
}

/// What came of making a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is stored.
    New,
    /// There is one with its id; nothing was done.
    Taken,
    /// The account that was to pay for it was deleted; nothing was done.
    NoAccount,
}

/// A space, as its row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpaceRow {
    /// Its number.
    pub number: SpaceNumber,
    /// Who pays for its storage.
    pub created_by: AccountId,
    /// Bytes of all entries, as last noted.
    pub appended_bytes: u64,
    /// Bytes that retention has dropped.
    pub dropped_bytes: u64,
    /// The record that deleted it for good, encoded; `None` while it lives.
    pub tombstone: Option<Bytes>,
    /// When this life of the database began, for a space that is older: a restore brought it back.
    pub restored_at: Option<OffsetDateTime>,
}

impl SpaceRow {
    /// Whether it was deleted for good.
    #[must_use]
    pub fn is_tombstoned(&self) -> bool {
        self.tombstone.is_some()
    }
}

/// What an account uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountUsage {
    /// Spaces it made that live.
    pub spaces: u64,
    /// Bytes stored in them, as last noted of each, and in the versions of its keystore.
    pub bytes: u64,
}

/// A space whose policy drops ciphertexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionSpace {
    /// Its number.
    pub number: SpaceNumber,
    /// How long ciphertexts are kept.
    pub retention_seconds: u64,
    /// All places before this one have been dealt with.
    pub retained_from: u64,
}

/// An entry, sealed anew without its ciphertext.
#[derive(Clone, Debug)]
pub struct DroppedCiphertext {
    /// Its place.
    pub seq: u64,
    /// The version of the row that it replaces.
    pub row_version: u64,
    /// The entry, sealed for version `row_version` + 1.
    pub sealed: Vec<u8>,
    /// How much shorter it became.
    pub dropped_bytes: u64,
}

/// Spaces and their members.
pub trait SpaceStore: Send + Sync {
    /// The space with this id.
    fn find(&self, space_id: &SpaceId) -> Stored<'_, Option<SpaceRow>>;

    /// Draws a number for a space that does not exist yet; a data key can be made for it.
    fn reserve_number(&self) -> Stored<'_, SpaceNumber>;

    /// Stores a space with its genesis record.
    fn create<'a>(&'a self, space: &'a NewSpace) -> Stored<'a, Created>;

    /// The spaces of a principal with their last places, tombstoned ones left out.
    fn spaces_of(&self, principal: &PrincipalId) -> Stored<'_, Vec<(SpaceId, u64)>>;

    /// What an account uses.
    fn usage(&self, account: &AccountId) -> Stored<'_, AccountUsage>;

    /// Notes how many bytes have been appended to a space; a smaller figure than the noted one changes nothing.
    fn note_appended(&self, space: SpaceNumber, bytes: u64) -> Stored<'_, ()>;

    /// Spaces whose policy drops ciphertexts after `longest_seconds` at most, with numbers above `after`, in order, up to `limit`.
    fn with_retention(
        &self,
        longest_seconds: u64,
        after: SpaceNumber,
        limit: u32,
    ) -> Stored<'_, Vec<RetentionSpace>>;

    /// The last place of the space that was stored before `time`, if there is one at or after `from`.
    fn last_before(&self, space: SpaceNumber, from: u64, time: OffsetDateTime) -> Stored<'_, Option<u64>>;

    /// The place of the last control record that was stored before `time`.
    fn last_control_before(&self, space: SpaceNumber, time: OffsetDateTime) -> Stored<'_, Option<u64>>;

    /// Replaces rows by what is left of them and notes that all places before `retained_from` are dealt with. Rows that
    /// are no longer of the version named are left as they are.
    fn drop_ciphertexts<'a>(
        &'a self,
        space: SpaceNumber,
        dropped: &'a [DroppedCiphertext],
        retained_from: u64,
    ) -> Stored<'a, ()>;
}

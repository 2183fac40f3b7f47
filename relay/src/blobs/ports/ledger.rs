//! The rows of the ledger.

use sealpost_protocol::hash::Digest32;
use sealpost_protocol::ids::{AccountId, BlobId, PrincipalId};
use time::OffsetDateTime;

use super::UploadId;
use crate::blobs::ObjectKey;
use crate::log::ports::{SpaceNumber, Stored, StoredOr};

/// What has become of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobState {
    /// Room is reserved; parts may be there.
    Reserved,
    /// It is there, whole.
    Uploaded,
    /// And an event refers to it.
    Referenced,
    /// It is to go, and nobody can fetch it any more.
    Tombstoned,
    /// The storage has nothing of it any more.
    Swept,
}

/// A word that is no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownState;

impl BlobState {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 5] = [
        Self::Reserved,
        Self::Uploaded,
        Self::Referenced,
        Self::Tombstoned,
        Self::Swept,
    ];

    /// The word that is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Uploaded => "uploaded",
            Self::Referenced => "referenced",
            Self::Tombstoned => "tombstoned",
            Self::Swept => "swept",
        }
    }

    /// Whether members can fetch it.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Uploaded | Self::Referenced)
    }
}

impl std::str::FromStr for BlobState {
    type Err = UnknownState;

    fn from_str(word: &str) -> Result<Self, UnknownState> {
        let mut states = Self::ALL.into_iter();
        states.find(|state| state.as_str() == word).ok_or(UnknownState)
    }
}

/// Stands where who put a blob was deleted; no manifest has this hash.
pub const NOBODY: PrincipalId = PrincipalId::new([0; 32]);

/// A blob for which room is to be reserved.
#[derive(Clone, Debug)]
pub struct NewBlob {
    /// The space.
    pub space: SpaceNumber,
    /// Its id.
    pub blob_id: BlobId,
    /// Who pays.
    pub account: AccountId,
    /// Who puts it.
    pub principal: PrincipalId,
    /// Its object, if it is the first of its space; else only the rest of the name counts.
    pub key: ObjectKey,
    /// The length of its parts.
    pub part_bytes: u64,
    /// Bytes to be reserved in all.
    pub bytes: u64,
    /// What may be used.
    pub quotas: Quotas,
    /// When.
    pub now: OffsetDateTime,
}

/// What blobs may use of the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Bytes of one account.
    pub account_bytes: u64,
    /// Bytes of one space.
    pub space_bytes: u64,
    /// Blobs of one account, and of one space.
    pub blobs: u64,
}

/// Why room was not reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReserveRefusal {
    /// The id is somebody else's, or this blob's upload is over, or its parts have another length.
    Conflict,
    /// The account or the space would use more than this.
    Quota {
        /// The quota that was met: bytes, or blobs.
        limit: u64,
    },
}

/// A blob, as its row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRow {
    /// The space.
    pub space: SpaceNumber,
    /// Its id.
    pub blob_id: BlobId,
    /// Who pays.
    pub account: AccountId,
    /// Who put it.
    pub principal: PrincipalId,
    /// Its object.
    pub key: ObjectKey,
    /// Its upload; `None` before one has begun.
    pub upload: Option<UploadId>,
    /// What has become of it.
    pub state: BlobState,
    /// The length of its parts.
    pub part_bytes: u64,
    /// Bytes reserved, or stored.
    pub bytes: u64,
    /// Hash of the stored bytes, as the author told it; `None` while it is reserved.
    pub sha256: Option<Digest32>,
}

/// A blob whose upload is over.
#[derive(Clone, Copy, Debug)]
pub struct Settled {
    /// The space.
    pub space: SpaceNumber,
    /// The blob.
    pub blob_id: BlobId,
    /// Bytes that are stored.
    pub bytes: u64,
    /// Their hash, as the author told it.
    pub sha256: Digest32,
    /// When.
    pub now: OffsetDateTime,
}

/// What is too old to be kept.
#[derive(Clone, Copy, Debug)]
pub struct StaleBefore {
    /// Uploads that have not gone on since.
    pub reserved: OffsetDateTime,
    /// Uploads that were begun before, whether they go on or not: nobody holds room for ever.
    pub begun: OffsetDateTime,
    /// Blobs that are whole since, and that no event refers to.
    pub uploaded: OffsetDateTime,
    /// Whether that holds for rows, too, which nothing has touched since this life of the database began. A restore brings rows back as
    /// they were at the backup: what they say of a blob may be long untrue.
    pub restored: bool,
}

/// What is used of the storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes reserved or stored.
    pub bytes: u64,
    /// Number of blobs.
    pub blobs: u64,
}

/// The ledger. Each method is one transaction; `false` means that the row is not in a state in which this can be, and that
/// nothing was done.
pub trait BlobLedger: Send + Sync {
    /// Reserves room for a new blob, or more room for one that is reserved; less changes nothing.
    fn reserve<'a>(&'a self, blob: &'a NewBlob) -> StoredOr<'a, BlobRow, ReserveRefusal>;

    /// The blob with this id.
    fn blob(&self, space: SpaceNumber, blob_id: BlobId) -> Stored<'_, Option<BlobRow>>;

    /// The blob with this object, a swept one too.
    fn by_key<'a>(&'a self, key: &'a ObjectKey) -> Stored<'a, Option<BlobRow>>;

    /// Notes the upload of a reserved blob that has none.
    fn begin_upload<'a>(
        &'a self,
        space: SpaceNumber,
        blob_id: BlobId,
        upload: &'a UploadId,
    ) -> Stored<'a, bool>;

    /// Notes that the upload goes on, and until when parts can be put.
    fn note_parts(
        &self,
        space: SpaceNumber,
        blob_id: BlobId,
        put_until: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Stored<'_, bool>;

    /// Ends the upload of a reserved blob and gives back what it did not use.
    fn settle(&self, settled: Settled) -> Stored<'_, bool>;

    /// Notes that an event refers to a blob that is whole; the highest place counts.
    fn reference(
        &self,
        space: SpaceNumber,
        blob_id: BlobId,
        seq: u64,
        now: OffsetDateTime,
    ) -> Stored<'_, bool>;

    /// Marks a blob that is not marked yet.
    fn tombstone(&self, space: SpaceNumber, blob_id: BlobId, now: OffsetDateTime) -> Stored<'_, bool>;

    /// Marks up to `limit` blobs that are stale, uploads of who is no member any more, and blobs whose event's content was dropped by
    /// retention; returns how many.
    fn tombstone_stale(&self, before: StaleBefore, now: OffsetDateTime, limit: u32) -> Stored<'_, u64>;

    /// Counts what [`Self::tombstone_stale`] would mark, and what it would free.
    fn stale(&self, before: StaleBefore) -> Stored<'_, Usage>;

    /// Marked blobs of which no part can be put since `put_before`, in the order of their names, up to `limit`.
    fn to_sweep<'a>(
        &'a self,
        put_before: OffsetDateTime,
        after: Option<&'a ObjectKey>,
        limit: u32,
    ) -> Stored<'a, Vec<BlobRow>>;

    /// Notes that the storage has nothing of a marked blob any more, and gives back its bytes. The row counts until it is forgotten.
    fn swept(&self, space: SpaceNumber, blob_id: BlobId, now: OffsetDateTime) -> Stored<'_, bool>;

    /// Blobs that were swept before `time`, in the order of their names, up to `limit`.
    fn to_forget<'a>(
        &'a self,
        time: OffsetDateTime,
        after: Option<&'a ObjectKey>,
        limit: u32,
    ) -> Stored<'a, Vec<BlobRow>>;

    /// Forgets a swept blob.
    fn forget(&self, space: SpaceNumber, blob_id: BlobId) -> Stored<'_, bool>;

    /// Blobs with names above `after`, in the order of their names, swept ones left out, up to `limit`.
    fn page<'a>(&'a self, after: Option<&'a ObjectKey>, limit: u32) -> Stored<'a, Vec<BlobRow>>;

    /// Blobs in each state, and their bytes.
    fn totals(&self) -> Stored<'_, Vec<(BlobState, Usage)>>;
}

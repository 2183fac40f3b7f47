//! Wraps beside the log.

use sealpost_protocol::hash::Digest32;
use sealpost_protocol::ids::{KeyId, PrincipalId};
use time::OffsetDateTime;

use super::{SpaceNumber, Stored, StoredOr};
use crate::atrest::DataKeyId;

/// A wrap to be staged.
#[derive(Clone, Debug)]
pub struct NewWrap {
    /// Who can open it.
    pub recipient: PrincipalId,
    /// Its hash, as control records name it.
    pub wrap_hash: Digest32,
    /// The wrap, sealed.
    pub sealed: Vec<u8>,
}

/// Which wraps belong together: one secret, staged by one principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StagedWrap {
    /// The epoch of the secret.
    pub epoch: u64,
    /// The public commitment to the secret.
    pub key_id: KeyId,
    /// Who staged it.
    pub staged_by: PrincipalId,
}

/// Wraps that a control record names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedWraps {
    /// Whose, and of which secret.
    pub staged: StagedWrap,
    /// Exactly these: recipient and wrap hash.
    pub wraps: Vec<(PrincipalId, Digest32)>,
    /// The place of the control record.
    pub by_seq: u64,
}

/// A member that waits for a wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrapRequestRow {
    /// The epoch whose secret it lacks.
    pub epoch: u64,
    /// The member.
    pub recipient: PrincipalId,
}

/// Wraps to be staged together.
#[derive(Clone, Debug)]
pub struct Staging {
    /// The space.
    pub space: SpaceNumber,
    /// Which secret, and who stages.
    pub staged: StagedWrap,
    /// The data key that seals them.
    pub data_key_id: DataKeyId,
    /// The wraps.
    pub wraps: Vec<NewWrap>,
    /// How many the principal may have staged in the space.
    pub limit: u32,
    /// The end of the log: wraps that answer requests count as named there.
    pub head_seq: u64,
    /// When.
    pub now: OffsetDateTime,
}

/// A stored wrap.
#[derive(Clone, Debug)]
pub struct WrapRow {
    /// What it is part of.
    pub staged: StagedWrap,
    /// Its hash, as the column says it.
    pub wrap_hash: Digest32,
    /// The wrap, sealed.
    pub sealed: Vec<u8>,
}

/// Why wraps were not staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageRefusal {
    /// The principal would have too many staged in the space.
    TooMany,
}

/// Wraps.
pub trait WrapStore: Send + Sync {
    /// Stages wraps, in the place of those the same principal staged for the same key and recipients; returns how many
    /// it has staged for this key. Wraps that a control record names are left as they are. Wraps for which a request waits
    /// answer it, and can be fetched at once.
    fn stage<'a>(&'a self, staging: &'a Staging) -> StoredOr<'a, u32, StageRefusal>;

    /// Notes that a member waits for a wrap; `false`, and nothing done, if it would wait for more than `limit`.
    fn ask_for_wrap(
        &self,
        space: SpaceNumber,
        recipient: PrincipalId,
        epoch: u64,
        limit: u32,
        now: OffsetDateTime,
    ) -> Stored<'_, bool>;

    /// Who waits for a wrap, the oldest request first.
    fn wrap_requests(&self, space: SpaceNumber, limit: u32) -> Stored<'_, Vec<WrapRequestRow>>;

    /// The (recipient, wrap hash) list of what one principal staged for one key, sorted by recipient.
    fn staged(&self, space: SpaceNumber, staged: StagedWrap) -> Stored<'_, Vec<(PrincipalId, Digest32)>>;

    /// The wrap of an epoch that was named for this recipient and has none of these hashes; the newest where there are
    /// several.
    fn named_wrap<'a>(
        &'a self,
        space: SpaceNumber,
        epoch: u64,
        recipient: PrincipalId,
        unusable: &'a [Digest32],
    ) -> Stored<'a, Option<WrapRow>>;

    /// Deletes up to `limit` wraps that were staged before `time` and never named; returns how many.
    fn sweep_staged(&self, time: OffsetDateTime, limit: u32) -> Stored<'_, u64>;
}

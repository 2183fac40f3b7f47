//! Why a control record does not continue a chain.

use crate::keys::KeyError;
use crate::manifest::ManifestError;

/// Why a control record does not continue the chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Another record took the place, or the record belongs elsewhere.
    #[error("the record does not follow the control head")]
    Conflict,
    /// The author is no member.
    #[error("the record's author is not a member")]
    NotAMember,
    /// The author lacks the capability.
    #[error("the record's author lacks the capability")]
    NotPermitted,
    /// A signature does not verify.
    #[error(transparent)]
    Signature(#[from] KeyError),
    /// A manifest inside the record is not well-formed.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The record breaks a rule.
    #[error("{0}")]
    Rule(&'static str),
    /// While the space waits for a rekey, few records are accepted: see [`super::Fence`].
    #[error("the space waits for a rekey")]
    RekeyRequired,
    /// No such invite is open: it was revoked, used up, voided by a removal, or never there.
    #[error("no such invite is open")]
    InviteVoid,
    /// The space was deleted for good.
    #[error("the space was deleted")]
    Tombstoned,
}

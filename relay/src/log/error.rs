//! Why the log refuses, and how that reads on the wire.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::fold::Refusal;
use sealpost_protocol::wire;

/// A refusal of the log. What caused it inside the relay was logged where it happened and is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The entry cannot stand at the next place of this log.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Not a well-formed request.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// More entries, wraps or bytes than one request may have.
    #[error("over the limit of {limit}")]
    TooLarge {
        /// The limit, in the unit of what was too much.
        limit: u64,
    },
    /// The author of an entry or signal is not the principal of the socket.
    #[error("the author is not the principal of this socket")]
    OtherAuthor,
    /// The space is unknown, or the principal is not a member: one answer for both.
    #[error("not a member of this space")]
    NotAMember,
    /// A member that lacks the capability.
    #[error("the member lacks the capability")]
    NotPermitted,
    /// The staged wraps are missing or not those that the record names.
    #[error("the staged wraps are not those that the record names")]
    WrapsMismatch,
    /// There is no wrap for the caller at this epoch.
    #[error("there is no such wrap for this principal")]
    NoWrap,
    /// The cursor is not on this log.
    #[error("the cursor is not on this log")]
    LogMismatch,
    /// A stored entry is not what was stored.
    #[error("the stored entry {seq} is damaged")]
    EntryDamaged {
        /// Its place.
        seq: u64,
    },
    /// The space was deleted for good.
    #[error("the space was deleted")]
    Tombstoned {
        /// The signed record that did it, encoded, for the caller to check; empty where it is not known.
        proof: Bytes,
    },
    /// The relay never gave this receipt, or not for these entries.
    #[error("the receipt is not for these entries")]
    ReceiptInvalid,
    /// Where the tail was, the log goes on with something else.
    #[error("new entries took the places of the tail")]
    Superseded,
    /// The space was restored, and waits for those who hold more of it.
    #[error("the space waits for its tail")]
    Recovering {
        /// When to come back.
        retry_after: Duration,
    },
    /// No such invite is open, and the caller waits for no approval by it.
    #[error("no such invite is open")]
    InviteVoid,
    /// The invite is past its time.
    #[error("the invite has expired")]
    InviteExpired,
    /// More than the account or the space may publish in a time.
    #[error("too much in too short a time")]
    RateLimited {
        /// When to come back.
        retry_after: Duration,
    },
    /// The storage of the account or of the space is used up.
    #[error("the storage quota of {limit} bytes is used up")]
    QuotaExceeded {
        /// The quota, in bytes (or in spaces, for a genesis record).
        limit: u64,
    },
    /// Queues are full, or the database does not answer.
    #[error("the relay has too much to do")]
    Overloaded {
        /// When to come back.
        retry_after: Duration,
    },
    /// The space's data key is not in memory and the key service does not answer.
    #[error("the key service is not available")]
    KmsUnavailable {
        /// When to come back.
        retry_after: Duration,
    },
    /// The relay takes no new work because it is about to end.
    #[error("the relay is about to end")]
    Draining {
        /// When to come back.
        retry_after: Duration,
    },
    /// A defect, already logged.
    #[error("the relay failed")]
    Internal,
}

impl LogError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Malformed(_) => ErrorCode::Malformed,
            Self::TooLarge { .. } => ErrorCode::TooLarge,
            Self::OtherAuthor => ErrorCode::BadSignature,
            Self::NotAMember => ErrorCode::NotAMember,
            Self::NotPermitted => ErrorCode::NotPermitted,
            Self::WrapsMismatch => ErrorCode::WrapsMismatch,
            Self::NoWrap => ErrorCode::NotFound,
            Self::LogMismatch => ErrorCode::LogMismatch,
            Self::EntryDamaged { .. } => ErrorCode::EntryDamaged,
            Self::Tombstoned { .. } => ErrorCode::Tombstoned,
            Self::ReceiptInvalid => ErrorCode::ReceiptInvalid,
            Self::Superseded => ErrorCode::Superseded,
            Self::Recovering { .. } => ErrorCode::Recovering,
            Self::InviteVoid => ErrorCode::InviteVoid,
            Self::InviteExpired => ErrorCode::InviteExpired,
            Self::RateLimited { .. } => ErrorCode::RateLimited,
            Self::QuotaExceeded { .. } => ErrorCode::QuotaExceeded,
            Self::Overloaded { .. } => ErrorCode::Overloaded,
            Self::KmsUnavailable { .. } => ErrorCode::KmsUnavailable,
            Self::Draining { .. } => ErrorCode::Maintenance,
            Self::Internal => ErrorCode::Internal,
        }
    }

    /// When the same request may succeed, where the refusal says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after }
            | Self::Recovering { retry_after }
            | Self::Overloaded { retry_after }
            | Self::KmsUnavailable { retry_after }
            | Self::Draining { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// The refusal as it travels.
    #[must_use]
    pub fn to_nack(&self) -> wire::Nack {
        let code = self.code();
        let retry_after = self.retry_after().unwrap_or_default();
        wire::Nack {
            code: code.as_str().to_owned(),
            message: code.advice().to_owned(),
            retry_after_ms: u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX),
            limit: self.limit(),
            epoch: self.current_epoch(),
            seq: self.seq(),
            tombstone: self.tombstone().map(Box::new),
        }
    }

    fn tombstone(&self) -> Option<wire::SignedControl> {
        match self {
            Self::Tombstoned { proof } if !proof.is_empty() => {
                wire::SignedControl::decode(proof.clone()).ok()
            }
            _ => None,
        }
    }

    fn limit(&self) -> u64 {
        use sealpost_protocol::control::ControlError;
        use sealpost_protocol::event::EventError;
        match self {
            Self::TooLarge { limit } | Self::QuotaExceeded { limit } => *limit,
            Self::Refused(Refusal::Event(EventError::TooLarge { limit, .. })) => *limit as u64,
            Self::Refused(Refusal::Control(ControlError::TooLarge { .. })) => {
                sealpost_protocol::limits::MAX_CONTROL_RECORD as u64
            }
            _ => 0,
        }
    }

    fn current_epoch(&self) -> u64 {
        match self {
            Self::Refused(Refusal::StaleEpoch { current }) => *current,
            _ => 0,
        }
    }

    fn seq(&self) -> u64 {
        match self {
            Self::EntryDamaged { seq } | Self::Refused(Refusal::SeenMismatch { seq }) => *seq,
            _ => 0,
        }
    }
}

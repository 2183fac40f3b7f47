//! Stable error codes of the relay, on the socket and over HTTP.

use std::fmt;
use std::str::FromStr;

/// A code this program does not know; it says to treat it by its transport (retry later, or give up).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown error code")]
pub struct UnknownCode;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal, $advice:literal;)*) => {
        /// Why the relay refused, as a stable word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode { $($(#[$doc])* $name,)* }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// What the one who gets it should do, for people.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice,)* }
            }
        }

        impl FromStr for ErrorCode {
            type Err = UnknownCode;

            fn from_str(text: &str) -> Result<Self, UnknownCode> {
                match text { $($text => Ok(Self::$name),)* _ => Err(UnknownCode) }
            }
        }
    };
}

codes! {
    /// The request does not parse.
    Malformed = "malformed", 400, "The request does not parse; correct it, do not repeat it.";
    /// An id or path names nothing the caller may see.
    NotFound = "not_found", 404, "There is nothing here that this account may see.";
    /// The path knows other methods.
    MethodNotAllowed = "method_not_allowed", 405, "Use a method that the path allows.";
    /// A plain request, or one for another version, where a WebSocket is expected.
    UpgradeRequired = "upgrade_required", 426, "Open a WebSocket: HTTP/1.1, version 13, subprotocol `sealpost.v1`.";
    /// A web page of an origin that the operator did not list.
    OriginNotAllowed = "origin_not_allowed", 403, "Ask the operator of this relay to allow this origin.";
    /// A gateway stands in front of the relay, and this request did not come through it.
    AccessDenied = "access_denied", 403, "Come through the gateway in front of this relay, with its credentials.";
    /// A body or part is over its limit, which the answer carries.
    TooLarge = "too_large", 413, "Send less at once; the limit is in the answer.";
    /// No valid session.
    NotAuthenticated = "not_authenticated", 401, "Log in (again).";
    /// The session is valid but too old for this.
    FreshLoginRequired = "fresh_login_required", 403, "Log in again and repeat within ten minutes.";
    /// Wrong passphrase, wrong recovery code or unknown handle: one answer for all.
    LoginFailed = "login_failed", 401, "Check handle and passphrase, or the recovery code.";
    /// A login, registration or staged change was used up or is too old.
    Expired = "expired", 410, "Start this step again.";
    /// Registration needs a token of the operator.
    RegistrationClosed = "registration_closed", 403, "Ask the operator of this relay for a registration token.";
    /// The registration token is unknown, used up or expired.
    RegistrationTokenInvalid = "registration_token_invalid", 403, "Ask the operator of this relay for a new registration token.";
    /// The handle is taken.
    HandleTaken = "handle_taken", 409, "Choose another handle.";
    /// The handle breaks the rules.
    HandleInvalid = "handle_invalid", 400, "Use 3 to 32 of a-z, 0-9, dot, dash and underscore, a letter or digit first.";
    /// Another change of the keystore came first.
    KeystoreConflict = "keystore_conflict", 409, "Fetch the current keystore and make the change again.";
    /// The staged passphrase was not tried yet.
    StageUnverified = "stage_unverified", 409, "Open the staged keystore with the new passphrase first.";
    /// The account is disabled.
    AccountDisabled = "account_disabled", 403, "Ask the operator of this relay.";
    /// An agent asked for what only its owner may.
    AgentNotAllowed = "agent_not_allowed", 403, "An agent may not do this; ask the person it belongs to.";
    /// The pairing code is unknown, used up or expired: one answer for all.
    PairingCodeInvalid = "pairing_code_invalid", 403, "Ask the agent's owner for a new pairing code.";
    /// The account has as many agents as it can have.
    TooManyAgents = "too_many_agents", 409, "Revoke an agent of this account first.";
    /// The account has an agent of that name.
    AgentNameTaken = "agent_name_taken", 409, "Revoke the account's agent of this name first, or pair under another name.";
    /// A new device's code was used, is too old, or is none of this relay's.
    DeviceCodeInvalid = "device_code_invalid", 410, "Have the new device show a new code.";
    /// Too many requests; the answer carries when to come back.
    RateLimited = "rate_limited", 429, "Wait for the time in the answer.";
    /// Storage is used up; the answer carries the quota.
    QuotaExceeded = "quota_exceeded", 507, "Ask the operator for a larger quota or remove something.";
    /// The relay has too much to do.
    Overloaded = "overloaded", 503, "Wait for the time in the answer.";
    /// The operator works on the relay.
    Maintenance = "maintenance", 503, "Wait for the time in the answer.";
    /// The key service is unreachable and this space's key is not in memory.
    KmsUnavailable = "kms_unavailable", 503, "Wait for the time in the answer; nothing was lost.";
    /// The relay stores no blobs.
    NoBlobStorage = "no_blob_storage", 404, "This relay stores no files; ask its operator.";
    /// The storage of blobs does not answer.
    StorageUnavailable = "storage_unavailable", 503, "Wait for the time in the answer; nothing was lost.";
    /// The blob is somebody else's, or its upload is over.
    BlobConflict = "blob_conflict", 409, "This id is taken, or the blob is complete with other bytes; begin a new one.";
    /// What the storage has is not what the list says.
    PartsMismatch = "parts_mismatch", 409, "Put the parts again that differ, then complete; or begin a new blob.";
    /// The relay failed.
    Internal = "internal", 500, "Try again later; the operator finds the cause in the log.";
    /// The space is unknown, or the principal is not a member: one answer for both.
    NotAMember = "not_a_member", 403, "Ask a member to add this principal.";
    /// The member lacks the capability.
    NotPermitted = "not_permitted", 403, "Ask a member with `manage` for the capability.";
    /// The signature does not verify, or the author is not the socket's principal.
    BadSignature = "bad_signature", 400, "Sign again with the principal's current key.";
    /// Sealed under an earlier epoch; the answer carries the current one.
    StaleEpoch = "stale_epoch", 409, "Read the log through the rekey, seal again under the current epoch.";
    /// Someone was removed and the new key is not there yet.
    RekeyRequired = "rekey_required", 409, "Read the log through the next rekey, then seal again.";
    /// The key id is not the current one's.
    WrongKey = "wrong_key", 409, "This device has a wrong epoch key; fetch its wrap again.";
    /// The control head the author knew is not on this log.
    ControlConflict = "control_conflict", 409, "Read and verify the log again, then rebuild the record.";
    /// The control record breaks the rules of the chain.
    ControlInvalid = "control_invalid", 400, "The record breaks a rule of the chain; do not repeat it.";
    /// No such invite is open.
    InviteVoid = "invite_void", 410, "The invite was revoked, used up or ended by a removal; ask for a new one.";
    /// The invite is too old.
    InviteExpired = "invite_expired", 410, "The invite has expired; ask for a new one.";
    /// The staged wraps are missing or not those the record names.
    WrapsMismatch = "wraps_mismatch", 409, "Stage the wraps of exactly the members, then send the record again.";
    /// The author's view of the log is not the relay's.
    SeenMismatch = "seen_mismatch", 409, "This device and the relay have different histories; verify the log again.";
    /// The index is not the writer's next one.
    WriterGap = "writer_gap", 409, "Send the writer's missing events first.";
    /// Another event stands at this index of the writer.
    WriterConflict = "writer_conflict", 409, "This store was restored or copied; go on with a new writer id.";
    /// Too many writers of one principal.
    TooManyWriters = "too_many_writers", 409, "Reuse a writer id of this principal.";
    /// The cursor is not on the relay's log.
    LogMismatch = "log_mismatch", 409, "The cursor is ahead of or beside the log; heal or raise the alarm.";
    /// A stored entry fails its authentication; the answer carries its seq.
    EntryDamaged = "entry_damaged", 500, "The relay's stored entry was changed; the operator must restore it.";
    /// The space was deleted for good.
    Tombstoned = "tombstoned", 410, "The space was deleted; nothing can be read or written.";
    /// After a restore, healers come first.
    Recovering = "recovering", 503, "Wait for the time in the answer; members are bringing back the tail.";
    /// The relay never gave this receipt, or not for these entries.
    ReceiptInvalid = "receipt_invalid", 403, "The relay never gave that receipt for these entries; keep them, do not repeat it.";
    /// New events took the places of the tail offered for healing.
    Superseded = "superseded", 409, "Keep both views; go on only on a person's consent.";
}

impl ErrorCode {
    /// Whether the same request may succeed later without anybody changing it.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::Overloaded
                | Self::Maintenance
                | Self::KmsUnavailable
                | Self::StorageUnavailable
                | Self::Internal
                | Self::Recovering
        )
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_round_trips_and_is_distinct() {
        let words: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert!((400..600).contains(&code.http_status()));
            assert!(code.advice().ends_with('.'));
        }
    }
}

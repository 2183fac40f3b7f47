//! The JSON bodies of the HTTP API. Ids are lower-case hex, other bytes are unpadded base64url, times are RFC 3339 UTC.
//!
//! Unknown members are refused in requests and ignored in answers.

mod accounts;
mod agents;
mod approval;
mod blobs;
mod bytes64;
mod keystore;
mod sessions;

pub use accounts::*;
pub use agents::*;
pub use approval::*;
pub use blobs::*;
pub use bytes64::{Base64Bytes, NotAToken, SecretToken};
pub use keystore::*;
pub use sessions::*;

use serde::{Deserialize, Serialize};

use crate::ids::{Incarnation, SpaceId};

/// Paths of the API.
pub mod paths {
    use crate::ids::{BlobId, PrincipalId, SpaceId};

    /// GET [`super::Info`].
    pub const INFO: &str = "/v1/info";
    /// GET the OpenAPI document.
    pub const OPENAPI: &str = "/v1/openapi.json";
    /// GET the page behind an invite link: HTML, for people.
    pub const INVITE_PAGE: &str = "/i";
    /// GET the WebSocket.
    pub const SOCKET: &str = "/v1/socket";
    /// POST [`super::RegistrationStart`].
    pub const REGISTRATION_START: &str = "/v1/registration/start";
    /// POST [`super::RegistrationFinish`].
    pub const REGISTRATION_FINISH: &str = "/v1/registration/finish";
    /// POST [`super::LoginStart`].
    pub const LOGIN_START: &str = "/v1/login/start";
    /// POST [`super::LoginFinish`].
    pub const LOGIN_FINISH: &str = "/v1/login/finish";
    /// POST [`super::RecoveryLoginStart`].
    pub const RECOVERY_LOGIN_START: &str = "/v1/login/recovery/start";
    /// POST [`super::RecoveryLoginFinish`].
    pub const RECOVERY_LOGIN_FINISH: &str = "/v1/login/recovery/finish";
    /// POST [`super::ApprovalStart`].
    pub const APPROVAL_START: &str = "/v1/login/approval/start";
    /// POST [`super::ApprovalClaim`].
    pub const APPROVAL_CLAIM: &str = "/v1/login/approval/claim";
    /// POST [`super::ApprovalClaim`]: the new device asks no more.
    pub const APPROVAL_WITHDRAW: &str = "/v1/login/approval/withdraw";
    /// POST [`super::ApprovalLookup`].
    pub const APPROVAL_LOOKUP: &str = "/v1/login/approval/lookup";
    /// POST [`super::ApprovalGrant`].
    pub const APPROVAL_GRANT: &str = "/v1/login/approval/grant";
    /// GET [`super::SessionList`].
    pub const SESSIONS: &str = "/v1/sessions";
    /// DELETE: log out.
    pub const SESSION_CURRENT: &str = "/v1/sessions/current";
    /// GET [`super::AccountView`]; DELETE: delete the account.
    pub const ACCOUNT: &str = "/v1/account";
    /// POST [`super::PrincipalLookup`].
    pub const PRINCIPAL_LOOKUP: &str = "/v1/principals/lookup";
    /// GET [`super::AgentList`].
    pub const AGENTS: &str = "/v1/agents";
    /// POST [`super::PairingStart`].
    pub const AGENT_PAIRING: &str = "/v1/agents/pairing";
    /// POST [`super::AgentEnroll`].
    pub const AGENT_ENROLL: &str = "/v1/agents/enroll";
    /// POST [`super::AgentLoginStart`].
    pub const AGENT_LOGIN_START: &str = "/v1/agents/login/start";
    /// POST [`super::AgentLoginFinish`].
    pub const AGENT_LOGIN_FINISH: &str = "/v1/agents/login/finish";
    /// POST: an agent's sign of life.
    pub const AGENT_HEARTBEAT: &str = "/v1/agents/heartbeat";
    /// POST [`super::BlobReserve`].
    pub const BLOBS: &str = "/v1/blobs";
    /// GET [`super::SpaceList`].
    pub const SPACES: &str = "/v1/spaces";
    /// GET [`super::KeystoreView`]; PUT [`super::KeystorePut`].
    pub const KEYSTORE: &str = "/v1/keystore";
    /// GET [`super::KeystoreHistory`].
    pub const KEYSTORE_HISTORY: &str = "/v1/keystore/history";
    /// POST [`super::PassphraseStart`].
    pub const PASSPHRASE_START: &str = "/v1/keystore/passphrase/start";
    /// GET and POST [`super::KeystoreStage`].
    pub const KEYSTORE_STAGED: &str = "/v1/keystore/staged";
    /// POST [`super::StagedVerify`].
    pub const KEYSTORE_STAGED_VERIFY: &str = "/v1/keystore/staged/verify";
    /// POST [`super::StagedCommit`].
    pub const KEYSTORE_STAGED_COMMIT: &str = "/v1/keystore/staged/commit";

    /// GET [`super::BlobDownload`]; DELETE.
    #[must_use]
    pub fn blob(space_id: &SpaceId, blob_id: &BlobId) -> String {
        format!("{BLOBS}/{space_id}/{blob_id}")
    }

    /// DELETE a blob, if this principal has put it.
    #[must_use]
    pub fn blob_of(space_id: &SpaceId, blob_id: &BlobId, author: &PrincipalId) -> String {
        format!("{BLOBS}/{space_id}/{blob_id}?author={author}")
    }

    /// POST [`super::BlobPartsRequest`].
    #[must_use]
    pub fn blob_parts(space_id: &SpaceId, blob_id: &BlobId) -> String {
        format!("{BLOBS}/{space_id}/{blob_id}/parts")
    }

    /// POST [`super::BlobComplete`].
    #[must_use]
    pub fn blob_complete(space_id: &SpaceId, blob_id: &BlobId) -> String {
        format!("{BLOBS}/{space_id}/{blob_id}/complete")
    }

    /// POST [`super::BlobReferenced`].
    #[must_use]
    pub fn blob_reference(space_id: &SpaceId, blob_id: &BlobId) -> String {
        format!("{BLOBS}/{space_id}/{blob_id}/reference")
    }
}

/// What anyone may know of a relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Info {
    /// Always `sealpost`.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// WebSocket subprotocols it speaks.
    pub subprotocols: Vec<String>,
    /// Which life of the database this is.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub incarnation: Incarnation,
    /// The origin that clients sign when they open a socket.
    pub origin: String,
    /// The relay's OPAQUE public key, 32 bytes. Clients pin it.
    pub opaque_public_key: Base64Bytes,
    /// The Ed25519 key under which the relay signs checkpoints, 32 bytes. Clients pin it; a relay of before checkpoints names none.
    #[serde(default)]
    pub checkpoint_key: Base64Bytes,
    /// How clients stretch passphrases.
    pub ksf: KsfParameters,
    /// Whether registration needs no token.
    pub open_registration: bool,
    /// Where blobs are stored; absent where this relay stores none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blobs: Option<BlobStorage>,
}

/// Argon2id parameters of OPAQUE's stretching function. Clients refuse what is outside their floor and ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KsfParameters {
    /// Memory in KiB.
    pub m_kib: u32,
    /// Passes.
    pub t: u32,
    /// Lanes.
    pub p: u32,
}

/// The spaces in which the caller's principal is a member, as the relay sees it. A hint: clients verify each from its genesis record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SpaceList {
    /// The spaces, by id.
    pub spaces: Vec<SpaceView>,
}

/// One space as the relay sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SpaceView {
    /// The space.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub space_id: SpaceId,
    /// Its last place.
    pub head_seq: u64,
}

/// An RFC 9457 problem body (`application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// A stable error code, see [`crate::code::ErrorCode`].
    pub code: String,
    /// The code in a few words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What to do, for people.
    pub detail: String,
    /// When to come back, in milliseconds, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The limit that was met, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{Base64Bytes, KsfParameters};

/// A version of the caller's keystore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeystoreView {
    /// 1, 2, 3 ...
    pub version: u64,
    /// The sealed keystore.
    pub keystore: Base64Bytes,
    /// When it became current.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// Replaces the keystore's content where neither passphrase nor recovery code changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeystorePut {
    /// The version that the caller changed; another current version is `keystore_conflict`.
    pub base_version: u64,
    /// The sealed keystore.
    pub keystore: Base64Bytes,
}

/// The new current version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeystoreVersion {
    /// Its number.
    pub version: u64,
}

/// The versions that the relay keeps, newest first; one is fetched by `/v1/keystore/history/{version}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeystoreHistory {
    /// The versions.
    pub versions: Vec<KeystoreHistoryItem>,
}

/// One kept version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeystoreHistoryItem {
    /// Its number.
    pub version: u64,
    /// Its length in bytes.
    pub length: u64,
    /// When it became current.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// First step of a passphrase change. Needs a session younger than ten minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PassphraseStart {
    /// OPAQUE RegistrationRequest for the new passphrase.
    pub registration_request: Base64Bytes,
}

/// Answer to [`PassphraseStart`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PassphraseStarted {
    /// OPAQUE RegistrationResponse.
    pub registration_response: Base64Bytes,
    /// How to stretch the passphrase.
    pub ksf: KsfParameters,
}

/// Stages a keystore with new slots. Nothing changes until it is committed; a newer stage replaces an older one.
/// Needs a session younger than ten minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeystoreStage {
    /// The version that the caller changed.
    pub base_version: u64,
    /// The sealed keystore.
    pub keystore: Base64Bytes,
    /// OPAQUE RegistrationUpload, where the passphrase changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_upload: Option<Base64Bytes>,
    /// Public Ed25519 key of the new recovery code, where that changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_login_key: Option<Base64Bytes>,
    /// SignedManifest (protobuf) of the account's new human principal, where its owner starts over with new keys. With the
    /// commit the old principal is revoked, and every session but the caller's ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_manifest: Option<Base64Bytes>,
}

/// A staged change, as read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StagedView {
    /// Names the stage; a commit of another one is `keystore_conflict`.
    pub stage_id: Base64Bytes,
    /// The version it builds on.
    pub base_version: u64,
    /// The sealed keystore.
    pub keystore: Base64Bytes,
    /// The staged recovery login key, where that changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_login_key: Option<Base64Bytes>,
    /// The staged manifest, where the owner starts over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_manifest: Option<Base64Bytes>,
}

/// Evaluates OPAQUE against the staged record, so that the client opens the staged keystore from scratch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StagedVerify {
    /// The stage.
    pub stage_id: Base64Bytes,
    /// OPAQUE CredentialRequest with the new passphrase.
    pub credential_request: Base64Bytes,
}

/// Answer to [`StagedVerify`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StagedVerified {
    /// OPAQUE CredentialResponse.
    pub credential_response: Base64Bytes,
}

/// Switches to the stage in one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StagedCommit {
    /// The stage.
    pub stage_id: Base64Bytes,
}

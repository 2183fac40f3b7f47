use serde::{Deserialize, Serialize};

use super::{Base64Bytes, KsfParameters, SecretToken, SessionView};
use crate::ids::{AccountId, PrincipalId};

/// First step of registration.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RegistrationStart {
    /// The operator's token; may be absent where registration is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_token: Option<SecretToken>,
    /// The wanted handle.
    pub handle: String,
    /// OPAQUE RegistrationRequest.
    pub registration_request: Base64Bytes,
}

/// Answer to [`RegistrationStart`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RegistrationStarted {
    /// Names this registration in the second step; valid for a few minutes, once.
    pub registration_id: Base64Bytes,
    /// The account's id, also OPAQUE's credential identifier.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub account_id: AccountId,
    /// OPAQUE RegistrationResponse.
    pub registration_response: Base64Bytes,
    /// How to stretch the passphrase.
    pub ksf: KsfParameters,
}

/// Second step of registration: everything an account needs, in one transaction.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RegistrationFinish {
    /// From the first step.
    pub registration_id: Base64Bytes,
    /// OPAQUE RegistrationUpload. As sensitive as a password hash.
    pub registration_upload: Base64Bytes,
    /// The sealed keystore, version 1.
    pub keystore: Base64Bytes,
    /// Public Ed25519 key derived from the recovery code.
    pub recovery_login_key: Base64Bytes,
    /// The account's human principal: SignedManifest (protobuf).
    pub signed_manifest: Base64Bytes,
    /// How the owner calls this device.
    pub device_name: String,
}

/// A new account or a new login.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoggedIn {
    /// The account.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub account_id: AccountId,
    /// The account's handle.
    pub handle: String,
    /// The bearer token of the new session; shown once.
    pub session_token: SecretToken,
    /// The session.
    pub session: SessionView,
}

/// First step of a login with a passphrase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoginStart {
    /// Whose account.
    pub handle: String,
    /// OPAQUE CredentialRequest.
    pub credential_request: Base64Bytes,
}

/// Answer to [`LoginStart`]; unknown handles get one that looks the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoginStarted {
    /// Names this login in the second step; valid for a minute, once.
    pub login_id: Base64Bytes,
    /// OPAQUE CredentialResponse.
    pub credential_response: Base64Bytes,
    /// How to stretch the passphrase.
    pub ksf: KsfParameters,
}

/// Second step of a login with a passphrase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoginFinish {
    /// From the first step.
    pub login_id: Base64Bytes,
    /// OPAQUE CredentialFinalization.
    pub credential_finalization: Base64Bytes,
    /// How the owner calls this device.
    pub device_name: String,
}

/// First step of a login with a recovery code. The account is found by the key, so that the code alone is enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecoveryLoginStart {
    /// Public Ed25519 key derived from the recovery code.
    pub recovery_login_key: Base64Bytes,
}

/// Answer to [`RecoveryLoginStart`]; unknown keys get one that looks the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecoveryLoginStarted {
    /// Names this login in the second step; valid for a minute, once.
    pub login_id: Base64Bytes,
    /// 32 random bytes to sign, see [`crate::recovery`].
    pub challenge: Base64Bytes,
}

/// Second step of a login with a recovery code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecoveryLoginFinish {
    /// From the first step.
    pub login_id: Base64Bytes,
    /// Ed25519 signature, see [`crate::recovery`].
    pub signature: Base64Bytes,
    /// How the owner calls this device.
    pub device_name: String,
}

/// The caller's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccountView {
    /// The account.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub account_id: AccountId,
    /// Its handle.
    pub handle: String,
    /// Its human principal.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub principal_id: PrincipalId,
    /// Current version of its keystore.
    pub keystore_version: u64,
    /// Bytes stored for it, as they count against its quota: the kept versions of its keystore and the entries of the
    /// spaces that it made, whoever wrote them, each with what sealing adds. What was written lately may be missing.
    pub stored_bytes: u64,
    /// That quota in bytes.
    pub quota_bytes: u64,
}

/// Asks for the principal behind a handle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PrincipalLookup {
    /// Whose principal.
    pub handle: String,
}

/// A candidate: not to be trusted until a person has compared its fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PrincipalCandidate {
    /// SignedManifest (protobuf).
    pub signed_manifest: Base64Bytes,
}

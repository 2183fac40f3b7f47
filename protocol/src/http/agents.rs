use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{Base64Bytes, SecretToken, SessionView};
use crate::ids::{AccountId, PrincipalId};

/// Lets one agent in: whoever shows the token enrolls under this name.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PairingStart {
    /// Derived from the pairing code, see `SPEC.md`; the relay never has the code.
    pub pairing_token: SecretToken,
    /// How the owner calls the agent.
    pub name: String,
    /// How long the code counts, in seconds: at least 1, at most a day.
    pub lifetime_seconds: u32,
}

/// Answer to [`PairingStart`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PairingStarted {
    /// From when on the code is refused.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

/// Makes an agent of the account whose pairing code it was given.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentEnroll {
    /// Derived from the pairing code.
    pub pairing_token: SecretToken,
    /// The agent's principal, of the kind agent: SignedManifest (protobuf).
    pub signed_manifest: Base64Bytes,
}

/// A new agent, or a new login of one.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentLoggedIn {
    /// The owner's account.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub account_id: AccountId,
    /// How the owner calls the agent.
    pub name: String,
    /// The bearer token of the new session; shown once.
    pub session_token: SecretToken,
    /// The session.
    pub session: SessionView,
}

/// First step of an agent's login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentLoginStart {
    /// The agent.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub principal_id: PrincipalId,
}

/// Answer to [`AgentLoginStart`]; unknown agents get one that looks the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentLoginStarted {
    /// Names this login in the second step; valid for a minute, once.
    pub login_id: Base64Bytes,
    /// 32 random bytes to sign, see [`crate::agent`].
    pub challenge: Base64Bytes,
}

/// Second step of an agent's login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentLoginFinish {
    /// From the first step.
    pub login_id: Base64Bytes,
    /// Ed25519 signature, see [`crate::agent`].
    pub signature: Base64Bytes,
}

/// The agents of the caller's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentList {
    /// The agents, newest first.
    pub agents: Vec<AgentView>,
}

/// One agent. A candidate, until a person has compared its fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentView {
    /// The agent's principal.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub principal_id: PrincipalId,
    /// How the owner calls it.
    pub name: String,
    /// SignedManifest (protobuf).
    pub signed_manifest: Base64Bytes,
    /// When it enrolled.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it last logged in or gave a sign of life.
    #[serde(with = "time::serde::rfc3339")]
    pub last_seen_at: OffsetDateTime,
}

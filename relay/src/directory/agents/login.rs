//! Login of an agent: a challenge signed by its own key. Ids of no agent go the same way, on a stand-in.

use std::net::IpAddr;
use std::sync::LazyLock;

use bytes::Bytes;
use sealpost_protocol::{
    agent::verify_agent_login,
    canonical::{decode_canonical, encode},
    http::{AgentLoggedIn, AgentLoginFinish, AgentLoginStart, AgentLoginStarted},
    ids::PrincipalId,
    keys::PublicKey,
    limits,
    manifest::Manifest,
    wire::{PrincipalKind, SignedManifest},
};

use super::{Directory, DirectoryError, DirectorySettings, logged_in};
use crate::directory::{
    ports::{AccountState, AttemptPurpose, AuditAction},
    seals::{OpenSeals, columns},
    sessions::DraftSession,
};

/// What is remembered between the two messages.
struct Pending {
    is_known: bool,
    agent_id: PrincipalId,
    key: PublicKey,
    challenge: [u8; 32],
}

impl Directory {
    /// First message: gives out a challenge.
    ///
    /// # Errors
    /// [`DirectoryError::RateLimited`]; never whether there is such an agent.
    pub async fn start_agent_login(
        &self,
        address: IpAddr,
        request: &AgentLoginStart,
    ) -> Result<AgentLoginStarted, DirectoryError> {
        let agent_id = request.principal_id;
        self.limits.signed_login(address, agent_id.as_bytes())?;
        let seals = self.seals.open().await?;
        let known = self
            .store
            .agent(agent_id)
            .await?
            .map(|agent| agent.manifest_sealed);
        let pending = Pending {
            is_known: known.is_some(),
            agent_id,
            key: login_key(&seals, agent_id, known)?,
            challenge: self.random_bytes(),
        };
        let (purpose, within) = (AttemptPurpose::Agent, DirectorySettings::LOGIN_WITHIN);
        let attempt_id = self.remember(&seals, purpose, within, &pending.encode()).await?;
        Ok(AgentLoginStarted {
            login_id: attempt_id.as_bytes().to_vec().into(),
            challenge: pending.challenge.to_vec().into(),
        })
    }

    /// Second message: checks the signature and opens a session.
    ///
    /// # Errors
    /// [`DirectoryError::LoginFailed`] for a wrong signature and for no agent alike;
    /// [`DirectoryError::Expired`]; [`DirectoryError::AccountDisabled`] to who has the agent's key.
    pub async fn finish_agent_login(
        &self,
        address: IpAddr,
        request: AgentLoginFinish,
    ) -> Result<AgentLoggedIn, DirectoryError> {
        self.limits
            .unless_failing(address, self.check_agent_login(request))
            .await
    }

    async fn check_agent_login(&self, request: AgentLoginFinish) -> Result<AgentLoggedIn, DirectoryError> {
        let seals = self.seals.open().await?;
        let state = self
            .recall(&seals, AttemptPurpose::Agent, &request.login_id.0)
            .await?;
        let pending = Pending::decode(&state)?;
        let origin = &self.settings.origin;
        let signed = verify_agent_login(&pending.key, origin, &pending.challenge, &request.signature.0);
        if signed.is_err() || !pending.is_known {
            return Err(DirectoryError::LoginFailed);
        }
        self.open_agent_session(&seals, pending.agent_id).await
    }

    async fn open_agent_session(
        &self,
        seals: &OpenSeals,
        agent_id: PrincipalId,
    ) -> Result<AgentLoggedIn, DirectoryError> {
        let agent = self.store.agent(agent_id).await?;
        let agent = agent.ok_or(DirectoryError::LoginFailed)?;
        if agent.account_state == AccountState::Disabled {
            return Err(DirectoryError::AccountDisabled);
        }
        let name = seals.open_text(columns::AGENT_NAME, agent_id.as_bytes(), &agent.name_sealed)?;
        let DraftSession { token, row } =
            self.draft_agent_session(seals, agent.account_id, agent_id, &name)?;
        let (action, details) = (AuditAction::AgentLoggedIn, Some(&row.session_id.as_bytes()[..]));
        let audit = self.audit_entry(seals, Some(agent.account_id), action, details);
        let kept = DirectorySettings::SESSIONS_PER_AGENT;
        if !self.store.insert_session(&row, kept, &audit).await? {
            return Err(DirectoryError::LoginFailed);
        }
        self.note_agent_seen(agent_id).await?;
        Ok(logged_in(token, &row, name))
    }
}

/// The key that the agent has to sign with.
fn login_key(
    seals: &OpenSeals,
    agent_id: PrincipalId,
    known: Option<Vec<u8>>,
) -> Result<PublicKey, DirectoryError> {
    // Made for known agents too: the time must not tell.
    let stand_in = seals.seal(columns::MANIFEST, agent_id.as_bytes(), &STAND_IN);
    let sealed = known.unwrap_or(stand_in);
    let opened = seals.open(columns::MANIFEST, agent_id.as_bytes(), &sealed)?;
    signing_key(&Bytes::copy_from_slice(&opened))
        .ok_or(DirectoryError::Internal("a stored manifest is malformed"))
}

/// Its signature was checked when it was stored.
fn signing_key(signed: &Bytes) -> Option<PublicKey> {
    let signed: SignedManifest = decode_canonical(signed).ok()?;
    Some(*Manifest::parse(&signed.manifest).ok()?.signing_key())
}

/// A manifest of nobody, as long as anybody's. Its key is the base point of the curve; what verifies under it is refused.
static STAND_IN: LazyLock<Bytes> = LazyLock::new(|| {
    let mut base_point = [0x66; 32];
    base_point[0] = 0x58;
    let key = PublicKey::parse(&base_point).expect("the base point is a strong key");
    let manifest = Manifest::new(PrincipalKind::Agent, &key, &[0; limits::HPKE_KEY]);
    encode(&SignedManifest {
        manifest: manifest.expect("the lengths are right").bytes().clone(),
        signature: Bytes::from_static(&[0; limits::SIGNATURE]),
    })
});

impl Pending {
    fn encode(&self) -> Vec<u8> {
        let mut state = vec![u8::from(self.is_known)];
        state.extend_from_slice(self.agent_id.as_bytes());
        state.extend_from_slice(self.key.as_bytes());
        state.extend_from_slice(&self.challenge);
        state
    }

    fn decode(state: &[u8]) -> Result<Self, DirectoryError> {
        Self::split(state).ok_or(DirectoryError::Internal("a pending agent login is malformed"))
    }

    fn split(state: &[u8]) -> Option<Self> {
        let (&[is_known], rest) = state.split_first_chunk()?;
        let (&agent_id, rest) = rest.split_first_chunk()?;
        let (key, challenge) = rest.split_first_chunk::<32>()?;
        Some(Self {
            is_known: is_known == 1,
            agent_id: PrincipalId::new(agent_id),
            key: PublicKey::parse(key).ok()?,
            challenge: challenge.try_into().ok()?,
        })
    }
}

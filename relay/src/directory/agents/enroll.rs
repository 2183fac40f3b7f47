//! The agent's half of pairing: uses a code up and becomes an agent of the account that made it.

use std::net::IpAddr;

use sealpost_protocol::http::{AgentEnroll, AgentLoggedIn, SecretToken};
use sealpost_protocol::wire::PrincipalKind;

use super::{Directory, DirectoryError, DirectorySettings, logged_in};
use crate::{
    atrest::BlindIndexValue,
    directory::{
        ports::{AccountState, AgentRow, AuditAction, EnrollRefusal, NewAgent, PairingCodeRow},
        seals::{OpenSeals, columns, fields},
        sessions::DraftSession,
    },
    store_failure::StoreError,
};

impl Directory {
    /// Makes an agent of whoever shows the token of an open pairing code, and logs it in.
    ///
    /// # Errors
    /// [`DirectoryError::PairingCodeInvalid`] for a code that is unknown, used up or past its time;
    /// [`DirectoryError::TooManyAgents`]; [`DirectoryError::AgentNameTaken`]; [`DirectoryError::Malformed`] for a manifest that is no agent's.
    pub async fn enroll_agent(
        &self,
        address: IpAddr,
        request: AgentEnroll,
    ) -> Result<AgentLoggedIn, DirectoryError> {
        self.limits.registration(address)?;
        self.limits
            .unless_failing(address, self.make_agent(request))
            .await
    }

    async fn make_agent(&self, request: AgentEnroll) -> Result<AgentLoggedIn, DirectoryError> {
        let seals = self.seals.open().await?;
        let token_hash = seals.blind(fields::PAIRING_TOKEN, request.pairing_token.expose_bytes());
        let code = self.store.pairing_code(token_hash, self.clock.now()).await?;
        let code = code.ok_or(DirectoryError::PairingCodeInvalid)?;
        if code.account_state == AccountState::Disabled {
            return Err(DirectoryError::AccountDisabled);
        }
        let name = seals.open_text(columns::PAIRING_NAME, token_hash.as_bytes(), &code.name_sealed)?;
        let (token, agent) = self.draft_agent(&seals, token_hash, &code, &name, &request)?;
        let most = DirectorySettings::AGENTS_PER_ACCOUNT;
        let has_its_name = |row: &AgentRow| {
            let known = seals.open_text(columns::AGENT_NAME, row.principal_id.as_bytes(), &row.name_sealed);
            known.is_ok_and(|known| known == name)
        };
        let enrolling = self.store.enroll_agent(&agent, most, &has_its_name);
        enrolling.await.map_err(refused)?;
        Ok(logged_in(token, &agent.session, name))
    }

    fn draft_agent(
        &self,
        seals: &OpenSeals,
        token_hash: BlindIndexValue,
        code: &PairingCodeRow,
        name: &str,
        request: &AgentEnroll,
    ) -> Result<(SecretToken, NewAgent), DirectoryError> {
        let (kind, manifest) = (PrincipalKind::Agent, &request.signed_manifest.0);
        let principal = self.draft_principal(seals, code.account_id, kind, manifest)?;
        let id = principal.principal_id;
        let DraftSession { token, row } = self.draft_agent_session(seals, code.account_id, id, name)?;
        let (action, details) = (AuditAction::AgentEnrolled, Some(&id.as_bytes()[..]));
        let agent = NewAgent {
            token_hash,
            principal,
            name_sealed: seals.seal(columns::AGENT_NAME, id.as_bytes(), name.as_bytes()),
            session: row,
            audit: self.audit_entry(seals, Some(code.account_id), action, details),
        };
        Ok((token, agent))
    }
}

fn refused(error: StoreError<EnrollRefusal>) -> DirectoryError {
    match error {
        StoreError::Refused(EnrollRefusal::CodeInvalid) => DirectoryError::PairingCodeInvalid,
        StoreError::Refused(EnrollRefusal::NameTaken) => DirectoryError::AgentNameTaken,
        StoreError::Refused(EnrollRefusal::TooMany) => DirectoryError::TooManyAgents {
            limit: DirectorySettings::AGENTS_PER_ACCOUNT as usize,
        },
        StoreError::Refused(EnrollRefusal::KeyTaken) => DirectoryError::Malformed("a public key"),
        StoreError::Failed(failure) => failure.into(),
    }
}

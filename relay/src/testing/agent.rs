use ed25519_dalek::SigningKey;
use sealpost_protocol::{
    agent::sign_agent_login,
    canonical::encode,
    http::{
        AgentEnroll, AgentLoggedIn, AgentLoginFinish, AgentLoginStart, AgentLoginStarted, PairingStart,
        SecretToken,
    },
    keys::PublicKey,
    limits,
    manifest::Manifest,
    wire::PrincipalKind,
};
use zeroize::Zeroizing;

use super::{TestDirectory, directory::ADDRESS, directory::ORIGIN};
use crate::directory::{AuthenticatedSession, DirectoryError};

/// An agent's half of everything, as plainly as it goes.
pub struct TestAgent {
    pub key: SigningKey,
    /// What its pairing code derives.
    pub pairing: [u8; 32],
}

impl TestAgent {
    /// An agent whose key and pairing token derive from `seed`.
    pub fn new(seed: u8) -> Self {
        Self {
            key: SigningKey::from_bytes(&[seed; 32]),
            pairing: [seed; 32],
        }
    }

    pub fn manifest(&self) -> Manifest {
        let key = PublicKey::of(&self.key);
        Manifest::new(PrincipalKind::Agent, &key, &[4; limits::HPKE_KEY]).unwrap()
    }

    pub fn pairing_start(&self, name: &str) -> PairingStart {
        PairingStart {
            pairing_token: self.token(),
            name: name.to_owned(),
            lifetime_seconds: 600,
        }
    }

    pub fn enroll(&self) -> AgentEnroll {
        AgentEnroll {
            pairing_token: self.token(),
            signed_manifest: encode(&self.manifest().sign(&self.key)).to_vec().into(),
        }
    }

    pub fn login_start(&self) -> AgentLoginStart {
        AgentLoginStart {
            principal_id: self.manifest().id(),
        }
    }

    pub fn login_finish(&self, started: &AgentLoginStarted) -> AgentLoginFinish {
        let signature = sign_agent_login(&self.key, ORIGIN, &started.challenge.0);
        AgentLoginFinish {
            login_id: started.login_id.clone(),
            signature: signature.to_vec().into(),
        }
    }

    /// Pairs as an agent of `owner` and enrolls.
    pub async fn pair(
        &self,
        test: &TestDirectory,
        owner: &AuthenticatedSession,
        name: &str,
    ) -> Result<AgentLoggedIn, DirectoryError> {
        test.directory
            .begin_pairing(owner, &self.pairing_start(name))
            .await?;
        test.directory.enroll_agent(ADDRESS, self.enroll()).await
    }

    /// The whole login.
    pub async fn log_in(&self, test: &TestDirectory) -> Result<AgentLoggedIn, DirectoryError> {
        let request = self.login_start();
        let started = test.directory.start_agent_login(ADDRESS, &request).await?;
        test.directory
            .finish_agent_login(ADDRESS, self.login_finish(&started))
            .await
    }

    fn token(&self) -> SecretToken {
        SecretToken::new(Zeroizing::new(self.pairing))
    }
}

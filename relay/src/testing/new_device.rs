use sealpost_protocol::{
    http::{
        ApprovalClaim, ApprovalClaimed, ApprovalGrant, ApprovalLookup, ApprovalStart, ApprovalStarted,
        SecretToken,
    },
    limits,
};
use zeroize::Zeroizing;

use super::{TestDirectory, directory::ADDRESS};
use crate::directory::{AuthenticatedSession, DirectoryError};

/// A new device's half of an approval, as plainly as it goes.
pub struct TestDevice {
    /// Its tokens and its one-time key consist of this byte.
    pub seed: u8,
}

impl TestDevice {
    pub const NAME: &str = "Alice's new phone";

    pub fn start(&self) -> ApprovalStart {
        ApprovalStart {
            request_token: token(self.seed),
            claim_token: token(self.seed + 100),
            hpke_key: vec![self.seed; limits::HPKE_KEY].into(),
            device_name: Self::NAME.to_owned(),
        }
    }

    pub fn claim(&self) -> ApprovalClaim {
        ApprovalClaim {
            claim_token: token(self.seed + 100),
        }
    }

    pub fn look_up(&self) -> ApprovalLookup {
        ApprovalLookup {
            request_token: token(self.seed),
        }
    }

    pub fn grant(&self) -> ApprovalGrant {
        ApprovalGrant {
            request_token: token(self.seed),
            sealed_approval: b"sealed to the new device".to_vec().into(),
        }
    }

    /// Asks to be let in.
    pub async fn ask(&self, test: &TestDirectory) -> Result<ApprovalStarted, DirectoryError> {
        test.directory.start_approval(ADDRESS, self.start()).await
    }

    /// Asks what came of it.
    pub async fn ask_again(&self, test: &TestDirectory) -> Result<ApprovalClaimed, DirectoryError> {
        test.directory.claim_approval(ADDRESS, &self.claim()).await
    }

    /// Asks, and is let in by `owner`.
    pub async fn approved_by(&self, test: &TestDirectory, owner: &AuthenticatedSession) {
        self.ask(test).await.unwrap();
        test.directory.grant_approval(owner, &self.grant()).await.unwrap();
    }
}

fn token(byte: u8) -> SecretToken {
    SecretToken::new(Zeroizing::new([byte; 32]))
}

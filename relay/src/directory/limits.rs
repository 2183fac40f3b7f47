//! Which rate limits there are.

use std::{fmt, net::IpAddr, time::Duration};

use sealpost_protocol::ids::AccountId;

use super::{DirectoryError, Handle};
use crate::{
    client_address::Network,
    limiter::{Limiter, Rate},
};

/// Of what there were too many requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitScope {
    /// From one address (of IPv6, one /64).
    Address,
    /// About one handle, one recovery key or one agent.
    Credential,
    /// From one account.
    Account,
}

impl fmt::Display for LimitScope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Address => "address",
            Self::Credential => "credential",
            Self::Account => "account",
        })
    }
}

/// How often things may be asked for. On by default.
#[derive(Clone, Debug)]
pub struct DirectoryLimits {
    /// Registrations begun, agents enrolled and requests of new devices, from one address.
    pub registrations_per_address: Rate,
    /// Logins begun from one address.
    pub logins_per_address: Rate,
    /// Logins begun from one address for one handle, recovery key or agent, whether it exists or not.
    pub logins_per_credential_and_address: Rate,
    /// Logins begun for one handle, recovery key or agent from all addresses together.
    pub logins_per_credential: Rate,
    /// Made-up tokens and failed finishes of logins and registrations from one address.
    pub failures_per_address: Rate,
    /// Changes and look-ups of one account.
    pub changes_per_account: Rate,
}

impl Default for DirectoryLimits {
    fn default() -> Self {
        const MINUTE: Duration = Duration::from_secs(60);
        Self {
            registrations_per_address: Rate::per(10 * MINUTE, 20),
            logins_per_address: Rate::per(MINUTE, 60),
            logins_per_credential_and_address: Rate::per(5 * MINUTE, 20),
            logins_per_credential: Rate::per(5 * MINUTE, 100),
            failures_per_address: Rate::per(MINUTE, 300),
            changes_per_account: Rate::per(MINUTE, 120),
        }
    }
}

/// The limiters behind [`DirectoryLimits`].
pub(super) struct Limits {
    registrations_per_address: Limiter,
    logins_per_address: Limiter,
    logins_per_credential_and_address: Limiter,
    logins_per_credential: Limiter,
    failures_per_address: Limiter,
    changes_per_account: Limiter,
}

impl Limits {
    pub(super) fn new(limits: &DirectoryLimits) -> Self {
        Self {
            registrations_per_address: Limiter::new(limits.registrations_per_address),
            logins_per_address: Limiter::new(limits.logins_per_address),
            logins_per_credential_and_address: Limiter::new(limits.logins_per_credential_and_address),
            logins_per_credential: Limiter::new(limits.logins_per_credential),
            failures_per_address: Limiter::new(limits.failures_per_address),
            changes_per_account: Limiter::new(limits.changes_per_account),
        }
    }

    pub(super) fn registration(&self, address: IpAddr) -> Result<(), DirectoryError> {
        take(
            &self.registrations_per_address,
            LimitScope::Address,
            &network(address),
        )
    }

    pub(super) fn login(&self, address: IpAddr, handle: &Handle) -> Result<(), DirectoryError> {
        self.credential(network(address), handle.as_str().as_bytes())
    }

    /// A login that names its account by a recovery key, or an agent by its principal.
    pub(super) fn signed_login(&self, address: IpAddr, key: &[u8; 32]) -> Result<(), DirectoryError> {
        self.credential(network(address), key)
    }

    /// What one address is refused does not count against the credential: a stranger at one address keeps nobody out.
    fn credential(&self, network: [u8; 8], credential: &[u8]) -> Result<(), DirectoryError> {
        let both = [&network[..], credential].concat();
        take(&self.logins_per_address, LimitScope::Address, &network)?;
        take(
            &self.logins_per_credential_and_address,
            LimitScope::Credential,
            &both,
        )?;
        take(&self.logins_per_credential, LimitScope::Credential, credential)
    }

    /// Does `work` for somebody at `address` if not too many made-up tokens and proofs came from there. What comes of it
    /// counts only if it was the caller who failed.
    pub(super) async fn unless_failing<T>(
        &self,
        address: IpAddr,
        work: impl Future<Output = Result<T, DirectoryError>>,
    ) -> Result<T, DirectoryError> {
        let network = network(address);
        take(&self.failures_per_address, LimitScope::Address, &network)?;
        let outcome = work.await;
        if !outcome.as_ref().is_err_and(is_failure_of_caller) {
            self.failures_per_address.give_back(&network);
        }
        outcome
    }

    pub(super) fn change(&self, account_id: AccountId) -> Result<(), DirectoryError> {
        take(
            &self.changes_per_account,
            LimitScope::Account,
            account_id.as_bytes(),
        )
    }
}

/// Whether whoever asked had nothing to show for it.
fn is_failure_of_caller(error: &DirectoryError) -> bool {
    matches!(
        error,
        DirectoryError::NotAuthenticated
            | DirectoryError::LoginFailed
            | DirectoryError::Expired
            | DirectoryError::PairingCodeInvalid
            | DirectoryError::DeviceCodeInvalid
    )
}

fn take(limiter: &Limiter, scope: LimitScope, key: &[u8]) -> Result<(), DirectoryError> {
    limiter
        .take(key)
        .map_err(|retry_after| DirectoryError::RateLimited { scope, retry_after })
}

fn network(address: IpAddr) -> [u8; 8] {
    Network::from(address).to_bytes()
}

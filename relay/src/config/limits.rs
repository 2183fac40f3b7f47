//! `[limits]`: rates and quotas.

use std::{num::NonZeroU32, time::Duration};

use sealpost_protocol::limits::{KEPT_KEYSTORE_VERSIONS, MAX_KEYSTORE};
use serde::Deserialize;

use super::error::Problems;

/// `[limits]`. Everything is limited by default.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// What may be stored for one account, in bytes: its keystore versions and the spaces that it made, whoever writes in
    /// them.
    pub account_quota_bytes: u64,
    /// Keystore versions that one account may add in 24 hours; whoever has just logged in has a tenth more.
    pub keystores_per_day_per_account: NonZeroU32,
    /// Bytes that the kept keystore versions of one account may have together; a fresh login has a tenth more here, too.
    pub keystore_quota_bytes: u64,
    /// What one space may store, in bytes.
    pub space_quota_bytes: u64,
    /// Bytes of the blobs that one account has put, in all spaces.
    pub blob_account_quota_bytes: u64,
    /// Bytes of the blobs of one space, whoever put them.
    pub blob_space_quota_bytes: u64,
    /// Blobs of one account, and of one space.
    pub blobs_per_account_and_space: u64,
    /// Spaces that one account may make.
    pub spaces_per_account: u64,
    /// Entries that one account's owner may publish in a second, and all its agents together as many; ten seconds' worth at
    /// once.
    pub entries_per_second_per_account: NonZeroU32,
    /// Entries that may be published in one space in a second; ten seconds' worth at once.
    pub entries_per_second_per_space: NonZeroU32,
    /// Signals that one account's owner may send in a second, and all its agents together as many; ten seconds' worth at
    /// once.
    pub signals_per_second_per_account: NonZeroU32,
    /// Subscriptions, wraps staged and fetched, and lists of wraps that are asked for, of one account's owner in a second,
    /// and of all its agents together; ten seconds' worth at once.
    pub look_ups_per_second_per_account: NonZeroU32,
    /// Requests over HTTP from one address, those for a socket included; above it, they are answered later.
    pub requests_per_address: PerPeriod,
    /// Registrations begun, agents enrolled and requests of new devices, from one address.
    pub registrations_per_address: PerPeriod,
    /// Logins begun from one address.
    pub logins_per_address: PerPeriod,
    /// Logins begun from one address for one handle, recovery code or agent, whether it exists or not.
    pub logins_per_credential_and_address: PerPeriod,
    /// Logins begun for one handle, recovery code or agent from all addresses together. Whoever reaches it keeps its owner,
    /// too, from logging in.
    pub logins_per_credential: PerPeriod,
    /// Made-up session tokens and pairing codes, and failed finishes of logins and registrations, from one address; above
    /// it, none is looked at.
    pub failures_per_address: PerPeriod,
    /// Changes and look-ups of one account.
    pub changes_per_account: PerPeriod,
}

/// How often something may happen: `times` at once, and in the long run `times` per period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerPeriod {
    /// How often.
    pub times: NonZeroU32,
    /// In how many seconds.
    pub period_seconds: NonZeroU32,
}

impl PerPeriod {
    const fn new(times: u32, period_seconds: u32) -> Self {
        Self {
            times: non_zero(times),
            period_seconds: non_zero(period_seconds),
        }
    }

    /// The period.
    #[must_use]
    pub fn period(self) -> Duration {
        Duration::from_secs(self.period_seconds.get().into())
    }
}

impl LimitsConfig {
    /// The versions that are kept whatever their age, and the next one, must have room: else an account whose keystore is
    /// large could change nothing any more.
    pub(super) fn check(&self, problems: &mut Problems) {
        let least = (KEPT_KEYSTORE_VERSIONS + 1) * MAX_KEYSTORE;
        problems.demand(
            usize::try_from(self.keystore_quota_bytes).is_ok_and(|bytes| bytes >= least),
            "limits.keystore_quota_bytes",
            "must be 2883584 or more: eleven of the largest keystores",
        );
    }
}

const fn non_zero(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("a constant above zero")
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            account_quota_bytes: 10 << 30,
            keystores_per_day_per_account: non_zero(200),
            keystore_quota_bytes: 128 << 20,
            space_quota_bytes: 10 << 30,
            blob_account_quota_bytes: 100 << 30,
            blob_space_quota_bytes: 100 << 30,
            blobs_per_account_and_space: 1_000_000,
            spaces_per_account: 1_000,
            entries_per_second_per_account: non_zero(1_000),
            entries_per_second_per_space: non_zero(5_000),
            signals_per_second_per_account: non_zero(20),
            look_ups_per_second_per_account: non_zero(200),
            requests_per_address: PerPeriod::new(400, 2),
            registrations_per_address: PerPeriod::new(20, 600),
            logins_per_address: PerPeriod::new(60, 60),
            logins_per_credential_and_address: PerPeriod::new(20, 300),
            logins_per_credential: PerPeriod::new(100, 300),
            failures_per_address: PerPeriod::new(300, 60),
            changes_per_account: PerPeriod::new(120, 60),
        }
    }
}

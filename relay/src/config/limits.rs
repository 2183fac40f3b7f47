//! `[limits]`: rates and quotas.

use serde::Deserialize;

/// `[limits]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// What one account may store, in bytes.
    pub account_quota_bytes: u64,
    /// What one space may store, in bytes.
    pub space_quota_bytes: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            account_quota_bytes: 1 << 30,
            space_quota_bytes: 4 << 30,
        }
    }
}

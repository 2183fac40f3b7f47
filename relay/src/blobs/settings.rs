//! What an operator decides about blobs.

use time::Duration;

use super::ports::Quotas;

/// What an operator decides about blobs.
#[derive(Clone, Copy, Debug)]
pub struct BlobSettings {
    /// What may be stored.
    pub quotas: Quotas,
    /// How long an address is good.
    pub url_lifetime: Duration,
    /// How long an upload may stand still before it is given up.
    pub keep_unfinished: Duration,
    /// How long a blob is kept that no event refers to.
    pub keep_unreferenced: Duration,
}

impl Default for BlobSettings {
    fn default() -> Self {
        Self {
            quotas: Quotas {
                account_bytes: 100 << 30,
                space_bytes: 100 << 30,
                blobs: 1_000_000,
            },
            url_lifetime: Duration::minutes(5),
            keep_unfinished: Duration::hours(24),
            keep_unreferenced: Duration::hours(24),
        }
    }
}

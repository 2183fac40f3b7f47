//! Devices that were let in and have not come yet.

use sealpost_protocol::{http::SessionView, ids::AccountId};

use super::{Device, Directory, DirectoryError};
use crate::directory::seals::OpenSeals;

impl Directory {
    /// What is listed of them: each as the session that it will get.
    pub(in crate::directory) async fn expected_devices(
        &self,
        seals: &OpenSeals,
        account_id: AccountId,
    ) -> Result<Vec<SessionView>, DirectoryError> {
        let rows = self.store.expected_devices(account_id, self.clock.now()).await?;
        let views = rows.into_iter().map(|row| {
            let device = Device::open(seals, row.token_hash, row.claim_hash, &row.device_sealed)?;
            Ok(SessionView {
                session_id: row.session_id,
                device_name: device.name,
                created_at: row.created_at,
                last_seen_at: row.created_at,
                expires_at: row.expires_at,
                current: false,
            })
        });
        views.collect()
    }
}

//! What an account uses of the storage: the one figure that it is shown and that its quota is held against.

use sealpost_protocol::ids::AccountId;

use super::{Store, columns::from_bigint};
use crate::{log::ports::AccountUsage, store_failure::StoreFailure};

impl Store {
    /// The kept versions of the account's keystore, and the entries of the spaces that it made, as they are stored
    /// (sealed, so a little longer than they were sent). A space counts for what was last noted of it.
    pub(super) async fn account_usage(&self, account: AccountId) -> Result<AccountUsage, StoreFailure> {
        let usage = sqlx::query!(
            r#"SELECT count(*) AS "spaces!",
                      coalesce(sum(greatest(appended_bytes - dropped_bytes, 0)), 0)::bigint AS "entries!",
                      (SELECT coalesce(sum(octet_length(sealed)), 0)::bigint
                       FROM keystore_versions WHERE account_id = $1) AS "keystores!"
               FROM spaces WHERE created_by_account = $1 AND tombstoned_at IS NULL"#,
            &account.as_bytes()[..],
        )
        .fetch_one(self.pool())
        .await?;
        Ok(AccountUsage {
            spaces: from_bigint("spaces", usage.spaces)?,
            bytes: from_bigint("spaces.appended_bytes", usage.entries)?
                + from_bigint("keystore_versions.sealed", usage.keystores)?,
        })
    }
}

use std::path::PathBuf;

use clap::Args;
use sealpost_sdk::Client;

use super::export;
use crate::context::Context;
use crate::failure::Failure;
use crate::secret_input::{self, Source};
use crate::verbs::new_secrets::RecoveryTarget;
use crate::verbs::register;

/// Register an account with the identity, spaces and contacts of an export
///
/// For a relay that does not know the identity: another one, or one that has lost or deleted the account. Where the account
/// still exists, log in instead. A device secret goes along, and is shown again. Secrets are asked for as in `register` and `account export`.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sealpost --relay-url https://relay.example.org account import alice.sealpost alice"
)]
pub(crate) struct Import {
    /// A file that `account export` wrote
    file: PathBuf,
    /// Handle by which others find the account
    handle: String,
    /// Read the file's passphrase from this file descriptor
    #[arg(long, value_name = "N")]
    export_passphrase_fd: Option<u32>,
    #[command(flatten)]
    recovery: RecoveryTarget,
}

impl Import {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let config = context.config_for_login().await?;
        self.recovery.expect_free()?;
        let file = export::read(&self.file)?;
        let file_passphrase =
            Source::export_passphrase(self.export_passphrase_fd, false).read_passphrase()?;
        let token = secret_input::registration_token_for(&config).await?;
        let passphrase = context.first_passphrase()?;
        let preparing =
            Client::prepare_import(config, &self.handle, &passphrase, token, file, &file_passphrase);
        // Boxed: it registers an account, and every verb would carry that.
        let prepared = Box::pin(preparing).await?;
        Box::pin(register::finish(prepared, &self.recovery, context)).await
    }
}

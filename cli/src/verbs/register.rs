use clap::Args;
use sealpost_sdk::protocol::handle::{RULE, is_handle};
use sealpost_sdk::{Client, PreparedAccount};

use super::new_secrets::RecoveryTarget;
use super::whoami::Identity;
use crate::context::Context;
use crate::failure::Failure;
use crate::secret_input;

/// From when on the secrets of a new account count.
const FROM: &str = "once the account is registered, which is said below";

/// Register a new account and log this device in
///
/// The relay may ask for a registration token of its operator: it is read from SEALPOST_REGISTRATION_TOKEN, from the file
/// that SEALPOST_REGISTRATION_TOKEN_FILE names, or from the terminal. The recovery code is shown before the account is registered:
/// should the command be cut short in between, try to log in, and register again if there is no such account.
#[derive(Args)]
#[command(after_help = "Example:\n  sealpost --relay-url https://relay.example.org register alice")]
pub(crate) struct Register {
    /// Handle by which others find the account: 3 to 32 of a-z, 0-9, dot, dash and underscore, a letter or digit first
    handle: String,
    #[command(flatten)]
    recovery: RecoveryTarget,
    /// Draw a device secret too: new devices then need it beside the passphrase, and guessing passphrases is of no use
    #[arg(long)]
    device_secret: bool,
}

impl Register {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        // Before anybody thinks of a passphrase.
        if !is_handle(&self.handle) {
            return Err(Failure::usage(RULE));
        }
        let config = context.config_for_login().await?;
        self.recovery.expect_free()?;
        let token = secret_input::registration_token_for(&config).await?;
        let passphrase = context.first_passphrase()?;
        let preparing = Client::prepare_account(config, &self.handle, &passphrase, token, self.device_secret);
        let prepared = Box::pin(preparing).await?;
        Box::pin(finish(prepared, &self.recovery, context)).await
    }
}

/// Shows what will open an account, registers it, and reports whose it is.
pub(crate) async fn finish(
    prepared: PreparedAccount,
    recovery: &RecoveryTarget,
    context: &Context,
) -> Result<(), Failure> {
    recovery.show(context, FROM, prepared.recovery_code(), prepared.device_secret())?;
    match prepared.commit().await {
        Ok(client) => context.report(&Identity::of(&client)),
        Err(error) => {
            recovery.discard_after(&error);
            Err(error.into())
        }
    }
}

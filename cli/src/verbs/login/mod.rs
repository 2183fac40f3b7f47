mod approval;

use clap::Args;
use sealpost_sdk::Client;

use super::whoami::Identity;
use crate::context::Context;
use crate::failure::Failure;
use crate::secret_input;

/// Log this device in: with handle and passphrase, with the recovery code alone, or approved by another device
#[derive(Args)]
#[command(
    after_help = "Examples:\n  sealpost --relay-url https://relay.example.org login alice\n  \
                        sealpost --relay-url https://relay.example.org login --recovery\n  \
                        sealpost --relay-url https://relay.example.org login alice --approve"
)]
pub(crate) struct Login {
    /// Handle of the account
    #[arg(required_unless_present = "recovery", conflicts_with = "recovery")]
    handle: Option<String>,
    /// Use the recovery code instead of handle and passphrase
    #[arg(long)]
    recovery: bool,
    /// Give the device secret beside the passphrase, for an account that has one; it is read from the file that
    /// SEALPOST_DEVICE_SECRET_FILE names, or from the terminal
    #[arg(long, conflicts_with = "recovery")]
    device_secret: bool,
    /// Show a code to type at a device of the account that is logged in (`sealpost devices approve`), and wait; no passphrase is
    /// asked for here
    #[arg(long, conflicts_with_all = ["recovery", "device_secret"])]
    approve: bool,
}

impl Login {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let config = context.config_for_login().await?;
        let client = match self.handle {
            Some(handle) if self.approve => approval::log_in(context, config, &handle).await?,
            Some(handle) => {
                let passphrase = context.passphrase()?;
                let secret = self.device_secret.then(secret_input::device_secret).transpose()?;
                Client::login_with_device_secret(config, &handle, &passphrase, secret.as_ref())
                    .await
                    .map_err(|error| Failure::from(error).or_by_recovery())?
            }
            None => Client::login_with_recovery_code(config, &secret_input::recovery_code()?).await?,
        };
        context.report(&Identity::of(&client))
    }
}

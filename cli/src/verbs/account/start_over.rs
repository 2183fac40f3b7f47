use clap::Args;
use sealpost_sdk::Proof;

use super::ShownDeviceSecret;
use crate::context::Context;
use crate::failure::Failure;
use crate::question;
use crate::secret_input::{self, Source};
use crate::verbs::register::{RecoveryTarget, Registered};

/// Start over with new keys, because the old ones may be in foreign hands
///
/// Makes a new identity, a new passphrase and a new recovery code, in one step at the relay. The old keys are revoked there and
/// every other device is logged out. Contacts stay, and have to confirm the new fingerprint. Spaces stay listed as lost: ask
/// somebody who manages each to remove the old principal and to add the new one. On a new device, log in first.
#[derive(Args)]
pub(crate) struct StartOver {
    /// Prove it with the recovery code instead of the passphrase
    #[arg(long)]
    recovery: bool,
    /// Read the new passphrase from this file descriptor
    #[arg(long, value_name = "N")]
    new_passphrase_fd: Option<u32>,
    /// Do not ask whether this is meant
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    target: RecoveryTarget,
}

impl StartOver {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        self.target.expect_free()?;
        let client = context.client().await?;
        if !self.yes {
            let warning = "This gives up the account's keys, and its place in every space.";
            question::expect_typed(&client.account().handle, warning)?;
        }
        let new = Source::new_passphrase(self.new_passphrase_fd);
        let started = if self.recovery {
            let code = secret_input::recovery_code()?;
            client
                .start_over(Proof::RecoveryCode(&code), &new.read_passphrase()?)
                .await?
        } else {
            let old = context.passphrase()?;
            client
                .start_over(Proof::Passphrase(&old), &new.read_passphrase()?)
                .await?
        };
        let code = self.target.keep(&started.recovery_code)?;
        context.report(&Registered::new(&started.client, code))?;
        match &started.device_secret {
            Some(secret) => context.report(&ShownDeviceSecret::new(Some(secret))),
            None => Ok(()),
        }
    }
}

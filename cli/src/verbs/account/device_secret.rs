use std::io::{self, Write};

use clap::Subcommand;
use sealpost_sdk::DeviceSecret as Secret;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;

/// The optional second half of the passphrase
///
/// With a device secret, a new device needs it beside the passphrase, or the recovery code. Whoever runs the relay can then
/// guess passphrases as long as they like. Keystores that the relay was given before it was enabled still open with the
/// passphrase alone: `register --device-secret` leaves none.
#[derive(Subcommand)]
pub(crate) enum DeviceSecret {
    /// Draw a device secret; from here on the passphrase needs it
    Enable,
    /// Let the passphrase open the account alone again
    Disable,
    /// Show the device secret
    Show,
}

/// A device secret as it is reported.
#[derive(Serialize)]
pub(crate) struct ShownDeviceSecret {
    device_secret: Option<String>,
}

impl DeviceSecret {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let secret = match self {
            Self::Enable => Some(client.enable_device_secret(&context.passphrase()?).await?),
            Self::Disable => {
                client.disable_device_secret(&context.passphrase()?).await?;
                None
            }
            Self::Show => {
                client.refresh_keystore().await?;
                client.device_secret().await?
            }
        };
        context.report(&ShownDeviceSecret::new(secret.as_ref()))
    }
}

impl ShownDeviceSecret {
    pub(crate) fn new(secret: Option<&Secret>) -> Self {
        Self {
            device_secret: secret.map(|secret| secret.expose_text().to_string()),
        }
    }
}

impl Report for ShownDeviceSecret {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        match &self.device_secret {
            None => writeln!(
                out,
                "The account has no device secret; the passphrase opens it alone."
            ),
            Some(secret) => {
                writeln!(
                    out,
                    "Device secret. A new device needs it beside the passphrase; write it down, apart from the passphrase:"
                )?;
                writeln!(out, "\n    {secret}\n")
            }
        }
    }
}

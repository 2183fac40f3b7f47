use std::io::{self, Write};

use clap::Subcommand;
use sealpost_sdk::{Client, DeviceSecret as Secret};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::verbs::new_secrets::NewSecrets;

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

/// From when on a new device secret counts.
const FROM: &str = "once it is said below that the passphrase needs it";

#[derive(Serialize)]
struct Enabled {
    device_secret_enabled: bool,
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
            Self::Enable => return enable(&client, context).await,
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

/// Shows the secret before the passphrase needs it.
async fn enable(client: &Client, context: &Context) -> Result<(), Failure> {
    let prepared = client.prepare_device_secret(&context.passphrase()?).await?;
    if let Err(failure) = NewSecrets::of_device(prepared.secret(), FROM).show(context) {
        prepared.abandon().await;
        return Err(failure);
    }
    prepared.commit().await?;
    context.report(&Enabled {
        device_secret_enabled: true,
    })
}

impl ShownDeviceSecret {
    pub(crate) fn new(secret: Option<&Secret>) -> Self {
        Self {
            device_secret: secret.map(|secret| secret.expose_text().to_string()),
        }
    }
}

impl Report for Enabled {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "The passphrase needs the device secret from here on.")
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

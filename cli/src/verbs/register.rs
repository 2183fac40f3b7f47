use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use clap::Args;
use sealpost_sdk::{Client, RecoveryCode};
use serde::Serialize;

use super::account::ShownDeviceSecret;
use super::whoami::Identity;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::secret_input;

/// Register a new account and log this device in
///
/// The relay may ask for a registration token of its operator: it is read from SEALPOST_REGISTRATION_TOKEN, from the file
/// that SEALPOST_REGISTRATION_TOKEN_FILE names, or from the terminal.
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

/// Where a recovery code goes that is shown once.
#[derive(Args)]
pub(crate) struct RecoveryTarget {
    /// Write the recovery code to this new file instead of showing it
    #[arg(long, value_name = "FILE")]
    recovery_code_to: Option<PathBuf>,
}

/// A new account as it is reported.
#[derive(Serialize)]
pub(crate) struct Registered {
    #[serde(flatten)]
    identity: Identity,
    #[serde(flatten)]
    recovery: ShownRecoveryCode,
}

/// A recovery code as it is reported.
#[derive(Serialize)]
pub(crate) struct ShownRecoveryCode {
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_code_file: Option<PathBuf>,
}

impl Register {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let config = context.config_for_login().await?;
        self.recovery.expect_free()?;
        let token = secret_input::registration_token_for(&config).await?;
        let passphrase = context.first_passphrase()?;
        if self.device_secret {
            let registering = Client::register_with_device_secret(config, &self.handle, &passphrase, token);
            let (client, code, secret) = registering.await?;
            context.report(&Registered::new(&client, self.recovery.keep(&code)?))?;
            return context.report(&ShownDeviceSecret::new(Some(&secret)));
        }
        let (client, code) = Client::register(config, &self.handle, &passphrase, token).await?;
        context.report(&Registered::new(&client, self.recovery.keep(&code)?))
    }
}

impl Registered {
    pub(crate) fn new(client: &Client, recovery: ShownRecoveryCode) -> Self {
        Self {
            identity: Identity::of(client),
            recovery,
        }
    }
}

impl RecoveryTarget {
    /// Refuses a file that is there already, before anything is changed.
    pub(crate) fn expect_free(&self) -> Result<(), Failure> {
        match &self.recovery_code_to {
            Some(file) if file.exists() => {
                Err(Failure::usage(format!("{} is there already", file.display())))
            }
            _ => Ok(()),
        }
    }

    /// Writes the code of an account that has it already where it should go.
    pub(crate) fn keep(&self, code: &RecoveryCode) -> Result<ShownRecoveryCode, Failure> {
        let lost = "the recovery code was not written; issue another one with `sealpost recovery-code new`";
        self.write(code, lost)
    }

    /// Writes the code where it should go; `lost` says what it means that this failed.
    pub(crate) fn write(&self, code: &RecoveryCode, lost: &str) -> Result<ShownRecoveryCode, Failure> {
        let text = code.expose_text();
        let Some(file) = &self.recovery_code_to else {
            return Ok(ShownRecoveryCode {
                recovery_code: Some(text.to_string()),
                recovery_code_file: None,
            });
        };
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)
            .and_then(|mut out| {
                writeln!(out, "{}", *text)?;
                out.sync_all()
            })
            .map_err(|source| Failure::file(format!("{lost} ({})", file.display()), source))?;
        Ok(ShownRecoveryCode {
            recovery_code: None,
            recovery_code_file: Some(file.clone()),
        })
    }

    /// Takes back a code that never came to count.
    pub(crate) fn discard(&self) {
        if let Some(file) = &self.recovery_code_to {
            // Left behind it does no harm: it opens nothing.
            let _ = std::fs::remove_file(file);
        }
    }
}

impl Report for Registered {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        self.identity.write_text(out)?;
        writeln!(out)?;
        self.recovery.write_text(out)
    }
}

impl Report for ShownRecoveryCode {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        if let Some(file) = &self.recovery_code_file {
            return writeln!(out, "The recovery code is in {}.", file.display());
        }
        writeln!(
            out,
            "Recovery code, shown this once. Write it down; it opens the account without the passphrase:"
        )?;
        writeln!(
            out,
            "\n    {}\n",
            self.recovery_code.as_deref().unwrap_or_default()
        )
    }
}

//! Secrets that their owner has before they count.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use clap::Args;
use sealpost_sdk::{DeviceSecret, Error, RecoveryCode};
use serde::Serialize;

use super::account::ShownDeviceSecret;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;

/// Where a recovery code goes that is shown once.
#[derive(Args)]
pub(crate) struct RecoveryTarget {
    /// Write the recovery code to this new file instead of showing it
    #[arg(long, value_name = "FILE")]
    recovery_code_to: Option<PathBuf>,
}

/// What the owner needs from some moment on; reported before it, so that it is not lost with this process.
#[derive(Serialize)]
pub(crate) struct NewSecrets {
    #[serde(flatten)]
    recovery: Option<ShownRecoveryCode>,
    #[serde(flatten)]
    device_secret: Option<ShownDeviceSecret>,
    /// From when on they count, for people.
    #[serde(skip)]
    from: &'static str,
}

/// A recovery code as it is reported.
#[derive(Serialize)]
struct ShownRecoveryCode {
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_code_file: Option<PathBuf>,
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

    /// Shows secrets that count from some moment on. If that fails, nothing may be changed.
    pub(crate) fn show(
        &self,
        context: &Context,
        from: &'static str,
        code: &RecoveryCode,
        device_secret: Option<&DeviceSecret>,
    ) -> Result<(), Failure> {
        let secrets = NewSecrets {
            recovery: Some(self.write(code)?),
            device_secret: device_secret.map(|secret| ShownDeviceSecret::new(Some(secret))),
            from,
        };
        secrets.show(context).inspect_err(|_| self.discard())
    }

    /// Takes back a code that does not count, unless `error` leaves open whether it does.
    pub(crate) fn discard_after(&self, error: &Error) {
        if !error.leaves_open() && !matches!(error, Error::Store(_)) {
            self.discard();
        }
    }

    fn write(&self, code: &RecoveryCode) -> Result<ShownRecoveryCode, Failure> {
        let text = code.expose_text();
        let Some(file) = &self.recovery_code_to else {
            return Ok(ShownRecoveryCode {
                recovery_code: Some(text.to_string()),
                recovery_code_file: None,
            });
        };
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)
            .and_then(|mut out| {
                writeln!(out, "{}", *text)?;
                out.sync_all()
            });
        written.map_err(|source| {
            let what = "the recovery code was not written, and nothing was changed";
            Failure::file(format!("{what} ({})", file.display()), source)
        })?;
        Ok(ShownRecoveryCode {
            recovery_code: None,
            recovery_code_file: Some(file.clone()),
        })
    }

    fn discard(&self) {
        if let Some(file) = &self.recovery_code_to {
            // Left behind it does no harm: it opens nothing.
            let _ = std::fs::remove_file(file);
        }
    }
}

impl NewSecrets {
    /// Shows them. Whoever has closed our output has not heard enough.
    pub(crate) fn show(&self, context: &Context) -> Result<(), Failure> {
        context.report(self).map_err(|failure| match failure {
            Failure::Output(source) => {
                Failure::file("a new secret could not be shown, and nothing was changed", source)
            }
            other => other,
        })
    }

    /// A device secret alone.
    pub(crate) fn of_device(secret: &DeviceSecret, from: &'static str) -> Self {
        Self {
            recovery: None,
            device_secret: Some(ShownDeviceSecret::new(Some(secret))),
            from,
        }
    }
}

impl Report for NewSecrets {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "What follows counts {}.\n", self.from)?;
        if let Some(recovery) = &self.recovery {
            recovery.write_text(out)?;
        }
        match &self.device_secret {
            Some(secret) => secret.write_text(out),
            None => Ok(()),
        }
    }
}

impl ShownRecoveryCode {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        if let Some(file) = &self.recovery_code_file {
            return writeln!(out, "The recovery code is in {}.", file.display());
        }
        writeln!(
            out,
            "Recovery code, shown this once. Write it down; it opens the account without the passphrase:"
        )?;
        let code = self.recovery_code.as_deref().unwrap_or_default();
        writeln!(out, "\n    {code}\n")
    }
}

use std::io::{self, Write};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::new_secrets::RecoveryTarget;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;

/// From when on a new recovery code counts.
const FROM: &str = "once it is said below that the old code opens nothing; keep the old one until then";

/// The account's recovery code
#[derive(Subcommand)]
pub(crate) enum RecoveryCode {
    New(New),
}

/// Issue a new recovery code; the old one opens nothing any more
///
/// The new code is shown before it counts: should the command be cut short in between, the old one does, or the new one. The
/// passphrase issues another in any case.
#[derive(Args)]
pub(crate) struct New {
    #[command(flatten)]
    target: RecoveryTarget,
}

#[derive(Serialize)]
struct Changed {
    recovery_code_changed: bool,
}

impl RecoveryCode {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let Self::New(new) = self;
        new.run(context).await
    }
}

impl New {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        self.target.expect_free()?;
        let client = context.client().await?;
        let prepared = client.prepare_recovery_code(&context.passphrase()?).await?;
        if let Err(failure) = self.target.show(context, FROM, prepared.secret(), None) {
            prepared.abandon().await;
            return Err(failure);
        }
        if let Err(error) = prepared.commit().await {
            self.target.discard_after(&error);
            return Err(error.into());
        }
        context.report(&Changed {
            recovery_code_changed: true,
        })
    }
}

impl Report for Changed {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "The recovery code is changed. The old one opens nothing.")
    }
}

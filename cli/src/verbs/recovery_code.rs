use clap::{Args, Subcommand};

use super::register::RecoveryTarget;
use crate::context::Context;
use crate::failure::Failure;

/// The account's recovery code
#[derive(Subcommand)]
pub(crate) enum RecoveryCode {
    New(New),
}

/// Issue a new recovery code; the old one opens nothing any more
#[derive(Args)]
pub(crate) struct New {
    #[command(flatten)]
    target: RecoveryTarget,
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
        let code = client.new_recovery_code(&context.passphrase()?).await?;
        context.report(&self.target.keep(&code)?)
    }
}

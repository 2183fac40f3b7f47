//! The account as a whole.

mod alone;
mod delete;
mod device_secret;
mod export;
mod history;
mod import;
mod start_over;

use clap::Subcommand;

pub(crate) use device_secret::ShownDeviceSecret;

use crate::context::Context;
use crate::failure::Failure;

/// The account as a whole
#[derive(Subcommand)]
pub(crate) enum Account {
    History(history::History),
    Export(export::Export),
    Import(import::Import),
    #[command(subcommand)]
    DeviceSecret(device_secret::DeviceSecret),
    StartOver(start_over::StartOver),
    Delete(delete::Delete),
}

impl Account {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::History(verb) => verb.run(context).await,
            Self::Export(verb) => verb.run(context).await,
            Self::Import(verb) => verb.run(context).await,
            Self::DeviceSecret(verb) => verb.run(context).await,
            Self::StartOver(verb) => verb.run(context).await,
            Self::Delete(verb) => verb.run(context).await,
        }
    }
}

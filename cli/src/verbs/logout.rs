use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::Client;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;

/// End this device's session and destroy its keys and logs, messages that were not sent yet included
#[derive(Args)]
pub(crate) struct Logout {
    /// Do not tell the relay: destroy what is here, even when the relay cannot be reached or what is here is damaged
    #[arg(long)]
    forget: bool,
}

#[derive(Serialize)]
struct LoggedOut {
    logged_out: bool,
    told_relay: bool,
}

impl Logout {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        if self.forget {
            Client::forget_home(&context.global().home).await?;
        } else {
            context.client().await?.logout().await?;
        }
        context.report(&LoggedOut {
            logged_out: true,
            told_relay: !self.forget,
        })
    }
}

impl Report for LoggedOut {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "Logged out; nothing of the account is left in the home folder."
        )
    }
}

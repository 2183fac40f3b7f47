use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::error::StoreError;
use sealpost_sdk::{Client, Error, HomeOf};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::question;

/// End this device's session and destroy its keys and logs, messages that were not sent yet included
///
/// Refused while a `send`, `put` or `agent run` of this home goes on, or anything else is being sent (`busy` with --json), unless with
/// --forget.
///
/// A person logs in again with the passphrase or the recovery code. An agent's keys are nowhere else: it has to be revoked and paired
/// anew, so that its home is destroyed only with --yes, or when `forget` is typed. That holds too for a home that is damaged so that
/// nobody can tell whose it is.
#[derive(Args)]
pub(crate) struct Logout {
    /// Do not tell the relay: destroy what is here, even when the relay cannot be reached, what is here is damaged, the disk is full
    /// or another command is sending
    #[arg(long)]
    forget: bool,
    /// Destroy an agent's only keys without asking
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct LoggedOut {
    logged_out: bool,
    told_relay: bool,
}

impl Logout {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        if self.forget {
            let home = &context.global().home;
            self.expect_meant(&Client::home_of(home).await)?;
            Client::forget_home(home).await?;
        } else {
            let client = context.client().await.map_err(named_way_out)?;
            self.expect_meant(&client.owner().map_or(HomeOf::Person, |_| HomeOf::Agent))?;
            client
                .logout()
                .await
                .map_err(|error| named_way_out(error.into()))?;
        }
        context.report(&LoggedOut {
            logged_out: true,
            told_relay: !self.forget,
        })
    }
}

impl Logout {
    /// What cannot be had again is not destroyed by a slip.
    fn expect_meant(&self, home: &HomeOf) -> Result<(), Failure> {
        let warning = match home {
            HomeOf::Person | HomeOf::Nobody => return Ok(()),
            _ if self.yes => return Ok(()),
            HomeOf::Agent => "This home holds the only keys of an agent.",
            HomeOf::Unknown => "This home cannot be read; if it is an agent's, it holds its only keys.",
        };
        question::expect_typed("forget", warning)
    }
}

/// Where the store does not work, its keys can be destroyed all the same.
fn named_way_out(failure: Failure) -> Failure {
    match &failure {
        Failure::Sdk(Error::Store(StoreError::Database(_) | StoreError::File { .. })) => failure.advised(
            "`sealpost logout --forget --yes` destroys the keys here all the same and does not tell the relay: end the session from \
             another device (`sealpost devices revoke`)",
        ),
        Failure::Sdk(Error::Store(StoreError::Sending)) => {
            failure.advised("`sealpost logout --forget` destroys it all the same and does not tell the relay")
        }
        _ => failure,
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

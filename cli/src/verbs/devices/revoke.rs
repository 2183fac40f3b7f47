use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::protocol::ids::SessionId;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;

/// End a device's session; its connections close
///
/// What the device has stored it keeps.
#[derive(Args)]
pub(crate) struct Revoke {
    /// Session id, from `sealpost devices list`
    session: SessionId,
}

#[derive(Serialize)]
struct Revoked {
    session_id: SessionId,
    revoked: bool,
}

impl Revoke {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        context.client().await?.revoke_device(&self.session).await?;
        context.report(&Revoked {
            session_id: self.session,
            revoked: true,
        })
    }
}

impl Report for Revoked {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "The session {} has ended.", self.session_id)
    }
}

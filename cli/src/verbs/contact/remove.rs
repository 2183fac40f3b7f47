use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;

/// Forget a contact, so that other keys can be confirmed for the handle
#[derive(Args)]
pub(crate) struct Remove {
    /// Whom
    handle: String,
}

#[derive(Serialize)]
struct Removed {
    handle: String,
    removed: bool,
}

impl Remove {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        context.client().await?.contacts().remove(&self.handle).await?;
        context.report(&Removed {
            handle: self.handle,
            removed: true,
        })
    }
}

impl Report for Removed {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{} is forgotten. Spaces keep their members.", self.handle)
    }
}

use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::Device;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, moment, printable};

/// List the devices that are logged in
///
/// When each was used last is noted every ten minutes at most.
#[derive(Args)]
pub(crate) struct List {}

#[derive(Serialize)]
struct ShownDevice(Device);

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let devices = context.client().await?.devices().await?;
        devices
            .into_iter()
            .try_for_each(|device| context.report(&ShownDevice(device)))
    }
}

impl Report for ShownDevice {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let Self(device) = self;
        let current = if device.current { "  (this one)" } else { "" };
        let name = printable(&device.device_name);
        writeln!(
            out,
            "{}  since {}, used {}, until {}  {name}{current}",
            device.session_id,
            moment(device.created_at),
            // The relay says it to ten minutes.
            moment(device.last_seen_at),
            device.expires_at.date(),
        )
    }
}

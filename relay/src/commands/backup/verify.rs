//! `backup verify`.

use clap::Args;

use super::{OpenedBackup, ProgramsOption, progress, report, size};
use crate::{backup, clock::SystemClock};

/// Which one.
#[derive(Args)]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    opened: OpenedBackup,
    #[command(flatten)]
    programs: ProgramsOption,
    /// Print one object for machines.
    #[arg(long)]
    json: bool,
}

/// Needs no configuration, no database and no key service.
pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let identities = arguments.opened.identities()?;
    let programs = arguments.programs.locate(None);
    let verified = backup::verify(
        &arguments.opened.backup,
        identities,
        programs,
        &SystemClock,
        progress::shown(),
    )
    .await?;
    report(&verified, arguments.json, || {
        let keys = if verified.keys_tried {
            "every data key opened"
        } else {
            "its data keys are tried by the restore, on a live OpenBao"
        };
        format!(
            "{} is whole: {}, {} spaces with the heads that its manifest names, {} data keys ({keys})",
            verified.id,
            size(verified.bytes),
            verified.spaces,
            verified.data_keys
        )
    })
}

//! `backup restore`.

use std::{
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::bail;
use clap::Args;
use time::format_description::well_known::Rfc3339;

use super::{OpenedBackup, ProgramsOption, progress, report};
use crate::{
    backup::{BackupError, OperatorAccess, Progress, Restore, RestoreOptions, Restored},
    commands::{begin_logging, dev},
    config::{Config, Sources},
};

/// What to restore, and where.
#[derive(Args)]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    opened: OpenedBackup,
    /// Restore into this new data folder of `sealpost-relay dev`, instead of the database and key service of the configuration.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A file with the token of an operator of OpenBao who may put a snapshot back.
    #[arg(long, value_name = "FILE", conflicts_with = "openbao_password_file")]
    openbao_token_file: Option<PathBuf>,
    /// A file with the password of the user `operator` of OpenBao. With it the secret ids of this configuration are made known to the
    /// restored OpenBao, which another host's need.
    #[arg(long, value_name = "FILE")]
    openbao_password_file: Option<PathBuf>,
    /// The seal key of the target's OpenBao, to be compared with the one that the backup needs.
    #[arg(long, value_name = "FILE")]
    seal_key: Option<PathBuf>,
    #[command(flatten)]
    programs: ProgramsOption,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Print one object for machines.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: Arguments, sources: Sources) -> anyhow::Result<()> {
    let restored = match arguments.data.clone() {
        Some(data) => arguments.restore_to_folder(&data, sources).await?,
        None => {
            let config = Config::load(sources)?;
            begin_logging(&config.telemetry)?;
            arguments.restore_to_target(&config).await?
        }
    };
    report(&restored, arguments.json, || {
        format!(
            "{} is restored: {} spaces. Incarnation {} has begun, {} spaces were deleted again. Start the relay; clients bring back \
             what they hold.",
            restored.id, restored.spaces, restored.new_incarnation, restored.shredded_again
        )
    })
}

impl Arguments {
    /// Brings the embedded Postgres up, whatever a configuration file says, for as long as it takes.
    async fn restore_to_folder(&self, data: &Path, sources: Sources) -> anyhow::Result<Restored> {
        let sources = sources.without_file().over(dev::base::of_everyone());
        begin_logging(&sources.telemetry()?)?;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let servers = dev::Servers::start(data, nowhere, false).await?;
        let config = Config::load(sources.over(dev::base::of_this(&servers, (nowhere, nowhere))?))?;
        let restored = self.restore_to_target(&config).await;
        servers.stop().await?;
        restored
    }

    async fn restore_to_target(&self, config: &Config) -> anyhow::Result<Restored> {
        let progress: Arc<dyn Progress> = progress::shown();
        let options = RestoreOptions {
            backup: self.opened.backup.clone(),
            programs: self.programs.locate(config.backup.programs.as_ref()),
            operator: self.operator(),
            seal_key_file: self.seal_key.clone(),
        };
        let identities = self.opened.identities()?;
        let restore = Restore::prepare(config, options, identities, &progress).await?;
        self.confirm(&restore)?;
        Ok(restore.run(config, &progress).await?)
    }

    fn operator(&self) -> Option<OperatorAccess> {
        let password = self
            .openbao_password_file
            .clone()
            .map(OperatorAccess::PasswordFile);
        password.or_else(|| self.openbao_token_file.clone().map(OperatorAccess::TokenFile))
    }

    fn confirm(&self, restore: &Restore) -> anyhow::Result<()> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            bail!(BackupError::NotConfirmed);
        }
        let manifest = restore.manifest();
        eprint!(
            "Nothing stands against it. Restore {} ({}, {} spaces)? What was acknowledged after that comes back only from clients that \
             hold it. [yes/no] ",
            manifest.id,
            manifest.created_at.format(&Rfc3339)?,
            manifest.database.spaces
        );
        io::stderr().flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        match answer.trim() {
            "yes" => Ok(()),
            _ => bail!(BackupError::NotConfirmed),
        }
    }
}

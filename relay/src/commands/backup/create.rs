//! `backup create`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::{ProgramsOption, progress, report, size};
use crate::{
    backup::{self, CreateOptions, Recipient},
    commands::{begin_logging, operator},
    config::{Config, Sources},
};

/// How to make one.
#[derive(Args)]
pub(in crate::commands) struct Arguments {
    /// The folder of the backups; else backup.folder of the configuration.
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// The public half of an identity that can open it; else backup.recipients. May be given several times.
    #[arg(long, value_name = "AGE1")]
    recipient: Vec<String>,
    /// The folder is a new place. Without, a folder that holds no backups is refused: its disk may not be mounted.
    #[arg(long)]
    first: bool,
    /// A small file that belongs to the deployment, such as the store of its certificates. May be given several times.
    #[arg(long, value_name = "FILE")]
    attach: Vec<PathBuf>,
    #[command(flatten)]
    programs: ProgramsOption,
    /// Print one object for machines.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: Arguments, sources: Sources) -> anyhow::Result<()> {
    let configuration = sources.without_secrets()?;
    let config = Config::load(sources)?;
    begin_logging(&config.telemetry)?;
    let options = arguments.options(&config, configuration)?;
    let parts = operator::parts(&config).await?;
    let created = backup::create(&config, &parts, options, progress::shown()).await?;
    report(&created, arguments.json, || {
        format!(
            "{}: {}, {} spaces, in {} s. Verify it where its identity is: sealpost-relay backup verify {0} --identity FILE",
            created.path.display(),
            size(created.bytes),
            created.spaces,
            created.seconds
        )
    })
}

impl Arguments {
    fn options(&self, config: &Config, configuration: String) -> anyhow::Result<CreateOptions> {
        let folder = self.to.clone().or_else(|| config.backup.folder.clone());
        let texts = match self.recipient.is_empty() {
            true => &config.backup.recipients,
            false => &self.recipient,
        };
        let recipients: Result<Vec<Recipient>, _> = texts.iter().map(|text| text.parse()).collect();
        Ok(CreateOptions {
            folder: folder.context("say where to: --to DIR, or backup.folder in the configuration")?,
            first: self.first,
            recipients: recipients?,
            attached: self.attach.clone(),
            configuration,
            programs: self.programs.locate(config.backup.programs.as_ref()),
        })
    }
}

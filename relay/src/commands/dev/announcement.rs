//! Tells people and scripts that the relay is up, and where.

use std::{
    env, io,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process,
};

use sealpost_protocol::http::SecretToken;
use serde::Serialize;
use toml::Table;

use super::private_file;

/// What `dev.json` holds while the relay runs. It lies in the data folder, which only its owner may enter.
#[derive(Serialize)]
struct DevFile {
    url: String,
    ops_url: String,
    registration_token: SecretToken,
    pid: u32,
    database_url: String,
}

/// The file for scripts, the configuration for the other verbs and the banner for people.
pub(super) struct Announcement {
    path: PathBuf,
    content: DevFile,
    config_path: PathBuf,
    config: String,
}

impl Announcement {
    pub(super) fn new(
        data: &Path,
        (public, ops): (SocketAddr, SocketAddr),
        registration_token: SecretToken,
        database_url: String,
        config: &Table,
    ) -> anyhow::Result<Self> {
        let content = DevFile {
            url: format!("http://{public}"),
            ops_url: format!("http://{ops}"),
            registration_token,
            pid: process::id(),
            database_url,
        };
        let data = data.canonicalize()?;
        Ok(Self {
            path: data.join("dev.json"),
            content,
            config_path: data.join("relay.toml"),
            config: toml::to_string(config)?,
        })
    }

    /// Writes the files, and then the banner.
    pub(super) fn make(&self) -> anyhow::Result<()> {
        private_file::write(&self.config_path, &self.config)?;
        private_file::write(&self.path, &serde_json::to_string_pretty(&self.content)?)?;
        print!("{}", self.banner());
        io::stdout().flush()?;
        Ok(())
    }

    /// Removes the files: what they say holds no more.
    pub(super) fn withdraw(&self) -> anyhow::Result<()> {
        private_file::remove(&self.path)?;
        Ok(private_file::remove(&self.config_path)?)
    }

    fn banner(&self) -> String {
        let DevFile {
            url,
            ops_url,
            registration_token,
            ..
        } = &self.content;
        let (token, file) = (registration_token.expose_text(), self.path.display());
        let (token, config) = (token.as_str(), self.config_path.display());
        let (sealpost, relay) = (beside_this("sealpost"), beside_this("sealpost-relay"));
        format!(
            "
  Sealpost runs. Ctrl-C ends it; what it stores stays.

    relay                {url}
    health and metrics   {ops_url}/ready, {ops_url}/metrics
    registration token   {token}
    for scripts          {file}
    for its operator     {relay} --config {config} token list

  Try next, in another terminal:

    export SEALPOST_RELAY_URL={url} SEALPOST_REGISTRATION_TOKEN={token}

    {sealpost} register alice
    {sealpost} space create garden
    {sealpost} send garden hello

"
        )
    }
}

/// A command beside this one, where it was built with it.
fn beside_this(name: &str) -> String {
    let beside = env::current_exe().ok().map(|relay| relay.with_file_name(name));
    let built = beside.filter(|command| command.exists());
    built.map_or_else(|| name.into(), |command| command.display().to_string())
}

//! Tells people and scripts that the relay is up, and where.

use std::{
    env, fs, io,
    io::{ErrorKind, Write},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process,
};

use anyhow::Context;
use sealpost_protocol::http::SecretToken;
use serde::Serialize;

/// What `dev.json` holds while the relay runs. It lies in the data folder, which only its owner may enter.
#[derive(Serialize)]
struct DevFile {
    url: String,
    ops_url: String,
    registration_token: SecretToken,
    pid: u32,
    database_url: String,
}

/// The file for scripts and the banner for people.
pub(super) struct Announcement {
    path: PathBuf,
    content: DevFile,
}

impl Announcement {
    pub(super) fn new(
        data: &Path,
        (public, ops): (SocketAddr, SocketAddr),
        registration_token: SecretToken,
        database_url: String,
    ) -> anyhow::Result<Self> {
        let content = DevFile {
            url: format!("http://{public}"),
            ops_url: format!("http://{ops}"),
            registration_token,
            pid: process::id(),
            database_url,
        };
        Ok(Self {
            path: data.canonicalize()?.join("dev.json"),
            content,
        })
    }

    /// Writes the file, all of it at once, and then the banner.
    pub(super) fn make(&self) -> anyhow::Result<()> {
        let draft = self.path.with_extension("new");
        let text = serde_json::to_string_pretty(&self.content)?;
        write_private(&draft, &text)
            .and_then(|()| fs::rename(&draft, &self.path))
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        print!("{}", self.banner());
        io::stdout().flush()?;
        Ok(())
    }

    /// Removes the file: what it says holds no more.
    pub(super) fn withdraw(&self) -> anyhow::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn banner(&self) -> String {
        let DevFile {
            url,
            ops_url,
            registration_token,
            ..
        } = &self.content;
        let (token, file) = (registration_token.expose_text(), self.path.display());
        let (token, sealpost) = (token.as_str(), client());
        format!(
            "
  Sealpost runs. Ctrl-C ends it; what it stores stays.

    relay                {url}
    health and metrics   {ops_url}/ready, {ops_url}/metrics
    registration token   {token}
    for scripts          {file}

  Try next, in another terminal:

    export SEALPOST_RELAY_URL={url} SEALPOST_REGISTRATION_TOKEN={token}

    {sealpost} register alice
    {sealpost} space create garden
    {sealpost} send garden hello

"
        )
    }
}

/// The command beside this one, where it was built with it.
fn client() -> String {
    let beside = env::current_exe()
        .ok()
        .map(|relay| relay.with_file_name("sealpost"));
    let built = beside.filter(|client| client.exists());
    built.map_or_else(|| "sealpost".into(), |client| client.display().to_string())
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{text}")
}

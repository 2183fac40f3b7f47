//! The servers that a development relay brings along.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::anyhow;
use sha2::{Digest, Sha256};
use toml::Table;
use zeroize::Zeroizing;

use super::base::table;
use crate::{
    embedded::{ObjectStore, OpenBao, OpenBaoOptions, Postgres, PostgresOptions, Tools, object_store},
    entropy::SystemEntropy,
};

/// Postgres, a store for blobs, and OpenBao where it is wanted.
pub(in crate::commands) struct Servers {
    postgres: Postgres,
    objects: ObjectStore,
    openbao: Option<OpenBao>,
    key_file: PathBuf,
    shreds: PathBuf,
}

impl Servers {
    /// Starts them in folders of their own under `data`. They end with the thread that calls this.
    pub(in crate::commands) async fn start(
        data: &Path,
        store_listen: SocketAddr,
        with_openbao: bool,
    ) -> anyhow::Result<Self> {
        let tools = Tools::locate();
        let postgres = Postgres::start(&tools, &data.join("postgres"), &PostgresOptions::default()).await?;
        tracing::info!("Postgres runs {}", postgres.confinement());
        // What is said of the servers holds wherever it is read.
        let data = data.canonicalize()?;
        let openbao = if with_openbao {
            let options = OpenBaoOptions::default();
            Some(OpenBao::start(&tools, &data.join("openbao"), &options, &SystemEntropy).await?)
        } else {
            None
        };
        let shreds = data.join("shreds");
        fs::create_dir_all(&shreds)?;
        let objects = ObjectStore::start(&data.join("blobs"), store_listen, &SystemEntropy).await?;
        Ok(Self {
            postgres,
            objects,
            openbao,
            key_file: data.join("kms.key"),
            shreds,
        })
    }

    pub(super) fn database_url(&self) -> String {
        self.postgres.url()
    }

    /// The section `[kms]`.
    pub(super) fn kms(&self) -> Table {
        let Some(openbao) = &self.openbao else {
            let file = table([("path", path(&self.key_file))]);
            return table([("kind", "file".into()), ("file", file.into())]);
        };
        let section = table([
            ("address", openbao.address().into()),
            ("role_id", openbao.role_id().into()),
            ("secret_id_file", path(&openbao.secret_id_file())),
        ]);
        table([("kind", "openbao".into()), ("openbao", section.into())])
    }

    /// The section `[backup]`, where there is something to be said.
    pub(super) fn backup(&self) -> anyhow::Result<Option<Table>> {
        let Some(openbao) = &self.openbao else {
            return Ok(None);
        };
        let seal_key = Zeroizing::new(fs::read(openbao.seal_key_file())?);
        let job = table([
            ("role_id", openbao.backup_role_id().into()),
            ("secret_id_file", path(&openbao.backup_secret_id_file())),
        ]);
        Ok(Some(table([
            ("seal_key_id", openbao.seal_key_id().into()),
            ("seal_key_sha256", hex::encode(Sha256::digest(&*seal_key)).into()),
            ("openbao", job.into()),
        ])))
    }

    /// The section `[shreds]`: what is deleted stays so when an older backup is restored beside this folder.
    pub(super) fn shreds(&self) -> Table {
        table([("folder", path(&self.shreds))])
    }

    /// The section `[blobs]`.
    pub(super) fn blobs(&self) -> Table {
        table([
            ("endpoint", self.objects.endpoint().into()),
            ("bucket", object_store::BUCKET.into()),
            ("access_key", object_store::ACCESS_KEY.into()),
            ("secret_key_file", path(&self.objects.secret_key_file())),
        ])
    }

    /// Waits until one of them has ended, which nobody asked for.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        let openbao = async {
            match &mut self.openbao {
                Some(openbao) => openbao.ended().await,
                None => std::future::pending().await,
            }
        };
        let (name, ended) = tokio::select! {
            ended = self.postgres.ended() => ("Postgres", ended),
            ended = openbao => ("OpenBao", ended),
        };
        match ended {
            Ok(status) => anyhow!("{name} ended unasked ({status}): see its server.log in the data folder"),
            Err(error) => anyhow!("{name} cannot be waited for: {error}"),
        }
    }

    /// Stops what still runs.
    pub(in crate::commands) async fn stop(self) -> anyhow::Result<()> {
        self.objects.stop().await;
        if let Some(openbao) = self.openbao {
            openbao.stop().await?;
        }
        Ok(self.postgres.stop().await?)
    }
}

fn path(path: &Path) -> toml::Value {
    path.to_string_lossy().into_owned().into()
}

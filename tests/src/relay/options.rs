//! How a relay is to run.

use std::{net::SocketAddr, path::PathBuf};

use sealpost_relay::config::{Config, Sources};
use tempfile::TempDir;
use toml::{Table, Value, toml};

use super::Addresses;
use crate::{database::Database, openbao::Transit};

/// How a relay is to run: in the end, a configuration.
#[derive(Debug)]
pub struct RelayOptions {
    database_url: String,
    kms: Table,
    public_url: Option<String>,
    others: Vec<(String, String)>,
    key_folder: Option<TempDir>,
    pub(super) log_file: Option<PathBuf>,
    pub(super) program: &'static str,
}

impl RelayOptions {
    /// On this database, with a key file of its own, at an address of its own.
    #[must_use]
    pub fn on(database: &Database) -> Self {
        Self::at(database.url())
    }

    /// The same on the database with this URL.
    #[must_use]
    pub fn at(database_url: &str) -> Self {
        let key_folder = tempfile::tempdir().unwrap();
        let path = key_folder
            .path()
            .join("kms.key")
            .into_os_string()
            .into_string()
            .unwrap();
        let kms = toml! {
            kind = "file"
            file.path = path
        };
        Self {
            database_url: database_url.to_owned(),
            kms,
            public_url: None,
            others: Vec::new(),
            key_folder: Some(key_folder),
            log_file: None,
            program: "sealpost-relay",
        }
    }

    /// With its keys wrapped by OpenBao.
    #[must_use]
    pub fn with_openbao(self, transit: &Transit) -> Self {
        self.with_kms(transit.section())
    }

    /// With this section `[kms]`.
    #[must_use]
    pub fn with_kms(mut self, section: Table) -> Self {
        self.kms = section;
        self.key_folder = None;
        self
    }

    /// Reached by clients at another address than its own: that of a proxy.
    #[must_use]
    pub fn behind(mut self, proxy: SocketAddr) -> Self {
        self.public_url = Some(format!("http://{proxy}"));
        self
    }

    /// With a key of the configuration set, as in `SEALPOST__SECTION__KEY=value`.
    #[must_use]
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.others.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// With a file that takes the log of all relays with these options that run as a child, and outlives them.
    #[must_use]
    pub fn logging_to(mut self, file: PathBuf) -> Self {
        self.log_file = Some(file);
        self
    }

    /// With another program than the one that is shipped, for a relay that is a child.
    #[must_use]
    pub fn running(mut self, program: &'static str) -> Self {
        self.program = program;
        self
    }

    /// The configuration, of a relay that listens anywhere: what the operator's commands need.
    #[must_use]
    pub fn config(&self) -> Config {
        self.config_at(Self::anywhere())
    }

    /// The same as a file, without what [`Self::with`] set.
    #[must_use]
    pub fn file(&self) -> String {
        self.table(Self::anywhere()).to_string()
    }

    fn anywhere() -> Addresses {
        let any = "127.0.0.1:0".parse().unwrap();
        Addresses {
            public: any,
            ops: any,
        }
    }

    /// The configuration of a relay that listens there.
    pub(super) fn table(&self, addresses: Addresses) -> Table {
        let (public, ops) = (addresses.public.to_string(), addresses.ops.to_string());
        let public_url = self.public_url.clone().unwrap_or_else(|| addresses.url());
        let database_url = self.database_url.as_str();
        let mut table = toml! {
            environment = "development"
            [server]
            public_listen = public
            ops_listen = ops
            public_url = public_url
            [database]
            url = database_url
            [telemetry]
            filter = "debug,sealpost_relay=trace"
        };
        table.insert("kms".into(), Value::Table(self.kms.clone()));
        table
    }

    /// The same with what the environment says.
    pub(super) fn config_at(&self, addresses: Addresses) -> Config {
        let sources = Sources::default()
            .over(self.table(addresses))
            .with_variables(self.variables());
        Config::load(sources).unwrap()
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.others
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

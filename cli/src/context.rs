//! What a verb works with.

use std::io::{self, Write};
use std::time::Duration;

use sealpost_sdk::{Client, ClientConfig, Error, HomeOf, Passphrase};

use crate::arguments::GlobalArguments;
use crate::failure::Failure;
use crate::headers;
use crate::output::{Output, Report};
use crate::secret_input::Source;

/// The global arguments, and what follows from them.
pub(crate) struct Context {
    global: GlobalArguments,
    output: Output,
}

impl Context {
    pub(crate) fn new(global: GlobalArguments, output: Output) -> Self {
        Self { global, output }
    }

    pub(crate) fn output(&self) -> Output {
        self.output
    }

    pub(crate) fn global(&self) -> &GlobalArguments {
        &self.global
    }

    /// Prints a report.
    pub(crate) fn report(&self, report: &impl Report) -> Result<(), Failure> {
        self.output.report(report)
    }

    /// Prints what stands over a list, for people.
    pub(crate) fn heading(&self, text: &str) -> Result<(), Failure> {
        match self.output {
            Output::Human => Ok(writeln!(io::stdout(), "{text}")?),
            Output::Json => Ok(()),
        }
    }

    /// Writes a report to `out`, which the caller flushes.
    pub(crate) fn write(&self, out: &mut impl Write, report: &impl Report) -> Result<(), Failure> {
        self.output.write(out, report)
    }

    /// The configuration for the relay that was named, or else for the one that the home belongs to.
    pub(crate) async fn config(&self) -> Result<ClientConfig, Failure> {
        let home = &self.global.home;
        let mut config = match &self.global.relay_url {
            Some(url) => ClientConfig::new(url, home)?,
            None => ClientConfig::of_home(home).await?,
        };
        config.connect_to = self.global.connect_to;
        let given = self.global.device_name.as_deref().map(str::trim);
        if let Some(name) = given.filter(|name| !name.is_empty()) {
            name.clone_into(&mut config.device_name);
        }
        config.patience = self.global.patience.map_or(Duration::ZERO, Duration::from_secs);
        if let Some(seconds) = self.global.heartbeat {
            config.heartbeat = Duration::from_secs(seconds);
        }
        if let Some(file) = &self.global.ca_file {
            let what = format!("the file of authorities {}", file.display());
            let pem = std::fs::read(file).map_err(|source| Failure::file(&what, source))?;
            config
                .add_root_certificates(&pem)
                .map_err(|error| Failure::usage(format!("{what}: {error}")))?;
        }
        if let Some(file) = &self.global.headers_file {
            headers::add_from_file(&mut config, file)?;
        }
        Ok(config)
    }

    /// The same for a home that may not know its relay yet.
    pub(crate) async fn config_for_login(&self) -> Result<ClientConfig, Failure> {
        let mut config = match self.config().await {
            Err(Failure::Sdk(Error::NotLoggedIn(_))) => {
                return Err(Failure::usage(
                    "name the relay with --relay-url or SEALPOST_RELAY_URL",
                ));
            }
            result => result?,
        };
        // Boxed: every verb would carry it.
        config.device_name = Box::pin(self.device_name()).await?;
        Ok(config)
    }

    /// The logged-in client of the home.
    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        Ok(Client::open(self.config().await?).await?)
    }

    /// Refuses the home of an agent.
    pub(crate) async fn expect_no_agent(&self) -> Result<(), Failure> {
        match Client::home_of(&self.global.home).await {
            HomeOf::Agent => Err(Failure::AgentsHome),
            HomeOf::Person | HomeOf::Nobody | HomeOf::Unknown => Ok(()),
        }
    }

    /// What a failure means in this home: an agent logs in by itself, so one that cannot is known at the relay no more.
    pub(crate) async fn explain(&self, failure: Failure) -> Failure {
        if !failure.is_not_authenticated() {
            return failure;
        }
        match Client::home_of(&self.global.home).await {
            HomeOf::Agent => failure.of_agent(),
            HomeOf::Person | HomeOf::Nobody | HomeOf::Unknown => failure,
        }
    }

    /// The passphrase of an existing account.
    pub(crate) fn passphrase(&self) -> Result<Passphrase, Failure> {
        Source::passphrase(self.global.passphrase_fd).read_passphrase()
    }

    /// The passphrase that a new account is to have.
    pub(crate) fn first_passphrase(&self) -> Result<Passphrase, Failure> {
        Source::first_passphrase(self.global.passphrase_fd).read_passphrase()
    }

    /// The name that was given, or else the one that this device had before, or else its host's.
    async fn device_name(&self) -> Result<String, Failure> {
        let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let name = match self.global.device_name.clone() {
            Some(given) => Some(given),
            None => ClientConfig::kept_device_name(&self.global.home)
                .await?
                .or_else(host),
        };
        let name = name.map(|name| name.trim().to_owned());
        Ok(name
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "device".to_owned()))
    }
}

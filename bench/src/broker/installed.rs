//! Which brokers are there.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::Broker;
use crate::report::Skipped;

/// Where Debian puts servers. Only root has it on its `PATH`.
const SERVERS: &str = "/usr/sbin";

/// Which brokers are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Wanted {
    /// Those that are installed
    Auto,
    /// None
    None,
}

/// A broker that is installed.
#[derive(Clone, Debug)]
pub struct Installed {
    broker: Broker,
    program: PathBuf,
    version: String,
}

/// Who takes part, and who does not.
#[derive(Clone, Debug, Default)]
pub struct Brokers {
    /// Who takes part.
    pub installed: Vec<Installed>,
    /// Who does not, and why.
    pub skipped: Vec<Skipped>,
}

impl Brokers {
    /// Looks for them on `PATH`.
    pub fn find(wanted: Wanted) -> Result<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders: Vec<_> = env::split_paths(&path).chain([SERVERS.into()]).collect();
        Self::find_in(&folders, wanted)
    }

    fn find_in(folders: &[PathBuf], wanted: Wanted) -> Result<Self> {
        let mut brokers = Self::default();
        for broker in Broker::ALL {
            match (wanted, program(folders, broker.program())) {
                (Wanted::None, _) => brokers.skip(broker, "--brokers none".to_owned()),
                (Wanted::Auto, None) => {
                    brokers.skip(broker, format!("{} is not installed", broker.program()))
                }
                (Wanted::Auto, Some(program)) => brokers.installed.push(Installed {
                    version: version(&program)?,
                    program,
                    broker,
                }),
            }
        }
        Ok(brokers)
    }

    fn skip(&mut self, broker: Broker, reason: String) {
        let name = broker.name();
        self.skipped.push(Skipped { name, reason });
    }
}

impl Installed {
    /// Which.
    #[must_use]
    pub fn broker(&self) -> Broker {
        self.broker
    }

    /// How the report calls it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.broker.name()
    }

    /// Its program.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// What stands below its numbers.
    #[must_use]
    pub fn note(&self) -> String {
        let settings = self.broker.settings();
        format!(
            "{}, {settings}; no signatures, encryption or rights",
            self.version
        )
    }
}

fn program(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    let places = folders.iter().map(|folder| folder.join(name));
    places.into_iter().find(|place| place.is_file())
}

fn version(program: &Path) -> Result<String> {
    let asked = Command::new(program).arg("--version").output();
    let asked = asked.with_context(|| format!("asking {} for its version", program.display()))?;
    Ok(short(&String::from_utf8_lossy(&asked.stdout)))
}

/// Redis tells its checksum and its allocator too.
fn short(version: &str) -> String {
    let version = version.lines().next().unwrap_or_default();
    let version = version.split(" sha=").next().unwrap_or_default();
    version.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn reasons(brokers: &Brokers) -> Vec<(&str, &str)> {
        let skipped = brokers.skipped.iter();
        skipped.map(|one| (one.name, one.reason.as_str())).collect()
    }

    #[test]
    fn broker_that_is_not_installed_is_skipped_by_name() {
        let empty = tempfile::tempdir().unwrap();
        let brokers = Brokers::find_in(&[empty.path().to_owned()], Wanted::Auto).unwrap();
        let expected = [
            ("redis", "redis-server is not installed"),
            ("nats", "nats-server is not installed"),
        ];
        assert_eq!(reasons(&brokers), expected);
        assert!(brokers.installed.is_empty());
    }

    #[test]
    fn broker_that_is_installed_takes_part_unless_none_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("redis-server");
        fs::write(&program, "#!/bin/sh\necho Redis server v=1.2.3 sha=0 bits=64\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let folders = [folder.path().to_owned()];
        let brokers = Brokers::find_in(&folders, Wanted::Auto).unwrap();
        assert_eq!(brokers.installed[0].broker(), Broker::Redis);
        let note = brokers.installed[0].note();
        assert!(note.starts_with("Redis server v=1.2.3, appendonly yes"), "{note}");
        assert_eq!(reasons(&brokers), [("nats", "nats-server is not installed")]);

        let brokers = Brokers::find_in(&folders, Wanted::None).unwrap();
        assert_eq!(
            reasons(&brokers),
            [("redis", "--brokers none"), ("nats", "--brokers none")]
        );
    }
}

//! `doctor`: checks a deployment and says what to fix.

use std::{fmt::Display, io::ErrorKind, process::ExitCode};

use time::Duration;
use tokio::net::TcpListener;

use super::healthcheck;
use crate::{
    access::AccessGate,
    app::{AppError, Parts, blob_storage, judge_storage},
    backup::Status,
    blobs::s3::PublicSide,
    clock::{Clock, SystemClock},
    config::{Config, Sources},
    telemetry::chain,
};

/// Looks at everything a start needs; the relay may be running. Changes nothing, but that some small objects come into the storage of
/// blobs under `probe/`, and go again.
pub(super) async fn run(sources: Sources) -> anyhow::Result<ExitCode> {
    let mut findings = Findings::default();
    match Config::load(sources) {
        Ok(config) => {
            findings.good("configuration");
            findings.good(&format!(
                "recovery (after a restore its spaces take nothing new for {} s, so that clients bring back their tails first)",
                config.log.recovering.as_secs()
            ));
            examine(&config, &mut findings).await;
        }
        Err(error) => findings.bad("configuration", error),
    }
    Ok(if findings.failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn examine(config: &Config, findings: &mut Findings) {
    schema(config, findings).await;
    access(config, findings).await;
    backups(config, findings);
    match Parts::examine(config).await {
        Ok(parts) => {
            findings.good("database");
            findings.note("key service", parts.wrapper.canary().await);
        }
        Err(AppError::NoKeyFileYet) => {
            findings.good("database");
            findings.good("key service (the first start makes the key file)");
        }
        Err(error @ (AppError::KeyFileLost { .. } | AppError::KeyFile(_))) => {
            findings.good("database");
            findings.bad("key service", error);
        }
        Err(error) => findings.bad("database", error),
    }
    storage(config, findings).await;
    let runs = healthcheck::is_a_relay(config.server.ops_listen).await;
    for (name, address) in [
        ("public listener", config.server.public_listen),
        ("ops listener", config.server.ops_listen),
    ] {
        match TcpListener::bind(address).await {
            Ok(_) => findings.good(name),
            Err(error) if runs && error.kind() == ErrorKind::AddrInUse => {
                findings.good(&format!("{name} ({address} is held by the relay that runs)"));
            }
            Err(error) => findings.bad(name, format!("{address}: {error}")),
        }
    }
}

async fn access(config: &Config, findings: &mut Findings) {
    let Some(access) = &config.access else {
        return;
    };
    match AccessGate::new(&access.settings()) {
        Ok(gate) => findings.note("keys of Access", gate.warm().await),
        Err(error) => findings.bad("keys of Access", error),
    }
}

/// The newest backup, and the newest that was found to be whole: what was never verified may be none.
fn backups(config: &Config, findings: &mut Findings) {
    let Some(folder) = &config.backup.folder else {
        return;
    };
    let status = match Status::read(folder) {
        Ok(status) => status,
        Err(error) => return findings.bad("backups", format!("{}: {error}", folder.display())),
    };
    let ago = |since| age(SystemClock.now() - since);
    match (status.last_backup, status.last_verified) {
        (None, _) => findings.bad("backups", "none was ever made"),
        (Some(_), None) => findings.bad(
            "backups",
            "none was ever verified: sealpost-relay backup verify DIR --identity FILE",
        ),
        (Some(made), Some(verified)) => findings.good(&format!(
            "backups (the newest is {} old, one was verified {} ago)",
            ago(made.created_at),
            ago(verified.verified_at)
        )),
    }
}

/// `35 minutes`, `3 days`.
fn age(since: Duration) -> String {
    let minutes = since.whole_minutes().max(0);
    match minutes {
        0..120 => format!("{minutes} minutes"),
        120..2880 => format!("{} hours", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    }
}

async fn schema(config: &Config, findings: &mut Findings) {
    let Ok(url) = config.database.url() else {
        return findings.bad("schema", "cannot read database.url_file");
    };
    let verified = sealpost_migrations::verify(url.expose_secret()).await;
    match verified {
        Err(sealpost_migrations::Error::Pending { .. }) if config.database.migrate_on_boot => {
            findings.good("schema (the next start brings it up to date)");
        }
        other => findings.note("schema", other),
    }
}

async fn storage(config: &Config, findings: &mut Findings) {
    let storage = match blob_storage(config) {
        Ok(Some(storage)) => storage,
        Ok(None) => return findings.good("blob storage (none is configured)"),
        Err(error) => return findings.bad("blob storage", error),
    };
    match storage.dialect().await {
        Ok(dialect) => match judge_storage(config.is_production(), &dialect) {
            Ok(()) => findings.good(&format!("blob storage ({dialect})")),
            Err(error) => findings.bad("blob storage", error),
        },
        Err(error) => return findings.bad("blob storage", chain(&error)),
    }
    let what = "public address of the blob storage";
    match storage.try_public().await {
        Ok(PublicSide::Serves) => findings.good(what),
        Ok(PublicSide::Unreachable(why)) => {
            findings.good(&format!(
                "{what} (not tried: it cannot be reached from here: {why})"
            ));
        }
        Ok(PublicSide::Dangers(dangers)) => findings.bad(what, dangers.join("; ")),
        Err(error) => findings.bad(what, chain(&error)),
    }
}

/// Prints each finding as it comes.
#[derive(Default)]
struct Findings {
    failed: bool,
}

impl Findings {
    fn good(&mut self, what: &str) {
        println!("ok    {what}");
    }

    fn bad(&mut self, what: &str, why: impl Display) {
        self.failed = true;
        println!("FAIL  {what}: {why}");
    }

    fn note<T, E: Display>(&mut self, what: &str, result: Result<T, E>) {
        match result {
            Ok(_) => self.good(what),
            Err(error) => self.bad(what, error),
        }
    }
}

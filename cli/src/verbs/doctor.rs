use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::{Client, Error, StoreReport};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, counted, printable};

/// Check home and local store, relay, session and keystore, and say what to do
///
/// Every entry that is stored here is read and checked once more.
#[derive(Args)]
pub(crate) struct Doctor {}

/// What was found, in the order in which it was looked at.
#[derive(Serialize, Default)]
struct Findings {
    healthy: bool,
    checks: Vec<Check>,
    /// The exit code of the first check that failed.
    #[serde(skip)]
    code: u8,
}

#[derive(Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    detail: String,
}

impl Doctor {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut findings = Findings::default();
        examine(context, &mut findings).await?;
        findings.healthy = findings.code == 0;
        context.report(&findings)?;
        match findings.code {
            0 => Ok(()),
            code => Err(Failure::Unwell(code)),
        }
    }
}

/// Each check stands on the one before; the first that fails ends the examination.
async fn examine(context: &Context, findings: &mut Findings) -> Result<(), Failure> {
    if check_store(context, findings).await.is_none() {
        return Ok(());
    }
    let config = context.config_for_login().await?;
    let origin = config.relay.origin();
    let probed = Client::probe(&config).await;
    let Some(info) = findings.note("relay", probed, |info| {
        format!("{origin}, version {}", printable(&info.version))
    }) else {
        return Ok(());
    };
    let opened = Client::open(config).await;
    let home = context.global().home.display().to_string();
    let Some(client) = findings.note("home", opened, |client| {
        format!("{home}, account {}", client.account().handle)
    }) else {
        return Ok(());
    };
    if client.owner().is_some() {
        // An agent has no keystore at the relay, and asks for nothing of its owner's account.
        findings.note("session", client.heartbeat().await, |()| {
            "valid; this is an agent, its keys are in this home alone".to_owned()
        });
        return Ok(());
    }
    let account = client.account_at_relay().await;
    let Some(_) = findings.note("session", account, |view| {
        format!("valid, {} of {} bytes used", view.stored_bytes, view.quota_bytes)
    }) else {
        return Ok(());
    };
    let keystore = client.refresh_keystore().await;
    findings.note("keystore", keystore, |()| {
        format!("opens and is current (incarnation {})", info.incarnation)
    });
    Ok(())
}

/// A home without an account is found out later, behind the relay.
async fn check_store(context: &Context, findings: &mut Findings) -> Option<()> {
    let checked = match Client::check_home(&context.global().home).await {
        Err(Error::NotLoggedIn(_)) => return Some(()),
        checked => checked,
    };
    let shown = findings.note("store", checked, |report| {
        let StoreReport {
            spaces,
            entries,
            unacked,
        } = report;
        format!(
            "whole, {entries} verified entries of {}, {} in the outbox",
            counted(*spaces, "space"),
            counted(*unacked, "event")
        )
    });
    shown.map(drop)
}

impl Findings {
    fn note<T>(
        &mut self,
        name: &'static str,
        result: Result<T, Error>,
        detail: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        let (ok, detail, found) = match result.map_err(Failure::from) {
            Ok(found) => (true, detail(&found), Some(found)),
            Err(failure) => {
                self.code = failure.code();
                (false, failure.with_hint(), None)
            }
        };
        self.checks.push(Check { name, ok, detail });
        found
    }
}

impl Report for Findings {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        self.checks.iter().try_for_each(|check| {
            let verdict = if check.ok { "ok" } else { "FAILED" };
            writeln!(out, "{:<10} {verdict:<7} {}", check.name, check.detail)
        })
    }
}

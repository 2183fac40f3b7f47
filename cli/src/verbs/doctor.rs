use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::{Client, Error};
use serde::Serialize;

use crate::context::Context;
use crate::failure::{Failure, code_of};
use crate::output::{Report, printable};

/// Check home, relay, session and keystore, and say what to do
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

impl Findings {
    fn note<T>(
        &mut self,
        name: &'static str,
        result: Result<T, Error>,
        detail: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        let (ok, detail) = match &result {
            Ok(found) => (true, detail(found)),
            Err(error) => (false, error.to_string()),
        };
        self.checks.push(Check { name, ok, detail });
        result.inspect_err(|error| self.code = code_of(error)).ok()
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

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use sealpost_sdk::{Client, DeviceCode, NewDevice, Proof};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, moment, printable};
use crate::{question, secret_input};

/// A code is shorter; what is piped in by mistake may be longer.
const LONGEST: u64 = 4096;

/// Let a new device into this account
///
/// Takes the code that the new device shows (`sealpost login HANDLE --approve`). What you let in reads and writes everything that
/// you do, until you revoke it: take the code only from a screen that you see, never from somebody who sends it to you. Asks for
/// the passphrase, so that nobody else can do this with a device that you left unlocked.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  sealpost devices approve\n  sealpost devices approve - < code\n  sealpost devices approve code.txt --recovery"
)]
pub(crate) struct Approve {
    /// File that holds the code, or - for the input; asked for on the terminal by default
    file: Option<PathBuf>,
    /// Prove it with the recovery code instead of the passphrase
    #[arg(long)]
    recovery: bool,
    /// Do not ask whether this is meant; passphrase or recovery code is still needed
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Approved {
    device_name: String,
    approved: bool,
}

impl Approve {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let code = DeviceCode::parse(&self.text()?).map_err(|error| Failure::usage(error.to_string()))?;
        let device = client.new_device(code).await?;
        if !self.yes {
            let handle = client.account().handle;
            question::expect_typed(&handle, &warning(&client, &device))?;
        }
        if self.recovery {
            let code = secret_input::recovery_code()?;
            client.approve_device(&device, Proof::RecoveryCode(&code)).await?;
        } else {
            let passphrase = context.passphrase()?;
            client
                .approve_device(&device, Proof::Passphrase(&passphrase))
                .await?;
        }
        context.report(&Approved {
            device_name: device.name().to_owned(),
            approved: true,
        })
    }

    fn text(&self) -> Result<Zeroizing<String>, Failure> {
        match &self.file {
            None => ask(),
            Some(file) if file == Path::new("-") => read(io::stdin().lock(), "the input"),
            Some(file) if DeviceCode::parse(&file.to_string_lossy()).is_ok() => Err(Failure::usage(
                "the code is no argument, where others on this machine see it: run `sealpost devices approve` and type it then",
            )),
            Some(file) => {
                let what = file.display().to_string();
                let opened = File::open(file).map_err(|source| Failure::file(&what, source))?;
                read(opened, &what)
            }
        }
    }
}

fn read(from: impl Read, what: &str) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::with_capacity(LONGEST as usize + 1));
    from.take(LONGEST)
        .read_to_string(&mut text)
        .map_err(|source| Failure::file(what, source))?;
    Ok(text)
}

/// Shown as it is typed: it stands on another screen, and typing eighty letters blindly helps nobody.
fn ask() -> Result<Zeroizing<String>, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(
            "there is no terminal to ask for the code; name a file with it, or - for the input",
        ));
    }
    eprint!("Code that the new device shows: ");
    let mut line = Zeroizing::new(String::with_capacity(LONGEST as usize + 1));
    io::stdin()
        .read_line(&mut line)
        .map_err(|source| Failure::file("the terminal", source))?;
    Ok(line)
}

fn warning(client: &Client, device: &NewDevice) -> String {
    let (handle, relay) = (client.account().handle, client.relay().origin());
    let (name, asked_at) = (printable(device.name()), moment(device.asked_at()));
    format!(
        "A new device wants into the account {handle} at {relay}.\n  It calls itself  {name}\n  It asked at      {asked_at}\n\
         It will read and write everything that you do, until you revoke it. Go on only if you see this code on its screen, \
         right now; whoever sent you the code would get your account.",
    )
}

impl Report for Approved {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{} may come in now. `sealpost devices list` shows it; `sealpost devices revoke` ends it, and keeps it out if it has not come yet.",
            printable(&self.device_name)
        )
    }
}

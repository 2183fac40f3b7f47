//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, Parser};
use sealpost_sdk::protocol::limits::MAX_DEVICE_NAME;

use crate::failure::Failure;
use crate::output::Output;
use crate::verbs::Verb;

/// A relay that is started again is back within.
const PATIENCE_IN_SPACES: Duration = Duration::from_secs(30);

const EXAMPLES: &str = "\
Examples:
  sealpost --relay-url https://relay.example.org register alice
  sealpost contact card > alice.card
  sealpost space create garden
  sealpost space add-member garden bob
  echo 'hello' | sealpost send garden
  sealpost tail garden --follow
  sealpost --json tail garden | jq -r .text

Passphrases and codes are never arguments. A passphrase is asked for on the terminal, or read from the file that
SEALPOST_PASSPHRASE_FILE names, or from the descriptor given with --passphrase-fd; likewise a new passphrase with
SEALPOST_NEW_PASSPHRASE_FILE, that of an exported account with SEALPOST_EXPORT_PASSPHRASE_FILE, a recovery code with
SEALPOST_RECOVERY_FILE, a device secret with SEALPOST_DEVICE_SECRET_FILE, a pairing code with SEALPOST_PAIRING_FILE, and an invite
link with SEALPOST_INVITE_FILE. An invite link may be an argument of `join`; other users of the machine then see it.

Exit codes: 0 done, 1 other failure, 2 wrong use, 3 not authenticated, 4 network, 5 integrity alarm, damaged store or damaged
file, 6 refused by the relay, 130 ended by SIGINT (Ctrl-C), 143 by SIGTERM. With --json a failure is a line {\"error\": ...} on
stderr with `code`, a word that stays the same between versions, `exit_code` and `message`; without `exit_code` it did not end
the command.";

/// End-to-end encrypted spaces over a relay that cannot read them.
#[derive(Parser)]
#[command(name = "sealpost", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: GlobalArguments,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What every verb knows.
#[derive(Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArguments {
    /// Folder that holds this device's keys and logs
    #[arg(long, global = true, env = "SEALPOST_HOME", value_name = "FOLDER", default_value_os_t = default_home())]
    pub(crate) home: PathBuf,
    /// The relay; a home that is logged in knows its own
    #[arg(long, global = true, env = "SEALPOST_RELAY_URL", value_name = "URL")]
    pub(crate) relay_url: Option<String>,
    /// Connect to this address instead of the one that the relay's name stands for
    #[arg(long, global = true, env = "SEALPOST_CONNECT_TO", value_name = "ADDRESS:PORT")]
    pub(crate) connect_to: Option<SocketAddr>,
    /// File with extra headers for a gateway, one `Name: value` a line
    #[arg(long, global = true, env = "SEALPOST_HEADERS_FILE", value_name = "FILE")]
    pub(crate) headers_file: Option<PathBuf>,
    /// File with certificate authorities (PEM) to trust beside the system's
    #[arg(long, global = true, env = "SEALPOST_CA_FILE", value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Print JSON: one object, or one a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Read the passphrase from this file descriptor
    #[arg(long, global = true, value_name = "N")]
    pub(crate) passphrase_fd: Option<u32>,
    /// How long to wait for a relay that cannot be reached; by default 30 for what is sent to and read from spaces, and 0 for all
    /// else. A relay that was reached has 30 seconds to answer
    #[arg(long, global = true, env = "SEALPOST_PATIENCE", value_name = "SECONDS")]
    pub(crate) patience: Option<u64>,
    /// How often this device tells the others who follow a space, sealed, how far the relay has signed its log; by default each minute, 0
    /// for never
    #[arg(long, global = true, env = "SEALPOST_HEARTBEAT", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub(crate) heartbeat: Option<u64>,
    /// How this device is listed at the relay; by default as it was at the last login, or its host name
    #[arg(long, global = true, env = "SEALPOST_DEVICE_NAME", value_name = "NAME", value_parser = device_name)]
    pub(crate) device_name: Option<String>,
}

impl GlobalArguments {
    pub(crate) fn output(&self) -> Output {
        if self.json { Output::Json } else { Output::Human }
    }

    /// How long to wait where a space is used.
    pub(crate) fn patience_in_spaces(&self) -> Duration {
        self.patience.map_or(PATIENCE_IN_SPACES, Duration::from_secs)
    }
}

/// What can be shown in a list.
fn device_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    match name.len() <= MAX_DEVICE_NAME && !name.chars().any(char::is_control) {
        true => Ok(name.to_owned()),
        false => Err(format!(
            "a device name holds {MAX_DEVICE_NAME} bytes at most, and no control characters"
        )),
    }
}

/// Tells what is wrong with the command line; or gives the help that was asked for.
pub(crate) fn refused(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && asks_for_json(std::env::args_os()) {
        return Failure::usage(in_a_line(error)).report(Output::Json);
    }
    // Who closed our output has heard enough.
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

/// What stands behind `--` is another program's.
fn asks_for_json(arguments: impl Iterator<Item = OsString>) -> bool {
    arguments
        .take_while(|argument| argument != "--")
        .any(|argument| argument == "--json")
}

/// What clap says over several lines, without the usage that it adds.
fn in_a_line(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a command is missing; see --help".to_owned();
    }
    let text = error.render().to_string();
    let said = text.split("\n\nUsage:").next().unwrap_or_default();
    let said = said.split("\n\nFor more information").next().unwrap_or_default();
    let words: Vec<&str> = said.trim_start_matches("error:").split_whitespace().collect();
    words.join(" ")
}

/// `$XDG_DATA_HOME/sealpost`, which by default is `~/.local/share/sealpost`.
fn default_home() -> PathBuf {
    let data = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute());
    let data = data.or_else(|| Some(std::env::home_dir()?.join(".local/share")));
    data.unwrap_or_default().join("sealpost")
}

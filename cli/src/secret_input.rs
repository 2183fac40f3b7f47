//! Where secrets come from: a descriptor, a file named in the environment, or the terminal. None has to be an argument.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;

use sealpost_sdk::protocol::http::SecretToken;
use sealpost_sdk::{Client, ClientConfig, DeviceSecret, PairingCode, Passphrase, RecoveryCode};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::interruption;

/// No secret is longer; what is given by mistake may be.
const LONGEST: u64 = 8 * 1024;

/// How a secret may be given.
pub(crate) struct Source {
    /// What it is, for prompts and errors.
    what: &'static str,
    descriptor: Option<u32>,
    /// The variable that names its file.
    variable: &'static str,
    /// Whether it is typed twice on a terminal.
    twice: bool,
}

impl Source {
    /// The passphrase of an existing account.
    pub(crate) fn passphrase(descriptor: Option<u32>) -> Self {
        Self {
            what: "Passphrase",
            descriptor,
            variable: "SEALPOST_PASSPHRASE_FILE",
            twice: false,
        }
    }

    /// The passphrase that a new account is to have.
    pub(crate) fn first_passphrase(descriptor: Option<u32>) -> Self {
        Self {
            twice: true,
            ..Self::passphrase(descriptor)
        }
    }

    /// The passphrase that an account is to have from now on.
    pub(crate) fn new_passphrase(descriptor: Option<u32>) -> Self {
        Self {
            what: "New passphrase",
            descriptor,
            variable: "SEALPOST_NEW_PASSPHRASE_FILE",
            twice: true,
        }
    }

    /// The passphrase of an exported account.
    pub(crate) fn export_passphrase(descriptor: Option<u32>, twice: bool) -> Self {
        Self {
            what: "Passphrase of the file",
            descriptor,
            variable: "SEALPOST_EXPORT_PASSPHRASE_FILE",
            twice,
        }
    }

    fn device_secret() -> Self {
        Self {
            what: "Device secret",
            descriptor: None,
            variable: "SEALPOST_DEVICE_SECRET_FILE",
            twice: false,
        }
    }

    fn recovery_code() -> Self {
        Self {
            what: "Recovery code",
            descriptor: None,
            variable: "SEALPOST_RECOVERY_FILE",
            twice: false,
        }
    }

    fn pairing_code(descriptor: Option<u32>) -> Self {
        Self {
            what: "Pairing code",
            descriptor,
            variable: "SEALPOST_PAIRING_FILE",
            twice: false,
        }
    }

    fn invite_link() -> Self {
        Self {
            what: "Invite link",
            descriptor: None,
            variable: "SEALPOST_INVITE_FILE",
            twice: false,
        }
    }

    fn registration_token() -> Self {
        Self {
            what: "Registration token",
            descriptor: None,
            variable: "SEALPOST_REGISTRATION_TOKEN_FILE",
            twice: false,
        }
    }

    /// Reads it.
    pub(crate) fn read_passphrase(&self) -> Result<Passphrase, Failure> {
        let mut text = self.read()?;
        Ok(Passphrase::new(std::mem::take(&mut text)))
    }

    fn read(&self) -> Result<Zeroizing<String>, Failure> {
        if let Some(descriptor) = self.descriptor {
            return self.read_file(&PathBuf::from(format!("/dev/fd/{descriptor}")));
        }
        if let Some(file) = std::env::var_os(self.variable) {
            return self.read_file(&PathBuf::from(file));
        }
        self.prompt()
    }

    /// The first line of a file.
    fn read_file(&self, file: &PathBuf) -> Result<Zeroizing<String>, Failure> {
        let what = format!("{} from {}", self.what, file.display());
        // With room for all of it, so that no shorter buffer with a part of it is left behind.
        let mut text = Zeroizing::new(String::with_capacity(LONGEST as usize + 1));
        File::open(file)
            .and_then(|file| file.take(LONGEST).read_to_string(&mut text))
            .map_err(|source| Failure::file(&what, source))?;
        let line = text.lines().next().unwrap_or_default();
        if line.is_empty() {
            return Err(Failure::usage(format!("{what}: its first line is empty")));
        }
        Ok(Zeroizing::new(line.to_owned()))
    }

    fn prompt(&self) -> Result<Zeroizing<String>, Failure> {
        if !io::stdin().is_terminal() && !has_terminal() {
            return Err(Failure::usage(format!(
                "there is no terminal to ask for the {}; name a file with {}",
                self.what.to_lowercase(),
                self.variable
            )));
        }
        let first = ask(self.what)?;
        if self.twice && *ask(&format!("{} again", self.what))? != *first {
            return Err(Failure::usage("the two are not the same"));
        }
        Ok(first)
    }
}

/// Reads a recovery code.
pub(crate) fn recovery_code() -> Result<RecoveryCode, Failure> {
    let text = Source::recovery_code().read()?;
    RecoveryCode::parse(&text).map_err(|error| Failure::usage(error.to_string()))
}

/// Reads a device secret.
pub(crate) fn device_secret() -> Result<DeviceSecret, Failure> {
    let text = Source::device_secret().read()?;
    DeviceSecret::parse(&text).map_err(|error| Failure::usage(error.to_string()))
}

/// Reads a pairing code.
pub(crate) fn pairing_code(descriptor: Option<u32>) -> Result<PairingCode, Failure> {
    let text = Source::pairing_code(descriptor).read()?;
    PairingCode::parse(&text).map_err(|error| Failure::usage(error.to_string()))
}

/// Reads an invite link.
pub(crate) fn invite_link() -> Result<Zeroizing<String>, Failure> {
    Source::invite_link().read()
}

/// A registration token, if the relay asks for one.
pub(crate) async fn registration_token_for(config: &ClientConfig) -> Result<Option<SecretToken>, Failure> {
    if Client::probe(config).await?.open_registration {
        return Ok(None);
    }
    registration_token().map(Some)
}

/// Reads a registration token: from the file named in the environment, from the variable `SEALPOST_REGISTRATION_TOKEN`,
/// or from the terminal. It opens nothing but one registration, so that the environment is good enough for it.
fn registration_token() -> Result<SecretToken, Failure> {
    let text = match std::env::var("SEALPOST_REGISTRATION_TOKEN") {
        Ok(text) => Zeroizing::new(text),
        Err(_) => Source::registration_token().read()?,
    };
    SecretToken::parse(text.trim())
        .map_err(|error| Failure::usage(format!("the registration token: {error}")))
}

fn ask(what: &str) -> Result<Zeroizing<String>, Failure> {
    interruption::keep_terminal()?;
    match rpassword::prompt_password(format!("{what}: ")) {
        Ok(text) => Ok(Zeroizing::new(text)),
        // Ctrl-C: who keeps the terminal ends the process.
        Err(source) if source.kind() == io::ErrorKind::Interrupted => loop {
            std::thread::park();
        },
        Err(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
            Err(Failure::usage(format!("{what}: nothing was typed")))
        }
        Err(source) => Err(Failure::file("the terminal", source)),
    }
}

fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

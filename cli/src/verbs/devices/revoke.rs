use std::io::{self, Write};
use std::str::FromStr;

use clap::Args;
use sealpost_sdk::protocol::ids::SessionId;
use sealpost_sdk::{Client, Proof};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::secret_input;

/// Fewest digits by which a session is told from others.
const SHORTEST_PREFIX: usize = 6;

/// End a device's session; its connections close
///
/// What the device has stored it keeps, and with it the account's keys. If it may be in foreign hands while unlocked, start over
/// with new keys (`sealpost account start-over`); who manages your spaces then puts them in the place of the old ones
/// (`sealpost space replace-member`). Asks for the passphrase, so that a device that was stolen cannot shut you out.
#[derive(Args)]
pub(crate) struct Revoke {
    /// Session id, or six or more first digits of it, from `sealpost devices list`
    session: Digits,
    /// Prove it with the recovery code instead of the passphrase
    #[arg(long)]
    recovery: bool,
}

/// The beginning of a session's id, or all of it.
#[derive(Clone)]
struct Digits(String);

#[derive(Serialize)]
struct Revoked {
    session_id: SessionId,
    revoked: bool,
}

impl Revoke {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let session_id = self.session.find(&client).await?;
        if self.recovery {
            let code = secret_input::recovery_code()?;
            client
                .revoke_device(&session_id, Proof::RecoveryCode(&code))
                .await?;
        } else {
            let passphrase = context.passphrase()?;
            client
                .revoke_device(&session_id, Proof::Passphrase(&passphrase))
                .await
                .map_err(|error| Failure::from(error).or_by_recovery())?;
        }
        context.report(&Revoked {
            session_id,
            revoked: true,
        })
    }
}

impl Digits {
    /// Which session is meant; the relay's list is asked for only where digits are missing.
    async fn find(&self, client: &Client) -> Result<SessionId, Failure> {
        if let Ok(id) = self.0.parse() {
            return Ok(id);
        }
        let devices = client.devices().await?;
        self.pick(devices.iter().map(|device| device.session_id))
    }

    fn pick(&self, sessions: impl Iterator<Item = SessionId>) -> Result<SessionId, Failure> {
        let mut found = sessions.filter(|id| id.to_string().starts_with(&self.0));
        match (found.next(), found.next()) {
            (Some(id), None) => Ok(id),
            (None, _) => Err(Failure::usage(format!(
                "no session begins with {}; see `sealpost devices list`",
                self.0
            ))),
            (Some(_), Some(_)) => Err(Failure::usage(format!(
                "more than one session begins with {}; give more digits",
                self.0
            ))),
        }
    }
}

impl FromStr for Digits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.to_ascii_lowercase();
        let fits = (SHORTEST_PREFIX..=2 * SessionId::LENGTH).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self(text));
        }
        Err("a session id has 32 hexadecimal digits; give six or more of them".to_owned())
    }
}

impl Report for Revoked {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "The session {} has ended.", self.session_id)?;
        writeln!(
            out,
            "If the device is in foreign hands, so are its keys: replace them with `sealpost account start-over`."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(text: &str) -> Option<SessionId> {
        let sessions = [[0xaa; 16], [0xab; 16]].map(SessionId::new);
        text.parse::<Digits>().ok()?.pick(sessions.into_iter()).ok()
    }

    #[test]
    fn session_is_found_by_its_first_digits_unless_they_are_another_ones_too() {
        assert_eq!(picked("aaaaaa"), Some(SessionId::new([0xaa; 16])));
        assert_eq!(picked("ABABAB"), Some(SessionId::new([0xab; 16])));
        for text in ["", "aaaaa", "cccccc", "abcdeg", &"a".repeat(33)] {
            assert_eq!(picked(text), None, "{text:?}");
        }
        let two = [[0xaa; 16]; 2].map(SessionId::new);
        assert!(Digits("aaaaaa".to_owned()).pick(two.into_iter()).is_err());
    }
}

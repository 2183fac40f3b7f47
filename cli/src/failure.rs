//! Why a command failed, and with which exit code.

use std::io;
use std::process::ExitCode;

use sealpost_sdk::Error;
use sealpost_sdk::error::StoreError;
use sealpost_sdk::protocol::code::ErrorCode;
use serde_json::json;

use crate::interruption::Interruption;
use crate::left_behind::LeftBehind;
use crate::output::{Output, counted};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The SDK says why.
    #[error(transparent)]
    Sdk(#[from] Error),
    /// The command line, or a file it names, is wrong.
    #[error("{0}")]
    Usage(String),
    /// A file could not be read or written.
    #[error("{what}: {source}")]
    File {
        /// Which one.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// The result could not be written to standard output.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
    /// Not everything that was to be sent is acked.
    #[error("{cause}; {} acked, {}", counted(*.acked, "message"), in_the_outbox(*.left))]
    Unfinished {
        /// Why.
        cause: Box<Failure>,
        /// Messages of this command that the relay has acked.
        acked: u64,
        /// Messages that are signed and not acked.
        left: LeftBehind,
    },
    /// A failure, and what to do about it in this place.
    #[error("{cause}")]
    Advised {
        /// What failed.
        cause: Box<Failure>,
        /// What to do.
        advice: &'static str,
    },
    /// A file that was asked for is no more; which one.
    #[error("{0} was deleted: nobody can get it any more")]
    Deleted(String),
    /// Contents would be lost with the account.
    #[error("nothing was changed.{warning} Add somebody to them, or say --lose-contents if this is meant")]
    OnlyMember {
        /// Of which spaces, for people.
        warning: String,
        /// The same, by id.
        spaces: Vec<String>,
    },
    /// A file that was to prove something does not.
    #[error("it proves nothing: {0}")]
    ProvesNothing(String),
    /// A signal told the command to end.
    #[error("ended by {}", .0.name())]
    Interrupted(Interruption),
    /// Another process of this home is sending into the space.
    #[error("another command is sending into this space from this home; try again when it is done")]
    Busy,
    /// Another `agent run` of this home answers in the space.
    #[error(
        "another `agent run` of this home answers in this space already; two would answer everything twice"
    )]
    AgentRuns,
    /// The relay takes no session of this agent.
    #[error(
        "not authenticated: this agent was revoked by its owner, or the owner's account is gone or disabled"
    )]
    AgentRevoked,
    /// The home is an agent's, and what was asked for is its owner's.
    #[error(
        "this home is an agent's: accounts, passphrases, recovery codes, devices, agents and who is in a space are its owner's; \
             name a home of the owner with --home or SEALPOST_HOME"
    )]
    AgentsHome,
    /// An agent is revoked at the relay and a member of spaces still; which ones has been reported.
    #[error("the agent is, or may be, in {} still; why is said for each. Say it again, or have somebody who may manage them take it out and say it again then", counted(*.spaces, "space"))]
    AgentRemains {
        /// In how many.
        spaces: u64,
        /// The exit code of the worst reason.
        code: u8,
    },
    /// The program that was run ended with this code; it said itself why.
    #[error("the program ended with exit code {0}")]
    Program(u8),
    /// A check of `doctor` failed; it has been reported.
    #[error("not everything is in order")]
    Unwell(u8),
}

impl Failure {
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::Usage(what.into())
    }

    pub(crate) fn proves_nothing(why: impl Into<String>) -> Self {
        Self::ProvesNothing(why.into())
    }

    pub(crate) fn unfinished(cause: Self, acked: u64, left: LeftBehind) -> Self {
        let cause = Box::new(cause);
        Self::Unfinished { cause, acked, left }
    }

    /// The same with what to do about it.
    pub(crate) fn advised(self, advice: &'static str) -> Self {
        let cause = Box::new(self);
        Self::Advised { cause, advice }
    }

    /// Passphrases may be guessed so often only, by whoever knows the handle. The recovery code is not counted with them.
    pub(crate) fn or_by_recovery(self) -> Self {
        match &self {
            Self::Sdk(error) if error.code() == Some(ErrorCode::RateLimited) => self.advised(
                "who tries passphrases for your handle keeps you waiting too; the recovery code is not counted with them: say it \
                 again with --recovery",
            ),
            _ => self,
        }
    }

    pub(crate) fn file(what: impl Into<String>, source: io::Error) -> Self {
        Self::File {
            what: what.into(),
            source,
        }
    }

    /// Whether the relay took no session of this home.
    pub(crate) fn is_not_authenticated(&self) -> bool {
        matches!(self.cause(), Self::Sdk(Error::NotAuthenticated(_)))
    }

    /// The same for a home whose agent cannot log in.
    pub(crate) fn of_agent(self) -> Self {
        match self {
            Self::Unfinished { cause, acked, left } => Self::unfinished(cause.of_agent(), acked, left),
            _ => Self::AgentRevoked,
        }
    }

    /// Tells the caller on stderr, and gives the exit code. Who closed our output has heard enough.
    pub(crate) fn report(&self, output: Output) -> ExitCode {
        if matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe) {
            return ExitCode::SUCCESS;
        }
        if let Self::Program(code) = self {
            return ExitCode::from(*code);
        }
        match output {
            Output::Human => eprintln!("sealpost: {}", self.with_hint()),
            Output::Json => eprintln!("{}", self.to_json()),
        }
        ExitCode::from(self.code())
    }

    /// What happened, and what to do where that is known.
    pub(crate) fn with_hint(&self) -> String {
        match self.hint() {
            Some(hint) => format!("{self}; {hint}"),
            None => self.to_string(),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Sdk(Error::NotLoggedIn(_)) => Some(
                "`sealpost register` makes an account, `sealpost login` opens one here; --home or SEALPOST_HOME names another \
                 folder",
            ),
            Self::Sdk(Error::Store(StoreError::DeviceKeyMissing(_))) => Some(
                "put the key back from where it went, or from a copy of the whole home. If it is gone for good, so is what this home \
                 held. A person's home: `sealpost logout --forget --yes`, then log in again. An agent's: its owner revokes it \
                 (`sealpost agent revoke`) and pairs it anew",
            ),
            Self::Sdk(Error::Store(StoreError::Corrupt(_) | StoreError::Damaged { .. })) => Some(
                "keep a copy of the home folder. A person's home: `sealpost logout --forget`, then log in again, with the \
                 passphrase (and the device secret, if there is one) or the recovery code: spaces are read anew, and only what was in \
                 the outbox is lost. An agent's home holds its only keys: its owner has to revoke it (`sealpost agent revoke`) and \
                 pair it anew",
            ),
            Self::Sdk(Error::Store(StoreError::File { source, .. }))
                if matches!(
                    source.kind(),
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
                ) =>
            {
                Some(
                    "make room on that disk; while the one that holds the home is full, nothing can be sent, read or changed",
                )
            }
            Self::Sdk(Error::Store(StoreError::Unsent(_))) => Some(
                "`sealpost outbox list` shows them, and `space forget --drop-unsent` destroys them too; once this account is a member \
                 again, `sealpost outbox flush` sends them",
            ),
            Self::Sdk(Error::Integrity(alarm)) if alarm.space_id.is_some() => Some(
                "`sealpost evidence list SPACE` shows what was kept, and `evidence export` writes what others can check. While one of it is \
                 `standing` the space stays stopped on this device: ask the people in it, by another way, what they see, and the relay's operator; \
                 `evidence acknowledge` lets it go on",
            ),
            Self::AgentRevoked => Some(
                "pair again: the owner makes a code (`sealpost agent pair`), and `sealpost agent enroll` takes it in a home that is empty",
            ),
            // As the relay says, or as this device has found.
            Self::Sdk(error) if error.code() == Some(ErrorCode::Superseded) => Some(
                "ask the people in the space, by another way, whether the relay was restored; if it was, `sealpost space go-on SPACE` goes \
                 on with what it has now, and publishes again what you have lost by it",
            ),
            Self::Sdk(Error::Refused(refusal)) if !refusal.by_the_rules => match refusal.code {
                Some(ErrorCode::KeystoreConflict) => {
                    Some("another device of the account changed something at the same moment; say it again")
                }
                Some(ErrorCode::NotAMember) => Some(
                    "`sealpost space list` says whether this account waits for approval, has left or was removed",
                ),
                Some(ErrorCode::Expired) => Some(
                    "it took too long, or another device changed the passphrase or the codes meanwhile and its change counts: see which \
                     one is good, and say it again",
                ),
                _ => None,
            },
            Self::Advised { advice, .. } => Some(advice),
            Self::Unfinished { cause, .. } => cause.hint(),
            _ => None,
        }
    }

    /// 1 other failure, 2 wrong use, 3 not authenticated, 4 network, 5 integrity alarm, damaged store or damaged file, 6 refused by
    /// the relay, 128 and the number of a signal that ended the command.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Sdk(error) => code_of(error),
            Self::Usage(_) | Self::AgentsHome | Self::OnlyMember { .. } => 2,
            Self::AgentRevoked => 3,
            Self::ProvesNothing(_) => 5,
            Self::Deleted(_) => 6,
            Self::Unwell(code) | Self::Program(code) => *code,
            Self::AgentRemains { code, .. } => *code,
            Self::Unfinished { cause, .. } | Self::Advised { cause, .. } => cause.code(),
            Self::Interrupted(interruption) => interruption.code(),
            Self::Busy | Self::AgentRuns | Self::File { .. } | Self::Output(_) => 1,
        }
    }

    /// The stable word for scripts: a refusal's is the relay's own (see the specification).
    fn word(&self) -> &str {
        match self {
            Self::Sdk(error) => word_of(error),
            Self::Usage(_) => "usage",
            Self::AgentsHome => "agents_home",
            Self::OnlyMember { .. } => "only_member",
            // As the relay says of it.
            Self::Deleted(_) => "not_found",
            Self::ProvesNothing(_) => "proves_nothing",
            Self::AgentRevoked => "agent_revoked",
            Self::AgentRuns => "agent_runs",
            Self::AgentRemains { .. } => "agent_remains",
            Self::Busy => "busy",
            Self::File { .. } => "file",
            Self::Output(_) => "output",
            Self::Unfinished { cause, .. } | Self::Advised { cause, .. } => cause.word(),
            Self::Interrupted(_) => "interrupted",
            Self::Program(_) => "program",
            Self::Unwell(_) => "unwell",
        }
    }

    fn to_json(&self) -> serde_json::Value {
        let mut error = json!({ "code": self.word(), "exit_code": self.code(), "message": self.to_string() });
        if let Some(hint) = self.hint() {
            error["hint"] = json!(hint);
        }
        if let Self::Unfinished { acked, left, .. } = self {
            error["acked"] = json!(acked);
            error["kept"] = json!(left.kept);
            error["earlier"] = json!(left.earlier);
        }
        match self.cause() {
            Self::OnlyMember { spaces, .. } => error["spaces"] = json!(spaces),
            Self::Sdk(Error::Integrity(alarm)) => {
                error["space"] = json!(alarm.space_id.map(|id| id.to_string()));
                error["seq"] = json!(alarm.seq);
                error["event_id"] = json!(alarm.event_id.map(|id| id.to_string()));
            }
            Self::Sdk(Error::Store(StoreError::Unsent(messages))) => error["unsent"] = json!(messages),
            Self::Sdk(Error::Refused(refusal)) => {
                if let Some(wait) = refusal.retry_after {
                    error["retry_after_ms"] = json!(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
                }
                if let Some(limit) = refusal.limit {
                    error["limit"] = json!(limit);
                }
            }
            _ => {}
        }
        json!({ "error": error })
    }

    /// What failed first.
    fn cause(&self) -> &Self {
        match self {
            Self::Unfinished { cause, .. } | Self::Advised { cause, .. } => cause.cause(),
            first => first,
        }
    }
}

/// Tells on stderr of something that is wrong and does not end the command.
pub(crate) fn complain(output: Output, word: &str, message: &str) {
    match output {
        Output::Human => eprintln!("sealpost: {message}"),
        Output::Json => eprintln!("{}", json!({ "error": { "code": word, "message": message } })),
    }
}

/// The exit code of several failures of one command: that of an alarm before that of the network, and the relay's refusal last.
pub(crate) fn worst_code<'a>(errors: impl Iterator<Item = &'a Error>) -> u8 {
    const REFUSED: u8 = 6;
    let codes: Vec<u8> = errors.map(code_of).collect();
    let by_weight = [5, 4, 3, 1];
    let worst = by_weight.into_iter().find(|code| codes.contains(code));
    worst.unwrap_or(REFUSED)
}

/// What is in the outbox, and what can be done about it.
fn in_the_outbox(left: LeftBehind) -> String {
    let earlier = match left.earlier {
        0 => String::new(),
        earlier => format!(", beside {earlier} of commands before it"),
    };
    let advice = match left.is_empty() {
        true => "",
        false => {
            "; what is there goes out before anything else: `sealpost outbox flush` sends it, `sealpost outbox drop` gives it up"
        }
    };
    format!("{} kept in the outbox{earlier}{advice}", left.kept)
}

/// The exit code of an error of the SDK.
fn code_of(error: &Error) -> u8 {
    match error {
        Error::Usage(_) | Error::Store(StoreError::OtherAccount | StoreError::NotPrivate(_)) => 2,
        Error::NotAuthenticated(_) | Error::NotLoggedIn(_) => 3,
        Error::Network(_) => 4,
        Error::Integrity(_) => 5,
        Error::Store(
            StoreError::Damaged { .. } | StoreError::Corrupt(_) | StoreError::DeviceKeyMissing(_),
        ) => 5,
        Error::Blob(error) if error.is_damage() => 5,
        Error::Refused(_) => 6,
        _ => 1,
    }
}

/// The word of an error of the SDK.
fn word_of(error: &Error) -> &str {
    match error {
        Error::Usage(_) => "usage",
        Error::NotAuthenticated(_) => "not_authenticated",
        Error::NotLoggedIn(_) => "not_logged_in",
        Error::Network(_) => "network",
        Error::Integrity(_) => "integrity_alarm",
        Error::Refused(refusal) => &refusal.word,
        Error::NoKey { .. } => "no_key",
        Error::Unreadable { .. } => "unreadable",
        Error::Blob(error) if error.is_damage() => "blob_damaged",
        Error::Store(error) => match error {
            StoreError::OtherAccount => "other_account",
            StoreError::NotPrivate(_) => "home_not_private",
            StoreError::Sending => "busy",
            StoreError::Unsent(_) => "unsent",
            StoreError::DeviceKeyMissing(_) => "device_key_missing",
            StoreError::Damaged { .. } | StoreError::Corrupt(_) => "store_damaged",
            _ => "store_failed",
        },
        _ => "failed",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use sealpost_sdk::blob::BlobError;
    use sealpost_sdk::error::{Alarm, Refusal};

    use super::*;

    /// A refusal that says nothing but its code.
    pub(crate) fn refused_with(code: Option<ErrorCode>, by_the_rules: bool) -> Error {
        Error::Refused(Box::new(Refusal {
            word: code.map_or_else(|| "not_permitted".to_owned(), |code| code.to_string()),
            code,
            message: String::new(),
            retry_after: None,
            limit: None,
            epoch: None,
            seq: None,
            tombstone: None,
            by_the_rules,
        }))
    }

    fn refused() -> Error {
        refused_with(None, false)
    }

    #[test]
    fn alarm_weighs_more_than_the_network_and_that_more_than_a_refusal() {
        let alarm = || {
            Error::Integrity(Box::new(Alarm {
                what: String::new(),
                space_id: None,
                seq: None,
                event_id: None,
            }))
        };
        let network = || Error::Network(String::new());
        for (errors, code) in [
            (vec![refused(), network(), alarm()], 5),
            (vec![refused(), network()], 4),
            (vec![refused()], 6),
        ] {
            assert_eq!(worst_code(errors.iter()), code);
        }
    }

    #[test]
    fn script_tells_a_damaged_file_from_one_that_cannot_be_read() {
        let told = |error: BlobError| {
            let error = &Failure::Sdk(error.into()).to_json()["error"];
            (error["code"].clone(), error["exit_code"].clone())
        };
        for damage in [
            BlobError::Damaged { chunk: 3 },
            BlobError::TooLong,
            BlobError::Replaced,
        ] {
            assert_eq!(told(damage), (json!("blob_damaged"), json!(5)));
        }
        let unread = BlobError::Io(io::ErrorKind::BrokenPipe.into());
        assert_eq!(told(unread), (json!("failed"), json!(1)));
    }

    fn limited() -> Failure {
        let Error::Refused(mut refusal) = refused_with(Some(ErrorCode::RateLimited), false) else {
            panic!("that is one")
        };
        refusal.retry_after = Some(Duration::from_millis(12_104));
        Failure::Sdk(Error::Refused(refusal))
    }

    #[test]
    fn script_is_told_how_long_to_wait_in_a_field_of_its_own() {
        for failure in [
            limited(),
            limited().or_by_recovery(),
            Failure::unfinished(limited(), 0, LeftBehind::default()),
        ] {
            let error = &failure.to_json()["error"];
            assert_eq!(error["retry_after_ms"], 12_104);
            assert_eq!(
                (&error["code"], &error["exit_code"]),
                (&json!("rate_limited"), &json!(6))
            );
        }
    }

    #[test]
    fn outbox_is_counted_with_what_earlier_commands_left_in_it() {
        let told = |kept, earlier| {
            let left = LeftBehind { kept, earlier };
            Failure::unfinished(Failure::Busy, 0, left)
        };
        let said = told(0, 5).to_string();
        assert!(
            said.contains("0 kept in the outbox, beside 5 of commands before it; what is there"),
            "{said}"
        );
        assert_eq!(told(1, 5).to_json()["error"]["kept"], 1);
        assert_eq!(told(1, 5).to_json()["error"]["earlier"], 5);
        assert!(told(0, 0).to_string().ends_with("0 kept in the outbox"));
    }

    #[test]
    fn recovery_code_is_named_to_whom_strangers_keep_waiting_and_to_nobody_else() {
        assert!(limited().or_by_recovery().with_hint().contains("--recovery"));
        let other = Failure::Sdk(refused_with(Some(ErrorCode::LoginFailed), false)).or_by_recovery();
        assert!(!other.with_hint().contains("--recovery"));
    }

    #[test]
    fn two_devices_that_change_the_account_at_once_are_told_what_to_say() {
        for code in [ErrorCode::KeystoreConflict, ErrorCode::Expired] {
            let shown = Failure::Sdk(refused_with(Some(code), false)).with_hint();
            assert!(
                shown.contains("another device") && shown.contains("say it again"),
                "{shown}"
            );
        }
    }

    #[test]
    fn advice_for_a_full_disk_is_true_of_any_disk_that_a_file_is_got_to() {
        let (what, source) = (
            "writing /mnt/film.part".to_owned(),
            io::ErrorKind::StorageFull.into(),
        );
        let shown = Failure::Sdk(StoreError::File { what, source }.into()).with_hint();
        assert!(
            shown.contains("/mnt/film.part") && shown.contains("make room on that disk;"),
            "{shown}"
        );
    }

    #[test]
    fn advice_for_a_damaged_store_does_not_destroy_the_only_keys_of_an_agent() {
        let damaged = Failure::Sdk(StoreError::Damaged { table: "account" }.into());
        let advice = damaged.with_hint();
        assert!(advice.contains("recovery code") && advice.contains("sealpost agent revoke"));
    }
}

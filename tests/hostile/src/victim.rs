//! Whose client is held against the relay.

use std::time::Duration;

use futures_util::StreamExt;
use sealpost_protocol::ids::SpaceId;
use sealpost_sdk::blob::BlobReference;
use sealpost_sdk::{Client, ClientConfig, Error, Message, Position, Space};
use sealpost_tests::interop::{self, Trouble};
use serde_json::json;
use tokio::time::timeout;

/// How long a client may be silent before that counts as its answer.
const PATIENCE: Duration = match cfg!(feature = "weakened-sdk") {
    false => Duration::from_secs(20),
    // Many cases end in silence then.
    true => Duration::from_secs(5),
};
/// The same where nothing can come.
const SOON: Duration = Duration::from_secs(3);

/// Which client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Victim {
    /// The SDK of this repository, in Rust.
    Sdk,
    /// The independent client in JavaScript.
    Interop,
}

/// Why a client did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The client's own class of error; `silence` where it said nothing.
    pub class: String,
    /// For people.
    pub text: String,
}

/// What a client has shown to its user.
#[derive(Clone, Debug)]
pub struct Read {
    /// The messages, in order.
    pub texts: Vec<String>,
    /// How it ended.
    pub ended: Result<(), Failure>,
}

/// A device of Bob's.
pub enum Device {
    /// With the SDK, and how it is configured.
    Sdk(Client, Box<ClientConfig>),
    /// With the other client, which runs as a process, and the folder it keeps.
    Interop(Box<interop::Client>, interop::Home),
}

impl Victim {
    /// As it is named in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sdk => "sdk",
            Self::Interop => "interop",
        }
    }

    /// Whether it was built without its checks.
    #[must_use]
    pub fn is_weakened(self) -> bool {
        self == Self::Sdk && cfg!(feature = "weakened-sdk")
    }
}

impl Failure {
    fn silence(waited: Duration) -> Self {
        Self {
            class: "silence".to_owned(),
            text: format!("nothing for {} s", waited.as_secs()),
        }
    }

    /// Whether the client has found something that no honest relay gives, and says so.
    #[must_use]
    pub fn is_alarm(&self) -> bool {
        !matches!(&self.class[..], "silence" | "network" | "disconnected")
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let class = match error {
            Error::NotAuthenticated(_) => "not_authenticated".to_owned(),
            Error::NotLoggedIn(_) => "not_logged_in".to_owned(),
            Error::Network(_) => "network".to_owned(),
            Error::Refused(refusal) => format!("refused:{}", refusal.word),
            Error::Integrity(_) => "integrity".to_owned(),
            Error::Usage(_) => "usage".to_owned(),
            Error::NoKey { .. } => "no_key".to_owned(),
            Error::Unreadable { .. } => "unreadable".to_owned(),
            Error::Blob(_) => "blob".to_owned(),
            Error::Store(_) => "store".to_owned(),
            _ => "other".to_owned(),
        };
        Self {
            class,
            text: error.to_string(),
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self {
            class: trouble.code,
            text: trouble.message,
        }
    }
}

impl Device {
    /// The same device, as a process that has just started.
    ///
    /// # Panics
    /// When it does not open.
    #[must_use]
    pub async fn restarted(self) -> Self {
        match self {
            Self::Sdk(client, config) => {
                drop(client);
                Self::of_sdk(*config).await
            }
            Self::Interop(client, home) => {
                client.kill_9().await;
                Self::of_interop(home).await
            }
        }
    }

    pub(crate) async fn of_sdk(config: ClientConfig) -> Self {
        Self::Sdk(Client::open(config.clone()).await.unwrap(), Box::new(config))
    }

    pub(crate) async fn of_interop(home: interop::Home) -> Self {
        Self::Interop(Box::new(interop::Client::open(&home).await), home)
    }

    /// Reads the first messages of a space.
    pub async fn read(&mut self, space: SpaceId, count: usize) -> Read {
        self.read_within(PATIENCE, space, count).await
    }

    /// The same where much has to be verified before the client shows anything. The SDK shows what it has verified so far.
    pub async fn read_within(&mut self, patience: Duration, space: SpaceId, count: usize) -> Read {
        match self {
            Self::Sdk(client, _) => {
                let mut texts = Vec::new();
                let ended = read(client, space, count, &mut texts).await;
                Read { texts, ended }
            }
            Self::Interop(client, _) => {
                let command = json!({"do": "read", "space": space.to_string(), "count": count});
                let read = timeout(patience, client.attempt_within(2 * patience, command)).await;
                match read {
                    Err(_late) => Read::nothing(Failure::silence(patience)),
                    Ok(Err(trouble)) => Read::nothing(trouble.into()),
                    Ok(Ok(answer)) => Read {
                        texts: interop::texts(&answer),
                        ended: Ok(()),
                    },
                }
            }
        }
    }

    /// Reads while the relay gives nothing that can be read: what is not shown soon is not shown.
    pub async fn read_in_vain(&mut self, space: SpaceId) -> Read {
        let read = timeout(SOON, self.read(space, 1)).await;
        read.unwrap_or_else(|_late| Read::nothing(Failure::silence(SOON)))
    }

    /// Sends a message, and waits for its ack.
    ///
    /// # Errors
    /// What the client says.
    pub async fn send(&mut self, space: SpaceId, text: &str) -> Result<(), Failure> {
        match self {
            Self::Sdk(client, _) => {
                let sending = async {
                    let space = client.space(space).await?;
                    space.send(Message::text(text)).await.map(drop)
                };
                patiently(sending).await
            }
            Self::Interop(client, _) => {
                let command = json!({"do": "send", "space": space.to_string(), "texts": [text]});
                let sent = timeout(PATIENCE, client.attempt(command)).await;
                let sent = sent.map_err(|_late| Failure::silence(PATIENCE))?;
                sent.map(drop).map_err(Failure::from)
            }
        }
    }

    /// Gets the file of this name, which an earlier message refers to.
    ///
    /// # Errors
    /// What the client says.
    ///
    /// # Panics
    /// When a file that it says it has written cannot be read.
    pub async fn get(&mut self, space: SpaceId, name: &str) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Sdk(client, _) => patiently(get(client, space, name)).await,
            Self::Interop(client, home) => {
                let to = format!("{}/{name}", home.path());
                let command = json!({"do": "get", "space": space.to_string(), "name": name, "to": to});
                let got = timeout(PATIENCE, client.attempt(command)).await;
                let got = got.map_err(|_late| Failure::silence(PATIENCE))?;
                got.map(|_| std::fs::read(to).unwrap()).map_err(Failure::from)
            }
        }
    }

    /// Keeps a space open between what is done in it, where the client would close it.
    ///
    /// # Panics
    /// When it does not open.
    pub async fn opened(&self, space: SpaceId) -> Option<Space> {
        match self {
            Self::Sdk(client, _) => Some(client.space(space).await.unwrap()),
            Self::Interop(..) => None,
        }
    }

    /// The SDK's client.
    ///
    /// # Panics
    /// Where the victim is another.
    #[must_use]
    pub fn sdk(&self) -> &Client {
        match self {
            Self::Sdk(client, _) => client,
            Self::Interop(..) => panic!("the case is the SDK's alone"),
        }
    }
}

impl Read {
    fn nothing(failure: Failure) -> Self {
        Self {
            texts: Vec::new(),
            ended: Err(failure),
        }
    }
}

/// Waits for the SDK as long as its user would.
///
/// # Errors
/// What it says, or that it says nothing.
pub async fn patiently<T>(doing: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    // Boxed: what the SDK does is large, and so would be all that waits for it.
    match timeout(PATIENCE, Box::pin(doing)).await {
        Ok(done) => done.map_err(|error| Failure::from(&error)),
        Err(_late) => Err(Failure::silence(PATIENCE)),
    }
}

async fn read(client: &Client, space: SpaceId, count: usize, texts: &mut Vec<String>) -> Result<(), Failure> {
    let space = patiently(client.space(space)).await?;
    let mut messages = space.subscribe(Position::START);
    while texts.len() < count {
        let next = async {
            let ended = || Error::Network("the stream ended".to_owned());
            messages.next().await.ok_or_else(ended)?
        };
        let message = patiently(next).await?;
        texts.push(String::from_utf8_lossy(&message.body).into_owned());
    }
    Ok(())
}

async fn get(client: &Client, space: SpaceId, name: &str) -> Result<Vec<u8>, Error> {
    let space = client.space(space).await?;
    let reference = named(&space, name).await?;
    let mut bytes = Vec::new();
    space
        .get_blob(&reference, &mut bytes, std::sync::Arc::new(|_| ()))
        .await?;
    Ok(bytes)
}

async fn named(space: &Space, name: &str) -> Result<BlobReference, Error> {
    let mut messages = space.subscribe(Position::START);
    while let Some(message) = messages.next().await {
        if let Some(reference) = message?.blob()
            && reference.name == name
        {
            return Ok(reference);
        }
    }
    Err(Error::Network("the stream ended".to_owned()))
}

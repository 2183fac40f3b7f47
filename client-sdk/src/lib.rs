//! The Sealpost client: keys, keystore, contacts, spaces and the sync engine.
//!
//! The relay orders, stores and fans out what it cannot read; everything in this crate assumes that it may lie. Each
//! answer is checked before it is used, and a check that fails is an [`Error::Integrity`], never a warning.
//!
//! Log in, open a space, send, read:
//!
//! ```no_run
//! use futures_util::StreamExt;
//! use sealpost_sdk::{Client, ClientConfig, Error, Message, Passphrase, Position};
//!
//! # async fn example(passphrase: String, id: sealpost_sdk::protocol::ids::SpaceId) -> Result<(), Error> {
//! let config = ClientConfig::new("https://relay.example.org", "home-of-alice")?;
//! // Once for each device; from then on `Client::open` needs no passphrase.
//! let client = Client::login(config, "alice", &Passphrase::new(passphrase)).await?;
//! let space = client.space(id).await?;
//!
//! // Returns when the relay has it on its disk. It is on this device's disk before: it arrives once, whatever crashes.
//! let sent = space.send(Message::text("hello")).await?;
//! println!("seq {}, message {} of its event", sent.seq, sent.index);
//!
//! // From the beginning, then live, each message exactly once. Keep `message.cursor` to go on from there.
//! let mut messages = space.subscribe(Position::START);
//! while let Some(message) = messages.next().await {
//!     match message {
//!         Ok(message) => println!("{} {:?}", message.author, String::from_utf8_lossy(&message.body)),
//!         // One event of a member that wrote nonsense; what follows is whole.
//!         Err(unreadable @ Error::Unreadable { .. }) => eprintln!("{unreadable}"),
//!         Err(error) => return Err(error),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Reading is checking signatures, which processors with AVX-512 IFMA do in two thirds of the time if your `.cargo/config.toml` says so;
//! without it AVX2 does, and others are not affected:
//!
//! ```toml
//! [target.'cfg(target_arch = "x86_64")']
//! rustflags = ["--cfg", 'curve25519_dalek_backend="avx512"']
//! ```

mod account;
mod agent;
mod backoff;
pub mod blob;
mod blocking;
mod client;
pub mod clock;
pub mod config;
mod contacts;
pub mod content;
mod entropy;
mod epoch;
pub mod error;
mod files;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod identity;
mod invite;
mod keystore;
mod outbox;
pub mod secret;
mod socket;
pub mod space;
mod store;
mod sync;
#[cfg(test)]
mod testing;
pub mod transport;
mod weakened;

pub use account::{
    Approval, Device, DeviceCode, ExportSummary, HomeOf, KeptKeystore, NewDevice, NotADeviceCode,
    PastKeystore, PendingLogin, PreparedAccount, PreparedSecret, PreparedStart, Proof, RelayInfo,
    StartedOver,
};
pub use agent::{Agent, Agents, NotAPairingCode, PairingCode, RevokedAgent};
pub use client::{Account, Client};
pub use config::ClientConfig;
pub use contacts::{ConfirmedContact, Contact, Contacts};
pub use content::Message;
pub use error::Error;
pub use files::{
    BlobFile, FOLDER_TYPE, Folder, FolderError, FolderFile, Progress, PutBlob, PutFolder, PutOptions, Resume,
    Watch, check_folder,
};
pub use keystore::{DeviceSecret, NotADeviceSecret, NotARecoveryCode, RecoveryCode};
pub use sealpost_protocol as protocol;
pub use sealpost_protocol::invite::{InviteLink, LinkError};
pub use secret::Passphrase;
pub use socket::ConnectionState;
pub use space::{
    Audience, Delivered, GivenUp, InviteOptions, Joined, Packing, Position, PublishedAgain, Sent, Space,
    SpaceOptions, Unsent,
};
pub use store::{AGENT_RUN_LOCK, StoreReport};

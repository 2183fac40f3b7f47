//! Parts for the tests of this crate: a transport whose other end is the test, which plays the relay byte by byte, and the
//! log that such a relay serves. What an honest relay does is tested against the real one.

pub(crate) mod counting;
pub(crate) mod log;
pub(crate) mod relay;
pub(crate) mod stage;
pub(crate) mod wire;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sealpost_protocol::ids::{AccountId, PrincipalId, SpaceId};

use crate::client::{Client, Shared};
use crate::config::ClientConfig;
use crate::http::Api;
use crate::identity::Identity;
use crate::secret::SecretKey;
use crate::socket::Socket;
use crate::space::Space;
use crate::space::client::Spaces;
use crate::store::Store;
use wire::{Arrivals, TestTransport};

/// Somebody with keys.
pub(crate) fn person(seed: u8) -> Identity {
    Identity::from_seeds(SecretKey::from([seed; 32]), SecretKey::from([seed; 32]))
}

/// A device of a person, as a process that has just started sees it.
pub(crate) struct Device {
    pub(crate) shared: Arc<Shared>,
    pub(crate) socket: Socket,
    pub(crate) arrivals: Arrivals,
}

impl Device {
    /// Opens the home of a person; its relay is the test.
    pub(crate) async fn open(home: &Path, identity: Identity) -> Self {
        Self::open_as(home, identity, None, Duration::ZERO).await
    }

    /// The same, with heartbeats.
    pub(crate) async fn open_beating(home: &Path, identity: Identity, heartbeat: Duration) -> Self {
        Self::open_as(home, identity, None, heartbeat).await
    }

    async fn open_as(
        home: &Path,
        identity: Identity,
        owner: Option<PrincipalId>,
        heartbeat: Duration,
    ) -> Self {
        let mut config = ClientConfig::new("http://relay.localhost:7450", home).unwrap();
        // Those that want heartbeats say so: they come by the clock, and many tests tell each frame.
        config.heartbeat = heartbeat;
        let store = Store::open(home).await.unwrap();
        let shared = Arc::new(Shared {
            api: Api::new(&config).unwrap(),
            config,
            store,
            identity,
            account_id: AccountId::new([1; 16]),
            handle: "alice".to_owned(),
            owner,
            spaces: Spaces::default(),
        });
        let (transport, arrivals) = TestTransport::new();
        let socket = shared.start_socket(Arc::new(transport), Arc::new(wire::NoCredentials));
        Self {
            socket: socket.clone(),
            shared,
            arrivals,
        }
    }

    /// The same home and keys as an agent of `owner`.
    pub(crate) async fn open_agent(home: &Path, identity: Identity, owner: PrincipalId) -> Self {
        Self::open_as(home, identity.into_agent(), Some(owner), Duration::ZERO).await
    }

    /// The client of this device.
    pub(crate) fn client(&self) -> Client {
        Client::sharing(Arc::clone(&self.shared))
    }

    /// Opens a space.
    pub(crate) async fn space(&self, id: SpaceId) -> Space {
        Shared::open_space(&self.shared, id).await.unwrap()
    }
}

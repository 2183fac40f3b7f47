//! An endpoint that listens, and the sessions it knows.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Extension;
use futures_util::future::FutureExt;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use sealpost_protocol::http::SecretToken;
use sealpost_protocol::ids::{Incarnation, PrincipalId, SessionId};
use sealpost_protocol::keys::PublicKey;
use tokio::net::{TcpListener, TcpSocket};

use super::super::*;
use super::client::Person;
use crate::client_address::ClientAddress;
use crate::entropy::SystemEntropy;
use crate::log::{LogLimits, LogService};
use crate::spaces::Party;
use crate::testing::TestLog;

/// The origin that clients sign.
pub const ORIGIN: &str = "https://relay.example.org";

/// Bytes that the kernel buffers in each direction, so that a test soon sees what happens when they are full.
pub const KERNEL_BUFFER: u32 = 16 * 1024;

/// How long things may take.
pub struct Times {
    pub session: Duration,
    pub write: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            session: Duration::from_secs(3600),
            // Long enough for a busy machine, short enough for a test.
            write: Duration::from_millis(500),
        }
    }
}

/// Sessions in memory, because registering takes its time; `accounts` has those of the directory.
pub struct Sessions {
    people: Vec<Person>,
    ended: Mutex<HashSet<SessionId>>,
    expires_in: Duration,
}

impl Sessions {
    fn of_two(expires_in: Duration) -> Self {
        Self {
            people: vec![Person::alice(), Person::bob()],
            ended: Mutex::default(),
            expires_in,
        }
    }

    fn is_live(&self, session: &SessionId) -> bool {
        !self.ended.lock().unwrap().contains(session)
    }
}

impl SessionDirectory for Sessions {
    fn authenticate<'a>(&'a self, _: IpAddr, token: &'a SecretToken) -> Answer<'a, Option<LiveSession>> {
        let person = self
            .people
            .iter()
            .find(|person| person.token == *token.expose_bytes() && self.is_live(&person.session_id));
        let session = person.map(|person| LiveSession {
            session_id: person.session_id,
            party: Party::Person(person.account_id),
            principal_id: person.principal_id(),
            expires_in: self.expires_in,
        });
        async move { Ok(session) }.boxed()
    }

    fn signing_key(&self, principal: PrincipalId) -> Answer<'_, Option<PublicKey>> {
        let mut people = self.people.iter();
        let person = people.find(|person| person.principal_id() == principal);
        async move { Ok(person.map(|person| PublicKey::of(&person.actor.key))) }.boxed()
    }

    fn ended<'a>(&'a self, sessions: &'a [SessionId]) -> Answer<'a, Vec<SessionId>> {
        let ended = sessions
            .iter()
            .filter(|session| !self.is_live(session))
            .copied()
            .collect();
        async move { Ok(ended) }.boxed()
    }
}

/// A listening endpoint.
pub struct Relay {
    pub address: SocketAddr,
    pub sockets: Sockets,
    pub metrics: SocketMetrics,
    pub log: LogService,
    sessions: Option<Arc<Sessions>>,
    _database: Arc<TestLog>,
}

impl Relay {
    pub async fn start(settings: SocketSettings) -> Self {
        Self::start_with(settings, Times::default()).await
    }

    pub async fn start_with(settings: SocketSettings, times: Times) -> Self {
        let sessions = Arc::new(Sessions::of_two(times.session));
        let relay = Self::start_on(settings, times, sessions.clone()).await;
        Self {
            sessions: Some(sessions),
            ..relay
        }
    }

    /// An endpoint for the accounts of another directory.
    pub async fn start_on(
        settings: SocketSettings,
        times: Times,
        directory: Arc<dyn SessionDirectory>,
    ) -> Self {
        let database = Arc::new(TestLog::new().await);
        let log = database.relay().await;
        Self::listen(database, log, settings, times, directory).await
    }

    /// One more endpoint on a database, with Alice and Bob.
    pub async fn beside(database: &Arc<TestLog>, settings: SocketSettings, limits: LogLimits) -> Self {
        let times = Times::default();
        let sessions = Arc::new(Sessions::of_two(times.session));
        let log = database.relay_with(limits).await;
        Self::listen(database.clone(), log, settings, times, sessions).await
    }

    async fn listen(
        database: Arc<TestLog>,
        log: LogService,
        settings: SocketSettings,
        times: Times,
        directory: Arc<dyn SessionDirectory>,
    ) -> Self {
        let metrics = SocketMetrics::default();
        let sockets = Sockets::new(SocketParts {
            settings,
            origin: ORIGIN.to_owned(),
            allowed_origins: vec!["https://app.example.org".to_owned()],
            write_timeout: times.write,
            incarnation: Incarnation::new([7; 16]),
            log: log.clone(),
            directory,
            entropy: Arc::new(SystemEntropy),
            metrics: metrics.clone(),
        });
        let listener = TcpSocket::new_v4().unwrap();
        listener.set_send_buffer_size(KERNEL_BUFFER).unwrap();
        listener.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let listener = listener.listen(64).unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(accept(listener, sockets.clone()));
        Self {
            address,
            sockets,
            metrics,
            log,
            sessions: None,
            _database: database,
        }
    }

    /// Ends a session in the directory only, as another relay process would.
    pub fn forget(&self, person: &Person) {
        let sessions = self.sessions.as_ref().expect("this relay has sessions in memory");
        sessions.ended.lock().unwrap().insert(person.session_id);
    }

    /// Waits until no socket is open.
    pub async fn is_empty(&self) {
        self.sockets.0.admission.empty().await;
    }

    /// Sockets that ended with this close code; 0 if the client ended them.
    pub fn closed(&self, code: u16) -> u64 {
        self.metrics.closed.get_or_create(&[("code", code.into())]).get()
    }
}

async fn accept(listener: TcpListener, sockets: Sockets) {
    loop {
        let (stream, peer) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let router = sockets.router().layer(Extension(ClientAddress(peer.ip())));
        let connection = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
            .with_upgrades();
        tokio::spawn(connection);
    }
}

//! The endpoint: admits, upgrades, and runs one task per socket.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use sealpost_protocol::close::CloseCode;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::http::paths;
use sealpost_protocol::ids::{AccountId, Incarnation, SessionId};
use sealpost_protocol::limits;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};

use super::admission::{Admission, Slot};
use super::authenticate::{Authenticated, authenticate};
use super::close::{Close, End};
use super::conversation::Conversation;
use super::handshake::{self, Accepted};
use super::intake::Intake;
use super::link::Link;
use super::metrics::SocketMetrics;
use super::problem::refuse;
use super::registry::{Phase, Registry};
use super::sessions::{SessionDirectory, Unavailable};
use super::settings::SocketSettings;
use super::transport::Transport;
use crate::client_address::ClientAddress;
use crate::entropy::Entropy;
use crate::log::LogService;

/// Bytes that an unauthenticated client may send: an Authenticate frame, its WebSocket header, a few control frames.
const ALLOWANCE: u64 = limits::MAX_AUTHENTICATE_FRAME as u64 + 512;
/// Sessions looked up at once.
const SWEEP: usize = 1000;

/// What the endpoint needs.
pub struct SocketParts {
    /// Limits and times.
    pub settings: SocketSettings,
    /// The public origin, which clients sign.
    pub origin: String,
    /// Values of `Origin` that browsers may come from. Without the header, any client may.
    pub allowed_origins: Vec<String>,
    /// Longest time in which a client takes not one of the bytes that wait for it.
    pub write_timeout: Duration,
    /// Which life of the database this is.
    pub incarnation: Incarnation,
    /// The log.
    pub log: LogService,
    /// Sessions and keys.
    pub directory: Arc<dyn SessionDirectory>,
    /// Challenges and jitter.
    pub entropy: Arc<dyn Entropy>,
    /// Counters.
    pub metrics: SocketMetrics,
}

/// What all sockets share.
pub struct Shared {
    pub(super) settings: SocketSettings,
    pub(super) origin: String,
    pub(super) write_timeout: Duration,
    allowed_origins: Vec<String>,
    pub(super) incarnation: Incarnation,
    pub(super) log: LogService,
    pub(super) directory: Arc<dyn SessionDirectory>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) metrics: SocketMetrics,
    pub(super) registry: Arc<Registry>,
    pub(super) admission: Arc<Admission>,
}

/// All sockets of this relay. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Sockets(pub(super) Arc<Shared>);

impl Sockets {
    /// An endpoint without sockets.
    #[must_use]
    pub fn new(parts: SocketParts) -> Self {
        Self(Arc::new(Shared {
            admission: Arc::new(Admission::new(&parts.settings, parts.metrics.open.clone())),
            registry: Arc::default(),
            settings: parts.settings,
            origin: parts.origin,
            allowed_origins: parts.allowed_origins,
            write_timeout: parts.write_timeout,
            incarnation: parts.incarnation,
            log: parts.log,
            directory: parts.directory,
            entropy: parts.entropy,
            metrics: parts.metrics,
        }))
    }

    /// The route. The listener must put a [`ClientAddress`] into every request and serve connections with upgrades.
    pub fn router(&self) -> Router {
        Router::new()
            .route(paths::SOCKET, any(open))
            .with_state(self.clone())
    }

    /// Closes the sockets of a session that was revoked.
    pub fn end_session(&self, session: &SessionId) {
        self.0.registry.end_session(session);
    }

    /// Closes the sockets of an account that was disabled or deleted.
    pub fn end_account(&self, account: &AccountId) {
        self.0.registry.end_account(account);
    }

    /// Sends a Notice to all sockets; `kind` is `announcement` or `maintenance`.
    pub fn tell(&self, kind: &str, message: &str) {
        self.0.registry.tell(kind, message);
    }

    /// Sends every socket a GoAway with a reconnect delay of its own; they are still served.
    pub fn go_away(&self) {
        self.0.registry.enter(Phase::Leaving);
    }

    /// Closes every socket with 1012 once its requests are answered; returns when none is open.
    pub async fn close_all(&self) {
        self.0.registry.enter(Phase::Closing);
        self.0.admission.empty().await;
    }

    /// Closes the sockets of sessions that ended elsewhere, at another relay process say. To be called every so often.
    ///
    /// # Errors
    /// [`Unavailable`] if the directory does not answer; nothing is closed for that.
    pub async fn sweep(&self) -> Result<(), Unavailable> {
        for sessions in self.0.registry.sessions().chunks(SWEEP) {
            for ended in self.0.directory.ended(sessions).await? {
                self.end_session(&ended);
            }
        }
        Ok(())
    }

    fn admit(&self, request: &Request) -> Result<(Accepted, Slot), ErrorCode> {
        let shared = &self.0;
        let accepted = handshake::check(request, &shared.allowed_origins)?;
        let address = client_address(request).ok_or(ErrorCode::Internal)?;
        if shared.registry.current_phase() != Phase::Open {
            return Err(ErrorCode::Maintenance);
        }
        let slot = shared
            .admission
            .admit(address)
            .map_err(|_| ErrorCode::Overloaded)?;
        Ok((accepted, slot))
    }
}

impl Shared {
    fn refuse(&self, code: ErrorCode) -> Response {
        self.metrics
            .refused
            .get_or_create(&[("code", code.as_str())])
            .inc();
        let later = matches!(code, ErrorCode::Overloaded | ErrorCode::Maintenance);
        refuse(code, later.then_some(self.settings.retry_after_seconds))
    }

    async fn serve(self: Arc<Self>, upgrade: OnUpgrade, slot: Slot) {
        let Ok(Ok(stream)) = timeout(self.settings.authenticate_within(), upgrade).await else {
            return;
        };
        let end = self.clone().talk(TokioIo::new(stream), slot).await;
        let code = match end {
            End::Gone => 0,
            End::Close(close) => close.code.number().into(),
        };
        self.metrics.closed.get_or_create(&[("code", code)]).inc();
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(self: Arc<Self>, stream: S, mut slot: Slot) -> End {
        let settings = &self.settings;
        let intake = Intake::new(settings.bytes, settings.frames, ALLOWANCE, Instant::now());
        let mut link = Link::new(Transport::new(stream, intake)).await;
        let end = match self.identify(&mut link, &mut slot).await {
            Ok(client) => Conversation::new(&mut link, self.clone(), client).run().await,
            Err(end) => end,
        };
        link.close(end).await;
        end
    }

    async fn identify<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        link: &mut Link<S>,
        slot: &mut Slot,
    ) -> Result<Authenticated, End> {
        let mut phase = self.registry.phase();
        tokio::select! {
            client = authenticate(link, slot, self) => client,
            _ = phase.wait_for(|phase| *phase == Phase::Closing) => Err(Close::plain(CloseCode::Restart).into()),
        }
    }
}

async fn open(State(sockets): State<Sockets>, mut request: Request) -> Response {
    match sockets.admit(&request) {
        Ok((accepted, slot)) => {
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(sockets.0.serve(upgrade, slot));
            accepted.into_response()
        }
        Err(code) => sockets.0.refuse(code),
    }
}

fn client_address(request: &Request) -> Option<IpAddr> {
    request
        .extensions()
        .get::<ClientAddress>()
        .map(|address| address.0)
}

//! A relay that wraps another one and misbehaves on command. Without orders everything passes as it is.

mod http;
mod socket;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use ::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use sealpost_protocol::wire::{ClientFrame, RelayFrame};
use sealpost_tests::door::Door;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A request over HTTP, as it was asked.
pub struct Asked {
    /// For example `GET`.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Whole.
    pub body: Bytes,
}

/// What is answered to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// As the wrapped relay gave it, until it is changed.
    pub status: StatusCode,
    /// The same, but for what belongs to one connection alone.
    pub headers: HeaderMap,
    /// The same.
    pub body: Bytes,
}

/// Changes an answer.
type OnAnswer = Box<dyn FnMut(&Asked, &mut Answer) + Send>;
/// What reaches the client in place of a frame of the relay.
type OnFrame = Box<dyn FnMut(RelayFrame) -> Vec<RelayFrame> + Send>;
/// What is answered to a frame of the client, which the wrapped relay then never sees; `None` lets it pass.
type OnRequest = Box<dyn FnMut(&ClientFrame) -> Option<Vec<RelayFrame>> + Send>;

/// What the relay does that an honest one does not. The last order of a kind counts.
#[derive(Default)]
pub struct Orders {
    answer: Option<OnAnswer>,
    frame: Option<OnFrame>,
    request: Option<OnRequest>,
}

impl Orders {
    /// Changes answers over HTTP.
    #[must_use]
    pub fn answers(mut self, change: impl FnMut(&Asked, &mut Answer) + Send + 'static) -> Self {
        self.answer = Some(Box::new(change));
        self
    }

    /// Puts other frames in the place of the relay's: none, one or many.
    #[must_use]
    pub fn frames(mut self, change: impl FnMut(RelayFrame) -> Vec<RelayFrame> + Send + 'static) -> Self {
        self.frame = Some(Box::new(change));
        self
    }

    /// Answers frames of the client itself.
    #[must_use]
    pub fn requests(
        mut self,
        answer: impl FnMut(&ClientFrame) -> Option<Vec<RelayFrame>> + Send + 'static,
    ) -> Self {
        self.request = Some(Box::new(answer));
        self
    }
}

/// Listens in a relay's place. It ends when dropped, with its connections.
pub struct HostileRelay {
    shared: Arc<Shared>,
    door: Door,
}

struct Shared {
    wrapped: Mutex<Option<SocketAddr>>,
    orders: Mutex<Orders>,
    /// How often something was done that an honest relay does not do.
    misbehaved: watch::Sender<u64>,
    client: reqwest::Client,
}

impl HostileRelay {
    /// Listens on a free port of this machine.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        Self::behind(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// Serves who comes by this listener.
    #[must_use]
    pub fn behind(listener: TcpListener) -> Self {
        // Already installed is as good.
        let redirects = reqwest::redirect::Policy::none();
        let shared = Arc::new(Shared {
            wrapped: Mutex::default(),
            orders: Mutex::default(),
            misbehaved: watch::Sender::default(),
            client: sealpost_tests::relay::http_with(redirects),
        });
        let serving = Arc::clone(&shared);
        let door = Door::behind(listener, move |client| serve(client, Arc::clone(&serving)));
        Self { shared, door }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// Wraps the relay, or the storage, that listens there.
    pub fn wrap(&self, honest: SocketAddr) {
        *lock(&self.shared.wrapped) = Some(honest);
    }

    /// From now on it does this.
    pub fn misbehave(&self, orders: Orders) {
        *lock(&self.shared.orders) = orders;
    }

    /// From now on it does nothing that an honest one would not do.
    pub fn behave(&self) {
        self.misbehave(Orders::default());
    }

    /// How often it has misbehaved so far.
    #[must_use]
    pub fn misbehaved(&self) -> u64 {
        *self.shared.misbehaved.borrow()
    }

    /// Waits until it has misbehaved so often.
    pub async fn until_misbehaved(&self, often: u64) {
        let mut misbehaved = self.shared.misbehaved.subscribe();
        // The counter lives as long as this.
        let _ = misbehaved.wait_for(|count| *count >= often).await;
    }

    /// Cuts every connection.
    pub fn cut(&self) {
        self.door.cut();
    }
}

impl Shared {
    fn change_answer(&self, asked: &Asked, answer: &mut Answer) {
        let honest = answer.clone();
        if let Some(change) = &mut lock(&self.orders).answer {
            change(asked, answer);
        }
        self.count(*answer != honest);
    }

    fn change_frame(&self, honest: RelayFrame) -> Vec<RelayFrame> {
        let frames = match &mut lock(&self.orders).frame {
            Some(change) => change(honest.clone()),
            None => vec![honest.clone()],
        };
        self.count(frames != [honest]);
        frames
    }

    fn answer_request(&self, request: &ClientFrame) -> Option<Vec<RelayFrame>> {
        let answered = lock(&self.orders).request.as_mut()?(request);
        self.count(answered.is_some());
        answered
    }

    fn count(&self, misbehaved: bool) {
        if misbehaved {
            self.misbehaved.send_modify(|count| *count += 1);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Either end may go at any time; nobody is left to tell.
async fn serve(client: TcpStream, shared: Arc<Shared>) {
    let wrapped = *lock(&shared.wrapped);
    let Some(wrapped) = wrapped else { return };
    match socket::is_socket(&client).await {
        Some(true) => drop(socket::pass(client, wrapped, &shared).await),
        Some(false) => http::pass(client, wrapped, shared).await,
        None => {}
    }
}

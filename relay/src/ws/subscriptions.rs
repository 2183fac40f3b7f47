//! The subscriptions of one socket: many that wait, one at a time that fetches, and only when the client can take it.
//!
//! Waiting costs no page and no database connection, so a client that reads slowly costs the same as one that is idle.
//! A fetch that began is always driven to its end, because it may hold a connection of the pool.

use std::collections::{HashMap, VecDeque};

use futures_util::StreamExt;
use futures_util::future::{AbortHandle, Abortable, Aborted, BoxFuture};
use futures_util::stream::FuturesUnordered;
use sealpost_protocol::wire::Nack;

use crate::log::{Live, LogError, Page, Reader, Signals, Subscription};

/// Something for the client.
#[derive(Debug)]
pub enum Delivery {
    /// The next entries.
    Pages(Vec<Page>),
    /// Something for those who listen now.
    Live(Live),
    /// There will be no more; the client may subscribe again from its cursor.
    Ended(Nack),
    /// The client is no longer a member.
    CutOff(Nack),
}

#[derive(Debug)]
struct Feed {
    id: u64,
    /// Tells it from an earlier one of the same id.
    serial: u64,
    reader: Reader,
    /// `None` once the log sends no more of them.
    signals: Option<Signals>,
}

#[derive(Debug)]
struct Active {
    serial: u64,
    waiting: AbortHandle,
}

#[derive(Debug)]
enum Woken {
    Readable,
    Live(Option<Live>),
}

type Fetched = (Feed, Result<Vec<Page>, LogError>);

/// All subscriptions of one socket, by the request id of their Subscribe.
pub struct Subscriptions {
    page_bytes: usize,
    active: HashMap<u64, Active>,
    last_serial: u64,
    waiting: FuturesUnordered<Abortable<BoxFuture<'static, (Feed, Woken)>>>,
    readable: VecDeque<Feed>,
    fetch: Option<BoxFuture<'static, Fetched>>,
}

impl Subscriptions {
    /// None yet; pages will have up to `page_bytes` of entries.
    #[must_use]
    pub fn new(page_bytes: usize) -> Self {
        Self {
            page_bytes,
            active: HashMap::new(),
            last_serial: 0,
            waiting: FuturesUnordered::new(),
            readable: VecDeque::new(),
            fetch: None,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.active.len()
    }

    /// Whether there is one of this id.
    #[must_use]
    pub fn contains(&self, id: u64) -> bool {
        self.active.contains_key(&id)
    }

    /// Adds one.
    pub fn add(&mut self, id: u64, subscription: Subscription) {
        self.last_serial += 1;
        self.wait(Feed {
            id,
            serial: self.last_serial,
            reader: subscription.reader,
            signals: Some(subscription.signals),
        });
    }

    /// Ends one; nothing of it is delivered any more. `false` if there is none of this id.
    pub fn remove(&mut self, id: u64) -> bool {
        let removed = self.active.remove(&id);
        removed.inspect(|active| active.waiting.abort()).is_some()
    }

    /// The next thing to send, with the id of its subscription. While `may_fetch` is false, nothing new is begun.
    /// May be cancelled.
    pub async fn next(&mut self, may_fetch: bool) -> (u64, Delivery) {
        loop {
            if may_fetch && self.fetch.is_none() {
                self.fetch_first();
            }
            tokio::select! {
                // What was begun comes first: it may hold a database connection.
                biased;
                (feed, pages) = finish(&mut self.fetch) => {
                    self.fetch = None;
                    if let Some(delivery) = self.fetched(feed, pages) {
                        return delivery;
                    }
                }
                Some(Ok((feed, woken))) = next_woken(&mut self.waiting), if may_fetch => {
                    if let Some(delivery) = self.woken(feed, woken) {
                        return delivery;
                    }
                }
                else => std::future::pending().await,
            }
        }
    }

    fn is_active(&self, feed: &Feed) -> bool {
        self.active
            .get(&feed.id)
            .is_some_and(|active| active.serial == feed.serial)
    }

    /// Takes turns: who was served waits behind all others that have something.
    fn fetch_first(&mut self) {
        while let Some(mut feed) = self.readable.pop_front() {
            if self.is_active(&feed) {
                let page_bytes = self.page_bytes;
                self.fetch = Some(Box::pin(async move {
                    let pages = feed.reader.next_pages(page_bytes).await;
                    (feed, pages)
                }));
                return;
            }
        }
    }

    fn fetched(&mut self, feed: Feed, pages: Result<Vec<Page>, LogError>) -> Option<(u64, Delivery)> {
        let id = feed.id;
        if !self.is_active(&feed) {
            return None;
        }
        let delivery = match pages {
            Ok(pages) => {
                self.wait(feed);
                Delivery::Pages(pages)
            }
            Err(error) => {
                self.active.remove(&id);
                match error {
                    LogError::NotAMember => Delivery::CutOff(error.to_nack()),
                    error => Delivery::Ended(error.to_nack()),
                }
            }
        };
        Some((id, delivery))
    }

    fn woken(&mut self, mut feed: Feed, woken: Woken) -> Option<(u64, Delivery)> {
        match woken {
            Woken::Readable => match feed.reader.pages_from_memory(self.page_bytes) {
                Ok(pages) if pages.is_empty() => {
                    self.readable.push_back(feed);
                    None
                }
                pages => self.fetched(feed, pages),
            },
            Woken::Live(None) => {
                feed.signals = None;
                self.wait(feed);
                None
            }
            Woken::Live(Some(live)) => {
                let id = feed.id;
                self.wait(feed);
                Some((id, Delivery::Live(live)))
            }
        }
    }

    fn wait(&mut self, feed: Feed) {
        let (waiting, registration) = AbortHandle::new_pair();
        let serial = feed.serial;
        self.active.insert(feed.id, Active { serial, waiting });
        let waiting: BoxFuture<'static, _> = Box::pin(wait(feed));
        self.waiting.push(Abortable::new(waiting, registration));
    }
}

async fn wait(mut feed: Feed) -> (Feed, Woken) {
    let woken = tokio::select! {
        // Entries are kept for ever, signals for the moment only; but a member that was removed gets neither, and the
        // reader is who tells it why.
        biased;
        () = feed.reader.readable() => Woken::Readable,
        live = next_live(&mut feed.signals) => Woken::Live(live),
    };
    (feed, woken)
}

async fn next_live(signals: &mut Option<Signals>) -> Option<Live> {
    match signals {
        Some(signals) => signals.next().await,
        None => std::future::pending().await,
    }
}

async fn finish(fetch: &mut Option<BoxFuture<'static, Fetched>>) -> Fetched {
    match fetch {
        Some(fetch) => fetch.await,
        None => std::future::pending().await,
    }
}

/// The next one that is not aborted.
async fn next_woken(
    waiting: &mut FuturesUnordered<Abortable<BoxFuture<'static, (Feed, Woken)>>>,
) -> Option<Result<(Feed, Woken), Aborted>> {
    loop {
        match waiting.next().await {
            Some(Err(Aborted)) => {}
            other => return other,
        }
    }
}

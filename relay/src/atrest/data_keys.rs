//! Opens data keys and keeps them for a while.
//!
//! A key is served from memory while it is younger than `max_age` and the key service was reached within the
//! `degraded_window`. Otherwise it is opened again. Where that fails because the service is sealed, gone or
//! refuses us, a key still held goes on being served until the window closes; then it is dropped, and
//! callers are told so. What fails is never remembered as failed: the next caller tries again.

mod flight;
mod health;

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{sync::Semaphore, time::Instant};

use self::flight::Flights;
pub use self::flight::Outcomes;
use self::health::{Contact, Counters};
pub use self::health::{KeyHealth, KeyServiceState, KeyStatistics};
use super::{
    data_key::{DataKey, DataKeyId, KeyScope, OpenDataKey},
    key_cache::KeyCache,
    key_wrapper::{KeyToWrap, KeyWrapError, KeyWrapper},
    wrapped_key_store::{KeyStoreError, WrappedDataKey, WrappedKeyStore},
};
use crate::entropy::Entropy;

/// How many keys are kept, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct DataKeyLimits {
    /// Keys held in memory.
    pub cached_keys: NonZeroUsize,
    /// How old a key in memory may become before it is opened again. Each key has a share of its own of the
    /// last quarter, so that keys that were opened together do not all expire together.
    pub max_age: Duration,
    /// For how long after the last contact with the key service keys in memory stay in use.
    pub degraded_window: Duration,
}

impl Default for DataKeyLimits {
    fn default() -> Self {
        Self {
            cached_keys: NonZeroUsize::new(65_536).expect("not zero"),
            max_age: Duration::from_secs(60 * 60),
            degraded_window: Duration::from_secs(15 * 60),
        }
    }
}

/// The parts that [`DataKeys`] works with.
pub struct DataKeyParts {
    /// Wraps and opens keys.
    pub wrapper: Arc<dyn KeyWrapper>,
    /// Holds wrapped keys.
    pub store: Arc<dyn WrappedKeyStore>,
    /// Gives the bytes of new keys.
    pub entropy: Arc<dyn Entropy>,
}

/// The data keys of this relay. Cheap to clone; all clones share one cache.
#[derive(Clone)]
pub struct DataKeys {
    shared: Arc<Shared>,
}

struct Shared {
    parts: DataKeyParts,
    limits: DataKeyLimits,
    state: Mutex<State>,
    counters: Counters,
    runways: Semaphore,
}

struct State {
    cache: KeyCache,
    flights: Flights,
    contact: Contact,
}

/// Batches of keys that are being opened at the same time. While so many are, callers gather in the next.
const MAX_FLIGHTS: usize = 4;

impl DataKeys {
    /// No key is open yet, and the key service has not been asked yet.
    pub fn new(parts: DataKeyParts, limits: DataKeyLimits) -> Self {
        let state = State {
            cache: KeyCache::new(limits.cached_keys),
            flights: Flights::default(),
            contact: Contact::default(),
        };
        let shared = Shared {
            parts,
            limits,
            state: Mutex::new(state),
            counters: Counters::default(),
            runways: Semaphore::new(MAX_FLIGHTS),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The key of `scope`.
    pub async fn open(&self, scope: KeyScope) -> Result<Arc<OpenDataKey>, DataKeyError> {
        if let Some(key) = self.held(scope) {
            return Ok(key);
        }
        let mut opened = self.open_many(&[scope]).await;
        opened.remove(&scope).unwrap_or(Err(DataKeyError::Aborted))
    }

    /// The key of `scope`, if it can be served from memory.
    pub fn held(&self, scope: KeyScope) -> Option<Arc<OpenDataKey>> {
        self.shared.cached(scope)
    }

    /// The keys of all `scopes`, with an answer for each. A thousand cost about as much as seven.
    pub async fn open_many(&self, scopes: &[KeyScope]) -> Outcomes {
        let (mut outcomes, waits) = self.shared.admit(scopes);
        for (scope, flight) in waits {
            let landed = flight.await;
            let outcome = landed.as_ref().and_then(|landed| landed.get(&scope)).cloned();
            outcomes.insert(scope, outcome.unwrap_or_else(|| self.shared.abandon(scope)));
        }
        outcomes
    }

    /// Draws, wraps and stores the key of a new scope. If another relay was first, its key is the answer.
    pub async fn create(&self, scope: KeyScope) -> Result<Arc<OpenDataKey>, DataKeyError> {
        let entropy = &*self.shared.parts.entropy;
        let (id, key) = (DataKeyId::generate(entropy), DataKey::generate(entropy));
        let wrapped = self.shared.wrap(id, scope, &key).await?;
        let stored = self.shared.parts.store.insert_if_absent(&wrapped).await?;
        if stored.id != id {
            return self.open(scope).await;
        }
        let key = Arc::new(OpenDataKey::new(id, scope, key));
        self.shared.keep(Arc::clone(&key));
        Ok(key)
    }

    /// The key of `scope`, created where there is none.
    pub async fn open_or_create(&self, scope: KeyScope) -> Result<Arc<OpenDataKey>, DataKeyError> {
        match self.open(scope).await {
            Err(DataKeyError::Missing) => self.create(scope).await,
            result => result,
        }
    }

    /// Drops the key of `scope` from memory, because it was or will be destroyed in the store.
    pub fn forget(&self, scope: KeyScope) {
        let mut state = self.shared.lock();
        state.flights.remove(scope);
        state.cache.remove(scope);
    }

    /// Tries the key service with a canary and drops keys that are too old. To be called every half minute
    /// or so: it is also what renews the credential of a relay that needs no keys.
    pub async fn check(&self) -> KeyHealth {
        let result = self.shared.parts.wrapper.canary().await;
        self.shared.note_contact(result.as_ref().err());
        self.shared.evict_aged();
        self.health()
    }

    /// How the key service did when it was last used.
    pub fn health(&self) -> KeyHealth {
        let now = Instant::now();
        let window = self.shared.limits.degraded_window;
        let wrapper = self.shared.parts.wrapper.describe();
        self.shared.lock().contact.health(now, window, wrapper)
    }

    /// Counts since the start, and how many keys are held now.
    pub fn statistics(&self) -> KeyStatistics {
        let held = self.shared.lock().cache.len();
        self.shared.counters.read(held)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no code panics while it holds this lock")
    }

    /// The key of `scope`, if it can be served from memory.
    fn cached(&self, scope: KeyScope) -> Option<Arc<OpenDataKey>> {
        let now = Instant::now();
        let mut state = self.lock();
        let key = state.fresh(scope, now, &self.limits)?;
        self.counters.looked_up(1, 0, 0);
        Some(key)
    }

    /// Puts into memory what was just opened or created.
    fn keep(&self, key: Arc<OpenDataKey>) {
        let fresh_until = Instant::now() + self.lifetime(key.id());
        self.lock().cache.insert(key, fresh_until);
    }

    /// How long a key may stay in memory: `max_age` less up to a quarter, by the (random) id of the key.
    fn lifetime(&self, id: DataKeyId) -> Duration {
        let max_age = self.limits.max_age;
        max_age - (max_age / 4).mul_f64(f64::from(id.as_bytes()[0]) / f64::from(u8::MAX))
    }

    /// Clears away a flight whose task was cut short.
    fn abandon(&self, scope: KeyScope) -> Result<Arc<OpenDataKey>, DataKeyError> {
        self.lock().flights.remove(scope);
        Err(DataKeyError::Aborted)
    }

    async fn wrap(
        &self,
        id: DataKeyId,
        scope: KeyScope,
        key: &DataKey,
    ) -> Result<WrappedDataKey, DataKeyError> {
        let item = KeyToWrap {
            associated_data: scope.associated_data(id),
            key,
        };
        let result = self.parts.wrapper.wrap_batch(&[item]).await;
        self.note_contact(result.as_ref().err());
        let wrapped = result?.pop().ok_or_else(too_few_answers)?;
        Ok(WrappedDataKey { id, scope, wrapped })
    }

    /// Takes note of how a call to the key service ended.
    fn note_contact(&self, error: Option<&KeyWrapError>) {
        let now = Instant::now();
        self.counters.called(error.is_some());
        self.lock().contact.note(now, error);
    }

    /// Drops keys past their age: at once where they can be opened again, else when the window has closed.
    fn evict_aged(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        if !state.contact.is_within(self.limits.degraded_window, now) {
            state.cache.retain(|_| false);
        } else if state.contact.is_good() {
            state.cache.retain(|fresh_until| now < fresh_until);
        }
    }
}

impl State {
    fn fresh(&mut self, scope: KeyScope, now: Instant, limits: &DataKeyLimits) -> Option<Arc<OpenDataKey>> {
        let (key, fresh_until) = self.cache.get(scope)?;
        (now < fresh_until && self.contact.is_within(limits.degraded_window, now)).then_some(key)
    }
}

fn too_few_answers() -> KeyWrapError {
    KeyWrapError::Internal("fewer answers than questions".into())
}

/// Why a data key cannot be had. Shared between all who waited for it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DataKeyError {
    /// The key service did not open or wrap it.
    #[error(transparent)]
    KeyService(#[from] KeyWrapError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] KeyStoreError),
    /// No key is stored for this scope: it was never created, or it was shredded.
    #[error("there is no data key for this scope")]
    Missing,
    /// The task that was opening it ended early, as in a shutdown.
    #[error("opening the data key was cut short")]
    Aborted,
}

impl DataKeyError {
    /// Whether the key service did not do its work: callers are told `kms_unavailable`.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::KeyService(error) if error.is_outage())
    }
}

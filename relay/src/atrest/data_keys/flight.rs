//! Single flight: however many callers want a key, it is being opened once.
//!
//! A flight opens a batch of keys in a task of its own, so that it goes on when the caller that started it
//! goes away, and everybody who waits gets its outcome. A few flights are in the air at a time; who comes
//! later boards the next one, which leaves when one of them has landed. So of many callers with a key each,
//! after a restart say, some eight share a call (`scripts/bench --row cold-start`), and a lone caller waits for
//! nobody.

use std::{collections::HashMap, sync::Arc};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared as SharedFuture},
};
use tokio::{sync::oneshot, time::Instant};

use super::{DataKeyError, Shared, too_few_answers};
use crate::atrest::{
    data_key::{KeyScope, OpenDataKey},
    key_wrapper::KeyToUnwrap,
    wrapped_key_store::WrappedDataKey,
};

/// The answers for a batch of keys.
pub type Outcomes = HashMap<KeyScope, Result<Arc<OpenDataKey>, DataKeyError>>;

/// What a flight brings home; `None` if its task was cut short.
pub(super) type Flight = SharedFuture<BoxFuture<'static, Option<Arc<Outcomes>>>>;

/// The flights under way or boarding, by what they will bring.
#[derive(Default)]
pub(super) struct Flights {
    by_scope: HashMap<KeyScope, (u64, Flight)>,
    boarding: Option<Boarding>,
    started: u64,
}

/// A flight that has not left yet.
struct Boarding {
    number: u64,
    flight: Flight,
    scopes: Vec<KeyScope>,
}

impl Flights {
    /// Takes the flight off the list. Any later caller starts a new one.
    pub(super) fn remove(&mut self, scope: KeyScope) {
        self.by_scope.remove(&scope);
    }

    fn is_listed(&self, scope: KeyScope, number: u64) -> bool {
        self.by_scope
            .get(&scope)
            .is_some_and(|(listed, _)| *listed == number)
    }
}

impl Shared {
    /// Answers from memory what can be, joins flights, and boards the next with the rest.
    pub(super) fn admit(self: &Arc<Self>, scopes: &[KeyScope]) -> (Outcomes, Vec<(KeyScope, Flight)>) {
        let now = Instant::now();
        let (mut outcomes, mut waits, mut missing) = (Outcomes::new(), Vec::new(), Vec::new());
        let mut state = self.lock();
        for &scope in scopes {
            if let Some(key) = state.fresh(scope, now, &self.limits) {
                outcomes.insert(scope, Ok(key));
            } else if let Some((_, flight)) = state.flights.by_scope.get(&scope) {
                waits.push((scope, flight.clone()));
            } else {
                missing.push(scope);
            }
        }
        self.counters
            .looked_up(outcomes.len(), missing.len(), waits.len());
        if !missing.is_empty() {
            waits.extend(self.board(&mut state.flights, missing));
        }
        (outcomes, waits)
    }

    fn board(self: &Arc<Self>, flights: &mut Flights, scopes: Vec<KeyScope>) -> Vec<(KeyScope, Flight)> {
        let mut boarding = flights.boarding.take().unwrap_or_else(|| {
            flights.started += 1;
            self.call_up(flights.started)
        });
        boarding.scopes.extend(&scopes);
        let (number, flight) = (boarding.number, boarding.flight.clone());
        flights.boarding = Some(boarding);
        let listed = scopes.iter().map(|&scope| (scope, (number, flight.clone())));
        flights.by_scope.extend(listed);
        scopes.into_iter().map(|scope| (scope, flight.clone())).collect()
    }

    fn call_up(self: &Arc<Self>, number: u64) -> Boarding {
        let (sender, receiver) = oneshot::channel();
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let _runway = shared
                .runways
                .acquire()
                .await
                .expect("the semaphore is never closed");
            let outcomes = shared.fetch(&shared.depart()).await;
            let landed = shared.land(number, outcomes);
            // It fails only when nobody is waiting any more.
            let _ = sender.send(Arc::new(landed));
        });
        Boarding {
            number,
            flight: receiver.map(Result::ok).boxed().shared(),
            scopes: Vec::new(),
        }
    }

    /// Ends the boarding of the one flight that is boarding, which is the caller's.
    fn depart(&self) -> Vec<KeyScope> {
        let boarding = self.lock().flights.boarding.take();
        boarding.map(|boarding| boarding.scopes).unwrap_or_default()
    }

    async fn fetch(&self, scopes: &[KeyScope]) -> Outcomes {
        let stored = match self.parts.store.load(scopes).await {
            Ok(stored) => stored,
            Err(error) => return all(scopes, &error.into()),
        };
        let mut outcomes = all(scopes, &DataKeyError::Missing);
        if !stored.is_empty() {
            outcomes.extend(self.unwrap(stored).await);
        }
        outcomes
    }

    async fn unwrap(&self, stored: Vec<WrappedDataKey>) -> Outcomes {
        let items: Vec<KeyToUnwrap<'_>> = stored.iter().map(WrappedDataKey::to_unwrap).collect();
        let answers = self.parts.wrapper.unwrap_batch(&items).await;
        self.note_contact(answers.as_ref().err());
        let answers = match answers {
            Ok(answers) if answers.len() == stored.len() => answers,
            Ok(_) => return all_stored(&stored, &too_few_answers().into()),
            Err(error) => return all_stored(&stored, &error.into()),
        };
        let pairs = stored.iter().zip(answers);
        pairs
            .map(|(stored, answer)| (stored.scope, opened(stored, answer)))
            .collect()
    }

    /// Caches what was opened. Where the key service is out of reach, what is still held stands in for it.
    fn land(&self, number: u64, mut outcomes: Outcomes) -> Outcomes {
        let now = Instant::now();
        let mut state = self.lock();
        let is_within = state.contact.is_within(self.limits.degraded_window, now);
        for (&scope, outcome) in &mut outcomes {
            // A flight that was taken off the list must leave no trace: its key may be shredded by now.
            if !state.flights.is_listed(scope, number) {
                continue;
            }
            state.flights.remove(scope);
            match outcome {
                Ok(key) => state.cache.insert(Arc::clone(key), now + self.lifetime(key.id())),
                Err(error) if error.is_outage() && is_within => {
                    *outcome = state.cache.get(scope).map(|(key, _)| key).ok_or(error.clone());
                }
                Err(DataKeyError::Store(_)) => {}
                Err(_) => state.cache.remove(scope),
            }
        }
        outcomes
    }
}

fn opened(
    stored: &WrappedDataKey,
    answer: Result<super::DataKey, super::KeyWrapError>,
) -> Result<Arc<OpenDataKey>, DataKeyError> {
    Ok(Arc::new(OpenDataKey::new(stored.id, stored.scope, answer?)))
}

fn all(scopes: &[KeyScope], error: &DataKeyError) -> Outcomes {
    scopes.iter().map(|scope| (*scope, Err(error.clone()))).collect()
}

fn all_stored(stored: &[WrappedDataKey], error: &DataKeyError) -> Outcomes {
    stored
        .iter()
        .map(|stored| (stored.scope, Err(error.clone())))
        .collect()
}

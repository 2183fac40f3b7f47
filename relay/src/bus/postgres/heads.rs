//! Hints: the newest head of each space, as soon as the last ones are out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use sealpost_protocol::ids::SpaceId;
use sqlx::postgres::PgPool;
use tokio::sync::Notify;

use super::{HEADS, notify, payload};
use crate::bus::{Heard, Hint};

/// What is to be announced.
#[derive(Default)]
pub(super) struct Heads {
    waiting: Mutex<HashMap<SpaceId, u64>>,
    filled: Notify,
}

impl Heads {
    pub(super) fn add(&self, hint: Hint) {
        let mut waiting = self.waiting();
        let head = waiting.entry(hint.space_id).or_default();
        *head = hint.head.max(*head);
        self.filled.notify_one();
    }

    async fn take(&self) -> HashMap<SpaceId, u64> {
        self.filled.notified().await;
        std::mem::take(&mut self.waiting())
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<SpaceId, u64>> {
        self.waiting
            .lock()
            .expect("no code panics while it holds this lock")
    }
}

/// Sends what has gathered, again and again.
pub(super) async fn announce(relay: u64, pool: PgPool, heads: Arc<Heads>) {
    loop {
        let payloads = payload::encode(relay, heads.take().await);
        notify(&pool, HEADS, &payloads).await;
    }
}

/// Says what a payload means to the relay of this number.
pub(super) fn hear(relay: u64, payload: Option<&str>, say: impl Fn(Heard)) {
    match payload.and_then(payload::decode) {
        Some((speaker, _)) if speaker == relay => {}
        Some((_, hints)) => hints.into_iter().map(Heard::Hint).for_each(say),
        None => say(Heard::Gap),
    }
}

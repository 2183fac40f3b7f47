//! Keeps what is in memory up with what other relays append: hints from the bus, and a look at all heads now and then.

use std::collections::HashMap;
use std::sync::Arc;

use sealpost_protocol::root::Cursor;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::LogService;
use super::ports::SpaceNumber;
use super::service::sync;
use super::shared::Shared;
use super::space::Space;
use super::view::View;
use crate::bus::{BusClosed, Heard, Hint};

/// Spaces whose heads are asked for at once.
const HEADS: usize = 1000;

impl LogService {
    /// Listens to the bus and compares heads, for as long as it is polled.
    ///
    /// # Errors
    /// [`BusClosed`] if the bus has ended.
    pub async fn run(&self) -> Result<(), BusClosed> {
        tokio::try_join!(self.follow_heads(), self.take_in_signals())?;
        Ok(())
    }

    async fn follow_heads(&self) -> Result<(), BusClosed> {
        let mut listener = self.shared.bus.listen().await?;
        let mut ticks = ticks(self.shared.limits.head_check_every);
        loop {
            tokio::select! {
                heard = listener.next() => match heard? {
                    Heard::Hint(hint) => self.follow(hint),
                    Heard::Gap => self.compare_heads().await,
                },
                _ = ticks.tick() => {
                    self.shared.rates.forget_quiet();
                    self.shared.look_ups.forget_quiet();
                    self.compare_heads().await;
                }
            }
        }
    }

    /// Reads on where another relay has appended, if somebody reads the space here. Otherwise the next one who comes
    /// does it.
    fn follow(&self, hint: Hint) {
        let Some(space) = self.shared.spaces.find(&hint.space_id) else {
            return;
        };
        let is_behind = |view: View| view.head.seq < hint.head;
        if space.has_readers() && space.view().is_some_and(is_behind) {
            spawn_sync(&self.shared, space, false);
        }
    }

    /// Compares the ends of the logs that somebody reads with the database. A log that ends before the place it had
    /// reached was taken back, by a restore or a failover.
    async fn compare_heads(&self) {
        let mut spaces = self.shared.spaces.open();
        spaces.retain(|space| space.has_readers());
        for spaces in spaces.chunks(HEADS) {
            let views: Vec<(View, &Arc<Space>)> = spaces
                .iter()
                .filter_map(|space| Some((space.view()?, space)))
                .collect();
            let numbers: Vec<_> = views.iter().map(|(view, _)| view.number).collect();
            let Ok(heads) = self.shared.store.heads(&numbers).await else {
                return;
            };
            let heads: HashMap<SpaceNumber, Cursor> = heads.into_iter().collect();
            for (view, space) in views {
                match heads.get(&view.number) {
                    Some(head) if *head == view.head => {}
                    Some(head) if head.seq > view.head.seq => {
                        spawn_sync(&self.shared, Arc::clone(space), false);
                    }
                    _ => spawn_sync(&self.shared, Arc::clone(space), true),
                }
            }
        }
    }
}

/// A failure leaves the readers where they are, until the next hint or look.
fn spawn_sync(shared: &Arc<Shared>, space: Arc<Space>, reopen: bool) {
    let own = Arc::clone(shared);
    shared.work.spawn(async move {
        if let Err(error) = sync(&own, &space, reopen).await {
            tracing::warn!(error = %error, "a space could not be brought up to date");
        }
    });
}

fn ticks(period: std::time::Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

//! Two databases beside each other: one stays as it was first, one grows. Each has a relay of its own; they run in turns.

use std::sync::Arc;

use anyhow::Result;
use sealpost_tests::{bare::Person, relay::ChildRelay};

use super::scale::Scale;
use crate::{
    load::publish,
    measure::{Actor, Measured},
    stage::{Room, Stage, Traffic},
};

/// Events that a writer has in flight, as in the row `append-1000`.
const WINDOW: usize = 16;
/// How many events a core can check in a second, at most.
const CHECKED_BY_A_CORE: usize = 22_000;

/// The writers of one database, and its relay.
pub struct Side {
    relay: ChildRelay,
    traffic: Traffic,
}

impl Side {
    /// A relay on a database, and writers who have written nothing from their installs.
    pub async fn open(stage: &Stage, database: &str, writers: &[Arc<Person>], rooms: &[Room]) -> Self {
        Self {
            relay: stage.relay_at(database).await,
            traffic: Traffic::new(writers, rooms, 1),
        }
    }

    /// Ends the relay: nobody may be at a database that is copied.
    pub async fn close(self) {
        self.relay.terminate();
        self.relay.ended().await;
    }

    /// Signs what a run needs.
    pub async fn prepare(&mut self, scale: &Scale) -> Result<()> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let run = scale.times.warm_up + scale.times.counted;
        let events = run.as_secs_f64() * (cores * CHECKED_BY_A_CORE) as f64;
        let each = (events / scale.writers as f64).ceil() as usize;
        self.traffic.top_up(each).await
    }

    /// One run.
    pub async fn run(&mut self, stage: &Stage, scale: &Scale) -> Result<Measured> {
        stage.limits().checkpoint().await?;
        let actors = [
            Actor {
                name: "relay",
                id: self.relay.id(),
            },
            stage.postgres(),
            Stage::load(),
        ];
        let address = self.relay.addresses().public;
        publish(address, &mut self.traffic, WINDOW, 1, scale.times, &actors).await
    }
}

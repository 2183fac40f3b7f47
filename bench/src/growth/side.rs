//! Two databases beside each other: one stays as it was first, one grows. Each has a relay of its own; they run in turns.

use std::sync::Arc;

use anyhow::Result;
use sealpost_tests::{bare::Person, relay::ChildRelay};

use super::scale::Scale;
use crate::{
    load::{ahead, publish},
    measure::{Actor, Measured},
    stage::{Room, Stage, Traffic},
};

/// Events that a writer has in flight, as in the row `append-1000`.
const WINDOW: usize = 16;

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
        self.traffic.top_up(ahead(scale.times, scale.writers)).await
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
        publish(address, self.traffic.desks(), WINDOW, 1, scale.times, &actors).await
    }
}

//! The outbox against a relay that answers late, twice, falsely or not at all.

mod crash;
mod packing;
mod refusals;

use std::time::Duration;

use tokio::task::JoinHandle;

use super::*;
use crate::space::{Packing, Position, Space};
use crate::testing::person;
use crate::testing::relay::Script;
use crate::testing::stage::{ALICE, BOB, Stage, texts};

/// Sends in the background.
fn send(space: &Space, text: &str) -> JoinHandle<Result<Sent, Error>> {
    let (space, message) = (space.clone(), Message::text(text));
    tokio::spawn(async move { space.send(message).await })
}

/// Everything in the space, by a stream of its own.
async fn read_all(space: &Space, count: usize) -> Vec<String> {
    texts(&mut space.subscribe(Position::START), count).await
}

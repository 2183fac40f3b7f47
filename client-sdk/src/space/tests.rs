//! A space against a relay that serves what it likes.

mod agents;
mod alarms;
mod create;
mod healing;
mod heartbeats;
mod honest;
mod hostile;
mod invites;
mod membership;
mod missing;
mod rejoin;

use futures_util::StreamExt;

use super::*;
use crate::error::{Alarm, Error};
use crate::testing::log::TestLog;
use crate::testing::person;
use crate::testing::relay::Script;
use crate::testing::stage::{ALICE, BOB, Stage, texts};

/// The alarm that ends a stream before it shows anything.
async fn alarm(messages: &mut Messages) -> Alarm {
    match messages.next().await {
        Some(Err(Error::Integrity(alarm))) => *alarm,
        other => panic!("expected an alarm, got {other:?}"),
    }
}

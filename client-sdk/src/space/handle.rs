//! Keeps an open space's tasks alive exactly as long as somebody uses the space.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::DropGuard;

use super::core::SpaceCore;
use super::rekeyer;
use super::signal::{self, SignalHub};
use super::{heartbeat, holder, missing};
use crate::content::{Message, check_message};
use crate::entropy;
use crate::error::Error;
use crate::outbox::{self, Ask, Done, Outgoing};
use crate::sync;

/// Messages that wait for the outbox's task; who comes later waits for a place.
const OUTGOING_QUEUE: usize = 512;
/// Bytes of messages that may gather before they are on disk.
const OUTGOING_BYTES: usize = 4 * 1024 * 1024;

/// One open space with its tasks: the sync engine, the outbox, the ear for signals, and who rekeys and
/// wraps where others failed to.
pub(crate) struct Handle {
    core: Arc<SpaceCore>,
    outgoing: mpsc::Sender<Ask>,
    room: Arc<Semaphore>,
    signals: Arc<SignalHub>,
    _end_tasks: DropGuard,
}

impl Handle {
    /// Starts the tasks of an open space.
    pub(crate) fn start(core: Arc<SpaceCore>) -> Arc<Self> {
        let (outgoing, queue) = mpsc::channel(OUTGOING_QUEUE);
        let signals = Arc::<SignalHub>::default();
        tokio::spawn(sync::follow(Arc::clone(&core), entropy::system()));
        tokio::spawn(outbox::run(Arc::clone(&core), queue, entropy::system()));
        tokio::spawn(rekeyer::run(Arc::clone(&core), entropy::system()));
        tokio::spawn(holder::run(Arc::clone(&core)));
        tokio::spawn(missing::run(Arc::clone(&core), entropy::system()));
        tokio::spawn(signal::listen(Arc::clone(&core), Arc::clone(&signals)));
        tokio::spawn(heartbeat::run(
            Arc::clone(&core),
            Arc::clone(&signals),
            entropy::system(),
        ));
        Arc::new(Self {
            outgoing,
            room: Arc::new(Semaphore::new(OUTGOING_BYTES)),
            signals,
            _end_tasks: core.closing.clone().drop_guard(),
            core,
        })
    }

    pub(crate) fn core(&self) -> &Arc<SpaceCore> {
        &self.core
    }

    pub(super) fn signals(&self) -> &SignalHub {
        &self.signals
    }

    /// Gives a message to the outbox's task.
    pub(super) async fn hand_over(&self, message: Message, alone: bool, done: Done) -> Result<(), Error> {
        check_message(&message).map_err(|error| Error::usage(error.to_string()))?;
        let bytes = u32::try_from(message.packed_length()).expect("a checked message is short");
        let room = Arc::clone(&self.room).acquire_many_owned(bytes).await;
        let room = room.expect("the semaphore is never closed");
        let outgoing = Outgoing {
            message,
            alone,
            done,
            room,
        };
        self.outgoing.send(Ask::Send(outgoing)).await.map_err(closed)
    }

    /// Waits until the outbox's task has nothing left to send.
    pub(super) async fn flush(&self) -> Result<(), Error> {
        let (flushed, answer) = oneshot::channel();
        self.outgoing.send(Ask::Flush(flushed)).await.map_err(closed)?;
        let answer = answer.await.map_err(closed)?;
        answer.map_err(|stop| stop.to_error())
    }
}

fn closed<T>(_: T) -> Error {
    Error::usage("the space was closed")
}

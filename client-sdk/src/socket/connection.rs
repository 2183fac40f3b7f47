//! One authenticated connection: requests out, answers and pages in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use sealpost_protocol::wire::client_frame::Body as ClientBody;
use sealpost_protocol::wire::relay_frame::Body as RelayBody;
use sealpost_protocol::wire::{ClientFrame, GoAway, Nack, RelayFrame, Unsubscribe};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::handshake::{AUTHENTICATE_ID, Failure, again, closed};
use super::requests::refusal;
use super::subscription::Events;
use super::{Announcement, Command, SubscriptionEvent};
use crate::error::Error;
use crate::transport::{Incoming, Link, LinkSink, LinkStream, TransportError};

/// Frames that wait to be written.
const WRITE_QUEUE: usize = 8;
const WRITE_WITHIN: Duration = Duration::from_secs(20);
/// Signs of life that may be missed before the relay counts as gone.
const MISSED_PINGS: u32 = 2;
const GRACE: Duration = Duration::from_secs(5);

type IncomingItem = Option<Result<Incoming, TransportError>>;

/// Why a connection is over.
pub(super) enum Ended {
    /// Nobody holds a handle any more.
    NoHandles,
    /// It failed.
    Failed(Failure),
}

/// Who waits for frames with a request's id.
enum Waiting {
    Answer(oneshot::Sender<Result<RelayBody, Error>>),
    Pages(Events),
}

pub(super) struct Connection {
    stream: LinkStream,
    writer: mpsc::Sender<Bytes>,
    writing: JoinHandle<TransportError>,
    waiting: HashMap<u64, Waiting>,
    last_id: u64,
    silence_limit: Duration,
    going_away: Option<Duration>,
    of_use: bool,
}

enum Step {
    Heard(Result<IncomingItem, tokio::time::error::Elapsed>),
    Asked(Option<Command>),
    WriterEnded(TransportError),
}

impl Connection {
    /// Takes over a link whose handshake is done.
    pub(super) fn new(link: Link, ping_interval: Duration) -> Self {
        let (writer, frames) = mpsc::channel(WRITE_QUEUE);
        Self {
            stream: link.stream,
            writer,
            writing: tokio::spawn(write_frames(link.sink, frames)),
            waiting: HashMap::new(),
            last_id: AUTHENTICATE_ID,
            silence_limit: ping_interval * MISSED_PINGS + GRACE,
            going_away: None,
            of_use: false,
        }
    }

    /// Whether the relay has answered anything.
    pub(super) fn was_of_use(&self) -> bool {
        self.of_use
    }

    /// Whether the relay has said that it goes away.
    pub(super) fn was_sent_away(&self) -> bool {
        self.going_away.is_some()
    }

    /// Serves until the connection is over; whoever still waits then learns so.
    pub(super) async fn serve(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
        announcements: &broadcast::Sender<Announcement>,
    ) -> Ended {
        loop {
            // Silence counts only while this side listens: what waits in a full page queue is not the relay's fault.
            let deadline = Instant::now() + self.silence_limit;
            let step = self.step(commands, deadline).await;
            let ended = match step {
                Step::Heard(item) => self.heard(item, announcements).await.err().map(Ended::Failed),
                Step::Asked(Some(command)) => self.ask(command).await.err().map(Ended::Failed),
                Step::Asked(None) => Some(Ended::NoHandles),
                Step::WriterEnded(error) => Some(Ended::Failed(closed(&error))),
            };
            if let Some(ended) = ended {
                self.fail_waiting(&ended).await;
                return ended;
            }
        }
    }

    /// Whatever comes first. Commands are taken only while the writer has room, and not from a relay that goes away.
    async fn step(&mut self, commands: &mut mpsc::Receiver<Command>, deadline: Instant) -> Step {
        let writer = &self.writer;
        let ask = async {
            // Fails only with the writer's task, which then ends the connection by itself.
            let _room = writer.reserve().await;
            commands.recv().await
        };
        tokio::select! {
            item = timeout_at(deadline, self.stream.next()) => Step::Heard(item),
            command = ask, if self.going_away.is_none() => Step::Asked(command),
            ended = &mut self.writing => Step::WriterEnded(ended.unwrap_or_else(|_| writer_gone())),
        }
    }

    async fn heard(
        &mut self,
        item: Result<IncomingItem, tokio::time::error::Elapsed>,
        announcements: &broadcast::Sender<Announcement>,
    ) -> Result<(), Failure> {
        match item {
            Err(_elapsed) => Err(self.over(again(Error::network("the relay has gone silent")))),
            Ok(None) => Err(self.over(again(Error::network("the relay closed the connection")))),
            Ok(Some(Err(error))) => Err(self.over(closed(&error))),
            Ok(Some(Ok(Incoming::Alive))) => Ok(()),
            Ok(Some(Ok(Incoming::Frame(frame)))) => self.dispatch(frame, announcements).await,
        }
    }

    async fn dispatch(
        &mut self,
        frame: Bytes,
        announcements: &broadcast::Sender<Announcement>,
    ) -> Result<(), Failure> {
        let length = frame.len();
        let frame = RelayFrame::decode(frame)
            .map_err(|_| again(Error::alarm("the relay sent a frame that does not parse")))?;
        let body = frame.body.ok_or_else(|| {
            again(Error::alarm(
                "the relay sent a frame of a kind this program does not know",
            ))
        })?;
        match body {
            RelayBody::SignalDelivered(delivered) => {
                if let Some(signal) = delivered.signal {
                    // Nobody may be listening.
                    let _ = announcements.send(Announcement::Signal(Arc::new(signal)));
                }
            }
            RelayBody::Notice(notice) => {
                let _ = announcements.send(Announcement::Notice(Arc::new(notice)));
            }
            RelayBody::GoAway(go_away) => self.leave(&go_away),
            body => self.answer(frame.request_id, body, length).await?,
        }
        self.end_if_drained()
    }

    async fn answer(&mut self, id: u64, body: RelayBody, length: usize) -> Result<(), Failure> {
        match self.waiting.remove(&id) {
            Some(Waiting::Answer(answer)) => {
                let result = match body {
                    RelayBody::Nack(nack) => Err(refusal(&nack).into()),
                    body => Ok(body),
                };
                self.of_use |= result.is_ok();
                // Whoever asked may have given up waiting.
                let _ = answer.send(result);
                Ok(())
            }
            Some(Waiting::Pages(events)) => self.continue_subscription(id, events, body, length).await,
            // Pages on their way when a subscription ended.
            None => Ok(()),
        }
    }

    async fn continue_subscription(
        &mut self,
        id: u64,
        events: Events,
        body: RelayBody,
        length: usize,
    ) -> Result<(), Failure> {
        let event = subscription_event(body);
        let goes_on = !matches!(event, SubscriptionEvent::Ended(_));
        self.of_use |= matches!(event, SubscriptionEvent::Page(_));
        match events.send(event, length).await {
            true if goes_on => {
                self.waiting.insert(id, Waiting::Pages(events));
                Ok(())
            }
            true => Ok(()),
            // Nobody reads.
            false => self.unsubscribe(id).await,
        }
    }

    /// Ends subscriptions whose handle was dropped while nothing came in on them.
    async fn end_abandoned(&mut self) -> Result<(), Failure> {
        let abandoned: Vec<u64> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| matches!(waiting, Waiting::Pages(events) if events.is_closed()))
            .map(|(id, _)| *id)
            .collect();
        for id in abandoned {
            self.waiting.remove(&id);
            self.unsubscribe(id).await?;
        }
        Ok(())
    }

    async fn unsubscribe(&mut self, subscription: u64) -> Result<(), Failure> {
        self.write(ClientBody::Unsubscribe(Unsubscribe { subscription }))
            .await?;
        Ok(())
    }

    async fn ask(&mut self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Request { body, answer } => {
                let id = self.write(body).await?;
                self.waiting.insert(id, Waiting::Answer(answer));
            }
            Command::Subscribe { from, events } => {
                self.end_abandoned().await?;
                let id = self.write(ClientBody::Subscribe(from)).await?;
                self.waiting.insert(id, Waiting::Pages(events));
            }
        }
        Ok(())
    }

    async fn write(&mut self, body: ClientBody) -> Result<u64, Failure> {
        self.last_id += 1;
        let frame = ClientFrame {
            request_id: self.last_id,
            body: Some(body),
        };
        self.writer
            .send(frame.encode_to_vec().into())
            .await
            .map_err(|_| closed(&writer_gone()))?;
        Ok(self.last_id)
    }

    fn leave(&mut self, go_away: &GoAway) {
        self.going_away = Some(Duration::from_millis(go_away.reconnect_after_ms.into()));
    }

    /// A relay that goes away is left as soon as it has answered everything.
    fn end_if_drained(&self) -> Result<(), Failure> {
        let answers = self
            .waiting
            .values()
            .any(|waiting| matches!(waiting, Waiting::Answer(_)));
        if self.going_away.is_none() || answers {
            return Ok(());
        }
        Err(self.over(again(Error::network("the relay is going away"))))
    }

    /// The relay's hint, where it gave one, belongs to whatever ends the connection.
    fn over(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Again { error, hint } => Failure::Again {
                error,
                hint: hint.or(self.going_away),
            },
            last => last,
        }
    }

    /// Whoever still waits learns whether another connection may bring an answer.
    async fn fail_waiting(&mut self, ended: &Ended) {
        let lost = || match ended {
            Ended::Failed(Failure::Final { reason }) => Error::NotAuthenticated(reason),
            _ => Error::network("the connection was lost before the relay answered"),
        };
        for (_, waiting) in self.waiting.drain() {
            match waiting {
                Waiting::Answer(answer) => drop(answer.send(Err(lost()))),
                Waiting::Pages(events) => {
                    // Perhaps nobody reads.
                    events.send(SubscriptionEvent::Ended(lost()), 0).await;
                }
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.writing.abort();
    }
}

fn subscription_event(body: RelayBody) -> SubscriptionEvent {
    match body {
        RelayBody::Subscribed(subscribed) => SubscriptionEvent::Started(subscribed),
        RelayBody::Page(page) => SubscriptionEvent::Page(page),
        RelayBody::WrapWanted(_) => SubscriptionEvent::WrapWanted,
        RelayBody::Nack(nack) => SubscriptionEvent::Ended(refusal(&nack).into()),
        RelayBody::SubscriptionEnded(ended) => {
            SubscriptionEvent::Ended(refusal(&ended.reason.unwrap_or_else(no_reason)).into())
        }
        _ => SubscriptionEvent::Ended(Error::alarm("the relay answered with a frame of another kind")),
    }
}

fn no_reason() -> Nack {
    Nack {
        code: "internal".to_owned(),
        ..Nack::default()
    }
}

async fn write_frames(mut sink: LinkSink, mut frames: mpsc::Receiver<Bytes>) -> TransportError {
    while let Some(frame) = frames.recv().await {
        match timeout(WRITE_WITHIN, sink.send(frame)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error,
            Err(_elapsed) => return TransportError::Broken("the relay does not read".to_owned()),
        }
    }
    writer_gone()
}

fn writer_gone() -> TransportError {
    TransportError::Broken("the writer has ended".to_owned())
}

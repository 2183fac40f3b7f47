//! What a flight's failure means, and what is done about it.

use std::time::Duration;

use rand::Rng;
use sealpost_protocol::code::ErrorCode;
use tokio::time::sleep;

use super::Outbox;
use super::seal::check_rights;
use crate::error::{Alarm, Error, Refusal};
use crate::space::stop::Stop;

/// Refusals in a row that the verified log does not explain, before they count as a lie.
const MAX_STRIKES: u32 = 5;

/// Why the pipeline stands still.
pub(super) enum Failure {
    /// The connection was lost: what became of the events is not known.
    Lost,
    /// The relay cannot take them now.
    Later(Option<Duration>),
    /// The epoch has changed, or is about to.
    Rekeyed,
    /// Another event of this writer stands where one of these belongs.
    WriterConflict,
    /// The relay misses events of this writer before these.
    WriterGap,
    /// The relay did what no honest relay does.
    Alarm(Alarm),
    /// The relay refuses for good.
    Refused(Box<Refusal>),
    /// The space has stopped.
    Stopped(Stop),
}

/// What a refusal of the relay means for the pipeline.
pub(super) fn of_refusal(refusal: Box<Refusal>) -> Failure {
    match refusal.code {
        None => Failure::Later(refusal.retry_after),
        Some(code) if code.is_transient() => Failure::Later(refusal.retry_after),
        Some(ErrorCode::StaleEpoch | ErrorCode::RekeyRequired | ErrorCode::WrongKey) => Failure::Rekeyed,
        Some(ErrorCode::WriterConflict) => Failure::WriterConflict,
        Some(ErrorCode::WriterGap) => Failure::WriterGap,
        Some(ErrorCode::SeenMismatch | ErrorCode::LogMismatch | ErrorCode::ControlConflict) => {
            Failure::Alarm(Alarm::new(
                "the relay's log is not the one this device has verified",
            ))
        }
        Some(_) => Failure::Refused(refusal),
    }
}

impl<R: Rng> Outbox<R> {
    /// Does what the failure asks for, after which the pipeline may run again.
    ///
    /// # Errors
    /// Why it may not.
    pub(super) async fn recover(&mut self, failure: Failure) -> Result<(), Stop> {
        match failure {
            // The next flight waits for the next connection by itself.
            Failure::Lost => Ok(()),
            Failure::Later(hint) => self.pause(hint).await,
            Failure::Rekeyed => self.read_to_the_rekey().await,
            Failure::WriterGap => self.read_on("the relay has lost events of this device").await,
            Failure::WriterConflict => self.leave_writer().await,
            Failure::Alarm(alarm) => Err(self.alarm(alarm).await),
            Failure::Refused(refusal) if refusal.by_the_rules => self.look_again(refusal).await,
            Failure::Refused(refusal) => Err(Stop::Refused(refusal)),
            Failure::Stopped(stop) => Err(stop),
        }
    }

    /// What was verified so far may be old: this member may have got the capability since.
    async fn look_again(&mut self, refusal: Box<Refusal>) -> Result<(), Stop> {
        self.catch_up().await?;
        let me = &self.core.client.identity;
        match self.core.with_fold(|fold| check_rights(fold, me)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Stop::Refused(refusal)),
        }
    }

    /// The sync engine may have read on before the refusal came: then the verified log explains it already.
    async fn read_to_the_rekey(&mut self) -> Result<(), Stop> {
        self.catch_up().await?;
        match self.is_overtaken().await {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.strike("the relay speaks of a rekey that its log does not hold")
                    .await
            }
            Err(error) => Err(Stop::from_error(error)),
        }
    }

    /// The refusal is a hint only: the verified log must explain it. If it does not, again and again, it is a lie.
    async fn read_on(&mut self, lie: &'static str) -> Result<(), Stop> {
        let before = self.core.progress().borrow().cursor.seq;
        self.catch_up().await?;
        if self.core.progress().borrow().cursor.seq > before {
            return Ok(());
        }
        self.strike(lie).await
    }

    pub(super) async fn strike(&mut self, lie: &'static str) -> Result<(), Stop> {
        self.strikes += 1;
        if self.strikes >= MAX_STRIKES {
            return Err(self.alarm(Alarm::new(lie)).await);
        }
        self.pause(None).await
    }

    /// Reads on to the relay's head; without a connection, the next flight finds out.
    pub(super) async fn catch_up(&mut self) -> Result<(), Stop> {
        match self.core.catch_up().await {
            Ok(()) => Ok(()),
            Err(error) if error.is_transient() => match error {
                Error::Refused(refusal) => self.pause(refusal.retry_after).await,
                _ => Ok(()),
            },
            Err(error) => Err(Stop::from_error(error)),
        }
    }

    async fn pause(&mut self, hint: Option<Duration>) -> Result<(), Stop> {
        sleep(self.backoff.next_delay(hint)).await;
        Ok(())
    }

    async fn alarm(&mut self, alarm: Alarm) -> Stop {
        let seq = self.core.progress().borrow().cursor.seq;
        let alarm = Alarm::at(alarm.what, self.core.space_id, seq, alarm.event_id);
        self.core.raise(alarm.clone(), Vec::new()).await;
        Stop::Alarm(alarm)
    }
}

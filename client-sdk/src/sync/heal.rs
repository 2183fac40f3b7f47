//! After a restore of the relay from an older backup: brings back what this device holds and the relay has lost.
//!
//! That the relay was restored is its own word, and relaxes no check. It makes this device offer what it verified; what it
//! alarms about before, it alarms about afterwards.

use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::{Incarnation, Root};
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire;

use crate::error::{Alarm, Error, Refusal};
use crate::files::note_again;
use crate::socket::ConnectionState;
use crate::space::core::SpaceCore;
use crate::store::log::{Run, Weight};

/// What a relay that was restored answers to a reader who knows more than it does.
pub(crate) fn is_lack(refusal: &Refusal) -> bool {
    matches!(
        refusal.code,
        Some(ErrorCode::LogMismatch | ErrorCode::NotAMember | ErrorCode::Recovering)
    )
}

impl SpaceCore {
    /// Brings back what a restored relay lacks, where `refusal` may come of that; says whether to ask the relay again. `served` is
    /// [`SpaceCore::served_by`] of before it was asked.
    ///
    /// # Errors
    /// [`Error::Network`] and transient refusals; [`Error::Integrity`] if the relay refuses its own log; [`Error::Refused`] with
    /// `superseded` if it has gone on without.
    pub(crate) async fn heal_after(
        &self,
        refusal: &Refusal,
        served: Option<Incarnation>,
    ) -> Result<bool, Error> {
        if !is_lack(refusal) || self.is_outside().await {
            return Ok(false);
        }
        let _turn = self.healing.lock().await;
        if self.served_by().await? != served {
            // Somebody else of this home did it meanwhile.
            return Ok(true);
        }
        let Some(life) = self.new_life().await? else {
            return Ok(false);
        };
        let is_whole = self.bring_back().await?;
        if !is_whole || refusal.code == Some(ErrorCode::Recovering) {
            return Ok(false);
        }
        self.note_life(life).await?;
        Ok(true)
    }

    /// Whether the relay's log goes on without what this device has verified, or has an ack for.
    pub(crate) async fn is_superseded(&self) -> Result<bool, Error> {
        let known = self.read(|log| Ok([log.last_receipt()?, log.last_ack()?]));
        for place in known.await?.into_iter().flatten() {
            if self.is_place_taken(place).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn is_place_taken(&self, place: Run) -> Result<bool, Error> {
        let end = place.end;
        let healed = match self.socket.heal(self.heal_frame(place)).await {
            Err(error) if error.code() == Some(ErrorCode::Superseded) => return Ok(true),
            healed => healed?,
        };
        let own = self.own_root(healed.seq, end).await?;
        Ok(own.is_some_and(|own| Root::try_from(&healed.root[..]).ok() != Some(own)))
    }

    /// The root at a place, of which the relay may have given a receipt.
    async fn own_root(&self, seq: u64, receipted: Cursor) -> Result<Option<Root>, Error> {
        match seq == receipted.seq {
            true => Ok(Some(receipted.root)),
            false => self.read(move |log| log.root_at(seq)).await,
        }
    }

    /// Which life of the relay's database served this log last.
    pub(crate) async fn served_by(&self) -> Result<Option<Incarnation>, Error> {
        self.read(|log| log.incarnation()).await
    }

    /// The life of its database that the relay speaks of, if it is another one than served this log last.
    pub(crate) async fn new_life(&self) -> Result<Option<Incarnation>, Error> {
        let life = self
            .life()
            .ok_or_else(|| Error::network("the connection ended"))?;
        let served = self.served_by().await?;
        Ok((served != Some(life)).then_some(life))
    }

    /// The life of its database that the relay speaks of, while there is a connection.
    pub(crate) fn life(&self) -> Option<Incarnation> {
        match *self.socket.state().borrow() {
            ConnectionState::Connected { incarnation } => Some(incarnation),
            _ => None,
        }
    }

    /// Notes that the relay serves this log in this life of its database.
    pub(crate) async fn note_life(&self, life: Incarnation) -> Result<(), Error> {
        self.write(move |log, _| log.put_incarnation(&life)).await
    }

    /// Offers the relay what it lacks of the log, run by run; whether there was anything to prove it by.
    async fn bring_back(&self) -> Result<bool, Error> {
        let acked = self.read(|log| log.acked_run()).await?;
        let last = self.read(|log| log.last_receipt()).await?;
        let Some(last) = last else {
            return Ok(false);
        };
        let end = last.end;
        let lost_from = self.offer_run(last).await?;
        let mut reached = lost_from;
        while reached.seq < end.seq {
            let after = reached.seq;
            let run = self.read(move |log| log.run_after(after)).await?;
            let run = run.ok_or_else(|| Error::network("nothing proves the rest of the log"))?;
            reached = self.offer_run(run).await?;
            if reached.seq <= after {
                return Err(self.refused_tail("takes nothing of it", after));
            }
        }
        if let Some(run) = acked {
            reached = self.offer_run(run).await?;
        }
        if reached.seq > lost_from.seq {
            self.tell_of(lost_from, reached).await;
        }
        Ok(true)
    }

    /// Sends a run; answers how far the relay has the log, which is held against the own.
    async fn offer_run(&self, run: Run) -> Result<Cursor, Error> {
        let end = run.end;
        let healed = match self.socket.heal(self.heal_frame(run)).await {
            Err(Error::Refused(refusal)) => return Err(self.refused_offer(*refusal, end.seq).await),
            healed => healed?,
        };
        let seq = healed.seq;
        let own = self.own_root(seq, end).await?;
        if seq > end.seq || own.is_none() || own != Root::try_from(&healed.root[..]).ok() {
            return Err(self.superseded(seq).await);
        }
        Ok(Cursor {
            seq,
            root: own.unwrap_or(end.root),
        })
    }

    fn heal_frame(&self, run: Run) -> wire::Heal {
        wire::Heal {
            space_id: self.space_id.to_bytes(),
            entries: run.entries,
            last_seq: run.end.seq,
            last_root: run.end.root.to_bytes(),
            receipt: run.receipt.to_bytes(),
        }
    }

    async fn refused_offer(&self, refusal: Refusal, seq: u64) -> Error {
        match refusal.code {
            Some(ErrorCode::Superseded) => self.superseded(seq).await,
            Some(ErrorCode::Tombstoned) => refusal.into(),
            code if code.is_none_or(ErrorCode::is_transient) => refusal.into(),
            _ => self.refused_tail(&refusal.to_string(), seq),
        }
    }

    /// The alarm that it is without healing, too.
    fn refused_tail(&self, why: &str, seq: u64) -> Error {
        let what = format!(
            "the relay's log does not hold what this device has verified, and the relay does not take it back: {why}"
        );
        Alarm::at(what, self.space_id, seq, None).into()
    }

    /// The relay has put other entries where this device has verified some: both are kept, and a person has to say how to go on.
    async fn superseded(&self, seq: u64) -> Error {
        let what = "after a restore the relay's log went on without what this device has verified; both are kept, nothing is \
                    sent or shown any more";
        let alarm = Alarm::at(what, self.space_id, seq, None);
        tracing::error!(space.id = %self.space_id, alarm = %alarm, "a space was stopped");
        self.keep_evidence(&alarm, Vec::new(), Weight::Stopping).await;
        Refusal::by_the_rules(ErrorCode::Superseded, what).into()
    }

    /// A person should know that the relay was restored, even where nothing is lost by it.
    async fn tell_of(&self, lost_from: Cursor, reached: Cursor) {
        let (first, last) = (lost_from.seq + 1, reached.seq);
        tracing::warn!(space.id = %self.space_id, first, last, "the relay was restored; what it had lost is back");
        let mut what = format!(
            "the relay was restored from an older backup; this device brought back what it had lost, seq {first} to {last}"
        );
        match note_again(self, lost_from.seq, reached.seq).await {
            Ok(0) => {}
            Ok(lost) => what.push_str(&format!(
                "; it knows nothing of {lost} file(s) in it: their authors have to put them again"
            )),
            // No sweep judges what a restore brought back by its age, unless its operator says so.
            Err(error) => {
                tracing::warn!(space.id = %self.space_id, error = %error, "the relay was not told again of all files")
            }
        }
        let alarm = Alarm::at(what, self.space_id, first, None);
        self.keep_evidence(&alarm, Vec::new(), Weight::Passing).await;
    }
}

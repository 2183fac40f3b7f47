//! Verification of what a relay sends, before anything of it is kept or shown.
//!
//! Signatures are checked on all cores; the fold then takes the entries one by one, in order.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use sealpost_protocol::chain::ChainError;
use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::event::{ParsedEvent, VerifiedEvent};
use sealpost_protocol::fold::{Refusal, Roots, SpaceFold, Verdict};
use sealpost_protocol::ids::{EventId, PrincipalId, Root, SpaceId};
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::entry::Kind;
use sealpost_protocol::wire::{self, SignedEvent};

use crate::space::tail::PlacedEvent;
use crate::store::log::{NewEntry, Place, WriterKey};
use crate::weakened::{IS_WEAKENED, holds};

/// Fewer signatures than this are not worth a thread.
const MIN_PER_THREAD: usize = 16;

/// Why entries are refused. Each is something that no honest relay serves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// Breaks a rule of the log.
    #[error("the relay served an entry that does not belong there: {0}")]
    Refused(#[from] Refusal),
    /// By a principal that no member let in, or that is out again.
    #[error("the relay served an entry of {author}, who is not a member of the space")]
    Intruder {
        /// Who that is.
        author: PrincipalId,
    },
    /// Stands in the log already.
    #[error("the relay served the event of seq {first} a second time")]
    Replayed {
        /// Its first place.
        first: u64,
    },
    /// An entry of no known kind.
    #[error("the relay served an entry of a kind this program does not know")]
    UnknownKind,
    /// Does not begin where the log ends.
    #[error("the relay served entries from seq {first} on where {expected} is next")]
    NotNext {
        /// Where they begin.
        first: u64,
        /// The next place.
        expected: u64,
    },
    /// The log does not begin with the record that the space id is the hash of.
    #[error("the relay served another space's beginning")]
    OtherGenesis,
    /// The hash of the entries is not the one the relay states.
    #[error("the relay states another root than that of the entries it served")]
    RootDiffers,
}

impl Fault {
    /// What a refusal of an entry by this author is: an intruder is named.
    fn of(refusal: Refusal, author: PrincipalId) -> Self {
        match refusal {
            Refusal::NotAMember | Refusal::Chain(ChainError::NotAMember) => Self::Intruder { author },
            other => other.into(),
        }
    }
}

/// A fault and where it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FaultAt {
    pub(crate) fault: Fault,
    pub(crate) seq: u64,
    pub(crate) event_id: Option<EventId>,
}

/// Entries that continue a log, verified, and the epochs they begin.
#[derive(Debug, Default)]
pub(crate) struct Verified<'e> {
    pub(crate) entries: Vec<NewEntry<'e>>,
    /// Those of them that are events.
    pub(crate) events: Vec<Arc<PlacedEvent>>,
    /// Rekey records and their places.
    pub(crate) rekeys: Vec<(u64, wire::Rekey)>,
}

/// Runs `page` through `fold`, which is at the page's beginning afterwards only if this succeeds at its end; after a fault
/// the fold is good for nothing. `stored` knows the roots before the page.
///
/// # Errors
/// [`FaultAt`] names the first entry that no honest relay serves.
pub(crate) fn verify_page<'e>(
    space_id: &SpaceId,
    fold: &mut Option<SpaceFold>,
    page: &'e wire::Page,
    stored: &impl Roots,
) -> Result<Verified<'e>, FaultAt> {
    let start = fold
        .as_ref()
        .map_or_else(|| Cursor::start(space_id), SpaceFold::cursor);
    let mut verifier = Verifier {
        space_id: *space_id,
        fold,
        stored,
        start,
        verified: Verified::default(),
    };
    verifier.check_begin(page)?;
    let mut rest = &page.entries[..];
    while !rest.is_empty() {
        rest = verifier.take_run(rest)?;
    }
    verifier.check_end(page)?;
    Ok(verifier.verified)
}

struct Verifier<'a, 'e, R> {
    space_id: SpaceId,
    fold: &'a mut Option<SpaceFold>,
    stored: &'a R,
    start: Cursor,
    verified: Verified<'e>,
}

/// Roots before the page from the store, roots within it from the entries verified so far.
struct RootsSoFar<'a, R> {
    stored: &'a R,
    start: u64,
    entries: &'a [NewEntry<'a>],
}

impl<R: Roots> Roots for RootsSoFar<'_, R> {
    fn root_at(&self, seq: u64) -> Option<Root> {
        let Some(after_start) = seq.checked_sub(self.start + 1) else {
            return self.stored.root_at(seq);
        };
        let entry = self.entries.get(usize::try_from(after_start).ok()?)?;
        Some(entry.place.at.root)
    }
}

impl<'e, R: Roots> Verifier<'_, 'e, R> {
    fn check_begin(&self, page: &wire::Page) -> Result<(), FaultAt> {
        let expected = self.start.seq + 1;
        let first = page.first_seq;
        if holds(first == expected) && !page.entries.is_empty() {
            return Ok(());
        }
        Err(self.fault(Fault::NotNext { first, expected }, None))
    }

    fn check_end(&self, page: &wire::Page) -> Result<(), FaultAt> {
        let root = Root::try_from(&page.last_root[..]).ok();
        let own = self.fold.as_ref().map(|fold| fold.cursor().root);
        if holds(root.is_some() && root == own) {
            return Ok(());
        }
        let last = self.verified.entries.last();
        Err(FaultAt {
            fault: Fault::RootDiffers,
            seq: last.map_or(self.start.seq, |entry| entry.place.at.seq),
            event_id: last.map(|entry| entry.place.event_id),
        })
    }

    /// Takes the events up to the next control record, or that record: membership changes nowhere else.
    fn take_run(&mut self, entries: &'e [wire::Entry]) -> Result<&'e [wire::Entry], FaultAt> {
        let events: Vec<_> = entries.iter().map_while(as_event).collect();
        if events.is_empty() {
            self.take_control(&entries[0])?;
            return Ok(&entries[1..]);
        }
        let results = match &*self.fold {
            Some(fold) => verify_signatures(fold, &events),
            None => return Err(self.fault(Fault::OtherGenesis, None)),
        };
        for (event, entry) in results.into_iter().zip(entries) {
            let event = event.map_err(|(fault, id)| self.fault(fault, id))?;
            self.take_event(event, entry)?;
        }
        Ok(&entries[events.len()..])
    }

    fn take_event(&mut self, event: VerifiedEvent, entry: &'e wire::Entry) -> Result<(), FaultAt> {
        let (id, header) = (event.id(), &event.header);
        let key = WriterKey {
            principal_id: header.principal_id,
            writer_id: header.writer_id,
            index: header.writer_index,
        };
        let at = self
            .fold_event(&event)
            .map_err(|fault| self.fault(fault, Some(id)))?;
        self.keep(at, id, Some(key), entry);
        let event = event.into_parsed();
        self.verified.events.push(Arc::new(PlacedEvent { at, event }));
        Ok(())
    }

    fn fold_event(&mut self, event: &VerifiedEvent) -> Result<Cursor, Fault> {
        let roots = RootsSoFar {
            stored: self.stored,
            start: self.start.seq,
            entries: &self.verified.entries,
        };
        let fold = self.fold.as_mut().ok_or(Fault::OtherGenesis)?;
        if IS_WEAKENED {
            return Ok(fold.append_event(event));
        }
        match fold.check_event(event, &roots)? {
            Verdict::Fresh => Ok(fold.append_event(event)),
            Verdict::Repeat { seq } => Err(Fault::Replayed { first: seq }),
        }
    }

    fn take_control(&mut self, entry: &'e wire::Entry) -> Result<(), FaultAt> {
        let Some(Kind::Control(control)) = &entry.kind else {
            return Err(self.fault(Fault::UnknownKind, None));
        };
        let record =
            ParsedControl::parse(control).map_err(|error| self.fault(Refusal::from(error).into(), None))?;
        let at = self
            .fold_control(&record)
            .map_err(|fault| self.fault(fault, Some(record.id())))?;
        if let Body::Rekey(rekey) = &record.body {
            self.verified.rekeys.push((at.seq, rekey.clone()));
        }
        self.keep(at, record.id(), None, entry);
        Ok(())
    }

    fn fold_control(&mut self, record: &ParsedControl) -> Result<Cursor, Fault> {
        let roots = RootsSoFar {
            stored: self.stored,
            start: self.start.seq,
            entries: &self.verified.entries,
        };
        match &mut *self.fold {
            Some(fold) => {
                let appended = fold.append_control(record, &roots);
                appended.map_err(|refusal| Fault::of(refusal, record.author))
            }
            None if record.space_id() != self.space_id => Err(Fault::OtherGenesis),
            None => {
                let fold = SpaceFold::from_genesis(record)?;
                let cursor = fold.cursor();
                *self.fold = Some(fold);
                Ok(cursor)
            }
        }
    }

    fn keep(&mut self, at: Cursor, event_id: EventId, writer: Option<WriterKey>, entry: &'e wire::Entry) {
        let place = Place { at, event_id };
        self.verified.entries.push(NewEntry { place, writer, entry });
    }

    /// A fault at the next place.
    fn fault(&self, fault: Fault, event_id: Option<EventId>) -> FaultAt {
        let seq = self.start.seq + self.verified.entries.len() as u64 + 1;
        FaultAt { fault, seq, event_id }
    }
}

fn as_event(entry: &wire::Entry) -> Option<&SignedEvent> {
    match &entry.kind {
        Some(Kind::Event(event)) => Some(event),
        _ => None,
    }
}

type SignatureResult = Result<VerifiedEvent, (Fault, Option<EventId>)>;

/// Checks the signatures of events against the members of `fold`, in parallel; the results are in order.
fn verify_signatures(fold: &SpaceFold, events: &[&SignedEvent]) -> Vec<SignatureResult> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = events.len().div_ceil(cores).max(MIN_PER_THREAD);
    let verify_share = |share: &[&SignedEvent]| -> Vec<SignatureResult> {
        share.iter().map(|event| verify_signature(fold, event)).collect()
    };
    let (own, others) = events.split_at(share.min(events.len()));
    thread::scope(|scope| {
        let workers: Vec<_> = others
            .chunks(share)
            .map(|share| scope.spawn(move || verify_share(share)))
            .collect();
        let mut results = verify_share(own);
        for worker in workers {
            let share = worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            results.extend(share);
        }
        results
    })
}

fn verify_signature(fold: &SpaceFold, event: &SignedEvent) -> SignatureResult {
    let parsed = ParsedEvent::parse(event).map_err(|error| (Refusal::from(error).into(), None))?;
    if IS_WEAKENED {
        return Ok(parsed.verified_before());
    }
    let (id, author) = (parsed.id(), parsed.header.principal_id);
    let key = fold
        .author_key(&parsed.header)
        .map_err(|refusal| (Fault::of(refusal, author), Some(id)))?;
    let verified = parsed.verify(&key);
    verified.map_err(|error| (Refusal::from(error).into(), Some(id)))
}

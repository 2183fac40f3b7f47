use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::fold::{Refusal, SpaceFold, Verdict};
use sealpost_protocol::ids::Root;
use sealpost_protocol::root::{Cursor, empty_root};
use sealpost_protocol::wire::entry::Kind;
use serde::Deserialize;

use super::files::{Hex, read};
use super::ways_in;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    why: String,
    entry: Hex,
    refused: Option<String>,
    repeat_of: Option<u64>,
    seq: Option<u64>,
    root: Option<Root>,
}

impl Vector {
    fn expected(&self) -> Outcome {
        match (&self.refused, self.repeat_of, self.seq, self.root) {
            (Some(code), None, None, None) => Outcome::Refused(code.parse().unwrap()),
            (None, Some(seq), None, None) => Outcome::Repeat(seq),
            (None, None, Some(seq), Some(root)) => Outcome::Appended(Cursor { seq, root }),
            _ => panic!("{}: the vector says nothing or too much", self.why),
        }
    }
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Appended(Cursor),
    Repeat(u64),
    Refused(ErrorCode),
}

/// A log as far as it has been read.
#[derive(Clone)]
struct Log {
    fold: SpaceFold,
    roots: Vec<Root>,
}

impl Log {
    fn begin(kind: &Kind) -> Self {
        let Kind::Control(genesis) = kind else {
            panic!("a log begins with its genesis record")
        };
        let fold = SpaceFold::from_genesis(&ParsedControl::parse(genesis).unwrap()).unwrap();
        let roots = vec![empty_root(&fold.space_id()), fold.cursor().root];
        Self { fold, roots }
    }

    fn take(&mut self, kind: &Kind) -> Outcome {
        let before = self.fold.clone();
        let outcome = match self.try_take(kind) {
            Ok(outcome) => outcome,
            Err(refusal) => Outcome::Refused(refusal.code()),
        };
        match &outcome {
            Outcome::Appended(cursor) => self.roots.push(cursor.root),
            _ => assert_eq!(self.fold, before, "what was not appended changed the log"),
        }
        outcome
    }

    fn try_take(&mut self, kind: &Kind) -> Result<Outcome, Refusal> {
        let roots = self.roots.clone();
        let root_at = |seq: u64| roots.get(usize::try_from(seq).ok()?).copied();
        match kind {
            Kind::Event(event) => {
                let event = self.fold.verify_event(event)?;
                Ok(match self.fold.check_event(&event, &root_at)? {
                    Verdict::Fresh => Outcome::Appended(self.fold.append_event(&event)),
                    Verdict::Repeat { seq } => Outcome::Repeat(seq),
                })
            }
            Kind::Control(control) => {
                let record = ParsedControl::parse(control)?;
                Ok(Outcome::Appended(self.fold.append_control(&record, &root_at)?))
            }
        }
    }
}

#[test]
fn a_log_and_what_must_not_stand_in_it() {
    run("log");
}

#[test]
fn a_life_of_a_space_and_what_breaks_its_rules() {
    run("membership");
}

fn run(file: &str) {
    let vectors = read::<Vector>(file);
    let mut log: Option<Log> = None;
    for vector in &vectors {
        let ways = ways_in::all(&vector.entry.0);
        let Some(current) = &mut log else {
            let begun = Log::begin(&ways[0]);
            assert_eq!(Outcome::Appended(begun.fold.cursor()), vector.expected());
            log = Some(begun);
            continue;
        };
        for kind in &ways[1..] {
            assert_eq!(current.clone().take(kind), vector.expected(), "{}", vector.why);
        }
        current.take(&ways[0]);
    }
    assert!(log.is_some_and(|log| log.fold.cursor().seq > 5));
}

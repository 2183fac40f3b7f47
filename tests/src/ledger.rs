//! What writers fed and were acked, held against what a reader got.
//!
//! Writers give every message a name of its own; a writer that is killed begins a new life and counts anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::AddAssign,
    str::FromStr,
};

/// The name of a message, and its whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Who wrote it.
    pub writer: usize,
    /// In which of its lives.
    pub life: usize,
    /// As which message of that life, from 1.
    pub number: u64,
}

/// Where a message stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stand {
    /// The event's place.
    pub seq: u64,
    /// The message's place in the event.
    pub index: u64,
    /// The event, in hex.
    pub event_id: String,
}

/// What the writers of one space know.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// How many messages each life was fed.
    fed: BTreeMap<(usize, usize), u64>,
    acked: BTreeMap<Name, Stand>,
}

/// The sums of an audit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Messages that were acked.
    pub acked: u64,
    /// Of these, those that are not where the ack says.
    pub lost: u64,
    /// Messages that were delivered once more.
    pub doubled: u64,
    /// Places missing among the messages of the log, and numbers missing among those of a life.
    pub gaps: u64,
}

impl Ledger {
    /// A life is given its next message.
    pub fn feed(&mut self, name: Name) {
        self.fed.insert((name.writer, name.life), name.number);
    }

    /// A message was acked.
    pub fn ack(&mut self, name: Name, stand: Stand) {
        self.acked.insert(name, stand);
    }

    /// The acks of this ledger, with the feeds of a later one: for a reader who came in between.
    #[must_use]
    pub fn with_feeds_of(mut self, later: &Self) -> Self {
        self.fed.clone_from(&later.fed);
        self
    }

    /// The last place that was acked; 0 before the first.
    #[must_use]
    pub fn last_place(&self) -> u64 {
        self.acked
            .values()
            .map(|stand| stand.seq)
            .max()
            .unwrap_or_default()
    }

    /// Holds all acks against what a reader got later, from the first message on, in its order.
    ///
    /// # Errors
    /// When the reader got something that was never written.
    pub fn audit(&self, delivered: &[(String, Stand)]) -> Result<Sums, String> {
        let mut sums = Sums {
            acked: self.acked.len() as u64,
            ..Sums::default()
        };
        let mut got = BTreeMap::new();
        let mut last_of_life = BTreeMap::new();
        for (text, stand) in delivered {
            let name = self.known(text)?;
            if got.contains_key(&name) {
                sums.doubled += 1;
                continue;
            }
            got.insert(name, stand);
            let last = last_of_life.insert((name.writer, name.life), name.number);
            let expected = last.unwrap_or_default() + 1;
            sums.gaps += name.number.abs_diff(expected);
        }
        let lost = self
            .acked
            .iter()
            .filter(|(name, stand)| got.get(name) != Some(stand));
        sums.lost = lost.count() as u64;
        sums.gaps += missing_places(delivered);
        Ok(sums)
    }

    fn known(&self, text: &str) -> Result<Name, String> {
        let name = text.parse().ok().filter(|name: &Name| {
            let fed = self.fed.get(&(name.writer, name.life));
            fed.is_some_and(|last| (1..=*last).contains(&name.number))
        });
        name.ok_or_else(|| format!("nobody wrote {text:?}"))
    }
}

fn missing_places(delivered: &[(String, Stand)]) -> u64 {
    let places: BTreeSet<u64> = delivered.iter().map(|(_, stand)| stand.seq).collect();
    match (places.first(), places.last()) {
        (Some(first), Some(last)) => last - first + 1 - places.len() as u64,
        _ => 0,
    }
}

impl Sums {
    /// Whether nothing was lost, doubled or skipped.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        (self.lost, self.doubled, self.gaps) == (0, 0, 0)
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.acked += other.acked;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.gaps += other.gaps;
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            acked,
            lost,
            doubled,
            gaps,
        } = self;
        write!(f, "acked={acked} lost={lost} doubled={doubled} gaps={gaps}")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.writer, self.life, self.number)
    }
}

impl FromStr for Name {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.split(' ');
        let mut next = || words.next().ok_or(());
        let name = Self {
            writer: next()?.parse().map_err(drop)?,
            life: next()?.parse().map_err(drop)?,
            number: next()?.parse().map_err(drop)?,
        };
        words.next().is_none().then_some(name).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(life: usize, number: u64) -> Name {
        Name {
            writer: 7,
            life,
            number,
        }
    }

    fn stand(seq: u64) -> Stand {
        Stand {
            seq,
            index: 0,
            event_id: format!("{seq:x}"),
        }
    }

    /// Two lives: three messages that were all acked, then two of which the first was.
    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        for (seq, name) in [name(0, 1), name(0, 2), name(0, 3), name(1, 1), name(1, 2)]
            .into_iter()
            .enumerate()
        {
            ledger.feed(name);
            if seq < 4 {
                ledger.ack(name, stand(seq as u64 + 5));
            }
        }
        ledger
    }

    fn audit(delivered: &[(Name, u64)]) -> String {
        let delivered: Vec<_> = delivered
            .iter()
            .map(|(name, seq)| (name.to_string(), stand(*seq)))
            .collect();
        match ledger().audit(&delivered) {
            Ok(sums) => sums.to_string(),
            Err(stranger) => stranger,
        }
    }

    const ALL: [(usize, u64, u64); 5] = [(0, 1, 5), (0, 2, 6), (0, 3, 7), (1, 1, 8), (1, 2, 9)];

    fn delivered() -> Vec<(Name, u64)> {
        ALL.iter()
            .map(|(life, number, seq)| (name(*life, *number), *seq))
            .collect()
    }

    #[test]
    fn what_was_not_acked_may_be_there_or_not() {
        assert_eq!(audit(&delivered()), "acked=4 lost=0 doubled=0 gaps=0");
        assert_eq!(audit(&delivered()[..4]), "acked=4 lost=0 doubled=0 gaps=0");
    }

    #[test]
    fn what_was_acked_and_is_not_there_is_lost() {
        assert_eq!(audit(&delivered()[..3]), "acked=4 lost=1 doubled=0 gaps=0");
        let mut moved = delivered();
        moved[3].1 = 10;
        moved.remove(4);
        assert_eq!(audit(&moved), "acked=4 lost=1 doubled=0 gaps=2");
    }

    #[test]
    fn what_is_there_twice_is_doubled() {
        let mut twice = delivered();
        twice.push((name(0, 2), 10));
        assert_eq!(audit(&twice), "acked=4 lost=0 doubled=1 gaps=0");
    }

    #[test]
    fn missing_places_and_numbers_are_gaps() {
        let mut hole = delivered();
        hole.remove(1);
        assert_eq!(audit(&hole), "acked=4 lost=1 doubled=0 gaps=2");
        let mut swapped = delivered();
        swapped.swap(0, 1);
        assert!(!audit(&swapped).ends_with("gaps=0"));
    }

    #[test]
    fn what_nobody_wrote_is_no_message() {
        for stranger in [name(2, 1), name(1, 3), name(0, 0)] {
            assert!(audit(&[(stranger, 5)]).starts_with("nobody wrote"));
        }
        assert!(ledger().audit(&[("hello".into(), stand(5))]).is_err());
    }
}

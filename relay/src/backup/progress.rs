//! How a long run tells where it is.

/// What a run does, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Looks at everything before anything is written.
    Prepare,
    /// Writes the configuration.
    Configuration,
    /// Dumps the database, from one snapshot.
    Dump,
    /// Takes the keys, last.
    Keys,
    /// Writes the manifest and gives the backup its name.
    Finish,
    /// Holds every file against the manifest.
    Hashes,
    /// Opens the keys.
    OpenKeys,
    /// Reads the dump from end to end.
    ReadDump,
    /// Looks at the target.
    Target,
    /// Puts the keys back, and tries them.
    RestoreKeys,
    /// Puts the database back.
    RestoreDatabase,
    /// Begins a new life of the database, and deletes again what was deleted.
    Settle,
}

impl Step {
    /// What it does, for people.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Prepare => "looking at database, keys and target",
            Self::Configuration => "writing the configuration",
            Self::Dump => "dumping the database",
            Self::Keys => "taking the keys",
            Self::Finish => "writing the manifest",
            Self::Hashes => "checking every file",
            Self::OpenKeys => "opening the keys",
            Self::ReadDump => "reading the dump",
            Self::Target => "looking at the target",
            Self::RestoreKeys => "restoring the keys",
            Self::RestoreDatabase => "restoring the database",
            Self::Settle => "beginning a new incarnation, replaying the shred ledger",
        }
    }
}

/// Hears where a run is.
pub trait Progress: Send + Sync {
    /// The next step begins.
    fn step(&self, step: Step);

    /// So many bytes of the step are done, of about so many.
    fn bytes(&self, done: u64, total: u64);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _: Step) {}

    fn bytes(&self, _: u64, _: u64) {}
}

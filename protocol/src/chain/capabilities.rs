//! What a member may do: bits in the format, names for people.

use std::fmt;
use std::str::FromStr;

/// What a member may do, beyond reading. A set of bits.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities(u32);

impl Capabilities {
    /// Nothing but reading.
    pub const NONE: Self = Self(0);
    /// Write events.
    pub const WRITE: Self = Self(1);
    /// Bring in members, with no more than one's own capabilities.
    pub const INVITE: Self = Self(2);
    /// Change members, capabilities, policy and epoch.
    pub const MANAGE: Self = Self(4);
    /// All of them.
    pub const ALL: Self = Self(7);

    /// The set with these bits.
    #[must_use]
    pub fn from_bits(bits: u32) -> Option<Self> {
        (bits & !Self::ALL.0 == 0).then_some(Self(bits))
    }

    /// The set's bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this set and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether who has this set may bring in somebody with `granted`.
    #[must_use]
    pub const fn may_grant(self, granted: Self) -> bool {
        (self.contains(Self::INVITE) || self.contains(Self::MANAGE)) && self.contains(granted)
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::WRITE, "write"),
            (Self::INVITE, "invite"),
            (Self::MANAGE, "manage"),
        ];
        f.debug_set()
            .entries(
                names
                    .iter()
                    .filter(|(bit, _)| self.contains(*bit))
                    .map(|(_, name)| name),
            )
            .finish()
    }
}

/// A name for a usual set of capabilities. The chain knows capabilities only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Everything.
    Owner,
    /// Writes and brings in members.
    Admin,
    /// Writes.
    Member,
    /// Reads.
    Reader,
    /// What an agent gets: it writes.
    Agent,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Self; 5] = [Self::Owner, Self::Admin, Self::Member, Self::Reader, Self::Agent];

    /// The capabilities it stands for.
    #[must_use]
    pub const fn capabilities(self) -> Capabilities {
        match self {
            Self::Owner => Capabilities::ALL,
            Self::Admin => Capabilities::WRITE.with(Capabilities::INVITE),
            Self::Member | Self::Agent => Capabilities::WRITE,
            Self::Reader => Capabilities::NONE,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Reader => "reader",
            Self::Agent => "agent",
        }
    }
}

/// A name that is no preset's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("roles are owner, admin, member, reader and agent")]
pub struct UnknownPreset;

impl FromStr for Preset {
    type Err = UnknownPreset;

    fn from_str(name: &str) -> Result<Self, UnknownPreset> {
        let known = Self::ALL.into_iter().find(|preset| preset.name() == name);
        known.ok_or(UnknownPreset)
    }
}

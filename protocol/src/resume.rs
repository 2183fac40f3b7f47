//! Going on after a restore that took back what some had already read: the record that a manager signs for it.

use crate::chain::Capabilities;
use crate::control::ParsedControl;
use crate::fold::{Roots, SpaceFold};
use crate::ids::{IdError, Root};
use crate::root::Cursor;
use crate::wire::{self, control_record::Body};

/// Why a resume record does not settle a lost history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// The record names no two different places, or is no resume record.
    #[error("the record does not name two different places")]
    Malformed,
    /// A root is no root.
    #[error("in the record, {0}")]
    Id(#[from] IdError),
    /// The lost place that it names is not in the history that this client lost.
    #[error("the record speaks of another lost history")]
    OtherHistory,
    /// Its author did not have `manage` in the lost history, or it is not by its author.
    #[error("the record is not by a manager of the lost history")]
    NotByAManager,
}

/// What a resume record says: the history that ends at `lost` is given up, the one that has `kept` goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resumption {
    /// The last place of the history that is given up.
    pub lost: Cursor,
    /// A place of the history that goes on; the record stands on it.
    pub kept: Cursor,
}

impl Resumption {
    /// What the body says.
    ///
    /// # Errors
    /// [`ResumeError::Malformed`], [`ResumeError::Id`].
    pub fn parse(resume: &wire::Resume) -> Result<Self, ResumeError> {
        let resumption = Self {
            lost: Cursor {
                seq: resume.lost_seq,
                root: Root::try_from(&resume.lost_root[..])?,
            },
            kept: Cursor {
                seq: resume.kept_seq,
                root: Root::try_from(&resume.kept_root[..])?,
            },
        };
        let is_sound = resume.lost_seq > 0 && resume.kept_seq > 0 && resumption.lost != resumption.kept;
        is_sound.then_some(resumption).ok_or(ResumeError::Malformed)
    }

    /// What a resume record of a log says; `None` of any other record.
    #[must_use]
    pub fn of(record: &ParsedControl) -> Option<Self> {
        match &record.body {
            Body::Resume(resume) => Self::parse(resume).ok(),
            _ => None,
        }
    }

    /// For a client that holds the lost history: whether `record`, which it has verified on the kept one, settles it.
    /// `roots` are those of the lost history, whose end `lost` is folded to.
    ///
    /// # Errors
    /// [`ResumeError`]: then only a person's consent lets the client go on.
    pub fn settle(record: &ParsedControl, lost: &SpaceFold, roots: &impl Roots) -> Result<Self, ResumeError> {
        let resumption = Self::of(record).ok_or(ResumeError::Malformed)?;
        let at = resumption.lost;
        let own = if at.seq == lost.cursor().seq {
            Some(lost.cursor().root)
        } else {
            roots.root_at(at.seq).filter(|_| at.seq < lost.cursor().seq)
        };
        if record.space_id() != lost.space_id() || own != Some(at.root) {
            return Err(ResumeError::OtherHistory);
        }
        let author = lost.chain().member(&record.author);
        let manager = author.filter(|author| author.may(Capabilities::MANAGE));
        let manager = manager.ok_or(ResumeError::NotByAManager)?;
        record
            .verify(manager.manifest.signing_key())
            .map_err(|_| ResumeError::NotByAManager)?;
        Ok(resumption)
    }
}

//! What the lost part of a log had changed of who may do what, and is not so any more.

use std::collections::BTreeSet;

use sealpost_protocol::chain::{Capabilities, ControlChain, Member};
use sealpost_protocol::ids::PrincipalId;

use crate::error::Error;
use crate::space::core::SpaceCore;
use crate::store::log::SpaceLog;

/// What has to be done again. A member is the same one as long as it was added by the same record.
#[derive(Debug, Default)]
pub(super) struct Undone {
    /// Members that were removed, or had left.
    pub(super) back: BTreeSet<PrincipalId>,
    /// Who had been added, and is not in.
    pub(super) out: BTreeSet<PrincipalId>,
    /// Members with other rights.
    pub(super) rights: BTreeSet<PrincipalId>,
    /// The space has another policy.
    pub(super) policy: bool,
}

/// The chain where a view parted from the log, the view's last, and the log's.
struct Chains {
    before: ControlChain,
    lost: ControlChain,
    now: ControlChain,
}

impl Chains {
    fn of(aside: &SpaceLog<'_>, now: &SpaceLog<'_>) -> Result<Option<Self>, Error> {
        let common = aside.common_end(now)?.seq;
        let chains = (
            aside.chain_at(common)?,
            aside.chain_at(u64::MAX)?,
            now.chain_at(u64::MAX)?,
        );
        let (Some(before), Some(lost), Some(now)) = chains else {
            return Ok(None);
        };
        Ok(Some(Self { before, lost, now }))
    }

    fn add_to(&self, undone: &mut Undone) {
        for member in self.before.members() {
            let id = member.manifest.id();
            let Some(now) = same(&self.now, &id, member) else {
                continue;
            };
            match same(&self.lost, &id, member) {
                None => undone.back.insert(id),
                Some(lost) => {
                    let changed = lost.capabilities != member.capabilities;
                    (changed && now.capabilities != lost.capabilities) && undone.rights.insert(id)
                }
            };
        }
        for member in self.lost.members() {
            let id = member.manifest.id();
            if self.before.member(&id).is_none() && self.now.member(&id).is_none() {
                undone.out.insert(id);
            }
        }
        let changed = self.lost.policy() != self.before.policy();
        undone.policy |= changed && self.now.policy() != self.lost.policy();
    }
}

fn same<'c>(chain: &'c ControlChain, id: &PrincipalId, member: &Member) -> Option<&'c Member> {
    chain.member(id).filter(|found| found.since == member.since)
}

impl SpaceCore {
    /// What is not as the views had it that were set aside.
    pub(super) async fn undone(&self) -> Result<Undone, Error> {
        let me = self.me();
        self.with_views(move |aside, now| {
            let mut undone = Undone::default();
            for view in aside {
                if let Some(chains) = Chains::of(view, now)? {
                    chains.add_to(&mut undone);
                }
            }
            undone.back.remove(&me);
            Ok(undone)
        })
        .await
    }

    /// Whether this account may take others out.
    pub(super) async fn may_manage(&self) -> Result<bool, Error> {
        let me = self.me();
        self.with_fold(|fold| {
            let member = fold.chain().member(&me);
            member.is_some_and(|member| member.may(Capabilities::MANAGE))
        })
        .await
    }
}

//! The rules of membership once more, written down as dumbly as possible: no types of the crate, nothing shared with it.

pub const WRITE: u32 = 1;
pub const INVITE: u32 = 2;
pub const MANAGE: u32 = 4;

/// Something that somebody tries. People and invites are numbers.
#[derive(Clone, Debug)]
pub enum Act {
    Add {
        who: u8,
        caps: u32,
    },
    Remove {
        who: u8,
    },
    Leave,
    Rekey {
        epochs_ahead: u64,
    },
    Grant {
        who: u8,
        caps: u32,
    },
    Invite {
        number: u8,
        caps: u32,
        uses: u32,
        approval: bool,
    },
    Revoke {
        number: u8,
    },
    Accept {
        number: u8,
    },
    Policy {
        share: bool,
    },
    Replace {
        who: u8,
        by: u8,
    },
    Tombstone,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OpenInvite {
    pub number: u8,
    pub maker: u8,
    pub caps: u32,
    pub uses: u32,
    pub approval: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    pub who: u8,
    pub number: u8,
    pub maker: u8,
    pub caps: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Oracle {
    /// (who, capabilities), by number.
    pub members: Vec<(u8, u32)>,
    pub waiting: Vec<Waiting>,
    pub invites: Vec<OpenInvite>,
    pub epoch: u64,
    /// 'k': no key yet; 'n': a newcomer without a key; 'd': somebody went; ' ': none.
    pub fence: char,
    pub share: bool,
    pub dead: bool,
}

/// Numbers from 100 on are agents.
pub fn is_agent(who: u8) -> bool {
    who >= 100
}

fn has(caps: u32, wanted: u32) -> bool {
    caps & wanted == wanted
}

fn may_bring_in(caps: u32, granted: u32) -> bool {
    (has(caps, INVITE) || has(caps, MANAGE)) && has(caps, granted)
}

impl Oracle {
    pub fn new(owner: u8, share: bool) -> Self {
        Self {
            members: vec![(owner, WRITE | INVITE | MANAGE)],
            waiting: vec![],
            invites: vec![],
            epoch: 0,
            fence: 'k',
            share,
            dead: false,
        }
    }

    pub fn caps(&self, who: u8) -> Option<u32> {
        self.members
            .iter()
            .find(|(id, _)| *id == who)
            .map(|(_, caps)| *caps)
    }

    pub fn rekey_recipients(&self) -> usize {
        let invites = self
            .invites
            .iter()
            .filter(|invite| self.share && !invite.approval);
        self.members.len() + invites.count()
    }

    /// Whether it is allowed; done if so.
    pub fn act(&mut self, author: u8, act: &Act) -> bool {
        if self.dead {
            return false;
        }
        if let Act::Accept { number } = act {
            return self.accept(author, *number);
        }
        let Some(caps) = self.caps(author) else {
            return false;
        };
        let allowed = self.is_allowed(author, caps, act);
        if allowed {
            self.perform(author, act);
        }
        allowed
    }

    fn is_allowed(&self, author: u8, own: u32, act: &Act) -> bool {
        let manages = has(own, MANAGE);
        let calm = self.fence == ' ';
        match act {
            Act::Add { who, caps } => {
                (calm || self.fence == 'n')
                    && may_bring_in(own, *caps)
                    && self.caps(*who).is_none()
                    && (!is_agent(*who) || (*caps <= WRITE && manages))
            }
            Act::Remove { who } => {
                let waits = self.waiting.iter().any(|waiting| waiting.who == *who);
                manages && *who != author && (self.caps(*who).is_some() || waits)
            }
            Act::Leave => self.managers_but(author) > 0,
            Act::Rekey { epochs_ahead } => {
                !is_agent(author) && *epochs_ahead == 1 && (manages || (!calm && has(own, WRITE)))
            }
            Act::Grant { who, caps } => {
                let Some(before) = self.caps(*who) else {
                    return false;
                };
                calm && manages
                    && has(own, caps & !before)
                    && (!is_agent(*who) || *caps <= WRITE)
                    && (has(*caps, MANAGE) || self.managers_but(*who) > 0)
            }
            Act::Invite { number, caps, .. } => {
                let known = self.maker(*number).is_some();
                calm && may_bring_in(own, *caps) && !known
            }
            Act::Revoke { number } => match self.maker(*number) {
                Some(maker) => calm && (maker == author || manages),
                None => false,
            },
            Act::Policy { .. } => calm && manages,
            Act::Replace { who, by } => {
                let Some(before) = self.caps(*who) else {
                    return false;
                };
                calm && self.caps(*by).is_none()
                    && is_agent(*who) == is_agent(*by)
                    && (*who == author || (manages && has(own, before)))
            }
            Act::Tombstone => manages,
            Act::Accept { .. } => false,
        }
    }

    fn perform(&mut self, author: u8, act: &Act) {
        match act.clone() {
            Act::Add { who, caps } => self.join(who, caps),
            Act::Remove { who } if self.caps(who).is_none() => {
                self.waiting.retain(|waiting| waiting.who != who)
            }
            Act::Remove { who } => self.go(who),
            Act::Leave => self.go(author),
            Act::Rekey { .. } => {
                self.epoch += 1;
                self.fence = ' ';
            }
            Act::Grant { who, caps } => {
                self.members.retain(|(id, _)| *id != who);
                self.put(who, caps);
                self.invites
                    .retain(|invite| invite.maker != who || may_bring_in(caps, invite.caps));
                self.waiting
                    .retain(|waiting| waiting.maker != who || may_bring_in(caps, waiting.caps));
            }
            Act::Invite {
                number,
                caps,
                uses,
                approval,
            } => self.invites.push(OpenInvite {
                number,
                maker: author,
                caps,
                uses,
                approval,
            }),
            Act::Revoke { number } => {
                self.invites.retain(|invite| invite.number != number);
                self.waiting.retain(|waiting| waiting.number != number);
            }
            Act::Policy { share } => {
                if share != self.share {
                    self.invites.clear();
                    self.waiting.clear();
                }
                self.share = share;
            }
            Act::Replace { who, by } => {
                let caps = self.caps(who).unwrap();
                self.go(who);
                self.put(by, caps);
            }
            Act::Tombstone => self.dead = true,
            Act::Accept { .. } => unreachable!(),
        }
    }

    fn accept(&mut self, who: u8, number: u8) -> bool {
        let Some(at) = self.invites.iter().position(|invite| invite.number == number) else {
            return false;
        };
        let invite = self.invites[at].clone();
        let waits = self.waiting.iter().any(|waiting| waiting.who == who);
        if is_agent(who) || self.caps(who).is_some() || !matches!(self.fence, ' ' | 'n') {
            return false;
        }
        if invite.approval && waits {
            return false;
        }
        self.invites[at].uses -= 1;
        if self.invites[at].uses == 0 {
            self.invites.remove(at);
        }
        if invite.approval {
            self.waiting.push(Waiting {
                who,
                number,
                maker: invite.maker,
                caps: invite.caps,
            });
        } else {
            self.join(who, invite.caps);
        }
        true
    }

    fn join(&mut self, who: u8, caps: u32) {
        self.waiting.retain(|waiting| waiting.who != who);
        self.put(who, caps);
        if !self.share {
            self.fence = 'n';
        }
    }

    fn go(&mut self, who: u8) {
        self.members.retain(|(id, _)| *id != who);
        self.invites.clear();
        self.waiting.clear();
        self.fence = 'd';
    }

    fn put(&mut self, who: u8, caps: u32) {
        self.members.push((who, caps));
        self.members.sort_unstable();
    }

    /// Who made the invite, open or not, as long as anybody waits by it.
    fn maker(&self, number: u8) -> Option<u8> {
        let open = self.invites.iter().find(|invite| invite.number == number);
        let waiting = self.waiting.iter().find(|waiting| waiting.number == number);
        open.map(|invite| invite.maker)
            .or(waiting.map(|waiting| waiting.maker))
    }

    fn managers_but(&self, who: u8) -> usize {
        self.members
            .iter()
            .filter(|(id, caps)| *id != who && has(*caps, MANAGE))
            .count()
    }
}

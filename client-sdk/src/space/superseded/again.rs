//! Doing again what was lost with a view that was set aside.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use sealpost_protocol::ids::{EventId, PrincipalId};

use super::changes::Undone;
use crate::content::Message;
use crate::error::Error;
use crate::files::note_again;
use crate::space::api::Space;
use crate::space::deliver::Position;
use crate::space::sender::{Packing, Sender};

/// Who may be able to read what is published again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Nobody who had been taken out, or had left, in what was lost: as long as one of them is a member nothing is published.
    WithoutThoseWhoAreBack,
    /// Whoever is a member.
    AllMembers,
}

/// What was done again in the log that goes on, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishedAgain {
    /// Whom this account took out again.
    pub removed: Vec<PrincipalId>,
    /// Members that had been taken out or had left in what was lost, and whom this account may not take out.
    pub back: Vec<PrincipalId>,
    /// Who had been added in what was lost, and is no member.
    pub out: Vec<PrincipalId>,
    /// Members whose rights had been changed in what was lost, and are not as they were made.
    pub rights: Vec<PrincipalId>,
    /// Whether the policy had been changed in what was lost, and is not as it was made.
    pub policy: bool,
    /// Messages of this account that were published again.
    pub messages: u64,
    /// Messages of this account that wait until nobody in [`Self::back`] is a member any more.
    pub held_back: u64,
    /// Files in the log since it went on that the relay knows nothing of: they were put after the backup.
    pub files_lost: u64,
}

/// Counts messages by the event that carried them first.
type Counts = BTreeMap<EventId, u64>;

impl Space {
    /// Does again in the log that goes on what was lost with the other one: first takes out again who was removed there or had left, if
    /// this account may, then publishes this account's own messages again, each with the event that carried it first. What was cut short goes
    /// on where it was. Where two devices do it at the same moment, messages may come twice, with the same first event.
    ///
    /// # Errors
    /// As [`Self::remove_member`] and [`Self::send`].
    pub async fn publish_again(&self, audience: Audience) -> Result<PublishedAgain, Error> {
        let views = self.core().views_aside().await?;
        if views == 0 {
            return Ok(PublishedAgain::default());
        }
        // What was signed before a crash stands in the log after this.
        self.flush().await?;
        self.sync().await?;
        let undone = self.core().undone().await?;
        let (removed, back) = self.remove_again(&undone).await?;
        let mut again = PublishedAgain {
            removed,
            back,
            out: undone.out.into_iter().collect(),
            rights: undone.rights.into_iter().collect(),
            policy: undone.policy,
            ..PublishedAgain::default()
        };
        let may_say = again.back.is_empty() || audience == Audience::AllMembers;
        let mut speaker = Speaker {
            sender: may_say.then(|| self.sender(Packing::Natural)),
            there: self.published_before().await?,
            said: 0,
        };
        for view in 0..views {
            self.say_all_of(view, &mut speaker).await?;
        }
        match speaker.sender {
            None => again.held_back = speaker.said,
            Some(mut sender) => {
                sender.flush().await?;
                again.messages = speaker.said;
                self.core().forget_signed_aside().await?;
                again.files_lost = self.tell_of_files().await?;
            }
        }
        Ok(again)
    }

    /// Says again what is this account's own of a view that was set aside.
    async fn say_all_of(&self, view: usize, speaker: &mut Speaker) -> Result<(), Error> {
        let (me, mut met) = (self.core().me(), Counts::new());
        let mut lost = self.lost_in(view);
        while let Some(message) = lost.next().await {
            let message = match message {
                Ok(message) if message.author == me => message,
                Ok(_) | Err(Error::Unreadable { .. }) => continue,
                Err(error) => return Err(error),
            };
            let first = message.first_event_id.unwrap_or(message.event_id);
            let message = Message::new(message.content_type, message.body);
            speaker.say(first, message, &mut met).await?;
        }
        for (event_id, message) in self.core().signed_for(view).await? {
            let first = message.first_event_id.unwrap_or(event_id);
            speaker.say(first, message, &mut met).await?;
        }
        Ok(())
    }

    /// Takes out again whoever is back; says who is out, and who is not.
    async fn remove_again(&self, undone: &Undone) -> Result<(Vec<PrincipalId>, Vec<PrincipalId>), Error> {
        let mut removed = Vec::new();
        for id in &undone.back {
            if !self.core().may_manage().await? {
                let back = undone.back.iter().filter(|id| !removed.contains(*id));
                return Ok((removed.clone(), back.copied().collect()));
            }
            self.remove_member(*id).await?;
            removed.push(*id);
        }
        Ok((removed, Vec::new()))
    }

    /// How many messages of each event this account has published again already.
    async fn published_before(&self) -> Result<Counts, Error> {
        let (me, until) = (self.core().me(), self.verified().seq);
        let mut messages = self.read(Position::after_event(self.went_on_after().await?), until);
        let mut found = Counts::new();
        while let Some(message) = messages.next().await {
            match message {
                Ok(message) if message.author == me => {
                    if let Some(first) = message.first_event_id {
                        *found.entry(first).or_default() += 1;
                    }
                }
                Ok(_) | Err(Error::Unreadable { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// The relay learns of files from members, beside the log.
    async fn tell_of_files(&self) -> Result<u64, Error> {
        let until = self.sync().await?.seq;
        note_again(self.core(), self.went_on_after().await?, until).await
    }

    /// The first place behind which a view that was set aside has other entries.
    async fn went_on_after(&self) -> Result<u64, Error> {
        let ends = self.core().with_views(|aside, now| {
            let ends = aside.iter().map(|view| Ok(view.common_end(now)?.seq));
            ends.collect::<Result<Vec<u64>, Error>>()
        });
        Ok(ends.await?.into_iter().min().unwrap_or_default())
    }
}

/// Says messages again, each once; counts those that were not said before.
struct Speaker {
    /// Nothing is said without it.
    sender: Option<Sender>,
    /// What the log has of each event.
    there: Counts,
    said: u64,
}

impl Speaker {
    /// `met` counts what was met of each event in one view. An event's messages go in their order, so that the first ones are those that
    /// are there.
    async fn say(&mut self, first: EventId, message: Message, met: &mut Counts) -> Result<(), Error> {
        let met = met.entry(first).or_default();
        *met += 1;
        let there = self.there.entry(first).or_default();
        if *met <= *there {
            return Ok(());
        }
        *there += 1;
        self.said += 1;
        let message = Message {
            first_event_id: Some(first),
            ..message
        };
        match &mut self.sender {
            Some(sender) => sender.feed(message).await,
            None => Ok(()),
        }
    }
}

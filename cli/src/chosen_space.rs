//! How a space is named on the command line.

use clap::Args;
use sealpost_sdk::protocol::ids::SpaceId;
use sealpost_sdk::space::SpaceSummary;
use sealpost_sdk::{Client, Error, Space};

use crate::context::Context;
use crate::failure::{Failure, complain};
use crate::output::printable;

/// Fewest digits by which an id is told from a name.
const SHORTEST_PREFIX: usize = 6;

/// A space, by its name, its id, or the first digits of it.
#[derive(Args)]
pub(crate) struct ChosenSpace {
    /// Name or id of the space, or the first six or more digits of the id
    space: String,
}

impl ChosenSpace {
    /// The space that an option names.
    pub(crate) fn named(space: &str) -> Self {
        Self {
            space: space.to_owned(),
        }
    }

    /// Opens the space.
    pub(crate) async fn open(&self, client: &Client) -> Result<Space, Failure> {
        Ok(client.space(self.find(client).await?.id).await?)
    }

    /// The same, and how the space is called.
    pub(crate) async fn open_called(&self, client: &Client) -> Result<(Space, String), Failure> {
        let found = self.find(client).await?;
        Ok((client.space(found.id).await?, called(&found)))
    }

    /// What was typed.
    pub(crate) fn typed(&self) -> &str {
        &self.space
    }

    /// Finds the space in the account's list; one that is not in it can be named by its whole id.
    pub(crate) async fn find(&self, client: &Client) -> Result<SpaceSummary, Failure> {
        if let Some(found) = self.look(client).await? {
            return Ok(found);
        }
        let id: SpaceId = self.space.parse().map_err(|_| self.unknown())?;
        Ok(SpaceSummary {
            id,
            name: String::new(),
            relay_head: None,
            lost_with: None,
            waits_for_approval: false,
            ended: None,
            alarm: None,
        })
    }

    /// Finds the space in the account's list.
    pub(crate) async fn find_listed(&self, client: &Client) -> Result<SpaceSummary, Failure> {
        self.look(client).await?.ok_or_else(|| self.unknown())
    }

    async fn look(&self, client: &Client) -> Result<Option<SpaceSummary>, Failure> {
        let spaces = match client.spaces().await {
            // What was read before may still be looked at; whatever needs the relay fails for the same reason.
            Err(Error::NotAuthenticated(_)) => client.known_spaces().await,
            spaces => spaces,
        }?;
        pick(&self.space, spaces)
    }

    fn unknown(&self) -> Failure {
        Failure::usage(format!(
            "there is no space {:?}; see `sealpost space list`",
            self.space
        ))
    }
}

/// Tells where another space that goes on has this name already: it then says neither of them.
pub(crate) async fn warn_of_namesakes(
    client: &Client,
    context: &Context,
    id: SpaceId,
    name: &str,
) -> Result<(), Failure> {
    let known = client.known_spaces().await?;
    let is_other = |space: &SpaceSummary| space.id != id && space.name == name && space.ended.is_none();
    if known.iter().any(is_other) {
        let said = format!(
            "another space is called {} too: until one of them has another name (`sealpost space name`), say which by its id",
            printable(name)
        );
        complain(context.output(), "name_in_use", &said);
    }
    Ok(())
}

/// How this account calls a space; its id, if it has no name.
pub(crate) fn called(space: &SpaceSummary) -> String {
    match space.name.as_str() {
        "" => space.id.to_string(),
        name => printable(name),
    }
}

fn pick(wanted: &str, spaces: Vec<SpaceSummary>) -> Result<Option<SpaceSummary>, Failure> {
    let by_prefix = wanted.len() >= SHORTEST_PREFIX;
    let is_meant = |space: &SpaceSummary| {
        space.name == wanted || (by_prefix && space.id.to_string().starts_with(wanted))
    };
    let mut found: Vec<_> = spaces.into_iter().filter(is_meant).collect();
    // A name that was given anew is that of the space that goes on.
    if found.iter().filter(|space| space.ended.is_none()).count() == 1 {
        found.retain(|space| space.ended.is_none());
    }
    if found.len() > 1 {
        return Err(more_than_one(wanted, &found));
    }
    Ok(found.pop())
}

fn more_than_one(wanted: &str, found: &[SpaceSummary]) -> Failure {
    let list: String = found
        .iter()
        .map(|space| format!("\n  {}  {}", space.id, printable(&space.name)))
        .collect();
    Failure::usage(format!(
        "{wanted:?} is more than one space; say which by its id, or by as many first digits of it as it takes:{list}"
    ))
}

#[cfg(test)]
mod tests {
    use sealpost_sdk::space::SpaceEnd;

    use super::*;

    fn spaces() -> Vec<SpaceSummary> {
        let space = |byte, name: &str| SpaceSummary {
            id: SpaceId::new([byte; 32]),
            name: name.to_owned(),
            relay_head: None,
            lost_with: None,
            waits_for_approval: false,
            ended: None,
            alarm: None,
        };
        vec![
            space(0xaa, "garden"),
            space(0xbb, "kitchen"),
            space(0xcc, "kitchen"),
        ]
    }

    #[test]
    fn space_is_found_by_name_and_by_the_first_digits_of_its_id() {
        assert_eq!(
            pick("garden", spaces()).unwrap().unwrap().id,
            SpaceId::new([0xaa; 32])
        );
        assert_eq!(
            pick("bbbbbb", spaces()).unwrap().unwrap().id,
            SpaceId::new([0xbb; 32])
        );
    }

    #[test]
    fn unknown_and_too_short_names_find_nothing() {
        for wanted in ["", "aaaaa", "cellar"] {
            assert!(pick(wanted, spaces()).unwrap().is_none(), "{wanted:?}");
        }
    }

    #[test]
    fn name_that_was_given_anew_is_that_of_the_space_that_goes_on() {
        let mut spaces = spaces();
        spaces[1].ended = Some(SpaceEnd::Left);
        let picked = |spaces| pick("kitchen", spaces).map(|found| found.unwrap().id);
        assert_eq!(picked(spaces.clone()).unwrap(), SpaceId::new([0xcc; 32]));
        spaces[2].ended = Some(SpaceEnd::Removed);
        assert!(picked(spaces).is_err());
    }

    #[test]
    fn name_of_two_spaces_is_not_guessed_at_and_both_ids_are_shown() {
        let failure = pick("kitchen", spaces()).unwrap_err();
        assert!(matches!(failure, Failure::Usage(_)));
        for id in [[0xbb; 32], [0xcc; 32]] {
            let id = SpaceId::new(id).to_string();
            assert!(failure.to_string().contains(&id), "{failure}");
        }
    }
}

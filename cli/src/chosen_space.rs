//! How a space is named on the command line.

use clap::Args;
use sealpost_sdk::protocol::ids::SpaceId;
use sealpost_sdk::space::SpaceSummary;
use sealpost_sdk::{Client, Space};

use crate::failure::Failure;

/// Fewest digits by which an id is told from a name.
const SHORTEST_PREFIX: usize = 6;

/// A space, by its name, its id, or the first digits of it.
#[derive(Args)]
pub(crate) struct ChosenSpace {
    /// Name or id of the space, or the first six or more digits of the id
    space: String,
}

impl ChosenSpace {
    /// Opens the space.
    pub(crate) async fn open(&self, client: &Client) -> Result<Space, Failure> {
        Ok(client.space(self.find(client).await?.id).await?)
    }

    /// Finds the space in the account's list; one that is not in it can be named by its whole id.
    pub(crate) async fn find(&self, client: &Client) -> Result<SpaceSummary, Failure> {
        let spaces = client.spaces().await?;
        if let Some(found) = pick(&self.space, spaces)? {
            return Ok(found);
        }
        let id: SpaceId = self.space.parse().map_err(|_| {
            Failure::usage(format!(
                "there is no space {:?}; see `sealpost space list`",
                self.space
            ))
        })?;
        Ok(SpaceSummary {
            id,
            name: String::new(),
            relay_head: None,
        })
    }
}

fn pick(wanted: &str, spaces: Vec<SpaceSummary>) -> Result<Option<SpaceSummary>, Failure> {
    let by_prefix = wanted.len() >= SHORTEST_PREFIX;
    let mut found = spaces
        .into_iter()
        .filter(|space| space.name == wanted || (by_prefix && space.id.to_string().starts_with(wanted)));
    let first = found.next();
    match found.next() {
        Some(_) => Err(Failure::usage(format!(
            "{wanted:?} is more than one space; use the id, from `sealpost space list`"
        ))),
        None => Ok(first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spaces() -> Vec<SpaceSummary> {
        let space = |byte, name: &str| SpaceSummary {
            id: SpaceId::new([byte; 32]),
            name: name.to_owned(),
            relay_head: None,
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
    fn name_of_two_spaces_is_not_guessed_at() {
        assert!(matches!(pick("kitchen", spaces()), Err(Failure::Usage(_))));
    }
}

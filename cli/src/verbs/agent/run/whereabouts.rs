//! In which space an agent is.

use futures_util::{StreamExt, stream};
use sealpost_sdk::protocol::code::ErrorCode;
use sealpost_sdk::protocol::ids::SpaceId;
use sealpost_sdk::{Client, Error};

use crate::context::Context;
use crate::failure::{Failure, complain};

/// Spaces that are looked into at a time.
const AT_ONCE: usize = 8;

/// What a look into a space shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The agent is in it by its owner's act; or that cannot be told now.
    Own,
    /// Somebody else has brought it in.
    Foreign,
    /// It is in it no more.
    Over,
}

/// The one space in which the agent is by its owner's act. Anybody can put a foreign agent into a space of theirs: that must not
/// keep it from the own one.
pub(super) async fn only_space(client: &Client, context: &Context) -> Result<SpaceId, Failure> {
    let spaces = client.spaces().await?;
    let looks = spaces.iter().map(|space| look(client, space.id));
    let standings: Vec<_> = stream::iter(looks).buffered(AT_ONCE).collect().await;
    let of = |wanted: Standing| standings.iter().filter(move |(_, standing)| *standing == wanted);
    for (space, _) in of(Standing::Foreign) {
        complain(
            context.output(),
            "agent_added_by_another",
            &format!(
                "somebody else than its owner has brought this agent into the space {space}, which does not count; \
                 `sealpost space leave {space}` leaves it"
            ),
        );
    }
    let own: Vec<_> = of(Standing::Own).map(|(space, _)| *space).collect();
    match own[..] {
        [only] => Ok(only),
        [] => Err(Failure::usage(
            "the agent is in no space yet: its owner brings it in with `sealpost agent approve`",
        )),
        _ => Err(Failure::usage(
            "the agent is in several spaces; name one with --space, from `sealpost space list`",
        )),
    }
}

async fn look(client: &Client, id: SpaceId) -> (SpaceId, Standing) {
    let looking = async { client.space(id).await?.sync().await };
    (id, standing(looking.await.err().as_ref()))
}

fn standing(error: Option<&Error>) -> Standing {
    match error {
        Some(Error::Refused(refusal)) => match refusal.code {
            Some(ErrorCode::NotPermitted) if refusal.by_the_rules => Standing::Foreign,
            Some(ErrorCode::NotAMember | ErrorCode::Tombstoned | ErrorCode::NotFound) => Standing::Over,
            _ => Standing::Own,
        },
        _ => Standing::Own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::tests::refused_with;

    fn refused(code: ErrorCode, by_the_rules: bool) -> Error {
        refused_with(Some(code), by_the_rules)
    }

    #[test]
    fn only_the_verified_chain_makes_a_space_foreign() {
        let foreign = refused(ErrorCode::NotPermitted, true);
        assert_eq!(standing(Some(&foreign)), Standing::Foreign);
        let word_of_the_relay = refused(ErrorCode::NotPermitted, false);
        assert_eq!(standing(Some(&word_of_the_relay)), Standing::Own);
        let out = refused(ErrorCode::NotAMember, true);
        assert_eq!(standing(Some(&out)), Standing::Over);
        let unreachable = Error::Network(String::new());
        assert_eq!(standing(Some(&unreachable)), Standing::Own);
        assert_eq!(standing(None), Standing::Own);
    }
}

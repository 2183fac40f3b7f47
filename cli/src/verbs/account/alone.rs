//! Spaces that nobody reads any more once the account is deleted.

use sealpost_sdk::space::{Alone, SpaceSummary};
use sealpost_sdk::{Client, Error};

use crate::chosen_space::called;
use crate::context::Context;
use crate::failure::Failure;
use crate::patience;

/// Finds them. Without a connection it is known of none.
pub(super) async fn find(client: &Client, context: &Context) -> Result<Alone, Failure> {
    match patience::wait(client, context, client.alone_in()).await {
        Err(Failure::Sdk(Error::Network(_))) => Ok(Alone {
            spaces: Vec::new(),
            unknown: client.known_spaces().await?,
        }),
        found => found,
    }
}

/// What to tell of them, after a full stop; nothing where there are none.
pub(super) fn warning(alone: &Alone) -> String {
    let of = |spaces: &[SpaceSummary], what: &str| match spaces {
        [] => String::new(),
        spaces => format!(" {what} {}.", names(spaces)),
    };
    let lost = of(
        &alone.spaces,
        "Nobody else is a member of these spaces, and without the account nobody reads what stands in them, not after an import \
         either:",
    );
    let perhaps = of(
        &alone.unknown,
        "Whether anybody else is a member of these could not be found out:",
    );
    lost + &perhaps
}

/// Refuses to lose them.
pub(super) fn expect_none(alone: Alone) -> Result<(), Failure> {
    if alone == Alone::default() {
        return Ok(());
    }
    Err(Failure::OnlyMember {
        warning: warning(&alone),
        spaces: alone
            .spaces
            .iter()
            .chain(&alone.unknown)
            .map(|space| space.id.to_string())
            .collect(),
    })
}

fn names(spaces: &[SpaceSummary]) -> String {
    let names: Vec<String> = spaces.iter().map(called).collect();
    names.join(", ")
}

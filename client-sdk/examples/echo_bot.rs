//! An agent that says back what others say: `cargo run --example echo_bot -- HOME SPACE`
//!
//! HOME is that of an agent, from `sealpost agent enroll`. Where it stands is kept there: a restart goes on behind the last
//! message that it answered.

use futures_util::StreamExt;
use sealpost_sdk::{Client, ClientConfig, Error, Message, Position};

const READER: &str = "echo bot";

#[tokio::main]
async fn main() -> Result<(), Error> {
    let (home, space) = arguments();
    let client = Client::open(ClientConfig::of_home(home).await?).await?;
    let me = client.account().principal_id;
    let space = client.space(space).await?;
    let mut messages = match space.kept_cursor(READER).await? {
        Some(cursor) => space.subscribe_from(&cursor).await?,
        None => space.subscribe(Position::after_event(space.sync().await?.seq)),
    };
    while let Some(said) = messages.next().await {
        let said = said?;
        if said.author != me {
            let text = String::from_utf8_lossy(&said.body);
            space.send(Message::text(format!("you said: {text}"))).await?;
        }
        space.keep_cursor(READER, &said.cursor).await?;
    }
    Ok(())
}

fn arguments() -> (String, sealpost_sdk::protocol::ids::SpaceId) {
    let mut arguments = std::env::args().skip(1);
    let home = arguments.next().expect("usage: echo_bot HOME SPACE");
    let space = arguments.next().expect("usage: echo_bot HOME SPACE");
    (home, space.parse().expect("a space id is 64 hex digits"))
}

//! Prints every message of a space, then each new one: `cargo run --example tail -- HOME SPACE`

use futures_util::StreamExt;
use sealpost_sdk::{Client, ClientConfig, Error, Position};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let (home, space) = arguments();
    let client = Client::open(ClientConfig::of_home(home).await?).await?;
    let mut messages = client.space(space).await?.subscribe(Position::START);
    while let Some(message) = messages.next().await {
        match message {
            // Quoted: what others write must not command this terminal.
            Ok(said) => println!("{} {:?}", said.author, String::from_utf8_lossy(&said.body)),
            // One event of a member that wrote nonsense; what follows is whole.
            Err(unreadable @ Error::Unreadable { .. }) => eprintln!("{unreadable}"),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn arguments() -> (String, sealpost_sdk::protocol::ids::SpaceId) {
    let mut arguments = std::env::args().skip(1);
    let home = arguments.next().expect("usage: tail HOME SPACE");
    let space = arguments.next().expect("usage: tail HOME SPACE");
    (home, space.parse().expect("a space id is 64 hex digits"))
}

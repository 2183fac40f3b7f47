//! Sends each line of standard input as one message: `cargo run --example send -- HOME SPACE < lines.txt`

use sealpost_sdk::{Client, ClientConfig, Error, Message, Packing};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let (home, space) = arguments();
    let client = Client::open(ClientConfig::of_home(home).await?).await?;
    let space = client.space(space).await?;
    let mut sender = space.sender(Packing::Natural);
    for line in std::io::stdin().lines() {
        sender
            .feed(Message::text(line.expect("standard input is text")))
            .await?;
    }
    println!("{} messages are durable", sender.flush().await?);
    Ok(())
}

fn arguments() -> (String, sealpost_sdk::protocol::ids::SpaceId) {
    let mut arguments = std::env::args().skip(1);
    let home = arguments.next().expect("usage: send HOME SPACE");
    let space = arguments.next().expect("usage: send HOME SPACE");
    (home, space.parse().expect("a space id is 64 hex digits"))
}

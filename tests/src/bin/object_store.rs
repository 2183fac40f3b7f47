//! The object store of development in a process of its own, so that a proof can kill it. Prints where it is, and serves.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;
use sealpost_relay::{
    embedded::{EmbeddedError, ObjectStore},
    entropy::SystemEntropy,
};

#[derive(Parser)]
#[command(about = "Serves S3 from a folder until it is killed")]
struct Arguments {
    /// Where everything is kept
    folder: PathBuf,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> Result<(), EmbeddedError> {
    let Arguments { folder, listen } = Arguments::parse();
    let store = ObjectStore::start(&folder, listen, &SystemEntropy).await?;
    println!("{}", store.endpoint());
    std::future::pending().await
}

//! People who have registered at the relay: clients that hold their keys and can sign ahead, which the SDK does not let
//! anybody do.

use std::net::SocketAddr;

use futures_util::{StreamExt, stream};
use sealpost_tests::bare::Person;

/// Registrations at once. Each stretches a passphrase in 64 MiB.
const AT_ONCE: usize = 2;

/// Registers people named after `group`.
pub async fn register_all(relay: SocketAddr, group: &str, count: usize) -> Vec<Person> {
    stream::iter(0..count)
        .map(async |number| Person::register(relay, &format!("{group}-{number}")).await)
        .buffered(AT_ONCE)
        .collect()
        .await
}

//! One suite for every bus, and what is special to one.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::limits;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;

use super::postgres::PostgresBus;
use super::{Bus, Heard, Hint, Listener, LocalHub, Parcel, Receiver};
use crate::testing::TestDatabase;

fn hint(space: u16, head: u64) -> Hint {
    let mut id = [0; 32];
    id[..2].copy_from_slice(&space.to_be_bytes());
    Hint {
        space_id: SpaceId::new(id),
        head,
    }
}

/// Listens until it has heard of all these heads, or of later ones; returns what else it heard.
async fn hear_all(listener: &mut dyn Listener, wanted: &[Hint]) -> Vec<Hint> {
    let mut missing: BTreeMap<SpaceId, u64> = wanted.iter().map(|hint| (hint.space_id, hint.head)).collect();
    let mut others = Vec::new();
    while !missing.is_empty() {
        match listener.next().await.unwrap() {
            Heard::Gap => panic!("nothing should be lost here"),
            Heard::Hint(hint) => match missing.get(&hint.space_id) {
                Some(head) if hint.head >= *head => drop(missing.remove(&hint.space_id)),
                _ => others.push(hint),
            },
        }
    }
    others
}

async fn a_hint_is_heard_by_all_other_relays(buses: [&dyn Bus; 3]) {
    let mut listeners = [buses[1].listen().await.unwrap(), buses[2].listen().await.unwrap()];
    buses[0].announce(hint(1, 7));
    for listener in &mut listeners {
        assert_eq!(hear_all(&mut **listener, &[hint(1, 7)]).await, []);
    }
}

async fn a_relay_does_not_hear_itself(buses: [&dyn Bus; 3]) {
    let mut listener = buses[0].listen().await.unwrap();
    buses[0].announce(hint(1, 7));
    buses[1].announce(hint(2, 8));
    assert_eq!(hear_all(&mut *listener, &[hint(2, 8)]).await, []);
}

async fn of_many_hints_the_newest_of_each_space_is_heard(buses: [&dyn Bus; 3]) {
    let mut listener = buses[1].listen().await.unwrap();
    for head in 1..=20 {
        for space in 0..50 {
            buses[0].announce(hint(space, head));
        }
    }
    let newest: Vec<Hint> = (0..50).map(|space| hint(space, 20)).collect();
    let others = hear_all(&mut *listener, &newest).await;
    assert!(others.iter().all(|hint| hint.head < 20));
}

async fn a_listener_that_is_far_behind_hears_a_gap(buses: [&dyn Bus; 3]) {
    let mut slow = buses[1].listen().await.unwrap();
    let mut quick = buses[2].listen().await.unwrap();
    for head in 1..=10 {
        let hints: Vec<Hint> = (0..1_000).map(|space| hint(space, head)).collect();
        hints.iter().for_each(|hint| buses[0].announce(*hint));
        // The other one has heard them, so they are on their way to the slow one too.
        hear_all(&mut *quick, &hints).await;
    }
    assert_eq!(slow.next().await.unwrap(), Heard::Gap);
}

/// As long as the longest signal, with all that is around it.
const LONGEST: usize = limits::MAX_SIGNAL_CIPHERTEXT + 1_000;

fn parcel(number: u16, length: usize) -> Parcel {
    let mut sealed = vec![0; length];
    sealed[..2].copy_from_slice(&number.to_be_bytes());
    Parcel {
        space_id: hint(number, 0).space_id,
        sealed: Bytes::from(sealed),
    }
}

/// Takes in parcels up to this one; returns the numbers of all.
async fn receive_to(receiver: &mut dyn Receiver, last: &Parcel) -> Vec<u16> {
    let mut numbers = Vec::new();
    loop {
        let parcel = receiver.next().await.unwrap();
        numbers.push(u16::from_be_bytes([parcel.sealed[0], parcel.sealed[1]]));
        if parcel == *last {
            return numbers;
        }
    }
}

async fn parcels_reach_all_other_relays_whole_and_in_order(buses: [&dyn Bus; 3]) {
    let mut receivers = [
        buses[1].receive().await.unwrap(),
        buses[2].receive().await.unwrap(),
    ];
    let parcels: Vec<Parcel> = (0..20)
        .map(|n| parcel(n, if n % 3 == 0 { LONGEST } else { 300 }))
        .collect();
    parcels.iter().for_each(|parcel| buses[0].send(parcel.clone()));
    for receiver in &mut receivers {
        for parcel in &parcels {
            assert_eq!(receiver.next().await.as_ref(), Ok(parcel));
        }
    }
}

async fn a_relay_does_not_receive_from_itself(buses: [&dyn Bus; 3]) {
    let mut receiver = buses[0].receive().await.unwrap();
    buses[0].send(parcel(1, 10));
    buses[1].send(parcel(2, 10));
    assert_eq!(receive_to(&mut *receiver, &parcel(2, 10)).await, [2]);
}

async fn of_too_many_parcels_some_are_dropped_and_no_hint_waits(buses: [&dyn Bus; 3]) {
    let mut receiver = buses[1].receive().await.unwrap();
    let mut listener = buses[1].listen().await.unwrap();
    (0..2_000).for_each(|n| buses[0].send(parcel(n, LONGEST)));
    buses[0].announce(hint(1, 7));
    assert_eq!(hear_all(&mut *listener, &[hint(1, 7)]).await, []);
    let received = receive_to(&mut *receiver, &parcel(1_999, LONGEST)).await;
    assert!(
        received.is_sorted() && received.len() < 1_000,
        "{}",
        received.len()
    );
}

async fn all(buses: [&dyn Bus; 3]) {
    parcels_reach_all_other_relays_whole_and_in_order(buses).await;
    a_relay_does_not_receive_from_itself(buses).await;
    of_too_many_parcels_some_are_dropped_and_no_hint_waits(buses).await;
    a_hint_is_heard_by_all_other_relays(buses).await;
    a_relay_does_not_hear_itself(buses).await;
    of_many_hints_the_newest_of_each_space_is_heard(buses).await;
    a_listener_that_is_far_behind_hears_a_gap(buses).await;
}

#[tokio::test]
async fn the_local_bus_conforms() {
    let hub = LocalHub::default();
    let buses = [hub.end(1), hub.end(2), hub.end(3)];
    all([&buses[0], &buses[1], &buses[2]]).await;
}

#[tokio::test]
async fn the_postgres_bus_conforms() {
    let database = TestDatabase::empty().await;
    let open = |relay| PostgresBus::open(database.url(), relay).unwrap();
    let buses = [open(1), open(2), open(3)];
    all([&buses[0], &buses[1], &buses[2]]).await;
}

#[tokio::test]
async fn a_lost_connection_is_heard_as_a_gap_and_made_anew() {
    let database = TestDatabase::empty().await;
    let open = |relay| PostgresBus::open(database.url(), relay).unwrap();
    let (speaker, deaf) = (open(1), open(2));
    let mut listener = deaf.listen().await.unwrap();
    let killed = "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity
                  WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    assert_eq!(database.texts(killed).await, ["true"]);
    assert_eq!(listener.next().await, Ok(Heard::Gap));
    // From here on it listens again.
    speaker.announce(hint(1, 7));
    assert_eq!(hear_all(&mut *listener, &[hint(1, 7)]).await, []);
}

/// Stands between a relay and the database, and can cut the links that are open without a word.
struct Between {
    url: String,
    cut: watch::Sender<()>,
}

impl Between {
    async fn start(database: &TestDatabase) -> Self {
        let direct: url::Url = database.url().parse().unwrap();
        let query: BTreeMap<_, _> = direct.query_pairs().collect();
        let there = Path::new(&*query["host"]).join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let url = format!("postgres://{here}{}?user={}", direct.path(), query["user"]);
        let (cut, cuts) = watch::channel(());
        tokio::spawn(async move {
            loop {
                let (mut here, _) = listener.accept().await.unwrap();
                let (there, mut cuts) = (there.clone(), cuts.clone());
                cuts.mark_unchanged();
                tokio::spawn(async move {
                    let mut there = UnixStream::connect(there).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut here, &mut there) => {}
                        // Both ends stay open, and nothing passes any more.
                        _ = cuts.changed() => std::future::pending().await,
                    }
                });
            }
        });
        Self { url, cut }
    }
}

#[tokio::test]
async fn a_link_that_is_cut_without_a_word_is_heard_as_a_gap_and_made_anew() {
    let database = TestDatabase::empty().await;
    let between = Between::start(&database).await;
    let speaker = PostgresBus::open(database.url(), 1).unwrap();
    let deaf = PostgresBus::open_with(&between.url, 2, Duration::from_millis(50)).unwrap();
    let mut listener = deaf.listen().await.unwrap();
    speaker.announce(hint(1, 7));
    assert_eq!(hear_all(&mut *listener, &[hint(1, 7)]).await, []);
    between.cut.send_replace(());
    assert_eq!(listener.next().await, Ok(Heard::Gap));
    speaker.announce(hint(1, 8));
    assert_eq!(hear_all(&mut *listener, &[hint(1, 8)]).await, []);
}

//! The removal proof: what is left to somebody who is removed, and how those who stay go on. Two relays on one database, people
//! with the SDK, and people made of bytes who do what no SDK does.

mod cast;
mod cut_off;
mod manager;
mod report;
mod scene;

use std::{net::SocketAddr, time::Duration};

use futures_util::{StreamExt, future::join_all};
use sealpost_protocol::{code::ErrorCode, ids::SpaceId};
use sealpost_sdk::{Client, Message, Position, Space};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use self::{
    cast::Cast,
    cut_off::{Attempts, Closed},
    scene::Scene,
};
use crate::{bare::Room, proxy::Weather};

pub use self::{report::Report, scene::confirm_card};

/// From when on everything must be refused, after the ack of the removal.
const AT_ONCE: Duration = Duration::from_secs(1);
/// For how long somebody who was removed tries.
const TRIES: Duration = Duration::from_millis(1_500);
/// Longer than anything here may take.
const LONGEST: Duration = Duration::from_secs(120);

/// What to prove.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Members of the space.
    pub members: usize,
    /// Sockets of who is removed.
    pub sockets: usize,
    /// Members at the last rekey, which is measured.
    pub crowd: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            members: 100,
            sockets: 10,
            crowd: 1_000,
        }
    }
}

/// Runs the proof; `tell` gets a line for each part.
///
/// # Panics
/// When the scene cannot be set, or somebody is refused what is theirs.
pub async fn prove(options: Options, mut tell: impl FnMut(&str)) -> Report {
    let scene = Scene::set().await;
    let mut cast = Box::pin(Cast::gather(&scene, options.members)).await;
    let mut report = Report {
        members: options.members,
        sockets: options.sockets,
        crowd: options.crowd,
        ..Report::default()
    };
    tell(&format!("{} members at two relays", options.members));
    Box::pin(cut_off_at_once(&scene, &mut cast, &mut report)).await;
    tell("a member without an SDK was removed");
    Box::pin(read_nothing_newer(&scene, &mut cast, &mut report)).await;
    tell("a member with two devices was removed");
    Box::pin(finish_for_the_dead(&mut cast, &mut report)).await;
    tell("a remover died before its rekey");
    Box::pin(rekey_a_crowd(&mut cast, &mut report)).await;
    tell("a crowd was given a new key");
    report
}

/// Mallory is removed with all her sockets open. She tries on; Carol, who hears nothing in that time, writes.
async fn cut_off_at_once(scene: &Scene, cast: &mut Cast, report: &mut Report) {
    let (relays, room) = (scene.relays(), Room::of(&cast.manager.fold));
    let sockets = cut_off::open(relays, &cast.mallory, &room, report.sockets).await;
    scene.network.set_weather(Weather::Silent);
    let called = Instant::now();
    cast.alices.remove_member(cast.mallory.id()).await.unwrap();
    let acked = Instant::now();
    report.removal = acked - called;
    report.writer_was_behind = cast.carols.verified().seq < cast.alices.verified().seq;
    let writing = async {
        cast.carols.send(Message::text("from Carol")).await.unwrap();
        acked.elapsed()
    };
    let trying = async {
        let attempts = try_for(TRIES, relays, cast, &room).await;
        scene.network.set_weather(Weather::Fair);
        attempts
    };
    let (stale_write, attempts) = tokio::join!(writing, trying);
    report.stale_write = stale_write;
    report.count_attempts(acked, &attempts);
    report.count_sockets(acked, &ended(sockets).await);
    cast.manager.next_rekey().await;
    report.next_epoch = cast.manager.next_content().await;
}

async fn try_for(time: Duration, relays: [SocketAddr; 2], cast: &Cast, room: &Room) -> Vec<Attempts> {
    let (stop, stopped) = watch::channel(false);
    let tries = relays.map(|relay| cut_off::attempt(relay, &cast.mallory, room, stopped.clone()));
    let end = async {
        sleep(time).await;
        stop.send_replace(true);
    };
    tokio::join!(join_all(tries), end).0
}

async fn ended(sockets: Vec<Closed>) -> Vec<(Instant, u16)> {
    let closed = timeout(LONGEST, join_all(sockets)).await;
    closed
        .expect("a socket of who was removed stays open")
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

/// Bob is removed; he has read everything at both relays.
async fn read_nothing_newer(scene: &Scene, cast: &mut Cast, report: &mut Report) {
    let id = cast.alices.id();
    for bob in &cast.bob {
        expect(&bob.space(id).await.unwrap(), &["before", "from Carol"]).await;
    }
    let bob = cast.bob[0].account().principal_id;
    cast.alices.remove_member(bob).await.unwrap();
    cast.alices.send(Message::text("after Bob")).await.unwrap();
    let refused = cast.bob[0]
        .space(id)
        .await
        .unwrap()
        .send(Message::text("x"))
        .await;
    assert_eq!(refused.unwrap_err().code(), Some(ErrorCode::NotAMember));
    let [first, second] = scene.relays();
    for (home, at) in [("bob", first), ("bob-2", second)] {
        let read = all_that_opens(&scene.restarted(home, at).await, cast.alices.id()).await;
        assert_eq!(read[..2], ["before", "from Carol"], "what Bob had read stays");
        report.opened_newer += read.len() - 2;
    }
    expect(&cast.carols, &["before", "from Carol", "after Bob"]).await;
}

/// Reads a space from its beginning.
async fn expect(space: &Space, texts: &[&str]) {
    let mut messages = space.subscribe(Position::START);
    for text in texts {
        assert_eq!(messages.next().await.unwrap().unwrap().body, *text);
    }
}

/// All that a device can show of a space, until it learns that it is not a member.
async fn all_that_opens(client: &Client, id: SpaceId) -> Vec<String> {
    let space = client.space(id).await.unwrap();
    let mut messages = space.subscribe(Position::START);
    let mut texts = Vec::new();
    loop {
        match timeout(LONGEST, messages.next()).await.unwrap() {
            Some(Ok(message)) => texts.push(String::from_utf8(message.body.to_vec()).unwrap()),
            Some(Err(error)) => assert_eq!(error.code(), Some(ErrorCode::NotAMember), "{error}"),
            None => return texts,
        }
    }
}

/// A manager removes somebody and is gone before the rekey.
async fn finish_for_the_dead(cast: &mut Cast, report: &mut Report) {
    let members = cast.manager.fold.chain().members().len();
    let head = cast.alices.sync().await.unwrap().seq;
    cast.manager.read_to(head).await;
    let somebody = cast.manager.fill_up(members + 1).await.unwrap();
    let epoch = cast.manager.fold.chain().epoch_number();
    cast.manager.remove_and_die(somebody).await;
    let died = Instant::now();
    let rekeyed = timeout(LONGEST, cast.manager.next_rekey()).await;
    assert_eq!(rekeyed.expect("nobody rekeyed"), epoch + 1);
    report.orphan = died.elapsed();
    cast.carols.send(Message::text("after the dead")).await.unwrap();
}

/// Alice gives a new key to very many.
async fn rekey_a_crowd(cast: &mut Cast, report: &mut Report) {
    let head = cast.alices.sync().await.unwrap().seq;
    cast.manager.read_to(head).await;
    cast.manager.fill_up(report.crowd).await;
    let wraps = cast.manager.fold.chain().recipients().len();
    cast.alices.sync().await.unwrap();
    let begun = Instant::now();
    cast.alices.rekey().await.unwrap();
    report.crowd_rekey = begun.elapsed();
    report.progress = cast.alices.rekey_progress();
    report.crowd = wraps;
}

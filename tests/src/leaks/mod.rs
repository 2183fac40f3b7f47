//! The leak proof: people use the command for everything it can do; then what only they may know is looked for wherever
//! somebody else could. A relay with leaks planted shows that the proof would see them.

mod files;
mod home;
mod places;
mod scene;
mod secret;
mod sharing;
mod story;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

pub use self::places::Searched;
use self::{
    places::Search,
    scene::{Scene, search_homes, search_memory},
    secret::Secret,
    story::Told,
};
use crate::{
    canary::Canary,
    folders,
    relay::{ChildRelay, RelayOptions},
};

/// The relay with leaks planted, see `relay/src/planted.rs`.
pub const LEAKY: &str = "sealpost-relay-leaky";
/// What it leaks: rare, and fit for a path, a label and a statement.
const PLANTED: &str = "a-leak-planted-by-the-proof-4711";

/// What was looked for and found.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many secrets were looked for.
    pub canaries: usize,
    /// Where, and what was found: nothing, it is hoped.
    pub searched: Vec<Searched>,
    /// The same of the relay with planted leaks: one in each place, in the dress that is named.
    pub planted: Vec<(Searched, &'static str)>,
}

/// Plays the story and looks everywhere.
///
/// # Panics
/// When the scene cannot be set.
pub async fn prove() -> Report {
    let scene = Scene::set().await;
    let people = tempfile::tempdir().unwrap();
    let relay = ChildRelay::start(scene.options()).await;
    let (folder, url) = (people.path().to_owned(), scene.lead_to(&relay));
    let Told { secrets, homes } = tokio::task::spawn_blocking(move || story::tell(&folder, &url))
        .await
        .unwrap();

    let canaries: Vec<Canary> = secrets.iter().map(Secret::canary).collect();
    let from_memory: Vec<Canary> = secrets
        .iter()
        .filter(|secret| !secret.may_be_in_the_relays_memory())
        .map(Secret::canary)
        .collect();
    let mut searched = scene.search(&relay, &canaries).await;
    searched.push(scene.search_storage(&canaries));
    searched.push(search_memory(&relay, &from_memory));
    relay.terminate();
    relay.ended().await;
    searched.push(crash_output(&scene).await);
    searched.push(search_homes(&homes, &canaries));

    let mut planted = plant(&scene).await;
    planted.push((plant_in_home(&homes[0]), "raw"));
    scene.plant_in_storage(PLANTED);
    let stored = scene.search_storage(&[Canary::new("planted", PLANTED.as_bytes())]);
    planted.push((stored, "raw"));
    Report {
        canaries: canaries.len(),
        searched,
        planted,
    }
}

/// Where cargo put one of the workspace's programs.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    folders::binaries().join(name)
}

fn leaky(options: RelayOptions) -> RelayOptions {
    options.running(LEAKY)
}

/// What a relay says when one of its tasks panics with a secret in its hands.
async fn crash_output(scene: &Scene) -> Searched {
    let options = leaky(scene.options()).with("SEALPOST_PLANTED_PANIC", PLANTED);
    let relay = ChildRelay::start(options).await;
    let canaries = [Canary::new("text of a panic", PLANTED.as_bytes())];
    Search::of("crash output", &canaries)
        .where_there_is(b"a task panicked")
        .bytes(&relay.log())
        .done()
}

/// Looks for what the leaky relay leaked, place by place.
async fn plant(scene: &Scene) -> Vec<(Searched, &'static str)> {
    let options = leaky(scene.options())
        .with("SEALPOST_PLANTED_LEAK", PLANTED)
        .with("SEALPOST_PLANTED_PANIC", PLANTED);
    let relay = ChildRelay::start(options).await;
    let canaries = [Canary::new("planted", PLANTED.as_bytes())];
    let found = scene.search(&relay, &canaries).await;
    let dresses = [
        "hex, reversed", // a dump shows bytes as hex
        "reversed",
        "reversed",
        "raw",
        "raw",
        "base64",
        "hex",
    ];
    let mut planted: Vec<_> = found.into_iter().zip(dresses).collect();
    planted.push((search_memory(&relay, &canaries), "reversed hex"));
    let crash = Search::of("crash output", &canaries).bytes(&relay.log()).done();
    planted.push((crash, "raw"));
    planted
}

/// No client leaks on purpose: this writes into a home what one that forgot to seal would write.
fn plant_in_home(home: &Path) -> Searched {
    let store = rusqlite::Connection::open(home.join("store.sqlite3")).unwrap();
    store.execute("CREATE TABLE planted (text)", []).unwrap();
    store
        .execute("INSERT INTO planted VALUES (?1)", [PLANTED])
        .unwrap();
    search_homes(&[home], &[Canary::new("planted", PLANTED.as_bytes())])
}

impl Report {
    /// Whether nothing leaked, and every planted leak was seen.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.hits() == 0 && self.planted.iter().all(is_seen)
    }

    /// Canaries found where they must not be.
    #[must_use]
    pub fn hits(&self) -> usize {
        self.searched.iter().map(|searched| searched.found.len()).sum()
    }

    fn bytes(&self) -> u64 {
        self.searched.iter().map(|searched| searched.bytes).sum()
    }

    /// The same for machines.
    #[must_use]
    pub fn json(&self) -> Value {
        let found = |searched: &Searched| -> Vec<String> {
            let found = searched.found.iter();
            found
                .map(|found| format!("{} ({})", found.name, found.dress))
                .collect()
        };
        let place = |searched: &Searched| {
            json!({
                "place": searched.place,
                "bytes": searched.bytes,
                "canaries": searched.canaries,
                "found": found(searched),
            })
        };
        let planted = |planted: &(Searched, &'static str)| json!({ "place": planted.0.place, "dress": planted.1, "seen": is_seen(planted) });
        json!({
            "canaries": self.canaries,
            "bytes": self.bytes(),
            "hits": self.hits(),
            "places": self.searched.iter().map(place).collect::<Vec<_>>(),
            "planted": self.planted.iter().map(planted).collect::<Vec<_>>(),
        })
    }
}

fn is_seen((searched, dress): &(Searched, &'static str)) -> bool {
    searched.found.iter().any(|found| found.dress == *dress)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for searched in &self.searched {
            let Searched {
                place,
                bytes,
                canaries,
                found,
            } = searched;
            writeln!(
                f,
                "{place:<26} {bytes:>12} bytes, {canaries:>3} canaries, {} hits",
                found.len()
            )?;
            for found in found {
                writeln!(f, "    {} ({})", found.name, found.dress)?;
            }
        }
        for planted in &self.planted {
            let verdict = if is_seen(planted) { "seen" } else { "NOT SEEN" };
            writeln!(f, "planted: {:<26} {} ({})", planted.0.place, verdict, planted.1)?;
        }
        let places = self.searched.len();
        let seen = self.planted.iter().filter(|planted| is_seen(planted)).count();
        write!(
            f,
            "canaries={} places={places} bytes={} hits={} planted={} seen={seen}",
            self.canaries,
            self.bytes(),
            self.hits(),
            self.planted.len()
        )
    }
}

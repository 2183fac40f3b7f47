//! Files, where the storage is hostile, too.

use std::sync::{Arc, Mutex};

use http::StatusCode;
use http::header::{CONTENT_RANGE, LOCATION};
use serde_json::Value;

use super::log::page_of;
use super::{Case, Forms, Shown, alarmed, both};
use crate::entries::{event, flip};
use crate::orders::edit;
use crate::relay::Orders;
use crate::scene::{Garden, Scene};

/// A little over three chunks.
const LENGTH: usize = 3 * 65_536 + 1_234;
/// What is stored of a whole chunk: the bytes and their tag.
const STORED: usize = 65_536 + 16;

pub(super) fn cases() -> Vec<Case> {
    vec![
        both("R49", "a file is cut", run!(cut)),
        both(
            "R50",
            "chunks of a file are swapped, doubled or left out",
            run!(shuffled),
        ),
        both("R51", "another file of the same space is served", run!(swapped)),
        both("R52", "name and type of a file are tampered with", run!(renamed)),
        both("R53", "a file claims to be endless", run!(endless)),
        both("R54", "a file's address leads elsewhere", run!(elsewhere)),
    ]
}

fn plaintext(seed: usize) -> Vec<u8> {
    (0..LENGTH)
        .map(|at| ((at * 31 + seed) % 251).to_le_bytes()[0])
        .collect()
}

/// A garden with two files.
async fn garden(scene: &Scene) -> Garden {
    let garden = scene.garden().await;
    scene.put(&garden, "a.bin", &plaintext(1)).await;
    scene.put(&garden, "b.bin", &plaintext(2)).await;
    garden
}

/// Changes what the storage serves.
fn stored(change: impl Fn(&mut Vec<u8>) + Send + 'static) -> Orders {
    Orders::default().answers(move |asked, answer| {
        if asked.method == "GET" && answer.status.is_success() {
            let mut bytes = answer.body.to_vec();
            change(&mut bytes);
            answer.body = bytes.into();
        }
    })
}

/// Changes where the relay says that a file is.
fn told(change: impl Fn(&mut Value) + Send + 'static) -> Orders {
    Orders::default().answers(move |asked, answer| {
        if asked.method == "GET" && asked.path.starts_with("/v1/blobs/") && answer.status.is_success() {
            edit(answer, &mut |value| change(value));
        }
    })
}

async fn damaged(scene: &Scene, garden: &Garden, form: &str, forms: &mut Forms) -> Result<(), String> {
    let got = scene.device().await.get(garden.id, "a.bin").await;
    forms.add(form, alarmed(got))
}

async fn cut(scene: &Scene) -> Shown {
    let (garden, mut forms) = (garden(scene).await, Forms::default());
    let whole = 4 * STORED - 65_536 + LENGTH % 65_536;
    for (form, length) in [
        ("at a chunk", STORED),
        ("in a chunk", STORED + 100),
        ("its last chunk", 3 * STORED),
        ("its last byte", whole - 1),
        ("to nothing", 0),
    ] {
        scene.storage.misbehave(of_length(length));
        damaged(scene, &garden, form, &mut forms).await?;
    }
    forms.shown()
}

/// The storage has an object of another length: a beginning of it, or more.
fn of_length(length: usize) -> Orders {
    Orders::default().answers(move |asked, answer| {
        if asked.method != "GET" || !answer.status.is_success() {
            return;
        }
        let told = answer
            .headers
            .get(CONTENT_RANGE)
            .map(|range| range.to_str().unwrap());
        let first = told.map_or(0, |range| {
            let range = range.trim_start_matches("bytes ");
            range.split('-').next().unwrap().parse().unwrap()
        });
        let left = length.saturating_sub(first);
        let mut bytes = answer.body.to_vec();
        bytes.resize(left.min(bytes.len() + (1 << 20)), 0);
        if told.is_some() {
            let (status, range) = match left {
                0 => (StatusCode::RANGE_NOT_SATISFIABLE, format!("bytes */{length}")),
                _ => {
                    let last = first + bytes.len() - 1;
                    (answer.status, format!("bytes {first}-{last}/{length}"))
                }
            };
            answer.status = status;
            answer.headers.insert(CONTENT_RANGE, range.parse().unwrap());
        }
        answer.body = bytes.into();
    })
}

async fn shuffled(scene: &Scene) -> Shown {
    let (garden, mut forms) = (garden(scene).await, Forms::default());
    scene.storage.misbehave(stored(|bytes| {
        if bytes.len() >= 2 * STORED {
            let (first, rest) = bytes.split_at_mut(STORED);
            first.swap_with_slice(&mut rest[..STORED]);
        }
    }));
    damaged(scene, &garden, "swapped", &mut forms).await?;
    scene.storage.misbehave(stored(|bytes| {
        if bytes.len() >= 2 * STORED {
            bytes.copy_within(..STORED, STORED);
        }
    }));
    damaged(scene, &garden, "doubled", &mut forms).await?;
    scene.storage.misbehave(stored(|bytes| {
        if bytes.len() >= 2 * STORED {
            bytes.drain(..STORED);
            bytes.extend([0; STORED]);
        }
    }));
    damaged(scene, &garden, "left out", &mut forms).await?;
    forms.shown()
}

/// The relay sends who asks for one to the other; both are whole, and of one length.
async fn swapped(scene: &Scene) -> Shown {
    let garden = garden(scene).await;
    let other = Arc::<Mutex<Option<Value>>>::default();
    let keep = Arc::clone(&other);
    scene
        .relay
        .misbehave(told(move |value| *keep.lock().unwrap() = Some(value.clone())));
    scene.device().await.get(garden.id, "b.bin").await.unwrap();
    let other = other.lock().unwrap().take().unwrap();
    scene.relay.misbehave(told(move |value| value.clone_from(&other)));
    let mut forms = Forms::default();
    damaged(scene, &garden, "another one", &mut forms).await?;
    forms.shown()
}

/// Both are in the event that refers to the file, under its author's signature.
async fn renamed(scene: &Scene) -> Shown {
    let garden = garden(scene).await;
    let mut forms = Forms::default();
    for at in [40, 200] {
        let changed = page_of(scene, &garden, move |page| {
            flip(&mut event(page, Garden::LENGTH).ciphertext, at);
        });
        forms.add("the sealed reference", changed.await)?;
    }
    forms.shown()
}

async fn endless(scene: &Scene) -> Shown {
    let (garden, mut forms) = (garden(scene).await, Forms::default());
    for claimed in [1_u64 << 63, 0] {
        scene
            .relay
            .misbehave(told(move |value| value["bytes"] = Value::from(claimed)));
        // How long a file is, its author has signed: a client refuses another length, or does not even look at it.
        let form = format!("{claimed} bytes");
        match scene.device().await.get(garden.id, "a.bin").await {
            Ok(bytes) if bytes == plaintext(1) => forms.add(&form, Ok("not looked at".to_owned()))?,
            got => forms.add(&form, alarmed(got))?,
        }
    }
    // Nor is more kept of what the storage serves than belongs to it.
    scene.relay.behave();
    scene.storage.misbehave(of_length(LENGTH + (1 << 20)));
    damaged(scene, &garden, "a MiB more than there is", &mut forms).await?;
    forms.shown()
}

async fn elsewhere(scene: &Scene) -> Shown {
    let (garden, mut forms) = (garden(scene).await, Forms::default());
    for url in [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:1/sealpost/x",
        "https://storage.example.org/sealpost/x",
        "file:///etc/passwd",
    ] {
        scene
            .relay
            .misbehave(told(move |value| value["url"] = url.into()));
        damaged(scene, &garden, url, &mut forms).await?;
    }
    let storage = scene.storage.address();
    scene.relay.misbehave(told(move |value| {
        value["url"] = format!("http://{storage}/another-bucket/x").into()
    }));
    damaged(scene, &garden, "another bucket", &mut forms).await?;
    scene.relay.misbehave(told(move |value| {
        value["url"] = format!("http://user:secret@{storage}/sealpost/x").into();
    }));
    damaged(scene, &garden, "credentials", &mut forms).await?;
    scene.relay.behave();
    let relay = scene.relay.address();
    scene
        .storage
        .misbehave(Orders::default().answers(move |asked, answer| {
            if asked.method == "GET" {
                answer.status = StatusCode::FOUND;
                let elsewhere = format!("http://{relay}/v1/info");
                answer.headers.insert(LOCATION, elsewhere.parse().unwrap());
            }
        }));
    damaged(scene, &garden, "a redirect", &mut forms).await?;
    forms.shown()
}

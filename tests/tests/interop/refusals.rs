//! A hostile relay: what the other client must not believe.

use bytes::Bytes;
use sealpost_protocol::event::without_ciphertext;
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::{self, entry::Kind, relay_frame::Body};
use sealpost_tests::{
    database::Database,
    relay::{Relay, RelayOptions},
};
use serde_json::json;

use crate::client::{Client, Home};
use crate::forgery::{event_of_mallorys_own, ghost_member, next_event_by_mallory};
use crate::meddler::Meddler;
use crate::scene::{Scene, open_to_all};

/// The log of the scene: genesis, rekey, Bob is added, then three events of Alice's.
const EVENTS: std::ops::Range<usize> = 3..6;
const FIRST_EVENT: usize = EVENTS.start;
const LAST_EVENT: usize = EVENTS.end - 1;

async fn scene(meddler: &Meddler) -> (Relay, Scene) {
    let options = RelayOptions::on(&Database::create().await).behind(meddler.address());
    let relay = Relay::start(open_to_all(options)).await;
    meddler.lead_to(relay.addresses().public);
    let scene = Scene::shared(format!("http://{}", meddler.address()), relay.addresses().public).await;
    scene.alice_says(&["one", "two", "three"]).await;
    (relay, scene)
}

/// A fault in a page, and the code that the client stops with.
struct PageFault {
    what: &'static str,
    code: &'static str,
    change: fn(&mut wire::Page, SpaceId),
}

const PAGE_FAULTS: &[PageFault] = &[
    PageFault {
        what: "a bit flipped in a header",
        code: "bad_signature",
        change: |page, _| flip_last(&mut event(page, FIRST_EVENT).header),
    },
    PageFault {
        what: "a bit flipped in a ciphertext",
        code: "bad_signature",
        change: |page, _| flip_last(&mut event(page, FIRST_EVENT).ciphertext),
    },
    PageFault {
        what: "a bit flipped in a signature",
        code: "bad_signature",
        change: |page, _| flip_first(&mut event(page, LAST_EVENT).signature),
    },
    PageFault {
        what: "a ciphertext withheld that no policy lets go",
        code: "content_withheld",
        change: |page, _| {
            let event = event(page, FIRST_EVENT);
            *event = without_ciphertext(event);
        },
    },
    PageFault {
        what: "an event left out",
        code: "writer_gap",
        change: |page, _| drop(page.entries.remove(FIRST_EVENT + 1)),
    },
    PageFault {
        what: "the last event left out of a page that still has its root",
        code: "root_mismatch",
        change: |page, _| drop(page.entries.pop()),
    },
    PageFault {
        what: "two events exchanged",
        code: "writer_gap",
        change: |page, _| page.entries.swap(FIRST_EVENT, FIRST_EVENT + 1),
    },
    PageFault {
        what: "an event delivered again",
        code: "log_mismatch",
        change: |page, _| page.entries.push(page.entries[FIRST_EVENT].clone()),
    },
    PageFault {
        what: "an event that Mallory signed in Alice's name",
        code: "bad_signature",
        change: |page, _| {
            page.entries
                .push(next_event_by_mallory(&page.entries[LAST_EVENT]))
        },
    },
    PageFault {
        what: "an event of somebody who is no member",
        code: "not_a_member",
        change: |page, _| {
            page.entries
                .push(event_of_mallorys_own(&page.entries[LAST_EVENT]))
        },
    },
    PageFault {
        what: "a ghost member, added by nobody",
        code: "not_a_member",
        change: |page, space| {
            let beginning = Cursor::start(&space);
            page.entries.insert(
                FIRST_EVENT,
                ghost_member(&page.entries[FIRST_EVENT - 1], beginning),
            );
        },
    },
    PageFault {
        what: "the record that adds a member left out",
        code: "control_conflict",
        change: |page, _| drop(page.entries.remove(FIRST_EVENT - 1)),
    },
    PageFault {
        what: "a page of another place",
        code: "log_mismatch",
        change: |page, _| page.first_seq += 1,
    },
    PageFault {
        what: "a page that ends with another root",
        code: "root_mismatch",
        change: |page, _| flip_first(&mut page.last_root),
    },
];

fn event(page: &mut wire::Page, at: usize) -> &mut wire::SignedEvent {
    match &mut page.entries[at].kind {
        Some(Kind::Event(event)) => event,
        other => panic!("an event was expected at {at}, not {other:?}"),
    }
}

fn flip_first(bytes: &mut Bytes) {
    flip(bytes, 0);
}

fn flip_last(bytes: &mut Bytes) {
    flip(bytes, bytes.len() - 1);
}

fn flip(bytes: &mut Bytes, at: usize) {
    let mut changed = bytes.to_vec();
    changed[at] ^= 1;
    *bytes = changed.into();
}

/// A device that has logged in and read nothing, again and again.
fn copy_of(home: &Home) -> Home {
    let copy = Home::new();
    let file = |home: &Home| format!("{}/device.json", home.path());
    std::fs::copy(file(home), file(&copy)).unwrap();
    copy
}

#[tokio::test]
async fn independent_client_refuses_every_page_that_the_log_does_not_allow() {
    let meddler = Meddler::start().await;
    let (relay, scene) = scene(&meddler).await;
    let (first, home) = scene.bobs_client().await;
    first.kill_9().await;
    let (space, id) = (scene.space(), scene.garden.id());
    let read = json!({"do": "read", "space": space, "count": 1});
    for PageFault { what, code, change } in PAGE_FAULTS {
        meddler.set_fault(move |frame| {
            if let Some(Body::Page(page)) = &mut frame.body {
                assert_eq!(page.entries.len(), EVENTS.end, "the log comes in one page");
                change(page, id);
            }
        });
        let home = copy_of(&home);
        let shown = Client::open(&home).await.ask_in_vain(read.clone()).await;
        assert_eq!(shown, *code, "{what}");
        meddler.set_fault(|_| {});
        let later = Client::open(&home).await.ask_in_vain(read.clone()).await;
        assert_eq!(later, *code, "{what}: a restart does not end the alarm");
    }
    let mut honest = Client::open(&copy_of(&home)).await;
    assert_eq!(honest.read(&space, 3).await, ["one", "two", "three"]);
    relay.stop().await;
}

#[tokio::test]
async fn independent_client_stops_when_the_relay_says_its_log_ends_elsewhere() {
    let meddler = Meddler::start().await;
    let (relay, scene) = scene(&meddler).await;
    let (first, home) = scene.bobs_client().await;
    first.kill_9().await;
    meddler.set_fault(|frame| {
        if let Some(Body::Subscribed(subscribed)) = &mut frame.body {
            flip_first(&mut subscribed.head_root);
        }
    });
    let read = json!({"do": "read", "space": scene.space(), "count": 3});
    assert_eq!(Client::open(&home).await.ask_in_vain(read).await, "root_mismatch");
    relay.stop().await;
}

#[tokio::test]
async fn independent_client_stops_when_an_ack_names_another_root() {
    let meddler = Meddler::start().await;
    let (relay, scene) = scene(&meddler).await;
    let (mut bob, _home) = scene.bobs_client().await;
    let space = scene.space();
    bob.read(&space, 3).await;
    meddler.set_fault(|frame| {
        if let Some(Body::Published(published)) = &mut frame.body {
            flip_first(&mut published.acks[0].root);
        }
    });
    bob.tell(json!({"do": "send", "space": space, "texts": ["four"]}))
        .await;
    let _acked_or_not = bob.answer().await;
    let read = json!({"do": "read", "space": space, "count": 2});
    assert_eq!(bob.ask_in_vain(read).await, "root_mismatch");
    relay.stop().await;
}

#[tokio::test]
async fn independent_client_takes_no_key_that_the_chain_does_not_commit_to() {
    let meddler = Meddler::start().await;
    let (relay, scene) = scene(&meddler).await;
    let (mut bob, _home) = scene.bobs_client().await;
    meddler.set_fault(|frame| {
        if let Some(Body::FetchedWrap(wrap)) = &mut frame.body {
            flip_first(&mut wrap.sealed);
        }
    });
    let space = scene.space();
    let read = json!({"do": "read", "space": space, "count": 1});
    assert_eq!(bob.ask_in_vain(read).await, "cannot_open");
    relay.stop().await;
}

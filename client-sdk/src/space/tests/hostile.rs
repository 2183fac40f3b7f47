use bytes::Bytes;
use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::event::EventHeader;
use sealpost_protocol::ids::{Root, SpaceId};
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::{self, Page};

use super::*;
use crate::content::Message;
use crate::keystore::{KnownSpace, VerifiedPlace};
use crate::store::StoreTransaction;
use crate::store::account::LocalAccount;
use crate::testing::log::{OTHER_WRITER, control_entry, event_entry};

/// Serves `page` where the honest log has four messages, and returns the alarm. Nothing may be shown or kept.
async fn served(page: impl FnOnce(&mut TestLog, Page) -> Page) -> Alarm {
    let mut stage = Stage::new().await;
    let alice = person(ALICE);
    for number in 0..4 {
        stage.log.write(&alice, &format!("message {number}"));
    }
    let honest = stage.log.page_after(0);
    let page = page(&mut stage.log, honest);
    let (space, mut script) = stage.open().await;
    let mut messages = space.subscribe(Position::START);
    let (id, _) = script.relay.receive().await;
    let head = wire::relay_frame::Body::Subscribed(script.log.subscribed());
    script.relay.send(id, head).await;
    script
        .relay
        .send(id, wire::relay_frame::Body::Page(page.clone()))
        .await;
    let alarm = alarm(&mut messages).await;
    assert!(messages.next().await.is_none(), "the stream ends");
    assert_eq!(space.verified().seq, 0, "nothing is kept");
    let evidence = space.evidence().await.unwrap();
    assert_eq!(evidence.len(), 1);
    assert_eq!(evidence[0].alarm, alarm);
    assert_eq!(evidence[0].bytes, prost::Message::encode_to_vec(&page));
    assert!(matches!(
        space.send(Message::text("x")).await,
        Err(Error::Integrity(_))
    ));
    assert_eq!(alarm.space_id, Some(space.id()));
    alarm
}

fn event_of(entry: &mut wire::Entry) -> &mut wire::SignedEvent {
    match entry.kind.as_mut().unwrap() {
        wire::entry::Kind::Event(event) => event,
        wire::entry::Kind::Control(_) => panic!("a control record"),
    }
}

fn flip(bytes: &Bytes, at: usize) -> Bytes {
    let mut changed = bytes.to_vec();
    changed[at] ^= 1;
    changed.into()
}

#[tokio::test(start_paused = true)]
async fn reordered_events_raise_the_alarm() {
    let alarm = served(|_, mut page| {
        page.entries.swap(3, 4);
        page
    })
    .await;
    assert_eq!(alarm.seq, Some(4));
}

#[tokio::test(start_paused = true)]
async fn dropped_event_raises_the_alarm() {
    let alarm = served(|_, mut page| {
        page.entries.remove(3);
        page
    })
    .await;
    assert_eq!(alarm.seq, Some(4));
}

#[tokio::test(start_paused = true)]
async fn page_that_does_not_begin_at_the_cursor_raises_the_alarm() {
    let alarm = served(|log, _| log.page_after(1)).await;
    assert_eq!(alarm.seq, Some(1));
}

#[tokio::test(start_paused = true)]
async fn replayed_event_raises_the_alarm() {
    let alarm = served(|_, mut page| {
        page.entries.push(page.entries[2].clone());
        page
    })
    .await;
    assert!(alarm.what.contains("a second time"), "{alarm}");
    assert_eq!(alarm.seq, Some(7));
}

#[tokio::test(start_paused = true)]
async fn changed_header_ciphertext_or_signature_raises_the_alarm() {
    for part in 0..3 {
        let alarm = served(|_, mut page| {
            let event = event_of(&mut page.entries[3]);
            match part {
                0 => event.header = flip(&event.header, 60),
                1 => event.ciphertext = flip(&event.ciphertext, 60),
                _ => event.signature = flip(&event.signature, 60),
            }
            page
        })
        .await;
        assert_eq!(alarm.seq, Some(4), "part {part}");
    }
}

#[tokio::test(start_paused = true)]
async fn event_forged_in_a_members_name_raises_the_alarm_and_is_named() {
    let alarm = served(|log, mut page| {
        let header = log.header(&person(ALICE), OTHER_WRITER);
        let event = log.event(&person(BOB), &header, "forged");
        page.entries.push(event_entry(event));
        page
    })
    .await;
    assert_eq!(alarm.seq, Some(7));
    assert!(alarm.event_id.is_some());
}

#[tokio::test(start_paused = true)]
async fn event_of_a_ghost_member_raises_the_alarm_which_names_the_intruder() {
    let alarm = served(|log, mut page| {
        let header = log.header(&person(BOB), OTHER_WRITER);
        let event = log.event(&person(BOB), &header, "boo");
        page.entries.push(event_entry(event));
        page
    })
    .await;
    assert!(alarm.what.contains("not a member"), "{alarm}");
    assert!(alarm.what.contains(&person(BOB).id().to_string()), "{alarm}");
}

#[tokio::test(start_paused = true)]
async fn member_added_by_nobody_raises_the_alarm_which_names_the_intruder() {
    let alarm = served(|log, mut page| {
        let bob = person(BOB);
        let body = Body::AddMember(wire::AddMember {
            manifest: bob.manifest().bytes().clone(),
            capabilities: Capabilities::WRITE.bits(),
            wrap_hash: Bytes::from_static(&[1; 32]),
        });
        page.entries.push(control_entry(log.record(&bob, body)));
        page
    })
    .await;
    assert_eq!(alarm.seq, Some(7));
    assert!(alarm.what.contains(&person(BOB).id().to_string()), "{alarm}");
}

#[tokio::test(start_paused = true)]
async fn event_relocated_from_another_space_epoch_or_place_raises_the_alarm() {
    type Relocate = fn(EventHeader) -> EventHeader;
    let relocations: [(&str, Relocate); 4] = [
        ("space", |header| EventHeader {
            space_id: SpaceId::new([9; 32]),
            ..header
        }),
        ("epoch", |header| EventHeader { epoch: 2, ..header }),
        ("index", |header| EventHeader {
            writer_index: 9,
            ..header
        }),
        ("seen", |header| EventHeader {
            seen: Cursor {
                root: Root::new([1; 32]),
                ..header.seen
            },
            ..header
        }),
    ];
    for (what, relocate) in relocations {
        let alarm = served(|log, mut page| {
            let header = relocate(log.header(&person(ALICE), OTHER_WRITER));
            page.entries
                .push(event_entry(log.event(&person(ALICE), &header, "relocated")));
            page
        })
        .await;
        assert_eq!(alarm.seq, Some(7), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_spaces_log_raises_the_alarm() {
    let alarm = served(|_, _| TestLog::new(&person(BOB), true).page_after(0)).await;
    assert_eq!(alarm.seq, Some(1));
    assert!(alarm.what.contains("another space's beginning"), "{alarm}");
}

#[tokio::test(start_paused = true)]
async fn log_without_its_genesis_raises_the_alarm() {
    let alarm = served(|_, mut page| {
        page.entries.remove(0);
        page
    })
    .await;
    assert_eq!(alarm.seq, Some(1));
}

#[tokio::test(start_paused = true)]
async fn stated_root_that_is_not_the_entries_raises_the_alarm() {
    let alarm = served(|_, page| Page {
        last_root: Bytes::from_static(&[7; 32]),
        ..page
    })
    .await;
    assert_eq!(alarm.seq, Some(6));
}

#[tokio::test(start_paused = true)]
async fn root_that_the_relay_states_for_a_place_to_come_is_held_against_the_log_there() {
    let mut stage = Stage::new().await;
    stage.log.write(&person(ALICE), "message");
    let (space, mut script) = stage.open().await;
    let mut messages = space.subscribe(Position::START);
    let (id, _) = script.relay.receive().await;
    let stated = wire::Subscribed {
        head_root: Bytes::from_static(&[7; 32]),
        ..script.log.subscribed()
    };
    let page = wire::relay_frame::Body::Page(script.log.page_after(0));
    script
        .relay
        .send(id, wire::relay_frame::Body::Subscribed(stated))
        .await;
    script.relay.send(id, page).await;
    tokio::spawn(script.serve());
    let alarm = loop {
        match messages.next().await.unwrap() {
            Ok(message) => assert_eq!(message.body, "message", "the log itself is whole"),
            Err(Error::Integrity(alarm)) => break alarm,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(alarm.seq, Some(3));
}

#[tokio::test(start_paused = true)]
async fn empty_page_and_empty_entry_raise_the_alarm() {
    served(|_, page| Page {
        entries: Vec::new(),
        ..page
    })
    .await;
    served(|_, mut page| {
        page.entries[4].kind = None;
        page
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn wrap_that_the_relay_made_or_swapped_releases_no_key() {
    let (alice, bob) = (person(ALICE), person(BOB));
    let mut stage = Stage::new().await;
    stage.log.write(&alice, "sealed");
    let mut other = TestLog::new(&alice, true);
    other.add(&alice, &bob, Capabilities::WRITE);
    let own = stage.log.wraps[&(1, alice.id())].clone();
    let bobs = other.wraps[&(1, bob.id())].clone();
    for swapped in [flip(&own, 5), bobs, Bytes::new()] {
        stage.log.wraps.insert((1, alice.id()), swapped.clone());
        let (space, script) = stage.open().await;
        let serving = tokio::spawn(script.serve());
        let alarm = alarm(&mut space.subscribe(Position::START)).await;
        assert_eq!(alarm.seq, Some(2));
        let evidence = space.evidence().await.unwrap();
        assert_eq!(
            evidence.last().unwrap().bytes,
            swapped,
            "what was handed out is kept"
        );
        serving.abort();
        drop(space);
        stage.restart().await;
    }
}

/// Serves a log whose first content is gone; returns the stream from its beginning.
pub(super) async fn without_first_content(retention_seconds: u64) -> (Stage, Messages) {
    let mut stage = Stage::new().await;
    let alice = person(ALICE);
    let policy = wire::Policy {
        share_history: true,
        retention_seconds,
    };
    stage.log = TestLog::with_policy(&alice, policy);
    for number in 0..2 {
        stage.log.write(&alice, &format!("message {number}"));
    }
    let event = event_of(&mut stage.log.entries[2]);
    *event = sealpost_protocol::event::without_ciphertext(event);
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    (stage, space.subscribe(Position::START))
}

#[tokio::test(start_paused = true)]
async fn content_that_the_policy_keeps_and_the_relay_leaves_out_raises_the_alarm() {
    let (_stage, mut messages) = without_first_content(0).await;
    let alarm = alarm(&mut messages).await;
    assert!(alarm.what.contains("left out a content"), "{alarm}");
    assert_eq!(alarm.seq, Some(3));
    assert!(messages.next().await.is_none(), "the stream ends");
}

#[tokio::test(start_paused = true)]
async fn content_that_retention_may_have_dropped_is_passed_over() {
    let (_stage, mut messages) = without_first_content(60).await;
    assert_eq!(texts(&mut messages, 1).await, ["message 1"]);
}

#[tokio::test(start_paused = true)]
async fn head_that_is_never_served_holds_nobody_for_ever() {
    let mut stage = Stage::new().await;
    let (space, mut script) = stage.open().await;
    let serving = tokio::spawn(async move {
        while let Some((id, _)) = script.relay.try_receive().await {
            let head = wire::Subscribed {
                head_seq: u64::MAX,
                ..script.log.subscribed()
            };
            let head = wire::relay_frame::Body::Subscribed(head);
            script.relay.send(id, head).await;
        }
    });
    let error = space.sync().await.unwrap_err();
    assert!(matches!(error, Error::Network(_)), "{error}");
    serving.abort();
}

/// Pins a place of the space in Alice's keystore, as another device of hers does.
pub(super) async fn pin(stage: &Stage, cursor: Cursor) {
    let mut content = crate::keystore::testing::content();
    let place = VerifiedPlace {
        control_index: 2,
        control_head: stage.log.fold.chain().head(),
        cursor,
    };
    let space = KnownSpace {
        name: String::new(),
        verified: Some(place),
        lost_with: None,
        waits_for_approval: false,
    };
    content.spaces.insert(stage.log.space_id(), space);
    let account = LocalAccount::for_tests(content);
    let store = &stage.device.shared.store;
    let put = store.write(move |store| store.put_account(&account));
    put.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn log_beside_what_another_device_verified_raises_the_alarm() {
    for read_before in [false, true] {
        let mut stage = Stage::new().await;
        for number in 0..4 {
            stage.log.write(&person(ALICE), &format!("message {number}"));
        }
        if read_before {
            let (space, script) = stage.open().await;
            let serving = tokio::spawn(script.serve());
            texts(&mut space.subscribe(Position::START), 4).await;
            serving.abort();
            drop(space);
            stage.restart().await;
        }
        let fork = Cursor {
            seq: 4,
            root: Root::new([4; 32]),
        };
        pin(&stage, fork).await;
        let (space, script) = stage.open().await;
        let serving = tokio::spawn(script.serve());
        let alarm = alarm(&mut space.subscribe(Position::after_event(6))).await;
        assert!(alarm.what.contains("another device"), "{alarm}");
        assert_eq!(alarm.seq, Some(4), "read before: {read_before}");
        serving.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn log_through_what_another_device_verified_is_read() {
    let mut stage = Stage::new().await;
    stage.log.write(&person(ALICE), "message");
    pin(&stage, stage.log.head()).await;
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    assert_eq!(texts(&mut space.subscribe(Position::START), 1).await, ["message"]);
}

/// A device that has verified six places, and the relay that it meets again.
pub(super) async fn met_again() -> (Stage, Space, Script) {
    met_again_after(async |_| {}).await
}

/// The same, after something else was done before the restart.
pub(super) async fn met_again_after(prepare: impl AsyncFnOnce(&Space)) -> (Stage, Space, Script) {
    let mut stage = Stage::new().await;
    let alice = person(ALICE);
    for number in 0..4 {
        stage.log.write(&alice, &format!("message {number}"));
    }
    let (space, script) = stage.open().await;
    let serving = tokio::spawn(script.serve());
    texts(&mut space.subscribe(Position::START), 4).await;
    serving.abort();
    prepare(&space).await;
    drop(space);
    stage.restart().await;
    let (space, script) = stage.open().await;
    (stage, space, script)
}

/// The same, met by `meet`; returns what the device then says.
async fn returned(meet: impl AsyncFnOnce(&mut Script)) -> Alarm {
    let (_stage, space, mut script) = met_again().await;
    meet(&mut script).await;
    let mut behind = space.subscribe(Position::after_event(6));
    let alarm = alarm(&mut behind).await;
    assert_eq!(
        texts(&mut space.subscribe(Position::START), 4).await.len(),
        4,
        "what was verified stays readable"
    );
    alarm
}

#[tokio::test(start_paused = true)]
async fn rolled_back_log_raises_the_alarm() {
    let alarm = returned(async |script| {
        let (id, _) = script.relay.receive().await;
        let head = TestLog::new(&person(ALICE), true).subscribed();
        script
            .relay
            .send(id, wire::relay_frame::Body::Subscribed(head))
            .await;
    })
    .await;
    assert!(alarm.what.contains("ends before"), "{alarm}");
    let alarm = returned(async |script| {
        let (id, _) = script.relay.receive().await;
        script.relay.nack(id, "log_mismatch").await;
    })
    .await;
    assert!(alarm.what.contains("does not hold"), "{alarm}");
}

#[tokio::test(start_paused = true)]
async fn who_asks_where_a_rolled_back_log_ends_hears_the_alarm() {
    let (_stage, space, mut script) = met_again().await;
    let (following, _) = script.relay.receive().await;
    let head = wire::relay_frame::Body::Subscribed(script.log.subscribed());
    script.relay.send(following, head).await;
    let refusing = async {
        let (asking, _) = script.relay.receive().await;
        script.relay.nack(asking, "log_mismatch").await;
    };
    let (told, ()) = tokio::join!(space.sync(), refusing);
    assert!(matches!(told, Err(Error::Integrity(_))), "{told:?}");
    assert!(matches!(space.sync().await, Err(Error::Integrity(_))));
}

#[tokio::test(start_paused = true)]
async fn forked_log_raises_the_alarm() {
    let alarm = returned(async |script| {
        let (id, _) = script.relay.receive().await;
        let head = wire::Subscribed {
            head_root: Bytes::from_static(&[3; 32]),
            ..script.log.subscribed()
        };
        script
            .relay
            .send(id, wire::relay_frame::Body::Subscribed(head))
            .await;
    })
    .await;
    assert_eq!(alarm.seq, Some(6));
}

#[tokio::test(start_paused = true)]
async fn damaged_entry_is_reported_with_its_place() {
    let alarm = returned(async |script| {
        let (id, _) = script.relay.receive().await;
        script
            .relay
            .send(id, wire::relay_frame::Body::Subscribed(script.log.subscribed()))
            .await;
        let reason = wire::Nack {
            code: "entry_damaged".to_owned(),
            seq: 7,
            ..wire::Nack::default()
        };
        let ended = wire::SubscriptionEnded { reason: Some(reason) };
        script
            .relay
            .send(id, wire::relay_frame::Body::SubscriptionEnded(ended))
            .await;
    })
    .await;
    assert_eq!(alarm.seq, Some(7));
}

#[tokio::test(start_paused = true)]
async fn what_was_verified_before_the_alarm_is_read_though_its_key_comes_after_it() {
    let mut stage = Stage::new().await;
    for number in 0..2 {
        stage.log.write(&person(ALICE), &format!("message {number}"));
    }
    let (space, mut script) = stage.open().await;
    let mut messages = space.subscribe(Position::START);
    let reading = tokio::spawn(async move {
        let read = texts(&mut messages, 2).await;
        (read, alarm(&mut messages).await)
    });
    let (following, subscribe) = script.relay.receive().await;
    script.answer(following, subscribe).await;
    let (asking, fetch) = script.relay.receive().await;
    assert!(matches!(fetch, wire::client_frame::Body::FetchWrap(_)));
    let reason = Some(wire::Nack {
        code: "entry_damaged".to_owned(),
        seq: 5,
        ..wire::Nack::default()
    });
    let ended = wire::relay_frame::Body::SubscriptionEnded(wire::SubscriptionEnded { reason });
    script.relay.send(following, ended).await;
    let mut progress = space.core().progress();
    progress.wait_for(|now| now.stopped.is_some()).await.unwrap();
    script.answer(asking, fetch).await;
    let serving = tokio::spawn(script.serve());
    let (read, alarm) = reading.await.unwrap();
    assert_eq!(read, ["message 0", "message 1"]);
    assert_eq!(alarm.seq, Some(5));
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn content_between_a_removal_and_its_rekey_raises_the_alarm() {
    let alarm = served(|log, _| {
        let (alice, bob) = (person(ALICE), person(BOB));
        log.add(&alice, &bob, Capabilities::WRITE);
        log.remove(&alice, &bob);
        let header = log.header(&alice, OTHER_WRITER);
        let event = log.event(&alice, &header, "readable to Bob");
        let mut page = log.page_after(0);
        page.entries.push(event_entry(event));
        page
    })
    .await;
    assert_eq!(alarm.seq, Some(9));
    assert!(alarm.what.contains("waits for a rekey"), "{alarm}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_stored_of_a_space_that_the_relay_does_not_serve() {
    let mut stage = Stage::new().await;
    let unknown = SpaceId::new([9; 32]);
    let space = stage.device.space(unknown).await;
    let sending = tokio::spawn({
        let space = space.clone();
        async move { space.send(Message::text("hello?")).await }
    });
    let mut relay = stage.device.arrivals.authenticated().await;
    let (id, _) = relay.receive().await;
    relay.nack(id, "not_found").await;
    let refused = sending.await.unwrap().unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::NotFound));
    assert!(space.sync().await.is_err() && space.members().await.is_err());

    let client = stage.device.client();
    assert!(client.unsent(unknown).await.unwrap().is_empty());
    client.drop_unsent(unknown).await.unwrap();
    let count = |store: &StoreTransaction<'_>| {
        Ok(store
            .sql()
            .query_row("SELECT count(*) FROM space", [], |row| row.get::<_, i64>(0))?)
    };
    assert_eq!(stage.device.shared.store.read(count).await.unwrap(), 0);
    let files = std::fs::read_dir(stage.alices_home()).unwrap();
    let locks = files.filter(|file| {
        file.as_ref()
            .unwrap()
            .path()
            .extension()
            .is_some_and(|end| end == "lock")
    });
    assert_eq!(locks.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn fault_in_one_of_several_pages_that_wait_leaves_those_before_it() {
    let mut stage = Stage::new().await;
    for number in 0..60 {
        stage.log.write(&person(ALICE), &format!("message {number}"));
    }
    let mut pages = stage.log.pages_after(0);
    pages[2].last_root = Bytes::from_static(&[9; 32]);
    let (space, mut script) = stage.open().await;
    let mut messages = space.subscribe(Position::START);
    let (id, _) = script.relay.receive().await;
    let head = wire::relay_frame::Body::Subscribed(script.log.subscribed());
    script.relay.send(id, head).await;
    for page in &pages {
        let page = wire::relay_frame::Body::Page(page.clone());
        script.relay.send(id, page).await;
    }
    let serving = tokio::spawn(script.serve());
    let expected: Vec<_> = (0..30).map(|number| format!("message {number}")).collect();
    assert_eq!(texts(&mut messages, 30).await, expected);
    let alarm = alarm(&mut messages).await;
    assert!(alarm.what.contains("another root"), "{alarm}");
    assert_eq!((alarm.seq, space.verified().seq), (Some(48), 32));
    let evidence = space.evidence().await.unwrap();
    assert_eq!(evidence.len(), 1);
    assert_eq!(evidence[0].bytes, prost::Message::encode_to_vec(&pages[2]));
    serving.abort();
}

//! Events and the log.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use sealpost_protocol::event::without_ciphertext;
use sealpost_protocol::wire::client_frame::Body as Ask;
use sealpost_protocol::wire::entry::Kind;
use sealpost_protocol::wire::relay_frame::Body;
use sealpost_protocol::wire::{self, Entry, Page, RelayFrame};
use sealpost_sdk::Message;
use serde_json::Value;

use super::{Case, Forms, Shown, alarmed_after, both, explained, unharmed};
use crate::entries::{end_of, event, event_entry, flip, record};
use crate::forgery::{first_of_her_own, header, next_of_the_same_writer};
use crate::orders::{self, pages};
use crate::relay::Orders;
use crate::scene::{FOUR, Garden, SAID, Scene};
use crate::victim::Victim;

pub(super) fn cases() -> Vec<Case> {
    vec![
        both(
            "R21",
            "an event is moved to another space, place, author or kind",
            run!(relocated),
        ),
        both("R22", "an old event is served again at a new place", |scene| {
            Box::pin(page(scene, |page| {
                page.entries.push(page.entries[Garden::FIRST].clone());
            }))
        }),
        both("R23", "an answer is given twice", run!(twice)),
        both("R24", "something in the middle is left out", run!(left_out)),
        both(
            "R25",
            "the end of the log is kept back, and the next event served",
            run!(kept_back),
        ),
        both("R26", "two events change places", |scene| {
            Box::pin(page(scene, |page| {
                page.entries.swap(Garden::FIRST, Garden::FIRST + 1)
            }))
        }),
        both("R27", "two members are shown different logs", run!(forked)),
        both(
            "R28",
            "the head is another one at every second request",
            run!(odd_and_even),
        ),
        both("R29", "the log is rolled back", run!(rolled_back)),
        both(
            "R30",
            "an event of nobody, or of somebody who is no member",
            run!(of_nobody),
        ),
        both(
            "R31",
            "an event that a removed member dates back",
            run!(dated_back),
        ),
        both(
            "R32",
            "every time that the relay tells is false",
            run!(false_times),
        ),
        both(
            "R33",
            "a frame far over the limit, and lengths that lie",
            run!(oversized),
        ),
        explained(
            "R34",
            "a snapshot differs from the log that it replaces",
            "there are no snapshots and no compaction: every client reads every record and every header from the genesis record on. \
             Retention drops ciphertexts alone, and one that the policy keeps and the relay leaves out raises the alarm (R24)",
        ),
    ]
}

/// Serves a changed page to a device that has read nothing. The alarm is one after a restart, too, when the relay is honest.
pub(super) async fn page(scene: &Scene, change: impl Fn(&mut Page) + Send + 'static) -> Shown {
    let garden = scene.garden().await;
    page_of(scene, &garden, change).await
}

/// The same in this garden.
pub(super) async fn page_of(
    scene: &Scene,
    garden: &Garden,
    change: impl Fn(&mut Page) + Send + 'static,
) -> Shown {
    page_in(scene, garden, &SAID, change).await
}

/// The same in this garden, where this was said.
pub(super) async fn page_in(
    scene: &Scene,
    garden: &Garden,
    honest: &[&str],
    change: impl Fn(&mut Page) + Send + 'static,
) -> Shown {
    scene.relay.misbehave(pages(move |page| {
        if page.first_seq == 1 {
            change(page);
        }
    }));
    let mut bob = scene.device().await;
    let read = bob.read(garden.id, honest.len() + 1).await;
    if let (Victim::Sdk, Err(failure)) = (scene.victim, &read.ended)
        && failure.class != "integrity"
    {
        return Err(format!("no alarm: {}", super::said(failure)));
    }
    let shown = alarmed_after(read, honest)?;
    scene.relay.behave();
    let later = bob.restarted().await.read(garden.id, honest.len()).await;
    alarmed_after(later, honest).map_err(|wrong| format!("a restart has ended the alarm: {wrong}"))?;
    Ok(shown)
}

/// The log of a garden, as the relay has it.
pub(super) async fn entries_of(scene: &Scene, garden: &Garden) -> Vec<Entry> {
    let log = Arc::<Mutex<Vec<Entry>>>::default();
    let seen = Arc::clone(&log);
    scene.relay.misbehave(pages(move |page| {
        if page.first_seq == 1 {
            seen.lock().unwrap().clone_from(&page.entries);
        }
    }));
    let read = scene.device().await.read(garden.id, SAID.len()).await;
    scene.relay.behave();
    read.ended.unwrap();
    std::mem::take(&mut log.lock().unwrap())
}

async fn relocated(scene: &Scene) -> Shown {
    let mut forms = Forms::default();
    let foreign = entries_of(scene, &scene.garden().await)
        .await
        .remove(Garden::LAST);
    let garden = scene.garden().await;
    let moved = page_of(scene, &garden, move |page| page.entries.push(foreign.clone()));
    forms.add("from another space", moved.await)?;
    let early = page_of(scene, &garden, |page| {
        let last = page.entries.remove(Garden::LAST);
        page.entries.insert(Garden::FIRST, last);
    });
    forms.add("to another place", early.await)?;
    let renamed = page_of(scene, &garden, |page| {
        // A principal id in the place of a key id: both are 32 bytes.
        let mut changed = header(&page.entries[Garden::LAST]);
        changed.principal_id = sealpost_protocol::ids::PrincipalId::new([8; 32]);
        event(page, Garden::LAST).header = changed.encode();
    });
    forms.add("to another author", renamed.await)?;
    let kind = page_of(scene, &garden, |page| {
        let event = event(page, Garden::LAST).clone();
        page.entries[Garden::LAST].kind = Some(Kind::Control(wire::SignedControl {
            record: event.header,
            signature: event.signature,
            co_signature: Bytes::new(),
        }));
    });
    forms.add("to another kind", kind.await)?;
    forms.shown()
}

async fn twice(scene: &Scene) -> Shown {
    let garden = scene.garden().await;
    // An ack, which is the answer to one request, comes a second time.
    scene.relay.misbehave(orders::twice());
    let mut bob = scene.device().await;
    bob.read(garden.id, SAID.len()).await.ended.unwrap();
    // A client may take the second ack for the nonsense that it is, and connect anew: what it has sent is not sent twice.
    let _acked = bob.send(garden.id, "four").await;
    scene.relay.behave();
    let mut after = scene.device().await;
    unharmed(after.read(garden.id, FOUR.len()).await, &FOUR)
}

async fn left_out(scene: &Scene) -> Shown {
    type Change = fn(&mut Page);
    let changes: [(&str, Change); 6] = [
        ("an event", |page| drop(page.entries.remove(Garden::FIRST + 1))),
        ("the last one, of a page that still has its root", |page| {
            drop(page.entries.pop())
        }),
        ("a record", |page| drop(page.entries.remove(Garden::ADDED))),
        ("a ciphertext that no policy lets go", |page| {
            let event = event(page, Garden::FIRST);
            *event = without_ciphertext(event);
        }),
        ("the beginning", |page| page.first_seq += 1),
        ("nothing, and the page ends with another root", |page| {
            flip(&mut page.last_root, 0)
        }),
    ];
    let (garden, mut forms) = (scene.garden().await, Forms::default());
    for (form, change) in changes {
        forms.add(form, page_of(scene, &garden, change).await)?;
    }
    // What an ack says is held against the log, too.
    scene.relay.misbehave(Orders::default().frames(|mut frame| {
        if let Some(Body::Published(published)) = &mut frame.body {
            flip(&mut published.acks[0].root, 0);
        }
        vec![frame]
    }));
    let mut bob = scene.device().await;
    let _stays_open = bob.opened(garden.id).await;
    bob.read(garden.id, SAID.len()).await.ended.unwrap();
    let _acked_or_not = bob.send(garden.id, "four").await;
    let read = bob.read(garden.id, FOUR.len() + 1).await;
    forms.add("an ack with another root", alarmed_after(read, &FOUR))?;
    forms.shown()
}

/// The last event is kept back from one who reads; then somebody writes the next one.
async fn kept_back(scene: &Scene) -> Shown {
    let garden = scene.garden().await;
    let log = entries_of(scene, &garden).await;
    let (space, earlier) = (garden.id, end_of(&garden.id, &log[..Garden::LAST]));
    scene.relay.misbehave(Orders::default().frames(move |mut frame| {
        match &mut frame.body {
            Some(Body::Subscribed(head)) if head.head_seq == earlier.seq + 1 => {
                head.head_seq = earlier.seq;
                head.head_root = earlier.root.to_bytes();
            }
            Some(Body::Page(page)) if page.first_seq == 1 => {
                page.entries.truncate(Garden::LAST);
                page.last_root = earlier.root.to_bytes();
            }
            // What comes behind it is served in its place, and the root is that of such a log.
            Some(Body::Page(page)) => {
                if page.first_seq == earlier.seq + 1 {
                    page.entries.remove(0);
                }
                if page.entries.is_empty() {
                    return Vec::new();
                }
                page.first_seq = earlier.seq + 1;
                let whole = [&log[..Garden::LAST], &page.entries].concat();
                page.last_root = end_of(&space, &whole).root.to_bytes();
            }
            _ => {}
        }
        vec![frame]
    }));
    let mut bob = scene.device().await;
    let before = bob.read(garden.id, SAID.len() - 1).await;
    unharmed(before, &SAID[..2])?;
    garden.alices.send(Message::text("four")).await.unwrap();
    alarmed_after(bob.read(garden.id, SAID.len()).await, &SAID[..2])
}

async fn forked(scene: &Scene) -> Shown {
    let garden = scene.garden().await;
    let mut bob = scene.device().await;
    bob.read(garden.id, SAID.len()).await.ended.unwrap();
    // Bob's side of the fork: his event is acked at its place, and the honest relay never hears of it.
    let (space, log) = (garden.id, entries_of(scene, &garden).await);
    let fork = Mutex::<Vec<Entry>>::default();
    scene.relay.misbehave(
        Orders::default()
            .requests(move |frame| {
                let Some(Ask::Publish(publish)) = &frame.body else {
                    return None;
                };
                let mut fork = fork.lock().unwrap();
                let acks = publish.entries.iter().map(|entry| {
                    fork.push(entry.clone());
                    let whole = [&log[..], &fork[..]].concat();
                    let at = end_of(&space, &whole);
                    wire::Ack {
                        seq: at.seq,
                        root: at.root.to_bytes(),
                        receipt: Bytes::from_static(&[1; 32]),
                        duplicate: false,
                    }
                });
                let published = wire::Published {
                    acks: acks.collect(),
                    nack: None,
                };
                Some(vec![RelayFrame {
                    request_id: frame.request_id,
                    body: Some(Body::Published(published)),
                }])
            })
            // Nor does Bob hear what the others write.
            .frames(|frame| match frame.body {
                Some(Body::Page(_)) => Vec::new(),
                _ => vec![frame],
            }),
    );
    let _acked = bob.send(garden.id, "on Bob's side").await;
    garden
        .alices
        .send(Message::text("on Alice's side"))
        .await
        .unwrap();
    // The first event of the other side that reaches him proves it.
    scene.relay.behave();
    garden.alices.send(Message::text("crossing")).await.unwrap();
    scene.relay.cut();
    let read = bob.read(garden.id, SAID.len() + 3).await;
    let honest = [&SAID[..], &["on Bob's side"]].concat();
    let shown = alarmed_after(read, &honest)?;
    let kept = match scene.victim {
        Victim::Sdk => {
            let space = bob.sdk().space(garden.id).await.unwrap();
            space.evidence().await.unwrap().len()
        }
        Victim::Interop => 1,
    };
    (kept > 0)
        .then_some(shown)
        .ok_or_else(|| "nothing was kept as evidence".to_owned())
}

async fn odd_and_even(scene: &Scene) -> Shown {
    let garden = scene.garden().await;
    scene.relay.misbehave(orders::every_second_head());
    let mut bob = scene.device().await;
    let first = bob.read(garden.id, SAID.len()).await;
    unharmed(first, &SAID)?;
    scene.relay.cut();
    garden.alices.send(Message::text("four")).await.unwrap();
    alarmed_after(bob.read(garden.id, SAID.len() + 2).await, &FOUR)
}

async fn rolled_back(scene: &Scene) -> Shown {
    let garden = scene.garden().await;
    let mut bob = scene.device().await;
    bob.read(garden.id, SAID.len()).await.ended.unwrap();
    let log = entries_of(scene, &garden).await;
    let earlier = end_of(&garden.id, &log[..Garden::FIRST]);
    scene.relay.misbehave(Orders::default().requests(move |frame| {
        let answer = match &frame.body {
            Some(Ask::Subscribe(_)) => Body::Subscribed(wire::Subscribed {
                head_seq: earlier.seq,
                head_root: earlier.root.to_bytes(),
                receipt: Bytes::from_static(&[1; 32]),
                recovering: false,
            }),
            Some(Ask::Heal(_)) => Body::Healed(wire::Healed {
                seq: earlier.seq,
                root: earlier.root.to_bytes(),
            }),
            _ => return None,
        };
        Some(vec![RelayFrame {
            request_id: frame.request_id,
            body: Some(answer),
        }])
    }));
    scene.relay.cut();
    alarmed_after(bob.read(garden.id, SAID.len() + 1).await, &SAID)
}

async fn of_nobody(scene: &Scene) -> Shown {
    let mut forms = Forms::default();
    let garden = scene.garden().await;
    let mallory = scene.mallory.clone();
    let stranger = page_of(scene, &garden, move |page| {
        let forged = first_of_her_own(&page.entries[Garden::LAST], &mallory);
        page.entries.push(forged);
    });
    forms.add("of a stranger", stranger.await)?;
    let mallory = scene.mallory.clone();
    let in_her_name = page_of(scene, &garden, move |page| {
        let forged = next_of_the_same_writer(&page.entries[Garden::LAST], &mallory);
        page.entries.push(forged);
    });
    forms.add("in Alice's name", in_her_name.await)?;
    let nobody = page_of(scene, &garden, |page| {
        page.entries.push(event_entry(wire::SignedEvent::default()))
    });
    forms.add("of nobody", nobody.await)?;
    forms.shown()
}

/// Mallory was a member. What she signs now knows no more than she did then.
async fn dated_back(scene: &Scene) -> Shown {
    let garden = scene.garden_with_mallory().await;
    garden.alices.send(Message::text("four")).await.unwrap();
    garden.alices.remove_member(scene.mallory.id()).await.unwrap();
    let mallory = scene.mallory.clone();
    // The last event: Alice's, of the epoch in which Mallory was a member.
    let at = Garden::LENGTH + 1;
    page_in(scene, &garden, &FOUR, move |page| {
        let forged = first_of_her_own(&page.entries[at], &mallory);
        page.entries.push(forged);
    })
    .await
}

/// Whatever looks like a time, in every answer.
async fn false_times(scene: &Scene) -> Shown {
    fn falsify(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match (name.ends_with("_at"), &member) {
                        (true, Value::String(_)) => *member = "0000-01-01T00:00:00Z".into(),
                        _ => falsify(member),
                    }
                }
            }
            Value::Array(values) => values.iter_mut().for_each(falsify),
            _ => {}
        }
    }
    let garden = scene.garden().await;
    scene.relay.misbehave(Orders::default().answers(|_, answer| {
        orders::edit(answer, &mut falsify);
    }));
    if let Err(failure) = scene.log_in().await {
        return Err(super::said(&failure));
    }
    let mut bob = scene.device().await;
    unharmed(bob.read(garden.id, SAID.len()).await, &SAID)
}

async fn oversized(scene: &Scene) -> Shown {
    let garden = scene.garden().await;
    let mut forms = Forms::default();
    for (form, length) in [
        ("16 MiB in one event", 16 << 20),
        ("more than an event may have", 300 << 10),
    ] {
        scene.relay.misbehave(pages(move |page| {
            if page.first_seq == 1 {
                event(page, Garden::LAST).ciphertext = vec![7; length].into();
            }
        }));
        let read = scene.device().await.read_in_vain(garden.id).await;
        // A frame over the limit ends the connection before it is read; a client that is not shown an event shows none.
        match read.ended {
            Ok(()) => return Err(format!("{form}: it went through")),
            Err(failure) => forms.add(form, Ok(super::said(&failure)))?,
        }
    }
    let empty = page_of(scene, &garden, |page| {
        record(page, Garden::ADDED).record = Bytes::new()
    });
    forms.add("a record of nothing", empty.await)?;
    forms.shown()
}

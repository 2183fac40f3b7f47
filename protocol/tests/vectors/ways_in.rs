//! Every way by which an entry comes in. All must give the same verdict on it.

use bytes::Bytes;
use prost::Message;
use sealpost_protocol::wire::{self, client_frame, entry::Kind, relay_frame};

/// A message decoded from bytes of its own, and from a slice of a larger shared buffer.
fn decode<M: Message + Default>(bytes: &[u8]) -> [M; 2] {
    let larger = Bytes::from([b"before", bytes, b"after"].concat());
    let shared = larger.slice(6..6 + bytes.len());
    [M::decode(bytes).unwrap(), M::decode(shared).unwrap()]
}

/// `entry` by itself, out of a Publish frame and out of a Page frame; each from owned and from shared bytes.
pub fn all(entry: &Bytes) -> Vec<Kind> {
    let alone: [wire::Entry; 2] = decode(entry);
    let entries = vec![alone[0].clone(), wire::Entry::default()];
    let publish = wire::ClientFrame {
        request_id: 1,
        body: Some(client_frame::Body::Publish(wire::Publish {
            space_id: Bytes::from_static(&[1; 32]),
            entries: entries.clone(),
        })),
    };
    let page = wire::RelayFrame {
        request_id: 1,
        body: Some(relay_frame::Body::Page(wire::Page {
            first_seq: 1,
            entries,
            ..wire::Page::default()
        })),
    };
    let published = decode::<wire::ClientFrame>(&publish.encode_to_vec()).map(out_of_publish);
    let paged = decode::<wire::RelayFrame>(&page.encode_to_vec()).map(out_of_page);
    let ways = [alone, published, paged].concat();
    ways.into_iter().map(|entry| entry.kind.unwrap()).collect()
}

fn out_of_publish(frame: wire::ClientFrame) -> wire::Entry {
    match frame.body {
        Some(client_frame::Body::Publish(publish)) => publish.entries[0].clone(),
        other => panic!("{other:?}"),
    }
}

fn out_of_page(frame: wire::RelayFrame) -> wire::Entry {
    match frame.body {
        Some(relay_frame::Body::Page(page)) => page.entries[0].clone(),
        other => panic!("{other:?}"),
    }
}

/// The events that come in when `event` is sent.
pub fn event(event: &Bytes) -> Vec<wire::SignedEvent> {
    let event = wire::SignedEvent::decode(event.clone()).unwrap();
    let entry = wire::Entry {
        kind: Some(Kind::Event(event)),
    };
    let events = all(&entry.encode_to_vec().into()).into_iter();
    events
        .map(|kind| match kind {
            Kind::Event(event) => event,
            Kind::Control(_) => panic!("an event became a control record"),
        })
        .collect()
}

/// The control records that come in when `control` is sent.
pub fn control(control: &Bytes) -> Vec<wire::SignedControl> {
    let control = wire::SignedControl::decode(control.clone()).unwrap();
    let entry = wire::Entry {
        kind: Some(Kind::Control(control)),
    };
    let controls = all(&entry.encode_to_vec().into()).into_iter();
    controls
        .map(|kind| match kind {
            Kind::Control(control) => control,
            Kind::Event(_) => panic!("a control record became an event"),
        })
        .collect()
}

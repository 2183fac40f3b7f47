//! Orders that several cases give, and those that make sense to any client ([`READY`]).

use bytes::Bytes;
use http::StatusCode;
use sealpost_protocol::http::{Base64Bytes, paths};
use sealpost_protocol::wire::client_frame::Body as Ask;
use sealpost_protocol::wire::entry::Kind;
use sealpost_protocol::wire::relay_frame::Body;
use sealpost_protocol::wire::{FetchedWrap, GoAway, Nack, Page, RelayFrame, SignedEvent, Subscribed};
use serde_json::{Value, json};

use crate::entries::{event, flip, not_reduced, spoilt};
use crate::relay::{Answer, Asked, Orders};

/// Something that a relay does to whoever comes, whatever was said before.
pub struct Ready {
    /// The case that holds a client against it.
    pub case: &'static str,
    /// What a user of the client must see of it.
    pub must: &'static str,
    /// The orders for it.
    pub orders: fn() -> Orders,
}

/// All of them, by number.
pub const READY: [Ready; 16] = [
    ready("R1", "no message is readable with such a key", || {
        wraps(|wrap| wrap.sealed = spoilt(wrap.sealed.clone()))
    }),
    ready("R4", "an alarm at the last event of a page", || {
        last_event(|event| event.signature = not_reduced(&event.signature))
    }),
    ready(
        "R9",
        "a login is refused, and no proof of the passphrase sent",
        other_opaque_key,
    ),
    ready("R11", "no socket is opened", || nonce(Bytes::new())),
    ready("R12", "a login is refused before anything is derived", || {
        stretching(STRETCHING, (8, 1, 1))
    }),
    ready("R13", "a login is refused before anything is allocated", || {
        stretching(STRETCHING, (u32::MAX, 3, 1))
    }),
    ready("R17", "the keystore does not open", || {
        keystore_bytes(|bytes| {
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
        })
    }),
    ready("R22", "an alarm, and nothing of the page", || {
        pages(|page| page.entries.extend(page.entries.last().cloned()))
    }),
    ready("R23", "everything that is sent is acked, and stands once", twice),
    ready("R24", "an alarm, and nothing of the page", || {
        pages(|page| drop(page.entries.remove(page.entries.len() / 2)))
    }),
    ready("R26", "an alarm, and nothing of the page", || {
        pages(|page| page.entries.reverse())
    }),
    ready(
        "R28",
        "an alarm, at the latest when the log gets to that place",
        every_second_head,
    ),
    ready(
        "R33",
        "the connection ends, and nothing of the page is shown",
        || last_event(|event| event.ciphertext = vec![7; 16 << 20].into()),
    ),
    ready("R43", "it is said that there is no key", no_wraps),
    ready("R55", "a login is refused", || versions(json!(["sealpost.v0"]))),
    ready("R58", "it connects ever more rarely", send_away),
];

const fn ready(case: &'static str, must: &'static str, orders: fn() -> Orders) -> Ready {
    Ready { case, must, orders }
}

fn last_event(change: fn(&mut SignedEvent)) -> Orders {
    pages(move |page| {
        if let Some(Kind::Event(_)) = page.entries.last().and_then(|entry| entry.kind.as_ref()) {
            let last = page.entries.len() - 1;
            change(event(page, last));
        }
    })
}

/// The relay names another OPAQUE key than it has.
pub(crate) fn other_opaque_key() -> Orders {
    json_at(&[paths::INFO], |info| {
        info["opaque_public_key"] = json!(Base64Bytes(vec![9; 32]))
    })
}

/// Where a relay names how passphrases are stretched.
pub(crate) const STRETCHING: &[&str] = &[paths::INFO, paths::LOGIN_START];

/// Asks for this much memory in KiB, so many passes and lanes.
pub(crate) fn stretching(places: &'static [&'static str], (m_kib, t, p): (u32, u32, u32)) -> Orders {
    let ksf = json!({"m_kib": m_kib, "t": t, "p": p});
    json_at(places, move |value| value["ksf"] = ksf.clone())
}

/// Chooses the challenge.
pub(crate) fn nonce(nonce: Bytes) -> Orders {
    Orders::default().frames(move |mut frame| {
        if let Some(Body::Challenge(challenge)) = &mut frame.body {
            challenge.nonce.clone_from(&nonce);
        }
        vec![frame]
    })
}

/// Says what is published twice.
pub(crate) fn twice() -> Orders {
    Orders::default().frames(|frame| match frame.body {
        Some(Body::Published(_)) => vec![frame.clone(), frame],
        _ => vec![frame],
    })
}

/// Names another root at every second request.
pub(crate) fn every_second_head() -> Orders {
    let mut honest = true;
    heads(move |head| {
        if !honest {
            flip(&mut head.head_root, 0);
        }
        honest = !honest;
    })
}

/// Says that it has no wraps.
pub(crate) fn no_wraps() -> Orders {
    Orders::default().requests(|frame| {
        matches!(frame.body, Some(Ask::FetchWrap(_)))
            .then(|| vec![nack(frame.request_id, "not_found", "there is none")])
    })
}

/// Says that it speaks these versions.
pub(crate) fn versions(known: Value) -> Orders {
    json_at(&[paths::INFO], move |info| info["subprotocols"] = known.clone())
}

/// Sends away whoever has come in, to come back at once.
pub(crate) fn send_away() -> Orders {
    Orders::default().frames(|frame| match frame.body {
        Some(Body::Authenticated(_)) => {
            let away = GoAway {
                reconnect_after_ms: 0,
                message: String::new(),
            };
            let away = RelayFrame {
                request_id: 0,
                body: Some(Body::GoAway(away)),
            };
            vec![frame, away]
        }
        _ => vec![frame],
    })
}

/// Changes the keystore's bytes as they are fetched.
pub(crate) fn keystore_bytes(mut change: impl FnMut(&mut Vec<u8>) + Send + 'static) -> Orders {
    keystore(move |view| {
        // What is no keystore stays.
        if let Ok(mut bytes) = serde_json::from_value::<Base64Bytes>(view["keystore"].clone()) {
            change(&mut bytes.0);
            view["keystore"] = json!(bytes);
        }
    })
}

/// Changes pages.
pub(crate) fn pages(mut change: impl FnMut(&mut Page) + Send + 'static) -> Orders {
    Orders::default().frames(move |mut frame| {
        if let Some(Body::Page(page)) = &mut frame.body {
            change(page);
        }
        vec![frame]
    })
}

/// Changes where the relay says that a log ends.
pub(crate) fn heads(mut change: impl FnMut(&mut Subscribed) + Send + 'static) -> Orders {
    Orders::default().frames(move |mut frame| {
        if let Some(Body::Subscribed(subscribed)) = &mut frame.body {
            change(subscribed);
        }
        vec![frame]
    })
}

/// Changes wraps.
pub(crate) fn wraps(mut change: impl FnMut(&mut FetchedWrap) + Send + 'static) -> Orders {
    Orders::default().frames(move |mut frame| {
        if let Some(Body::FetchedWrap(wrap)) = &mut frame.body {
            change(wrap);
        }
        vec![frame]
    })
}

/// Refuses a request in the relay's place.
pub(crate) fn nack(request_id: u64, code: &str, message: &str) -> RelayFrame {
    let nack = Nack {
        code: code.to_owned(),
        message: message.to_owned(),
        ..Nack::default()
    };
    RelayFrame {
        request_id,
        body: Some(Body::Nack(nack)),
    }
}

/// Changes what is answered at these paths.
pub(crate) fn json_at(
    places: &'static [&'static str],
    mut change: impl FnMut(&mut Value) + Send + 'static,
) -> Orders {
    Orders::default().answers(move |asked, answer| {
        if places.contains(&&asked.path[..]) && answer.status.is_success() {
            edit(answer, &mut change);
        }
    })
}

/// Changes the keystore as it is fetched.
pub(crate) fn keystore(mut change: impl FnMut(&mut Value) + Send + 'static) -> Orders {
    Orders::default().answers(move |asked, answer| {
        if is_keystore(asked) && answer.status == StatusCode::OK {
            edit(answer, &mut change);
        }
    })
}

pub(crate) fn is_keystore(asked: &Asked) -> bool {
    asked.method == "GET" && asked.path == paths::KEYSTORE
}

/// Changes a body that is JSON; an empty one stays.
pub(crate) fn edit(answer: &mut Answer, change: &mut impl FnMut(&mut Value)) {
    if let Ok(mut value) = serde_json::from_slice(&answer.body) {
        change(&mut value);
        answer.body = value.to_string().into();
    }
}

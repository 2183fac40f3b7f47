//! Orders that several cases give.

use http::StatusCode;
use sealpost_protocol::http::paths;
use sealpost_protocol::wire::relay_frame::Body;
use sealpost_protocol::wire::{FetchedWrap, Nack, Page, RelayFrame, Subscribed};
use serde_json::Value;

use crate::relay::{Answer, Asked, Orders};

/// Changes pages.
pub(super) fn pages(mut change: impl FnMut(&mut Page) + Send + 'static) -> Orders {
    Orders::default().frames(move |mut frame| {
        if let Some(Body::Page(page)) = &mut frame.body {
            change(page);
        }
        vec![frame]
    })
}

/// Changes where the relay says that a log ends.
pub(super) fn heads(mut change: impl FnMut(&mut Subscribed) + Send + 'static) -> Orders {
    Orders::default().frames(move |mut frame| {
        if let Some(Body::Subscribed(subscribed)) = &mut frame.body {
            change(subscribed);
        }
        vec![frame]
    })
}

/// Changes wraps.
pub(super) fn wraps(mut change: impl FnMut(&mut FetchedWrap) + Send + 'static) -> Orders {
    Orders::default().frames(move |mut frame| {
        if let Some(Body::FetchedWrap(wrap)) = &mut frame.body {
            change(wrap);
        }
        vec![frame]
    })
}

/// Refuses a request in the relay's place.
pub(super) fn nack(request_id: u64, code: &str, message: &str) -> RelayFrame {
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

/// Changes what is answered at a path.
pub(super) fn json_at(path: &'static str, mut change: impl FnMut(&mut Value) + Send + 'static) -> Orders {
    Orders::default().answers(move |asked, answer| {
        if asked.path == path && answer.status.is_success() {
            edit(answer, &mut change);
        }
    })
}

/// Changes the keystore as it is fetched.
pub(super) fn keystore(mut change: impl FnMut(&mut Value) + Send + 'static) -> Orders {
    Orders::default().answers(move |asked, answer| {
        if is_keystore(asked) && answer.status == StatusCode::OK {
            edit(answer, &mut change);
        }
    })
}

pub(super) fn is_keystore(asked: &Asked) -> bool {
    asked.method == "GET" && asked.path == paths::KEYSTORE
}

/// Changes a body that is JSON; an empty one stays.
pub(super) fn edit(answer: &mut Answer, change: &mut impl FnMut(&mut Value)) {
    if let Ok(mut value) = serde_json::from_slice(&answer.body) {
        change(&mut value);
        answer.body = value.to_string().into();
    }
}

//! What events carry: messages, encoded, padded and sealed under the epoch's content key.

use bytes::Bytes;
use prost::Message as _;
use sealpost_cipher::{open_in_place, seal_in_place};
use sealpost_protocol::canonical::decode_canonical;
use sealpost_protocol::event::{EventHeader, ParsedEvent};
use sealpost_protocol::ids::EventId;
use sealpost_protocol::limits;
use sealpost_protocol::padding::{pad, padded_length, unpad};
use sealpost_protocol::wire;
use zeroize::Zeroizing;

use crate::epoch::EpochKey;

/// Content type of a message that names none.
pub const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// Longest body of one message, in bytes. A longer one belongs into a blob.
pub const MAX_BODY: usize = 120 * 1024;

/// Longest content type, in bytes.
pub const MAX_CONTENT_TYPE: usize = 255;

/// Most bytes of messages that are packed into one event.
const MAX_PACKED: usize = 124 * 1024;

/// Most bytes that encoding adds to one message: two tags and lengths of up to four bytes each, around body and type.
const MESSAGE_OVERHEAD: usize = 16;
/// Bytes of the event that carried a message first, encoded.
const FIRST_EVENT_ID: usize = EventId::LENGTH + 2;

/// One message of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The bytes, as the application gave them.
    pub body: Bytes,
    /// Their media type; [`PLAIN_TEXT`] unless said otherwise.
    pub content_type: String,
    /// The event that carried it first, where it is published again after that was lost.
    pub first_event_id: Option<EventId>,
}

impl Message {
    /// A message of plain text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(PLAIN_TEXT, text.into())
    }

    /// A message of any type.
    #[must_use]
    pub fn new(content_type: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self {
            body: body.into(),
            content_type: content_type.into(),
            first_event_id: None,
        }
    }

    /// Bytes this message takes in an event, at most.
    pub(crate) fn packed_length(&self) -> usize {
        let first = self.first_event_id.map_or(0, |_| FIRST_EVENT_ID);
        self.body.len() + self.content_type.len() + MESSAGE_OVERHEAD + first
    }

    fn to_wire(&self) -> wire::Message {
        let plain = self.content_type == PLAIN_TEXT;
        wire::Message {
            body: self.body.clone(),
            content_type: if plain {
                String::new()
            } else {
                self.content_type.clone()
            },
            first_event_id: self.first_event_id.map_or_else(Bytes::new, |id| id.to_bytes()),
        }
    }

    fn from_wire(message: wire::Message) -> Result<Self, Unreadable> {
        let named = !message.content_type.is_empty();
        let first_event_id = match &message.first_event_id[..] {
            [] => None,
            id => Some(EventId::try_from(id).map_err(|_| Unreadable)?),
        };
        Ok(Self {
            body: message.body,
            content_type: if named {
                message.content_type
            } else {
                PLAIN_TEXT.to_owned()
            },
            first_event_id,
        })
    }
}

/// A message that no event can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The body is over [`MAX_BODY`].
    #[error("a message has {length} bytes, the limit is {MAX_BODY}")]
    BodyTooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// The content type is over [`MAX_CONTENT_TYPE`].
    #[error("a content type has {length} bytes, the limit is {MAX_CONTENT_TYPE}")]
    ContentTypeTooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// The content type is none.
    #[error("a content type is a media type, such as image/png or text/plain; charset=utf-8")]
    NotAMediaType,
}

/// Refuses a message that no event can carry.
///
/// # Errors
/// [`MessageError`] names what is wrong.
pub(crate) fn check_message(message: &Message) -> Result<(), MessageError> {
    let (body, content_type) = (message.body.len(), message.content_type.len());
    if body > MAX_BODY {
        return Err(MessageError::BodyTooLong { length: body });
    }
    if content_type > MAX_CONTENT_TYPE {
        return Err(MessageError::ContentTypeTooLong { length: content_type });
    }
    if !is_media_type(&message.content_type) {
        return Err(MessageError::NotAMediaType);
    }
    Ok(())
}

/// Whether text is a media type (RFC 6838, section 4.2), perhaps with parameters, which are printable ASCII.
fn is_media_type(text: &str) -> bool {
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let printable = |byte: u8| matches!(byte, b' '..=b'~');
    let named = essence
        .split_once('/')
        .is_some_and(|(kind, subtype)| is_restricted_name(kind) && is_restricted_name(subtype));
    named && parameters.bytes().all(printable)
}

fn is_restricted_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
    name.len() <= 127
        && name
            .bytes()
            .next()
            .is_some_and(|first| first.is_ascii_alphanumeric())
        && name.bytes().all(allowed)
}

/// How many of the first `messages` fit into one event; at least one, where there is one.
pub(crate) fn count_that_fits<'a>(messages: impl IntoIterator<Item = &'a Message>) -> usize {
    let mut bytes = 0;
    messages
        .into_iter()
        .take(limits::MAX_MESSAGES_PER_EVENT)
        .take_while(|message| {
            let first = bytes == 0;
            bytes += message.packed_length();
            first || bytes <= MAX_PACKED
        })
        .count()
}

/// The content of an event, opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// When the author says it was written: Unix milliseconds. Shown, never trusted.
    pub(crate) author_time_ms: u64,
    /// The messages, in order.
    pub(crate) messages: Vec<Message>,
}

/// A ciphertext of a member that does not open, or opens to nonsense. One class, so that nobody learns which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event's content does not open")]
pub(crate) struct Unreadable;

/// Encodes, pads and seals `content` under the header's nonce, with the header as associated data.
///
/// # Panics
/// If the content is longer than what [`count_that_fits`] lets through.
pub(crate) fn seal_content(key: &EpochKey, header: &EventHeader, content: &Content) -> Bytes {
    let encoded = Zeroizing::new(encode(content));
    assert!(
        padded_length(encoded.len()) + limits::TAG <= limits::MAX_EVENT_CIPHERTEXT,
        "messages are counted before they are packed"
    );
    let mut buffer = pad(&encoded);
    let tag = seal_in_place(
        key.expose_content_key(),
        &header.nonce,
        &header.encode(),
        &mut buffer,
    );
    buffer.extend_from_slice(&tag);
    buffer.into()
}

/// Opens what [`seal_content`] sealed; `None` where retention dropped the ciphertext.
///
/// # Errors
/// [`Unreadable`] unless `key` sealed exactly this and it decodes.
pub(crate) fn open_content(key: &EpochKey, event: &ParsedEvent) -> Result<Option<Content>, Unreadable> {
    let Some(ciphertext) = event.ciphertext() else {
        return Ok(None);
    };
    let (text, tag) = ciphertext
        .split_last_chunk::<{ limits::TAG }>()
        .ok_or(Unreadable)?;
    let mut text = text.to_vec();
    let (nonce, data) = (&event.header.nonce, event.header_bytes());
    open_in_place(key.expose_content_key(), nonce, data, &mut text, tag).map_err(|_| Unreadable)?;
    let padded = Bytes::from(text);
    let plaintext = unpad(&padded).map_err(|_| Unreadable)?;
    decode(padded.slice_ref(plaintext)).map(Some)
}

fn encode(content: &Content) -> Vec<u8> {
    wire::EventContent {
        author_time_ms: content.author_time_ms,
        messages: content.messages.iter().map(Message::to_wire).collect(),
    }
    .encode_to_vec()
}

pub(crate) fn decode(plaintext: Bytes) -> Result<Content, Unreadable> {
    let content: wire::EventContent = decode_canonical(&plaintext).map_err(|_| Unreadable)?;
    let is_count = (1..=limits::MAX_MESSAGES_PER_EVENT).contains(&content.messages.len());
    if !is_count {
        return Err(Unreadable);
    }
    Ok(Content {
        author_time_ms: content.author_time_ms,
        messages: content
            .messages
            .into_iter()
            .map(Message::from_wire)
            .collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests;

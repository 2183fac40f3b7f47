//! Frames of this protocol as WebSocket messages: one binary message each.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, encoded_len_varint,
    key_len, skip_field,
};
use sealpost_protocol::wire::{self, RelayFrame, relay_frame::Body};

use super::close::Close;
use crate::log::Page;

/// Final fragment, opcode 2 (RFC 6455 section 5.2).
const BINARY_FRAME: u8 = 0x82;
const MAX_WEBSOCKET_HEADER: usize = 10;

/// Field numbers of `RelayFrame`.
const REQUEST_ID: u32 = 1;
const PAGE: u32 = 6;

/// Most fields of a request. Thousands of empty entries fit into a frame and would take a hundred times its memory.
const MAX_FIELDS: usize = 4096;

/// Decodes what a client sent; length-delimited fields share its buffer.
///
/// # Errors
/// [`Close::MALFORMED`] for anything but a frame with a request id.
pub fn decode(message: Bytes) -> Result<wire::ClientFrame, Close> {
    let mut budget = MAX_FIELDS;
    spend_fields(&message, 1, &mut budget)
        .and_then(|()| wire::ClientFrame::decode(message).ok())
        .filter(|frame| frame.request_id != 0)
        .ok_or(Close::MALFORMED)
}

/// A frame as it goes onto the stream, WebSocket header included.
#[must_use]
pub fn encode(request_id: u64, body: Body) -> Bytes {
    let frame = RelayFrame {
        request_id,
        body: Some(body),
    };
    let length = frame.encoded_len();
    let mut buffer = start(length, length);
    frame
        .encode(&mut buffer)
        .expect("the buffer has room for the encoded length");
    buffer.freeze()
}

/// A page for the Subscribe with this request id, in two parts: what is this reader's own, and what all readers share.
#[must_use]
pub fn encode_page(request_id: u64, page: &Page) -> [Bytes; 2] {
    let page_length = page.encoded_len();
    let length = key_len(REQUEST_ID)
        + encoded_len_varint(request_id)
        + key_len(PAGE)
        + encoded_len_varint(page_length as u64)
        + page_length;
    let mut buffer = start(length, length - page.rest().len());
    encode_key(REQUEST_ID, WireType::Varint, &mut buffer);
    encode_varint(request_id, &mut buffer);
    encode_key(PAGE, WireType::LengthDelimited, &mut buffer);
    encode_varint(page_length as u64, &mut buffer);
    page.encode_first(&mut buffer);
    [buffer.freeze(), page.rest().clone()]
}

/// Takes from `budget` for each field of a message and of its parts down to `depth`, before anything is allocated for
/// them; `None` if that is not enough or the bytes are no message.
fn spend_fields(mut message: &[u8], depth: u32, budget: &mut usize) -> Option<()> {
    while !message.is_empty() {
        *budget = budget.checked_sub(1)?;
        let (tag, wire_type) = decode_key(&mut message).ok()?;
        if wire_type == WireType::LengthDelimited {
            let length = usize::try_from(decode_varint(&mut message).ok()?).ok()?;
            let (part, rest) = message.split_at_checked(length)?;
            if depth > 0 {
                spend_fields(part, depth - 1, budget)?;
            }
            message = rest;
        } else {
            skip_field(wire_type, tag, &mut message, DecodeContext::default()).ok()?;
        }
    }
    Some(())
}

/// The header of a WebSocket frame with so much payload, and room for so much of it.
fn start(payload: usize, room: usize) -> BytesMut {
    let mut buffer = BytesMut::with_capacity(MAX_WEBSOCKET_HEADER + room);
    buffer.put_u8(BINARY_FRAME);
    match payload {
        0..=125 => buffer.put_u8(payload.to_le_bytes()[0]),
        126..=0xffff => {
            buffer.put_u8(126);
            buffer.put_uint(payload as u64, 2);
        }
        _ => {
            buffer.put_u8(127);
            buffer.put_u64(payload as u64);
        }
    }
    buffer
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sealpost_protocol::ids::{Receipt, Root};
    use sealpost_protocol::root::Cursor;

    use super::*;
    use crate::log::EncodedEntry;

    fn payload(frame: &Bytes) -> Bytes {
        let header = match frame[1] {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        frame.slice(header..)
    }

    fn entry(size: usize) -> wire::Entry {
        let event = wire::SignedEvent {
            ciphertext: vec![7; size].into(),
            ..wire::SignedEvent::default()
        };
        wire::Entry {
            kind: Some(wire::entry::Kind::Event(event)),
        }
    }

    proptest! {
        #[test]
        fn page_is_what_a_decoder_expects(
            request_id in 1..u64::MAX,
            first_seq in 1..u64::MAX / 2,
            sizes in proptest::collection::vec(0_usize..40_000, 1..4),
        ) {
            let entries: Vec<_> = sizes.into_iter().map(entry).collect();
            let encoded: Vec<_> = entries.iter().map(EncodedEntry::encode).collect();
            let last = Cursor { seq: first_seq + entries.len() as u64 - 1, root: Root::new([1; 32]) };
            let receipt = Receipt::new([2; 32]);
            let page = Page::new(encoded.iter(), last, &receipt);
            let expected = wire::Page {
                first_seq,
                entries,
                last_root: page.last.root.to_bytes(),
                receipt: receipt.to_bytes(),
            };
            let by_hand = Bytes::from(encode_page(request_id, &page).concat());
            prop_assert_eq!(&by_hand, &encode(request_id, Body::Page(expected)));
            let decoded = RelayFrame::decode(payload(&by_hand)).unwrap();
            prop_assert_eq!(decoded.request_id, request_id);
        }

        #[test]
        fn any_bytes_are_decoded_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            let _ = decode(bytes.into());
        }
    }

    #[test]
    fn frame_with_thousands_of_empty_entries_is_malformed() {
        let publish = |entries: usize| wire::ClientFrame {
            request_id: 1,
            body: Some(wire::client_frame::Body::Publish(wire::Publish {
                space_id: vec![1; 32].into(),
                entries: vec![wire::Entry::default(); entries],
            })),
        };
        assert!(decode(publish(1_000).encode_to_vec().into()).is_ok());
        assert_eq!(
            decode(publish(100_000).encode_to_vec().into()),
            Err(Close::MALFORMED)
        );
        // Equal fields are merged into one message, so one entry in each of many is the same.
        let merged = publish(1).encode_to_vec().repeat(6_000);
        assert_eq!(decode(merged.into()), Err(Close::MALFORMED));
    }

    #[test]
    fn frame_without_request_id_is_malformed() {
        let frame = wire::ClientFrame {
            request_id: 0,
            body: Some(wire::client_frame::Body::Unsubscribe(wire::Unsubscribe {
                subscription: 1,
            })),
        };
        assert_eq!(decode(frame.encode_to_vec().into()), Err(Close::MALFORMED));
    }
}

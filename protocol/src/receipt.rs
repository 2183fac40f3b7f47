//! What a receipt covers. Only the relay can make or check one; it is opaque to clients.

use crate::hash::{Label, framed};
use crate::ids::SpaceId;
use crate::root::Cursor;

/// The bytes that the relay's receipt key authenticates (HMAC-SHA256).
#[must_use]
pub fn receipt_input(space_id: &SpaceId, place: &Cursor) -> Vec<u8> {
    framed(
        Label::RECEIPT,
        &[
            space_id.as_bytes(),
            &place.seq.to_be_bytes(),
            place.root.as_bytes(),
        ],
    )
}

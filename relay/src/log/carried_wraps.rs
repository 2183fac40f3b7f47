//! Wraps inside control records: an invite carries the secret for its link, an acceptance the joiner's own.

use bytes::Bytes;
use sealpost_protocol::chain::{ControlChain, invite_recipient};
use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::ids::PrincipalId;
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wrap::wrap_hash;

use super::ports::{CarriedWrap, NewWrap, StagedWrap};
use super::row_cipher::{RowCipher, WrapPlace};
use crate::atrest::OpenDataKey;

/// The wrap that a record carries which `chain` has just taken, at the place `by_seq`.
pub(super) fn carried_wrap(
    cipher: &RowCipher,
    key: &OpenDataKey,
    chain: &ControlChain,
    record: &ParsedControl,
    by_seq: u64,
) -> Option<CarriedWrap> {
    let (recipient, wrap) = recipient_and_wrap(record)?;
    let epoch = chain.epoch()?;
    let staged = StagedWrap {
        epoch: epoch.number,
        key_id: epoch.key_id,
        staged_by: record.author,
    };
    let wrap_hash = wrap_hash(wrap);
    let place = WrapPlace {
        staged: &staged,
        recipient: &recipient,
        wrap_hash: &wrap_hash,
    };
    let sealed = cipher.seal_wrap(key, &place, wrap);
    Some(CarriedWrap {
        staged,
        wrap: NewWrap {
            recipient,
            wrap_hash,
            sealed,
        },
        by_seq,
    })
}

fn recipient_and_wrap(record: &ParsedControl) -> Option<(PrincipalId, &Bytes)> {
    match &record.body {
        Body::CreateInvite(create) if !create.wrap.is_empty() => {
            let key = PublicKey::parse(&create.invite_key).ok()?;
            Some((invite_recipient(&key, &create.hpke_key).id(), &create.wrap))
        }
        Body::AcceptInvite(accept) if !accept.wrap.is_empty() => Some((record.author, &accept.wrap)),
        _ => None,
    }
}

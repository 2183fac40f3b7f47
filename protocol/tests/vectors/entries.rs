use prost::Message;
use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::event::{EventHeader, ParsedEvent};
use sealpost_protocol::fold::Refusal;
use sealpost_protocol::ids::{EventId, KeyId, PrincipalId, Root, SpaceId, WriterId};
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::wire;
use serde::Deserialize;

use super::files::{Hex, read};
use super::ways_in;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderVector {
    why: String,
    header: Hex,
    fields: Option<Fields>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    space_id: SpaceId,
    epoch: u64,
    key_id: KeyId,
    principal_id: PrincipalId,
    writer_id: WriterId,
    writer_index: u64,
    previous_event_id: Option<EventId>,
    control_index: u64,
    control_head: EventId,
    seen_seq: u64,
    seen_root: Root,
    nonce: Hex,
}

impl From<EventHeader> for Fields {
    fn from(header: EventHeader) -> Self {
        Self {
            space_id: header.space_id,
            epoch: header.epoch,
            key_id: header.key_id,
            principal_id: header.principal_id,
            writer_id: header.writer_id,
            writer_index: header.writer_index,
            previous_event_id: header.previous_event_id,
            control_index: header.control_index,
            control_head: header.control_head,
            seen_seq: header.seen.seq,
            seen_root: header.seen.root,
            nonce: Hex(header.nonce.to_vec().into()),
        }
    }
}

#[test]
fn event_headers() {
    for vector in read::<HeaderVector>("event_header") {
        let parsed = EventHeader::parse(&vector.header.0).ok();
        if let Some(header) = &parsed {
            assert_eq!(header.encode(), vector.header.0, "{}", vector.why);
        }
        assert_eq!(parsed.map(Fields::from), vector.fields, "{}", vector.why);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventVector {
    why: String,
    public_key: Hex,
    event: Hex,
    verdict: String,
    event_id: Option<EventId>,
}

#[test]
fn events() {
    for vector in read::<EventVector>("event") {
        let author = PublicKey::parse(&vector.public_key.0).unwrap();
        for event in ways_in::event(&vector.event.0) {
            let id = judge_event(&event, &author);
            let verdict = id.map_or_else(|refusal| refusal.code().as_str(), |_| "valid");
            assert_eq!(verdict, vector.verdict, "{}", vector.why);
            let parsed = ParsedEvent::parse(&event).ok().filter(|_| verdict == "valid");
            assert_eq!(
                parsed.as_ref().map(ParsedEvent::id),
                vector.event_id,
                "{}",
                vector.why
            );
            let again = parsed.map_or(event.clone(), |parsed| parsed.to_wire());
            assert_eq!(again.encode_to_vec(), vector.event.0, "{}", vector.why);
        }
    }
}

fn judge_event(event: &wire::SignedEvent, author: &PublicKey) -> Result<EventId, Refusal> {
    Ok(ParsedEvent::parse(event)?.verify(author)?.id())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ControlVector {
    why: String,
    public_key: Hex,
    co_signer: Option<Hex>,
    control: Hex,
    verdict: String,
    control_id: Option<EventId>,
    space_id: Option<SpaceId>,
}

#[test]
fn control_records() {
    for vector in read::<ControlVector>("control") {
        for control in ways_in::control(&vector.control.0) {
            let judged = judge_control(&control, &vector);
            let verdict = match &judged {
                Ok(_) => "valid",
                Err(refusal) => refusal.code().as_str(),
            };
            assert_eq!(verdict, vector.verdict, "{}", vector.why);
            let parsed = judged.ok();
            assert_eq!(
                parsed.as_ref().map(ParsedControl::id),
                vector.control_id,
                "{}",
                vector.why
            );
            let space_id = parsed.as_ref().map(ParsedControl::space_id);
            assert_eq!(space_id, vector.space_id, "{}", vector.why);
            let again = parsed.map_or(control.clone(), |parsed| parsed.to_wire());
            assert_eq!(again.encode_to_vec(), vector.control.0, "{}", vector.why);
        }
    }
}

fn judge_control(control: &wire::SignedControl, vector: &ControlVector) -> Result<ParsedControl, Refusal> {
    let parsed = ParsedControl::parse(control)?;
    parsed.verify(&PublicKey::parse(&vector.public_key.0).unwrap())?;
    if let Some(co_signer) = &vector.co_signer {
        parsed.verify_co_signature(&PublicKey::parse(&co_signer.0).unwrap())?;
    }
    Ok(parsed)
}

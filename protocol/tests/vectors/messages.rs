use bytes::Bytes;
use prost::Message;
use sealpost_protocol::agent::verify_agent_login;
use sealpost_protocol::canonical::{decode_canonical, encode};
use sealpost_protocol::checkpoint::Checkpoint;
use sealpost_protocol::evidence;
use sealpost_protocol::ids::{PrincipalId, SessionId, WriterId};
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::manifest::{Fingerprint, Manifest};
use sealpost_protocol::signal::{SignalContent, SignalHeader, verify_signal};
use sealpost_protocol::socket::SocketProof;
use sealpost_protocol::wire::{self, PrincipalKind};
use serde::Deserialize;

use super::files::{Hex, read};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CanonicalVector {
    why: String,
    message: String,
    bytes: Hex,
    valid: bool,
}

#[test]
fn canonical_encodings() {
    for vector in read::<CanonicalVector>("canonical") {
        let valid = match vector.message.as_str() {
            "RemoveMember" => is_canonical::<wire::RemoveMember>(&vector.bytes.0),
            "Rekey" => is_canonical::<wire::Rekey>(&vector.bytes.0),
            other => panic!("{other}"),
        };
        assert_eq!(valid, vector.valid, "{}", vector.why);
    }
}

fn is_canonical<M: Message + Default>(bytes: &Bytes) -> bool {
    let decoded = decode_canonical::<M>(bytes);
    decoded.is_ok_and(|message| encode(&message) == bytes)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestVector {
    why: String,
    signed_manifest: Hex,
    principal_id: Option<PrincipalId>,
    fingerprint: Option<String>,
    words: Option<String>,
    kind: Option<String>,
}

#[test]
fn manifests() {
    for vector in read::<ManifestVector>("manifest") {
        let signed = wire::SignedManifest::decode(vector.signed_manifest.0).unwrap();
        let manifest = Manifest::parse_signed(&signed).ok();
        assert_eq!(
            manifest.as_ref().map(Manifest::id),
            vector.principal_id,
            "{}",
            vector.why
        );
        let fingerprint = vector.principal_id.map(|id| Fingerprint::of(&id).to_string());
        assert_eq!(fingerprint, vector.fingerprint, "{}", vector.why);
        let words = vector.principal_id.map(|id| Fingerprint::of(&id).words());
        assert_eq!(words, vector.words, "{}", vector.why);
        let kind = manifest.map(|manifest| match manifest.kind() {
            PrincipalKind::Human => "human",
            PrincipalKind::Agent => "agent",
            PrincipalKind::Unspecified => panic!("{}", vector.why),
        });
        assert_eq!(kind, vector.kind.as_deref(), "{}", vector.why);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SocketVector {
    why: String,
    origin: String,
    nonce: Hex,
    principal_id: PrincipalId,
    session_id: SessionId,
    writer_id: WriterId,
    public_key: Hex,
    signature: Hex,
    valid: bool,
}

#[test]
fn socket_proofs() {
    for vector in read::<SocketVector>("socket") {
        let proof = SocketProof {
            origin: &vector.origin,
            nonce: &vector.nonce.0,
            principal_id: &vector.principal_id,
            session_id: &vector.session_id,
            writer_id: &vector.writer_id,
        };
        let key = PublicKey::parse(&vector.public_key.0).unwrap();
        let verified = proof.verify(&key, &vector.signature.0);
        assert_eq!(verified.is_ok(), vector.valid, "{}", vector.why);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentLoginVector {
    why: String,
    origin: String,
    challenge: Hex,
    public_key: Hex,
    signature: Hex,
    valid: bool,
}

#[test]
fn agent_logins() {
    for vector in read::<AgentLoginVector>("agent") {
        let key = PublicKey::parse(&vector.public_key.0).unwrap();
        let verified = verify_agent_login(&key, &vector.origin, &vector.challenge.0, &vector.signature.0);
        assert_eq!(verified.is_ok(), vector.valid, "{}", vector.why);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignalVector {
    why: String,
    public_key: Hex,
    signal: Hex,
    valid: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignalContentVector {
    why: String,
    plaintext: Hex,
    kind: String,
    valid: bool,
}

#[test]
fn contents_of_signals() {
    for vector in read::<SignalContentVector>("signal_content") {
        let content = SignalContent::from_padded(&vector.plaintext.0);
        let kind = match &content {
            Some(SignalContent::Application(_)) => "application",
            Some(SignalContent::Heartbeat(_)) => "heartbeat",
            None => "",
        };
        assert_eq!(
            (content.is_some(), kind),
            (vector.valid, &vector.kind[..]),
            "{}",
            vector.why
        );
        if let Some(content) = content {
            assert_eq!(content.to_padded(), vector.plaintext.0, "{}", vector.why);
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointVector {
    why: String,
    key: Hex,
    checkpoint: Hex,
    valid: bool,
}

#[test]
fn checkpoints() {
    for vector in read::<CheckpointVector>("checkpoint") {
        let signed = wire::SignedCheckpoint::decode(vector.checkpoint.0).unwrap();
        let verified = Checkpoint::verify(&signed, &PublicKey::parse(&vector.key.0).unwrap());
        assert_eq!(verified.is_ok(), vector.valid, "{}", vector.why);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EvidenceVector {
    why: String,
    file: Hex,
    valid: bool,
}

#[test]
fn evidence_of_two_logs() {
    for vector in read::<EvidenceVector>("evidence") {
        let verdict = evidence::verify(&vector.file.0);
        assert_eq!(verdict.is_ok(), vector.valid, "{}: {verdict:?}", vector.why);
    }
}

#[test]
fn signals() {
    for vector in read::<SignalVector>("signal") {
        let signal = wire::SignedSignal::decode(vector.signal.0).unwrap();
        let key = PublicKey::parse(&vector.public_key.0).unwrap();
        let header = SignalHeader::parse(&signal.header);
        let valid = header.is_ok() && verify_signal(&signal, &key).is_ok();
        assert_eq!(valid, vector.valid, "{}", vector.why);
        if let Ok(header) = header {
            assert_eq!(header.encode(), signal.header, "{}", vector.why);
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrameVector {
    why: String,
    from: String,
    frame: Hex,
}

#[test]
fn frames() {
    for vector in read::<FrameVector>("frames") {
        let same = match vector.from.as_str() {
            "client" => is_canonical::<wire::ClientFrame>(&vector.frame.0),
            "relay" => is_canonical::<wire::RelayFrame>(&vector.frame.0),
            other => panic!("{other}"),
        };
        assert!(same, "{}", vector.why);
    }
}

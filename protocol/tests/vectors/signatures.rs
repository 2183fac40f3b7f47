use sealpost_protocol::hash::Label;
use sealpost_protocol::keys::PublicKey;
use serde::Deserialize;

use super::files::{Hex, read};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyVector {
    why: String,
    public_key: Hex,
    valid: bool,
}

#[test]
fn signing_keys() {
    for vector in read::<KeyVector>("signing_key") {
        let parsed = PublicKey::parse(&vector.public_key.0);
        assert_eq!(parsed.is_ok(), vector.valid, "{}", vector.why);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureVector {
    why: String,
    public_key: Hex,
    parts: Vec<Hex>,
    signature: Hex,
    valid: bool,
}

#[test]
fn signatures() {
    for vector in read::<SignatureVector>("signature") {
        let key = PublicKey::parse(&vector.public_key.0).unwrap();
        let parts: Vec<&[u8]> = vector.parts.iter().map(|part| &part.0[..]).collect();
        let verified = key.verify(Label::EVENT, &parts, &vector.signature.0);
        assert_eq!(verified.is_ok(), vector.valid, "{}", vector.why);
    }
}

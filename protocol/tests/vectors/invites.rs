use ed25519_dalek::SigningKey;
use hkdf::Hkdf;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, Serializable};
use sealpost_protocol::chain::invite_recipient;
use sealpost_protocol::hash::sha256;
use sealpost_protocol::ids::{PrincipalId, SpaceId};
use sealpost_protocol::invite::{InviteLink, verify_invite_lookup};
use sealpost_protocol::keys::PublicKey;
use serde::Deserialize;
use sha2::Sha256;

use super::files::{Hex, read};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, untagged)]
enum Vector {
    Valid(Box<Valid>),
    Refused { why: String, link: String, secret: () },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Valid {
    why: String,
    link: String,
    secret: Hex,
    relay_url: String,
    space_id: SpaceId,
    invite_key: Hex,
    hpke_seed: Hex,
    hpke_key_sha256: Hex,
    recipient: PrincipalId,
    joiner: PrincipalId,
    lookup_signature: Hex,
}

#[test]
fn invite_links_and_their_keys() {
    for vector in read::<Vector>("invite") {
        match vector {
            Vector::Valid(valid) => check(&valid),
            Vector::Refused {
                why,
                link,
                secret: (),
            } => {
                assert!(link.parse::<InviteLink>().is_err(), "{why}");
            }
        }
    }
}

fn check(vector: &Valid) {
    let why = &vector.why;
    let link: InviteLink = vector.link.parse().unwrap();
    assert_eq!(*link.expose_text(), vector.link, "{why}");
    assert_eq!(link.expose_secret(), &vector.secret.array::<32>(), "{why}");
    assert_eq!(link.relay_url(), vector.relay_url, "{why}");
    assert_eq!(link.space_id(), vector.space_id, "{why}");
    let seed = derive(&link, &link.signing_key_info());
    let key = PublicKey::of(&SigningKey::from_bytes(&seed));
    assert_eq!(key.as_bytes(), &vector.invite_key.array::<32>(), "{why}");
    let hpke_seed = derive(&link, &link.hpke_key_info());
    assert_eq!(hpke_seed, vector.hpke_seed.array(), "{why}");
    let private = <XWing as Kem>::PrivateKey::from_bytes(&hpke_seed).unwrap();
    let hpke_key = <XWing as Kem>::sk_to_pk(&private).to_bytes().to_vec();
    assert_eq!(sha256(&hpke_key), vector.hpke_key_sha256.array(), "{why}");
    let recipient = invite_recipient(&key, &hpke_key.into());
    assert_eq!(recipient.id(), vector.recipient, "{why}");
    let signature = &vector.lookup_signature.0;
    let verified = verify_invite_lookup(&key, &vector.space_id, &vector.joiner, signature);
    assert_eq!(verified, Ok(()), "{why}");
    let for_another = verify_invite_lookup(&key, &vector.space_id, &vector.recipient, signature);
    assert!(for_another.is_err(), "{why}");
}

fn derive(link: &InviteLink, info: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    Hkdf::<Sha256>::new(None, link.expose_secret())
        .expand(info, &mut out)
        .unwrap();
    out
}

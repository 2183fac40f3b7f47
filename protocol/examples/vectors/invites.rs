//! Invite links: what they hold, and which keys come from them.

use ed25519_dalek::SigningKey;
use hkdf::Hkdf;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, Serializable};
use sealpost_protocol::chain::invite_recipient;
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::invite::{InviteLink, sign_invite_lookup};
use sealpost_protocol::keys::PublicKey;
use serde_json::{Value, json};
use sha2::Sha256;

use super::File;
use super::people::Person;

const RELAY: &str = "https://relay.example.org";

pub fn invite() -> File {
    let link = InviteLink::new([0x77; 32], RELAY, SpaceId::new([0x51; 32])).expect("an origin");
    let text = link.expose_text();
    let (page, fragment) = text.split_once('#').expect("a fragment");
    let mut vectors = vec![
        valid(&link, "a link"),
        valid(
            &InviteLink::new([0x77; 32], "http://127.0.0.1:7450", SpaceId::new([0x51; 32]))
                .expect("an origin"),
            "the same secret at another relay: other keys",
        ),
    ];
    let altered = fragment.replacen("d3d3", "d3d4", 1);
    for (link, why) in [
        (format!("{page}#{altered}"), "a letter of the secret is altered"),
        (
            format!("{page}#{}", &fragment[..fragment.len() - 1]),
            "the last letter is missing",
        ),
        (format!("{page}#{fragment}="), "padded"),
        (
            format!("https://evil.example/i#{fragment}"),
            "the page is at another relay",
        ),
        (format!("{RELAY}/j#{fragment}"), "another page"),
        (page.to_owned(), "no fragment"),
    ] {
        assert!(link != *text, "{why}");
        vectors.push(json!({ "why": why, "link": link, "secret": null }));
    }
    (
        "Invite links; `secret` null: a client refuses them. `lookup_signature` is for Alice as the joiner.",
        vectors,
    )
}

fn valid(link: &InviteLink, why: &str) -> Value {
    let key = SigningKey::from_bytes(&derive(link, &link.signing_key_info()));
    let hpke_seed = derive(link, &link.hpke_key_info());
    let private = <XWing as Kem>::PrivateKey::from_bytes(&hpke_seed).expect("32 bytes are a seed");
    let hpke_key = <XWing as Kem>::sk_to_pk(&private).to_bytes();
    let recipient = invite_recipient(&PublicKey::of(&key), &hpke_key.to_vec().into());
    let lookup = sign_invite_lookup(&key, &link.space_id(), &Person::alice().id());
    json!({
        "why": why,
        "link": *link.expose_text(),
        "secret": hex::encode(link.expose_secret()),
        "relay_url": link.relay_url(),
        "space_id": link.space_id().to_string(),
        "invite_key": hex::encode(PublicKey::of(&key).as_bytes()),
        "hpke_seed": hex::encode(hpke_seed),
        "hpke_key_sha256": hex::encode(sealpost_protocol::hash::sha256(&hpke_key)),
        "recipient": recipient.id().to_string(),
        "joiner": Person::alice().id().to_string(),
        "lookup_signature": hex::encode(lookup),
    })
}

fn derive(link: &InviteLink, info: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    Hkdf::<Sha256>::new(None, link.expose_secret())
        .expand(info, &mut out)
        .expect("32 bytes are within HKDF's limit");
    out
}

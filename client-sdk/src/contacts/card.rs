//! Contact cards: `sealpost-contact:1:HANDLE:MANIFEST:CHECKSUM` on one line.
//!
//! MANIFEST is a `SignedManifest` (protobuf) in unpadded base64url, CHECKSUM the first four bytes of a hash of what stands
//! before it, in hex: it tells a card that was cut or mangled on its way from one that was forged.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost::Message;
use sealpost_protocol::handle::is_handle;
use sealpost_protocol::hash::{Label, tagged_hash};
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::wire::SignedManifest;

use crate::epoch::usable_key;
use crate::error::Error;

const PREFIX: &str = "sealpost-contact:1:";
/// No card is longer; what is pasted by mistake may be.
const LONGEST: usize = 4096;

/// The card of `handle`.
pub(crate) fn write(handle: &str, signed: &SignedManifest) -> String {
    let body = format!(
        "{PREFIX}{handle}:{}",
        URL_SAFE_NO_PAD.encode(signed.encode_to_vec())
    );
    let checksum = checksum(&body);
    format!("{body}:{checksum}")
}

/// Handle and manifest of a card. That the manifest holds is not checked here.
pub(crate) fn read(card: &str) -> Result<(String, SignedManifest), Error> {
    const DAMAGED: &str = "the contact card is damaged; copy all of it, on one line";
    let card = card.trim();
    if !card.starts_with(PREFIX) || card.len() > LONGEST {
        return Err(Error::usage(format!("a contact card starts with {PREFIX}")));
    }
    let (body, sum) = card.rsplit_once(':').ok_or_else(|| Error::usage(DAMAGED))?;
    if checksum(body) != sum {
        return Err(Error::usage(DAMAGED));
    }
    let (handle, manifest) = body
        .strip_prefix(PREFIX)
        .and_then(|content| content.split_once(':'))
        .ok_or_else(|| Error::usage(DAMAGED))?;
    let bytes = URL_SAFE_NO_PAD
        .decode(manifest)
        .map_err(|_| Error::usage(DAMAGED))?;
    let signed = SignedManifest::decode(&bytes[..]).map_err(|_| Error::usage(DAMAGED))?;
    expect_handle(handle)?;
    Ok((handle.to_owned(), signed))
}

/// A signed manifest that holds.
pub(crate) fn parse_signed(bytes: &[u8]) -> Option<(SignedManifest, Manifest)> {
    let signed = SignedManifest::decode(bytes).ok()?;
    let manifest = Manifest::parse_signed(&signed).ok()?;
    usable_key(manifest.hpke_key()).ok()?;
    Some((signed, manifest))
}

fn expect_handle(handle: &str) -> Result<(), Error> {
    is_handle(handle)
        .then_some(())
        .ok_or_else(|| Error::usage("the contact card's handle is not one"))
}

fn checksum(body: &str) -> String {
    hex::encode(&tagged_hash(Label::CONTACT_CARD, &[body.as_bytes()])[..4])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::entropy;
    use crate::identity::Identity;

    fn card() -> (String, SignedManifest) {
        let signed = Identity::generate(&mut entropy::system()).signed_manifest();
        (write("bob", &signed), signed)
    }

    #[test]
    fn card_round_trips_with_white_space_around_it() {
        let (text, signed) = card();
        assert!(!text.contains(char::is_whitespace));
        let (handle, read) = read(&format!("  {text}\n")).unwrap();
        assert_eq!((handle.as_str(), read), ("bob", signed));
    }

    #[test]
    fn card_with_an_unspeakable_handle_is_refused() {
        let (_, signed) = card();
        for handle in [
            "",
            "b",
            "Bob",
            "bob\x1b[2J",
            "b b b",
            "...",
            "-rf",
            &"b".repeat(33),
        ] {
            assert!(read(&write(handle, &signed)).is_err(), "{handle:?}");
        }
    }

    #[test]
    fn checksum_behind_the_prefix_alone_is_refused() {
        let prefix = PREFIX.trim_end_matches(':');
        assert!(read(&format!("{prefix}:{}", checksum(prefix))).is_err());
    }

    #[test]
    fn cut_card_is_refused_at_every_length() {
        let (text, _) = card();
        for length in 0..text.len() {
            assert!(read(&text[..length]).is_err(), "cut to {length}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_panic(text: String) {
            prop_assert!(read(&text).is_err());
            let card = format!("{PREFIX}{text}");
            prop_assert!(read(&card).is_err());
        }
    }
}

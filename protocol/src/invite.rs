//! Invite links: what is in one, which keys come from it, and how its holder asks a relay for what a joiner needs.
//!
//! The link's fragment never reaches a relay. Altered in any byte it fails its checksum; made to fit again, it derives other
//! keys, because space and relay go into them.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

use crate::hash::{Label, framed, tagged_hash};
use crate::ids::{PrincipalId, SpaceId};
use crate::keys::{KeyError, PublicKey, sign};
use crate::limits;

const FORMAT: u8 = 1;
const CHECKSUM: usize = 4;
/// Format, secret, space id, at least one byte of URL, checksum.
const SHORTEST: usize = 1 + limits::SECRET + SpaceId::LENGTH + 1 + CHECKSUM;
const LONGEST: usize = SHORTEST - 1 + limits::MAX_RELAY_URL;

/// Text that is no invite link of this version. All damage looks alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a complete invite link; copy all of it, from https to its last letter")]
pub struct LinkError;

/// What an invite link says. Who has it can join.
pub struct InviteLink {
    secret: Zeroizing<[u8; limits::SECRET]>,
    relay_url: String,
    space_id: SpaceId,
}

impl InviteLink {
    /// A link with this secret, which must be random. The URL is the relay's public origin.
    ///
    /// # Errors
    /// [`LinkError`] if the URL is no origin: `http` or `https`, host, perhaps a port, nothing else.
    pub fn new(secret: [u8; limits::SECRET], relay_url: &str, space_id: SpaceId) -> Result<Self, LinkError> {
        is_origin(relay_url).then_some(()).ok_or(LinkError)?;
        Ok(Self {
            secret: Zeroizing::new(secret),
            relay_url: relay_url.to_owned(),
            space_id,
        })
    }

    /// The relay to ask.
    #[must_use]
    pub fn relay_url(&self) -> &str {
        &self.relay_url
    }

    /// The space.
    #[must_use]
    pub fn space_id(&self) -> SpaceId {
        self.space_id
    }

    /// The input key of HKDF-SHA256 (no salt) for both keys of the invite.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8; limits::SECRET] {
        &self.secret
    }

    /// HKDF `info` of the Ed25519 seed, 32 bytes.
    #[must_use]
    pub fn signing_key_info(&self) -> Vec<u8> {
        self.info(Label::INVITE_SIGNING_KEY)
    }

    /// HKDF `info` of the X-Wing private seed, 32 bytes, used as it is.
    #[must_use]
    pub fn hpke_key_info(&self) -> Vec<u8> {
        self.info(Label::INVITE_HPKE_KEY)
    }

    /// The whole link, secret and all: to be shown to people, and nowhere else.
    #[must_use]
    pub fn expose_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(vec![FORMAT]);
        bytes.extend_from_slice(&self.secret[..]);
        bytes.extend_from_slice(self.space_id.as_bytes());
        bytes.extend_from_slice(self.relay_url.as_bytes());
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        let fragment = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(&bytes[..]));
        Zeroizing::new(format!("{}/i#{}", self.relay_url, &*fragment))
    }

    fn info(&self, label: Label) -> Vec<u8> {
        framed(label, &[self.space_id.as_bytes(), self.relay_url.as_bytes()])
    }
}

impl FromStr for InviteLink {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let (page, fragment) = text.trim().split_once('#').ok_or(LinkError)?;
        if fragment.len() > LONGEST * 4 / 3 + 2 {
            return Err(LinkError);
        }
        let bytes = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(fragment).map_err(|_| LinkError)?);
        if bytes.len() < SHORTEST || bytes[0] != FORMAT {
            return Err(LinkError);
        }
        let (content, given) = bytes.split_at(bytes.len() - CHECKSUM);
        let (secret, rest) = content[1..].split_at(limits::SECRET);
        let (space_id, url) = rest.split_at(SpaceId::LENGTH);
        let url = std::str::from_utf8(url).map_err(|_| LinkError)?;
        if checksum(content) != *given || page.strip_suffix("/i") != Some(url) {
            return Err(LinkError);
        }
        let secret = secret.try_into().map_err(|_| LinkError)?;
        let space_id = SpaceId::try_from(space_id).map_err(|_| LinkError)?;
        Self::new(secret, url, space_id)
    }
}

impl fmt::Debug for InviteLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InviteLink")
            .field("relay_url", &self.relay_url)
            .field("space_id", &self.space_id)
            .finish_non_exhaustive()
    }
}

/// Signs a request for what a joiner needs: by the invite's key, for one principal.
#[must_use]
pub fn sign_invite_lookup(
    key: &SigningKey,
    space_id: &SpaceId,
    joiner: &PrincipalId,
) -> [u8; limits::SIGNATURE] {
    sign(
        key,
        Label::INVITE_LOOKUP,
        &[space_id.as_bytes(), joiner.as_bytes()],
    )
}

/// Checks such a request.
///
/// # Errors
/// [`KeyError::BadSignature`].
pub fn verify_invite_lookup(
    key: &PublicKey,
    space_id: &SpaceId,
    joiner: &PrincipalId,
    signature: &[u8],
) -> Result<(), KeyError> {
    key.verify(
        Label::INVITE_LOOKUP,
        &[space_id.as_bytes(), joiner.as_bytes()],
        signature,
    )
}

fn checksum(content: &[u8]) -> [u8; CHECKSUM] {
    let [a, b, c, d, ..] = tagged_hash(Label::INVITE_LINK, &[content]);
    [a, b, c, d]
}

/// A scheme that relays speak, and an authority of plain characters.
fn is_origin(url: &str) -> bool {
    let authority = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let is_plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b".-:[]".contains(&c);
    let is_authority = |rest: &str| !rest.is_empty() && rest.bytes().all(is_plain);
    url.len() <= limits::MAX_RELAY_URL && authority.is_some_and(is_authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> InviteLink {
        InviteLink::new([7; 32], "https://relay.example.org:8443", SpaceId::new([9; 32])).unwrap()
    }

    #[test]
    fn link_round_trips_and_says_where_it_leads() {
        let text = link().expose_text();
        assert!(text.starts_with("https://relay.example.org:8443/i#"));
        let parsed: InviteLink = text.parse().unwrap();
        assert_eq!(parsed.expose_secret(), &[7; 32]);
        assert_eq!(parsed.relay_url(), "https://relay.example.org:8443");
        assert_eq!(parsed.space_id(), SpaceId::new([9; 32]));
    }

    #[test]
    fn link_altered_in_any_letter_is_refused() {
        let text = link().expose_text();
        for at in 0..text.len() {
            for letter in ['A', 'b', '/'] {
                let mut altered: Vec<char> = text.chars().collect();
                if altered[at] == letter {
                    continue;
                }
                altered[at] = letter;
                let altered: String = altered.into_iter().collect();
                assert!(altered.parse::<InviteLink>().is_err(), "{at}");
            }
            assert!(text[..at].parse::<InviteLink>().is_err());
        }
    }

    #[test]
    fn only_an_origin_is_a_relay() {
        for url in [
            "https://relay.example.org/",
            "ftp://relay.example.org",
            "https://",
            "https://a@b",
            "https://relay.example.org?x",
            "HTTPS://relay.example.org",
        ] {
            assert!(
                InviteLink::new([7; 32], url, SpaceId::new([9; 32])).is_err(),
                "{url}"
            );
        }
    }

    #[test]
    fn link_does_not_print_its_secret() {
        assert!(!format!("{:?}", link()).contains('7'));
    }
}

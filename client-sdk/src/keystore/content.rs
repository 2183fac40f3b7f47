//! What a keystore keeps.

use std::collections::BTreeMap;

use prost::Message;
use sealpost_opaque::KsfParameters;
use sealpost_protocol::ids::{EventId, PrincipalId, Root, SpaceId};
use sealpost_protocol::root::Cursor;
use zeroize::{Zeroize, Zeroizing};

use super::DeviceSecret;
use super::format::{ContactEntry, KeystoreContent, RelayEntry, SpaceEntry};
use crate::identity::Identity;
use crate::secret::{SecretBytes, SecretKey};

/// What stands before an agent's name where handles of people stand too. No handle holds a colon.
pub(crate) const AGENT_PREFIX: &str = "agent:";

/// The content of a keystore, checked.
pub(crate) struct Content {
    pub(crate) identity: Identity,
    pub(crate) relay: RelayPin,
    pub(crate) spaces: BTreeMap<SpaceId, KnownSpace>,
    pub(crate) contacts: BTreeMap<PrincipalId, KnownContact>,
    /// What the passphrase slot needs beside the passphrase, if it needs anything.
    pub(crate) device_secret: Option<DeviceSecret>,
}

/// What is pinned of a relay: its OPAQUE key, and how it had the passphrase stretched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RelayPin {
    pub(crate) opaque_public_key: [u8; 32],
    pub(crate) ksf: KsfParameters,
}

/// A space the account is or was in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KnownSpace {
    pub(crate) name: String,
    /// How far some device of the owner had verified it. A relay that shows less has lost or hidden something.
    pub(crate) verified: Option<VerifiedPlace>,
    /// The principal that was the member, where the owner has started over with other keys since and was not added again.
    pub(crate) lost_with: Option<PrincipalId>,
    /// Whether the owner accepted an invite and was not seen to be let in yet.
    pub(crate) waits_for_approval: bool,
}

/// A verified place of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VerifiedPlace {
    pub(crate) control_index: u64,
    pub(crate) control_head: EventId,
    pub(crate) cursor: Cursor,
}

/// A principal whose fingerprint the owner has confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownContact {
    pub(crate) handle: String,
    pub(crate) confirmed_at_ms: u64,
}

/// Spaces in a keystore up to which others can have more listed: the relay says what they brought the owner into, and a keystore has
/// room for some thousands.
const MOST_LISTED_BY_OTHERS: usize = 1024;

impl Content {
    /// Lists spaces that the relay says the owner is in, where there is room. Returns whether that changes anything.
    pub(crate) fn list(&mut self, spaces: &[SpaceId]) -> bool {
        let before = self.spaces.len();
        for id in spaces {
            if self.spaces.len() < MOST_LISTED_BY_OTHERS {
                self.spaces.entry(*id).or_default();
            }
        }
        self.spaces.len() > before
    }

    /// The content of a new account.
    pub(crate) fn new(identity: Identity, relay: RelayPin) -> Self {
        Self {
            identity,
            relay,
            spaces: BTreeMap::new(),
            contacts: BTreeMap::new(),
            device_secret: None,
        }
    }

    /// The content of an account that starts over with another identity: people stay, agents are gone, spaces are listed as
    /// lost.
    pub(crate) fn start_over(
        &self,
        identity: Identity,
        relay: RelayPin,
        secret: Option<DeviceSecret>,
    ) -> Self {
        let old = self.identity.id();
        let lose = |(id, space): (&SpaceId, &KnownSpace)| {
            let lost_with = space.lost_with.or(Some(old));
            (
                *id,
                KnownSpace {
                    lost_with,
                    waits_for_approval: false,
                    ..space.clone()
                },
            )
        };
        let is_person = |(_, contact): &(&PrincipalId, &KnownContact)| !contact.is_agent();
        let people = self.contacts.iter().filter(is_person);
        Self {
            identity,
            relay,
            spaces: self.spaces.iter().map(lose).collect(),
            contacts: people.map(|(id, contact)| (*id, contact.clone())).collect(),
            device_secret: secret,
        }
    }

    /// The one encoding of this content.
    pub(crate) fn encode(&self) -> SecretBytes {
        let (signing_seed, hpke_seed) = self.identity.expose_seeds();
        let mut wire = KeystoreContent {
            signing_seed: signing_seed.expose_bytes().to_vec(),
            hpke_seed: hpke_seed.expose_bytes().to_vec(),
            relay: Some(self.relay.to_wire()),
            spaces: self.spaces.iter().map(|(id, space)| space.to_wire(id)).collect(),
            contacts: self
                .contacts
                .iter()
                .map(|(id, contact)| contact.to_wire(id))
                .collect(),
            device_secret: self
                .device_secret
                .as_ref()
                .map_or_else(Vec::new, |secret| secret.expose_bytes().to_vec()),
        };
        let bytes = Zeroizing::new(wire.encode_to_vec());
        wire.wipe();
        bytes
    }

    /// Reads what [`Self::encode`] wrote; `None` for anything else, a second encoding of the same included.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut wire = KeystoreContent::decode(bytes).ok()?;
        let again = Zeroizing::new(wire.encode_to_vec());
        let content = Self::from_wire(&wire);
        wire.wipe();
        content.filter(|_| again[..] == *bytes)
    }

    fn from_wire(wire: &KeystoreContent) -> Option<Self> {
        Some(Self {
            identity: Identity::from_seeds(
                SecretKey::from_slice(&wire.signing_seed)?,
                SecretKey::from_slice(&wire.hpke_seed)?,
            ),
            relay: RelayPin::from_wire(wire.relay.as_ref()?)?,
            spaces: sorted(wire.spaces.iter().map(KnownSpace::from_wire))?,
            contacts: sorted(wire.contacts.iter().map(KnownContact::from_wire))?,
            device_secret: device_secret(&wire.device_secret)?,
        })
    }
}

/// `Some(None)` where there is none, `None` where it is malformed.
fn device_secret(bytes: &[u8]) -> Option<Option<DeviceSecret>> {
    match bytes.len() {
        0 => Some(None),
        _ => DeviceSecret::from_slice(bytes).map(Some),
    }
}

impl KeystoreContent {
    fn wipe(&mut self) {
        self.device_secret.zeroize();
        self.signing_seed.zeroize();
        self.hpke_seed.zeroize();
    }
}

/// A map of entries that come in ascending order, each once; `None` otherwise, and where an entry is malformed.
fn sorted<K: Ord + Copy, V>(entries: impl Iterator<Item = Option<(K, V)>>) -> Option<BTreeMap<K, V>> {
    let mut map = BTreeMap::new();
    for entry in entries {
        let (key, value) = entry?;
        if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
            return None;
        }
        map.insert(key, value);
    }
    Some(map)
}

impl RelayPin {
    fn to_wire(self) -> RelayEntry {
        RelayEntry {
            opaque_public_key: self.opaque_public_key.to_vec(),
            ksf_m_kib: self.ksf.m_kib,
            ksf_t: self.ksf.t,
            ksf_p: self.ksf.p,
        }
    }

    fn from_wire(wire: &RelayEntry) -> Option<Self> {
        Some(Self {
            opaque_public_key: wire.opaque_public_key[..].try_into().ok()?,
            ksf: KsfParameters {
                m_kib: wire.ksf_m_kib,
                t: wire.ksf_t,
                p: wire.ksf_p,
            },
        })
    }

    /// Its bytes, for the local store.
    pub(crate) fn encode(self) -> Vec<u8> {
        self.to_wire().encode_to_vec()
    }

    /// Reads what [`Self::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        Self::from_wire(&RelayEntry::decode(bytes).ok()?)
    }
}

impl KnownSpace {
    fn to_wire(&self, id: &SpaceId) -> SpaceEntry {
        let entry = SpaceEntry {
            space_id: id.as_bytes().to_vec(),
            name: self.name.clone(),
            lost_with: self.lost_with.map_or_else(Vec::new, |id| id.as_bytes().to_vec()),
            waits_for_approval: self.waits_for_approval,
            ..SpaceEntry::default()
        };
        match self.verified {
            None => entry,
            Some(place) => SpaceEntry {
                control_head: place.control_head.as_bytes().to_vec(),
                control_index: place.control_index,
                seq: place.cursor.seq,
                root: place.cursor.root.as_bytes().to_vec(),
                ..entry
            },
        }
    }

    fn from_wire(wire: &SpaceEntry) -> Option<(SpaceId, Self)> {
        let space = Self {
            name: wire.name.clone(),
            verified: verified_place(wire)?,
            lost_with: lost_with(&wire.lost_with)?,
            waits_for_approval: wire.waits_for_approval,
        };
        Some((SpaceId::try_from(&wire.space_id[..]).ok()?, space))
    }
}

/// `Some(None)` where the space is not lost, `None` where the entry is malformed.
fn lost_with(bytes: &[u8]) -> Option<Option<PrincipalId>> {
    match bytes.len() {
        0 => Some(None),
        _ => PrincipalId::try_from(bytes).ok().map(Some),
    }
}

/// `Some(None)` where none was pinned, `None` where the entry is malformed.
fn verified_place(wire: &SpaceEntry) -> Option<Option<VerifiedPlace>> {
    if wire.control_index == 0 {
        let empty = wire.control_head.is_empty() && wire.root.is_empty() && wire.seq == 0;
        return empty.then_some(None);
    }
    Some(Some(VerifiedPlace {
        control_index: wire.control_index,
        control_head: EventId::try_from(&wire.control_head[..]).ok()?,
        cursor: Cursor {
            seq: wire.seq,
            root: Root::try_from(&wire.root[..]).ok()?,
        },
    }))
}

impl KnownContact {
    /// Whether it is an agent of this account.
    pub(crate) fn is_agent(&self) -> bool {
        self.handle.starts_with(AGENT_PREFIX)
    }

    fn to_wire(&self, id: &PrincipalId) -> ContactEntry {
        ContactEntry {
            principal_id: id.as_bytes().to_vec(),
            handle: self.handle.clone(),
            confirmed_at_ms: self.confirmed_at_ms,
        }
    }

    fn from_wire(wire: &ContactEntry) -> Option<(PrincipalId, Self)> {
        let contact = Self {
            handle: wire.handle.clone(),
            confirmed_at_ms: wire.confirmed_at_ms,
        };
        Some((PrincipalId::try_from(&wire.principal_id[..]).ok()?, contact))
    }
}

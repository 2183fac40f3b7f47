//! Sealing and opening a whole keystore.

use bytes::Bytes;
use prost::Message;
use rand::CryptoRng;
use sealpost_protocol::canonical::decode_canonical;
use sealpost_protocol::hash::{Digest32, Label, framed, sha256};
use sealpost_protocol::ids::AccountId;
use sealpost_protocol::{VERSION, limits, padding};

use super::format::{self, CommittedBox};
use super::slot::{SlotKey, SlotKind};
use super::{Content, committed};
use crate::secret::{SecretBytes, SecretKey};

/// Generations between one time that a keystore is put back after a restore of the relay and the next, so that what was written before
/// is told from what was written after it. Nobody makes so many.
pub(crate) const GENERATIONS_PER_LIFE: u64 = 1 << 32;

/// A keystore that is malformed, changed, of another account or version, or locked with something else. One error for
/// all of them: which one it is would help an attacker only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the keystore does not open")]
pub(crate) struct DoesNotOpen;

/// A keystore as the relay keeps it, well-formed but not opened.
#[derive(Clone)]
pub(crate) struct SealedKeystore {
    account_id: AccountId,
    generation: u64,
    slots: Slots,
    content: CommittedBox,
}

#[derive(Clone)]
struct Slots {
    passphrase: CommittedBox,
    /// Which of the two kinds of passphrase slots it is.
    passphrase_kind: SlotKind,
    recovery: CommittedBox,
}

/// An opened keystore.
pub(crate) struct Opened {
    pub(crate) root_key: SecretKey,
    pub(crate) content: Content,
}

impl SealedKeystore {
    /// Seals the first generation of a new account's keystore under a new root key.
    pub(crate) fn create(
        account_id: AccountId,
        content: &Content,
        passphrase: &SlotKey,
        recovery: &SlotKey,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let root_key = SecretKey::generate(rng);
        let slots = Slots {
            passphrase: passphrase.seal(&root_key, rng),
            passphrase_kind: passphrase.kind(),
            recovery: recovery.seal(&root_key, rng),
        };
        Self::seal(account_id, 1, slots, &root_key, content, rng)
    }

    /// The next generation, with nothing of this one left: another root key, other slots, other content.
    pub(crate) fn start_over(
        &self,
        content: &Content,
        passphrase: &SlotKey,
        recovery: &SlotKey,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let first = Self::create(self.account_id, content, passphrase, recovery, rng);
        let opened = first.open(passphrase).expect("sealed just now under this key");
        let slots = first.slots;
        Self::seal(
            self.account_id,
            self.generation + 1,
            slots,
            &opened.root_key,
            content,
            rng,
        )
    }

    /// Parses bytes from the relay.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, DoesNotOpen> {
        if bytes.len() > limits::MAX_KEYSTORE {
            return Err(DoesNotOpen);
        }
        let wire: format::SealedKeystore =
            decode_canonical(&Bytes::copy_from_slice(bytes)).map_err(|_| DoesNotOpen)?;
        Self::from_wire(wire).ok_or(DoesNotOpen)
    }

    /// The bytes for the relay.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.to_wire().encode_to_vec()
    }

    /// Whose it says it is; true once it opened.
    pub(crate) fn account_id(&self) -> AccountId {
        self.account_id
    }

    /// Rises with every change. The owner's devices refuse to go back.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether the passphrase slot says that it opens with the device secret only; true once it opened.
    pub(crate) fn needs_device_secret(&self) -> bool {
        self.slots.passphrase_kind == SlotKind::PassphraseAndDevice
    }

    /// Identifies these very bytes.
    pub(crate) fn digest(&self) -> Digest32 {
        sha256(&self.to_bytes())
    }

    /// Opens it by a slot.
    pub(crate) fn open(&self, slot_key: &SlotKey) -> Result<Opened, DoesNotOpen> {
        let slot = match slot_key.kind() {
            SlotKind::Recovery => &self.slots.recovery,
            kind if kind == self.slots.passphrase_kind => &self.slots.passphrase,
            _ => return Err(DoesNotOpen),
        };
        let root_key = slot_key.open(slot).ok_or(DoesNotOpen)?;
        let content = self.open_content(&root_key)?;
        Ok(Opened { root_key, content })
    }

    /// Opens the content on a device that holds the root key.
    pub(crate) fn open_content(&self, root_key: &SecretKey) -> Result<Content, DoesNotOpen> {
        let context = content_context(&self.account_id, self.generation, &self.slots);
        let padded = committed::open(root_key, &context, &self.content).ok_or(DoesNotOpen)?;
        let plaintext = padding::unpad(&padded).map_err(|_| DoesNotOpen)?;
        Content::decode(plaintext).ok_or(DoesNotOpen)
    }

    /// The next generation with this content and the same slots.
    pub(crate) fn with_content(
        &self,
        root_key: &SecretKey,
        content: &Content,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let slots = self.slots.clone();
        Self::seal(
            self.account_id,
            self.generation + 1,
            slots,
            root_key,
            content,
            rng,
        )
    }

    /// The first generation of the life behind `life`, with this content and the same slots.
    pub(crate) fn in_next_life(
        &self,
        life: u64,
        (root_key, content): (&SecretKey, &Content),
        rng: &mut impl CryptoRng,
    ) -> Self {
        let generation = (life + 1).saturating_mul(GENERATIONS_PER_LIFE);
        let slots = self.slots.clone();
        Self::seal(self.account_id, generation, slots, root_key, content, rng)
    }

    /// The next generation with one slot replaced.
    pub(crate) fn with_slot(&self, opened: &Opened, slot_key: &SlotKey, rng: &mut impl CryptoRng) -> Self {
        let Opened { root_key, content } = opened;
        let mut slots = self.slots.clone();
        let slot = slot_key.seal(root_key, rng);
        match slot_key.kind() {
            SlotKind::Recovery => slots.recovery = slot,
            kind => {
                slots.passphrase = slot;
                slots.passphrase_kind = kind;
            }
        }
        Self::seal(
            self.account_id,
            self.generation + 1,
            slots,
            root_key,
            content,
            rng,
        )
    }

    fn seal(
        account_id: AccountId,
        generation: u64,
        slots: Slots,
        root_key: &SecretKey,
        content: &Content,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let context = content_context(&account_id, generation, &slots);
        let padded = SecretBytes::new(padding::pad(&content.encode()));
        Self {
            account_id,
            generation,
            content: committed::seal(root_key, &context, &padded, rng),
            slots,
        }
    }

    fn from_wire(wire: format::SealedKeystore) -> Option<Self> {
        if wire.version != VERSION || wire.generation == 0 {
            return None;
        }
        Some(Self {
            account_id: AccountId::try_from(&wire.account_id[..]).ok()?,
            generation: wire.generation,
            slots: Slots {
                passphrase: wire.passphrase_slot?,
                passphrase_kind: passphrase_kind(wire.passphrase_slot_kind)?,
                recovery: wire.recovery_slot?,
            },
            content: wire.content?,
        })
    }

    fn to_wire(&self) -> format::SealedKeystore {
        format::SealedKeystore {
            version: VERSION,
            account_id: self.account_id.as_bytes().to_vec(),
            generation: self.generation,
            passphrase_slot: Some(self.slots.passphrase.clone()),
            recovery_slot: Some(self.slots.recovery.clone()),
            content: Some(self.content.clone()),
            passphrase_slot_kind: u32::from(self.needs_device_secret()),
        }
    }
}

fn passphrase_kind(number: u32) -> Option<SlotKind> {
    match number {
        0 => Some(SlotKind::Passphrase),
        1 => Some(SlotKind::PassphraseAndDevice),
        _ => None,
    }
}

#[cfg(test)]
impl SealedKeystore {
    /// The same with the mark gone that its passphrase slot needs a device secret.
    pub(crate) fn marked_as_plain(&self) -> Self {
        let mut slots = self.slots.clone();
        slots.passphrase_kind = SlotKind::Passphrase;
        Self {
            slots,
            ..self.clone()
        }
    }
}

/// What the content is bound to: version, account, generation and both slots, so that none of them can be mixed with
/// those of another generation.
fn content_context(account_id: &AccountId, generation: u64, slots: &Slots) -> Vec<u8> {
    framed(
        Label::KEYSTORE_CONTENT,
        &[
            &VERSION.to_be_bytes(),
            account_id.as_bytes(),
            &generation.to_be_bytes(),
            &slots.passphrase.encode_to_vec(),
            &slots.recovery.encode_to_vec(),
        ],
    )
}

/// The same for a sealed keystore, for tests that seal contents no encoder writes.
#[cfg(test)]
pub(super) fn content_context_of(sealed: &SealedKeystore) -> Vec<u8> {
    content_context(&sealed.account_id, sealed.generation, &sealed.slots)
}

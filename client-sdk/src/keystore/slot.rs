//! Slots: the ways to open a keystore.

use hkdf::Hkdf;
use rand::CryptoRng;
use sealpost_opaque::ExportKey;
use sealpost_protocol::VERSION;
use sealpost_protocol::hash::{Label, framed};
use sealpost_protocol::ids::AccountId;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::committed;
use super::device_secret::DeviceSecret;
use super::format::CommittedBox;
use super::recovery_code::RecoveryCode;
use crate::secret::{SecretBytes, SecretKey};

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotKind {
    Passphrase,
    /// Passphrase and device secret together.
    PassphraseAndDevice,
    Recovery,
}

/// The key of a slot: it belongs to one kind of slot of one account.
pub(crate) struct SlotKey {
    kind: SlotKind,
    account_id: AccountId,
    key: SecretKey,
}

impl SlotKey {
    /// The key of the passphrase slot; of one that needs the device secret, where there is one.
    pub(crate) fn from_export_key(
        export_key: &ExportKey,
        device_secret: Option<&DeviceSecret>,
        account_id: AccountId,
    ) -> Self {
        Self::of_passphrase(export_key.expose_bytes(), device_secret, account_id)
    }

    pub(super) fn of_passphrase(
        export_key: &[u8],
        device_secret: Option<&DeviceSecret>,
        account_id: AccountId,
    ) -> Self {
        let Some(device_secret) = device_secret else {
            return Self::derive(SlotKind::Passphrase, export_key, account_id);
        };
        let mut both = SecretBytes::new(export_key.to_vec());
        both.extend_from_slice(device_secret.expose_bytes());
        Self::derive(SlotKind::PassphraseAndDevice, &both, account_id)
    }

    /// The key of the recovery slot.
    pub(crate) fn from_recovery_code(code: &RecoveryCode, account_id: AccountId) -> Self {
        Self::derive(SlotKind::Recovery, code.expose_entropy(), account_id)
    }

    pub(super) fn derive(kind: SlotKind, secret: &[u8], account_id: AccountId) -> Self {
        let mut bytes = Zeroizing::new([0; SecretKey::LENGTH]);
        Hkdf::<Sha256>::new(None, secret)
            .expand(&framed(kind.label(), &[account_id.as_bytes()]), &mut bytes[..])
            .expect("32 bytes are below HKDF's limit of 8,160");
        Self {
            kind,
            account_id,
            key: SecretKey::from(*bytes),
        }
    }

    pub(crate) fn kind(&self) -> SlotKind {
        self.kind
    }

    /// Seals the root key.
    pub(super) fn seal(&self, root_key: &SecretKey, rng: &mut impl CryptoRng) -> CommittedBox {
        committed::seal(&self.key, &self.context(), root_key.expose_bytes(), rng)
    }

    /// Opens the root key.
    pub(super) fn open(&self, slot: &CommittedBox) -> Option<SecretKey> {
        SecretKey::from_slice(&committed::open(&self.key, &self.context(), slot)?)
    }

    #[cfg(test)]
    pub(super) fn expose_key(&self) -> &SecretKey {
        &self.key
    }

    fn context(&self) -> Vec<u8> {
        framed(
            Label::KEYSTORE_SLOT,
            &[
                &VERSION.to_be_bytes(),
                self.account_id.as_bytes(),
                self.kind.label().as_str().as_bytes(),
            ],
        )
    }
}

impl SlotKind {
    fn label(self) -> Label {
        match self {
            Self::Passphrase => Label::PASSPHRASE_SLOT,
            Self::PassphraseAndDevice => Label::PASSPHRASE_DEVICE_SLOT,
            Self::Recovery => Label::RECOVERY_SLOT,
        }
    }
}

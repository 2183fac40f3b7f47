//! Domain-separated hashing and signing input.
//!
//! Every hash and every signature of the protocol covers `framed(label, parts)`: the label and each part preceded by its
//! length, so that no two lists of parts share an encoding and no signature is valid under another label.

use sha2::{Digest, Sha256};

/// A SHA-256 digest.
pub type Digest32 = [u8; 32];

/// What a hash or a signature is for. The text is part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(&'static str);

impl Label {
    /// The label's text, for key derivation and documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl Label { $($(#[$doc])* pub const $name: Label = Label(concat!("sealpost/v1/", $text));)* }
        /// Every label, for the test that they are distinct.
        #[cfg(test)]
        const ALL: &[Label] = &[$(Label::$name),*];
    };
}

labels! {
    /// Id of a principal: over its manifest.
    PRINCIPAL_ID = "principal-id";
    /// Signature of a manifest by its own key.
    MANIFEST = "manifest";
    /// Signature of an event.
    EVENT = "event";
    /// Id of an event.
    EVENT_ID = "event-id";
    /// Signature of a control record.
    CONTROL = "control";
    /// Second signature of a control record (invite key, or new key of a replacement).
    CONTROL_CO = "control-co";
    /// Id of a control record, which is the control head.
    CONTROL_ID = "control-id";
    /// Id of a space: over its genesis record.
    SPACE_ID = "space-id";
    /// Running hash of a log.
    ROOT = "root";
    /// Receipt of the relay for a (seq, root).
    RECEIPT = "receipt";
    /// The relay's proof to itself that it took the record which deleted a space.
    SHRED = "shred";
    /// Signature of an ephemeral signal.
    SIGNAL = "signal";
    /// Signature of a checkpoint by the relay.
    CHECKPOINT = "checkpoint";
    /// Signature of evidence by who exports it.
    EVIDENCE = "evidence";
    /// Proof of the principal's key when a socket opens.
    SOCKET = "socket";
    /// Proof of the recovery login key.
    RECOVERY_LOGIN = "recovery-login";
    /// Proof of an agent's signing key when it logs in.
    AGENT_LOGIN = "agent-login";
    /// What the relay knows a pairing code by.
    PAIRING_TOKEN = "pairing-token";
    /// Checksum of a pairing code.
    PAIRING_CODE = "pairing-code";
    /// What a new device asks for, and its code commits to.
    DEVICE_REQUEST = "device-request";
    /// What the relay knows a new device's request by.
    DEVICE_TOKEN = "device-token";
    /// Checksum of a new device's code.
    DEVICE_CODE = "device-code";
    /// Preshared key of an approval, from the secret in a new device's code.
    DEVICE_PSK = "device-psk";
    /// HPKE info of an approval.
    DEVICE_APPROVAL_INFO = "device-approval-info";
    /// Signature of an approval.
    DEVICE_APPROVAL = "device-approval";
    /// Hash of one wrap.
    WRAP = "wrap";
    /// Digest of all wraps of an epoch.
    WRAPS = "wraps";
    /// HPKE info of a wrap.
    WRAP_INFO = "wrap-info";
    /// Public id of an epoch secret.
    KEY_ID = "key-id";
    /// Key of an epoch's events.
    CONTENT_KEY = "content-key";
    /// Key of an epoch's signals.
    SIGNAL_KEY = "signal-key";
    /// Key that seals the previous epoch secret.
    HISTORY_KEY = "history-key";
    /// Associated data of a sealed previous epoch secret.
    HISTORY = "history";
    /// Human-readable fingerprint of a principal.
    FINGERPRINT = "fingerprint";
    /// Key of a keystore's passphrase slot, from OPAQUE's export key.
    PASSPHRASE_SLOT = "passphrase-slot";
    /// Key of a keystore's passphrase slot that needs a device secret too, from OPAQUE's export key and that.
    PASSPHRASE_DEVICE_SLOT = "passphrase-device-slot";
    /// Checksum of a device secret.
    DEVICE_SECRET = "device-secret";
    /// Key of a keystore's recovery slot, from a recovery code.
    RECOVERY_SLOT = "recovery-slot";
    /// Ed25519 seed of the login key, from a recovery code.
    RECOVERY_LOGIN_KEY = "recovery-login-key";
    /// Checksum of a recovery code.
    RECOVERY_CODE = "recovery-code";
    /// A keystore's slot: key derivation and associated data.
    KEYSTORE_SLOT = "keystore-slot";
    /// A keystore's content: key derivation and associated data.
    KEYSTORE_CONTENT = "keystore-content";
    /// Key of an exported account, from its stretched passphrase.
    EXPORT_KEY = "export-key";
    /// An exported account: key derivation and associated data.
    EXPORT = "export";
    /// Checksum of a contact card.
    CONTACT_CARD = "contact-card";
    /// Id of an invite as the recipient of wraps.
    INVITE_ID = "invite-id";
    /// Ed25519 seed of an invite, from its link's secret.
    INVITE_SIGNING_KEY = "invite-signing-key";
    /// X-Wing seed of an invite, from its link's secret.
    INVITE_HPKE_KEY = "invite-hpke-key";
    /// Checksum of an invite link.
    INVITE_LINK = "invite-link";
    /// Proof of an invite's key when a joiner asks for what it needs.
    INVITE_LOOKUP = "invite-lookup";
    /// Key and nonce prefix of a blob's chunks.
    BLOB = "blob";
    /// Associated data of a blob's last chunk.
    BLOB_END = "blob-end";
    /// Associated data of a value in a device's local store.
    DEVICE_STORE = "device-store";
}

/// Label and parts, each preceded by its length: one byte for the label, eight (big-endian) for each part.
#[must_use]
pub fn framed(label: Label, parts: &[&[u8]]) -> Vec<u8> {
    let length = 1 + label.0.len() + parts.iter().map(|part| 8 + part.len()).sum::<usize>();
    let mut out = Vec::with_capacity(length);
    write_framed(label, parts, |bytes| out.extend_from_slice(bytes));
    out
}

/// SHA-256 over [`framed`], without building it.
#[must_use]
pub fn tagged_hash(label: Label, parts: &[&[u8]]) -> Digest32 {
    let mut hasher = Sha256::new();
    write_framed(label, parts, |bytes| hasher.update(bytes));
    hasher.finalize().into()
}

/// Plain SHA-256, where the format says so (ciphertext hashes).
#[must_use]
pub fn sha256(bytes: &[u8]) -> Digest32 {
    Sha256::digest(bytes).into()
}

fn write_framed(label: Label, parts: &[&[u8]], mut write: impl FnMut(&[u8])) {
    let label_length = u8::try_from(label.0.len()).expect("labels are short constants");
    write(&[label_length]);
    write(label.0.as_bytes());
    for part in parts {
        write(&(part.len() as u64).to_be_bytes());
        write(part);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn labels_are_distinct() {
        let texts: BTreeSet<_> = ALL.iter().map(|label| label.as_str()).collect();
        assert_eq!(texts.len(), ALL.len());
    }

    #[test]
    fn moving_a_byte_between_parts_changes_the_hash() {
        let left = tagged_hash(Label::ROOT, &[b"ab", b"c"]);
        let right = tagged_hash(Label::ROOT, &[b"a", b"bc"]);
        assert_ne!(left, right);
    }

    #[test]
    fn hash_is_sha256_of_the_framed_bytes() {
        let parts: &[&[u8]] = &[b"one", b"", b"three"];
        assert_eq!(
            tagged_hash(Label::EVENT, parts),
            sha256(&framed(Label::EVENT, parts))
        );
    }
}

//! An account in one sealed file, for a drawer: what the keystore keeps and the manifests of contacts.
//!
//! Unlike a keystore, the file is held by whoever finds it, so that a passphrase is all that protects it: it is stretched
//! four times as long as a login's, and the parameters in the file are held to the same floor and ceiling.

use bytes::Bytes;
use hkdf::Hkdf;
use prost::Message;
use rand::CryptoRng;
use sealpost_opaque::ksf::{CheckedKsf, KsfParameters};
use sealpost_protocol::canonical::decode_canonical;
use sealpost_protocol::hash::{Label, framed};
use sealpost_protocol::ids::AccountId;
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::wire::SignedManifest;
use sealpost_protocol::{VERSION, padding};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::format::{ExportContent, ExportFile, ExportedManifest};
use super::{Content, committed};
use crate::entropy;
use crate::secret::{Passphrase, SecretBytes, SecretKey};

/// How the passphrase of a new file is stretched.
pub(crate) const STRETCHING: KsfParameters = KsfParameters {
    m_kib: 256 * 1024,
    t: 3,
    p: 1,
};

/// No file is longer; what is given by mistake may be.
pub(crate) const MAX_EXPORT: usize = 16 * 1024 * 1024;

const MAGIC: &[u8] = b"sealpost-export:1\n";
const SALT: usize = 32;

/// An account as it is kept in a file.
pub(crate) struct Export {
    pub(crate) account_id: AccountId,
    pub(crate) handle: String,
    /// The relay that kept the account.
    pub(crate) origin: String,
    pub(crate) exported_at_ms: u64,
    pub(crate) content: Content,
    /// Manifests of contacts, each with the handle it came under.
    pub(crate) manifests: Vec<(String, SignedManifest)>,
}

/// Why a file does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAnExport {
    /// Something else, or a file that was cut.
    #[error("this is no export of a Sealpost account, or not all of it")]
    Malformed,
    /// Its parameters lie outside what this program derives with. Nothing was derived.
    #[error("the file asks for weak or absurd stretching; it was not made by this program")]
    Stretching,
    /// The passphrase is another one, or the file was changed.
    #[error("the file does not open: check the passphrase, or it was damaged")]
    DoesNotOpen,
}

/// Seals an account under a passphrase. Stretching takes half a second or more.
pub(crate) fn seal(
    export: &Export,
    passphrase: &Passphrase,
    ksf: CheckedKsf,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, sealpost_opaque::Error> {
    let salt: [u8; SALT] = entropy::draw(rng);
    let key = derive(passphrase, ksf, &salt)?;
    let padded = SecretBytes::new(padding::pad(&export.encode()));
    let KsfParameters { m_kib, t, p } = ksf.parameters();
    let file = ExportFile {
        version: VERSION,
        ksf_m_kib: m_kib,
        ksf_t: t,
        ksf_p: p,
        content: Some(committed::seal(&key, &context(ksf, &salt), &padded, rng)),
        salt: salt.to_vec(),
    };
    Ok([MAGIC, &file.encode_to_vec()].concat())
}

/// Opens a file.
pub(crate) fn open(bytes: &[u8], passphrase: &Passphrase) -> Result<Export, NotAnExport> {
    let body = bytes.strip_prefix(MAGIC).ok_or(NotAnExport::Malformed)?;
    if bytes.len() > MAX_EXPORT {
        return Err(NotAnExport::Malformed);
    }
    let file: ExportFile =
        decode_canonical(&Bytes::copy_from_slice(body)).map_err(|_| NotAnExport::Malformed)?;
    let salt: [u8; SALT] = file.salt[..].try_into().map_err(|_| NotAnExport::Malformed)?;
    let sealed = file.content.as_ref().ok_or(NotAnExport::Malformed)?;
    if file.version != VERSION {
        return Err(NotAnExport::Malformed);
    }
    let ksf = file.ksf().check().map_err(|_| NotAnExport::Stretching)?;
    let key = derive(passphrase, ksf, &salt).map_err(|_| NotAnExport::DoesNotOpen)?;
    let padded = committed::open(&key, &context(ksf, &salt), sealed).ok_or(NotAnExport::DoesNotOpen)?;
    let plaintext = padding::unpad(&padded).map_err(|_| NotAnExport::DoesNotOpen)?;
    Export::decode(plaintext).ok_or(NotAnExport::DoesNotOpen)
}

fn derive(
    passphrase: &Passphrase,
    ksf: CheckedKsf,
    salt: &[u8; SALT],
) -> Result<SecretKey, sealpost_opaque::Error> {
    let stretched = ksf.stretch(passphrase.expose_bytes(), salt)?;
    let mut key = Zeroizing::new([0; SecretKey::LENGTH]);
    Hkdf::<Sha256>::new(None, &stretched[..])
        .expand(&framed(Label::EXPORT_KEY, &[]), &mut key[..])
        .expect("32 bytes are below HKDF's limit of 8,160");
    Ok(SecretKey::from(*key))
}

fn context(ksf: CheckedKsf, salt: &[u8; SALT]) -> Vec<u8> {
    let KsfParameters { m_kib, t, p } = ksf.parameters();
    let numbers = [VERSION, m_kib, t, p].map(u32::to_be_bytes);
    let [version, m_kib, t, p] = &numbers;
    framed(Label::EXPORT, &[version, m_kib, t, p, salt])
}

impl ExportFile {
    fn ksf(&self) -> KsfParameters {
        KsfParameters {
            m_kib: self.ksf_m_kib,
            t: self.ksf_t,
            p: self.ksf_p,
        }
    }
}

impl Export {
    fn encode(&self) -> SecretBytes {
        let manifests = self.manifests.iter().map(|(handle, signed)| ExportedManifest {
            handle: handle.clone(),
            manifest: signed.manifest.to_vec(),
            signature: signed.signature.to_vec(),
        });
        let mut wire = ExportContent {
            account_id: self.account_id.as_bytes().to_vec(),
            handle: self.handle.clone(),
            origin: self.origin.clone(),
            exported_at_ms: self.exported_at_ms,
            keystore_content: self.content.encode().to_vec(),
            manifests: manifests.collect(),
        };
        let bytes = Zeroizing::new(wire.encode_to_vec());
        wire.keystore_content.zeroize();
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut wire = ExportContent::decode(bytes).ok()?;
        let again = Zeroizing::new(wire.encode_to_vec());
        let export = Self::from_wire(&wire);
        wire.keystore_content.zeroize();
        export.filter(|_| again[..] == *bytes)
    }

    fn from_wire(wire: &ExportContent) -> Option<Self> {
        Some(Self {
            account_id: AccountId::try_from(&wire.account_id[..]).ok()?,
            handle: wire.handle.clone(),
            origin: wire.origin.clone(),
            exported_at_ms: wire.exported_at_ms,
            content: Content::decode(&wire.keystore_content)?,
            manifests: wire.manifests.iter().map(manifest_from).collect::<Option<_>>()?,
        })
    }
}

fn manifest_from(wire: &ExportedManifest) -> Option<(String, SignedManifest)> {
    let signed = SignedManifest {
        manifest: wire.manifest.clone().into(),
        signature: wire.signature.clone().into(),
    };
    Manifest::parse_signed(&signed).ok()?;
    Some((wire.handle.clone(), signed))
}

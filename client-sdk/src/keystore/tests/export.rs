//! `vectors/export.json`: an exported account that opens, and files with one fault each.

use prost::Message;
use sealpost_opaque::ksf::FLOOR;
use serde::{Deserialize, Serialize};

use super::vectors::full_content;
use crate::identity::Identity;
use crate::keystore::export::{self, Export, NotAnExport};
use crate::keystore::format::ExportFile;
use crate::keystore::testing::ACCOUNT;
use crate::secret::{Passphrase, SecretKey};
use crate::testing::counting::Counting;

const FILE: &str = "vectors/export.json";
const PASSPHRASE: &str = "words for the drawer";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Vectors {
    about: String,
    passphrase: String,
    handle: String,
    origin: String,
    keystore_content: String,
    open: String,
    refuse: Vec<Case>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Case {
    name: String,
    file: String,
}

fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE.to_owned())
}

fn account() -> Export {
    let bob = Identity::from_seeds(SecretKey::from([0x61; 32]), SecretKey::from([0x62; 32]));
    Export {
        account_id: ACCOUNT,
        handle: "alice".to_owned(),
        origin: "https://relay.example.org".to_owned(),
        exported_at_ms: 1_790_000_000_000,
        content: full_content(),
        manifests: vec![("bob".to_owned(), bob.signed_manifest())],
    }
}

fn sealed() -> Vec<u8> {
    let ksf = FLOOR.check().unwrap();
    export::seal(&account(), &passphrase(), ksf, &mut Counting(0x20)).unwrap()
}

fn changed(change: impl FnOnce(&mut ExportFile)) -> Vec<u8> {
    let whole = sealed();
    let (magic, body) = whole.split_at(18);
    let mut file = ExportFile::decode(body).unwrap();
    change(&mut file);
    [magic, &file.encode_to_vec()].concat()
}

fn faults() -> Vec<(&'static str, Vec<u8>)> {
    let whole = sealed();
    vec![
        ("empty", Vec::new()),
        (
            "another first line",
            [b"sealpost-export:2\n", &whole[18..]].concat(),
        ),
        ("last byte cut", whole[..whole.len() - 1].to_vec()),
        ("unknown field", [&whole[..], &[0x78, 1]].concat()),
        ("version 2", changed(|file| file.version = 2)),
        ("salt of 31 bytes", changed(|file| file.salt.truncate(31))),
        ("no content", changed(|file| file.content = None)),
        ("memory below the floor", changed(|file| file.ksf_m_kib = 65_535)),
        ("one pass less than the floor", changed(|file| file.ksf_t = 2)),
        ("no lanes", changed(|file| file.ksf_p = 0)),
        ("memory of 4 TiB", changed(|file| file.ksf_m_kib = u32::MAX)),
        ("2^32 - 1 passes", changed(|file| file.ksf_t = u32::MAX)),
        (
            "other parameters than it was sealed with",
            changed(|file| file.ksf_t = 4),
        ),
        ("bit flipped in the salt", changed(|file| file.salt[0] ^= 1)),
        (
            "bit flipped in the commitment",
            changed(|file| file.content.as_mut().unwrap().commitment[0] ^= 1),
        ),
        (
            "bit flipped in the ciphertext",
            changed(|file| file.content.as_mut().unwrap().ciphertext[40] ^= 1),
        ),
    ]
}

fn build() -> Vectors {
    let refused = |(name, file): (&str, Vec<u8>)| Case {
        name: name.to_owned(),
        file: hex::encode(file),
    };
    Vectors {
        about: "An exported account. `open` opens with the passphrase; `refuse`: one fault each.".to_owned(),
        passphrase: PASSPHRASE.to_owned(),
        handle: account().handle,
        origin: account().origin,
        keystore_content: hex::encode(account().content.encode()),
        open: hex::encode(sealed()),
        refuse: faults().into_iter().map(refused).collect(),
    }
}

fn read() -> Vectors {
    serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap()
}

#[test]
#[ignore = "rewrites the vectors"]
fn write_export_vectors() {
    let text = serde_json::to_string_pretty(&build()).unwrap();
    std::fs::write(FILE, text + "\n").unwrap();
}

#[test]
fn export_vectors_are_what_this_code_makes() {
    assert_eq!(read(), build());
}

#[test]
fn export_vector_opens_with_its_passphrase_only() {
    let vectors = read();
    let file = hex::decode(&vectors.open).unwrap();
    let opened = export::open(&file, &Passphrase::new(vectors.passphrase))
        .ok()
        .unwrap();
    assert_eq!((opened.handle, opened.origin), (vectors.handle, vectors.origin));
    assert_eq!(hex::encode(opened.content.encode()), vectors.keystore_content);
    let other = export::open(&file, &Passphrase::new("another".to_owned()));
    assert_eq!(other.err(), Some(NotAnExport::DoesNotOpen));
}

#[test]
fn export_vectors_with_one_fault_are_refused() {
    for case in read().refuse {
        let file = hex::decode(&case.file).unwrap();
        assert!(export::open(&file, &passphrase()).is_err(), "{}", case.name);
    }
}

#[test]
fn weak_and_absurd_stretching_of_a_file_is_refused_before_it_is_done() {
    for (m_kib, t) in [(65_535, 3), (65_536, 2), (u32::MAX, 3), (65_536, u32::MAX)] {
        let file = changed(|file| (file.ksf_m_kib, file.ksf_t) = (m_kib, t));
        assert_eq!(
            export::open(&file, &passphrase()).err(),
            Some(NotAnExport::Stretching)
        );
    }
}

use bytes::Bytes;
use prost::Message;
use sealpost_protocol::blob::{BlobReference, BlobSize, Folder, FolderFile};
use sealpost_protocol::canonical::encode;
use sealpost_protocol::ids::BlobId;
use sealpost_protocol::limits;
use sealpost_protocol::wire;
use serde_json::{Value, json};

use super::File;

pub fn blob_reference() -> File {
    let reference = BlobReference {
        blob_id: BlobId::new([1; 16]),
        key: [2; 32].into(),
        epoch: 3,
        size: BlobSize::new(1_000_000).expect("below the limit"),
        ciphertext_hash: [4; 32],
        name: "Küche.jpg".to_owned(),
        content_type: "image/jpeg".to_owned(),
    };
    let bytes = reference.encode().expect("a good name");
    let with = |change: &dyn Fn(&mut wire::BlobReference)| {
        let mut message = wire::BlobReference::decode(bytes.clone()).expect("our own");
        change(&mut message);
        encode(&message)
    };
    let named = |name: &str| with(&|message| message.name = name.to_owned());
    let size_of = |length: u64| with(&|message| message.length = length);
    let short = Bytes::from_static(&[7; 15]);
    let vectors = vec![
        valid(&bytes, "a photo"),
        valid(&named(""), "no name"),
        valid(&with(&|message| message.content_type.clear()), "no type"),
        valid(&size_of(0), "an empty file: its length is a default and left out"),
        valid(&size_of(limits::MAX_BLOB), "the longest"),
        valid(&named(&"x".repeat(255)), "the longest name"),
        refused(&size_of(limits::MAX_BLOB + 1), "longer than the longest"),
        refused(&size_of(1 << 63), "2^63 bytes"),
        refused(&with(&|message| message.version = 2), "another version"),
        refused(&with(&|message| message.blob_id = short.clone()), "a short id"),
        refused(&with(&|message| message.key = short.clone()), "a short key"),
        refused(
            &with(&|message| message.ciphertext_hash = short.clone()),
            "a short hash",
        ),
        refused(&with(&|message| message.epoch = 0), "no epoch"),
        refused(
            &with(&|message| message.chunk_size = 65_537),
            "another chunk size",
        ),
        refused(&named(&"x".repeat(256)), "a name that is too long"),
        refused(&named(".."), "the folder above"),
        refused(&named("a/b"), "a path"),
        refused(&named("a\\b"), "a path of another system"),
        refused(&named("a\u{1b}[2J"), "a control character"),
        refused(&named("photo\u{202e}gpj.exe"), "text that is turned round"),
        refused(
            &with(&|message| message.content_type = "a\nb".to_owned()),
            "a line end in the type",
        ),
        refused(
            &[&bytes[..], &[0x78, 1]].concat().into(),
            "a field that does not exist",
        ),
        refused(&bytes.slice(..bytes.len() - 1), "cut short"),
    ];
    ("References to blobs, as messages carry them.", vectors)
}

fn valid(reference: &Bytes, why: &str) -> Value {
    let size = BlobReference::parse(reference).expect(why).size;
    let (padded, chunks, stored) = (size.padded(), size.chunks(), size.stored());
    let size = json!({ "length": size.length(), "padded": padded, "chunks": chunks, "stored": stored });
    json!({ "why": why, "reference": hex::encode(reference), "size": size })
}

fn refused(reference: &Bytes, why: &str) -> Value {
    json!({ "why": why, "reference": hex::encode(reference), "size": Value::Null })
}

pub fn folder() -> File {
    let blob = BlobReference {
        blob_id: BlobId::new([1; 16]),
        key: [2; 32].into(),
        epoch: 3,
        size: BlobSize::new(10).expect("below the limit"),
        ciphertext_hash: [4; 32],
        name: String::new(),
        content_type: "text/plain".to_owned(),
    };
    let file = |path: &str| FolderFile {
        path: path.to_owned(),
        executable: path == "run",
        blob: blob.clone(),
    };
    let folder = |paths: &[&str]| {
        let folder = Folder::new(paths.iter().map(|path| file(path)).collect());
        folder.and_then(|folder| folder.encode()).expect("a good folder")
    };
    let two = wire::Folder::decode(folder(&["a", "b"])).expect("our own");
    let with = |change: &dyn Fn(&mut wire::Folder)| {
        let mut message = two.clone();
        change(&mut message);
        encode(&message)
    };
    let at = |path: &str| with(&|message| message.files[1].path = path.to_owned());
    let with_file = |change: &dyn Fn(&mut wire::BlobReference)| {
        with(&|message| change(message.files[1].blob.as_mut().expect("it has one")))
    };
    let longest = ["x"; limits::MAX_FOLDER_PATH / 2].join("/");
    let vectors = vec![
        taken(&folder(&[]), "an empty folder"),
        taken(&folder(&["a", "run"]), "two files, one to run"),
        taken(&folder(&["a!", "a/b", "a/c/d", "b"]), "folders in it"),
        taken(&at(&longest), "the longest path, but one"),
        not_taken(&at(&format!("{longest}/xx")), "a path that is too long"),
        not_taken(&with(&|message| message.version = 2), "another version"),
        not_taken(&at("a"), "one path twice"),
        not_taken(&at("A"), "paths out of order"),
        not_taken(&at("a/b"), "a file that is a folder, too"),
        not_taken(&at(""), "no path"),
        not_taken(&at("/b"), "a path from the root"),
        not_taken(&at("b/../../c"), "a path that leads out"),
        not_taken(&at("b//c"), "an empty name in a path"),
        not_taken(&at("b\\c"), "a path of another system"),
        not_taken(
            &with(&|message| message.files[1].blob = None),
            "a file without a blob",
        ),
        not_taken(
            &with_file(&|blob| blob.name = "b".to_owned()),
            "a blob with a name",
        ),
        not_taken(&with_file(&|blob| blob.epoch = 0), "a blob of no epoch"),
        not_taken(
            &[&folder(&["a"])[..], &[0x78, 1]].concat().into(),
            "a field that does not exist",
        ),
    ];
    ("Folders: blobs that name the blobs of their files.", vectors)
}

fn taken(folder: &Bytes, why: &str) -> Value {
    let parsed = Folder::parse(folder).expect(why);
    let file = |file: &FolderFile| json!({ "path": file.path, "executable": file.executable });
    let files: Vec<Value> = parsed.files().iter().map(file).collect();
    json!({ "why": why, "folder": hex::encode(folder), "files": files })
}

fn not_taken(folder: &Bytes, why: &str) -> Value {
    json!({ "why": why, "folder": hex::encode(folder), "files": Value::Null })
}

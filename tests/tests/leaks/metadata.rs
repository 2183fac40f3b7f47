//! `tests/METADATA.md` classes every column of the database and every field of a frame, by the facts of SECURITY.md, and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use protox::prost_reflect::{DescriptorPool, Kind};
use sealpost_tests::database::Database;
use sqlx::Row;

/// Integers that stand for something in one database only.
const NUMBERS: [&str; 1] = ["space_no"];
/// Bytes and texts that are of another class than their type says: signed records that the relay reads, and a name drawn by the storage.
const READABLE_BYTES: [&str; 5] = [
    "spaces.tombstone",
    "SignedEvent.header",
    "SignedSignal.header",
    "SignedControl.record",
    "SignedCheckpoint.checkpoint",
];
const DRAWN_TEXT: [&str; 1] = ["blobs.upload"];
/// What only ever travels inside a ciphertext, so that all of it is sealed whatever its type.
const INSIDE: [&str; 6] = [
    "Message",
    "EventContent",
    "BlobReference",
    "Folder",
    "FolderFile",
    "SignalContent",
];
/// What is in no frame: files for third parties.
const FILES: [&str; 3] = ["Evidence", "SeenEvent", "SignedEvidence"];

/// What a row of the page says.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    class: String,
    fact: String,
}

fn page(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(path)).expect("the page is in the repository")
}

/// The rows of the table below a heading, without its first two lines.
fn rows<'a>(page: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let heading = format!("\n## {heading}\n");
    let (_, below) = page.split_once(&heading).expect("the page has the heading");
    let table = below.lines().skip_while(|line| !line.starts_with('|'));
    table
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

fn said(heading: &str) -> BTreeMap<String, Said> {
    let page = page("tests/METADATA.md");
    let rows = rows(&page, heading).into_iter().map(|row| {
        let [name, class, fact] = row[..] else {
            panic!("a row has three cells: {row:?}");
        };
        let (class, fact) = (class.to_owned(), fact.to_owned());
        (name.trim_matches('`').to_owned(), Said { class, fact })
    });
    let rows: Vec<_> = rows.collect();
    let number = rows.len();
    let said: BTreeMap<_, _> = rows.into_iter().collect();
    assert_eq!(said.len(), number, "something stands twice below {heading}");
    said
}

/// Whether a value of this kind can be of the class.
fn fits(name: &str, class: &str, is_bytes: bool) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    match class {
        "sealed" | "blind" => is_bytes,
        "pseudonymous" => is_bytes || NUMBERS.contains(&last) || DRAWN_TEXT.contains(&name),
        "plain" => !is_bytes || READABLE_BYTES.contains(&name),
        _ => false,
    }
}

/// That the page has exactly these names, each with a class that its kind can be of.
fn agrees(heading: &str, found: &BTreeMap<String, bool>) {
    let said = said(heading);
    let names: BTreeSet<_> = found.keys().collect();
    assert_eq!(said.keys().collect::<BTreeSet<_>>(), names, "{heading}");
    for (name, said) in &said {
        assert!(fits(name, &said.class, found[name]), "{name} cannot be {said:?}");
    }
}

#[tokio::test]
async fn every_column_is_classed_and_its_class_fits_its_type() {
    let database = Database::create().await;
    let mut connection = database.connect().await;
    let columns = "SELECT table_name || '.' || column_name, data_type = 'bytea' FROM information_schema.columns \
        WHERE table_schema = 'public' AND table_name <> 'refinery_schema_history'";
    let columns = sqlx::query(columns).fetch_all(&mut connection).await.unwrap();
    let found: BTreeMap<String, bool> = columns.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert!(found.len() > 100);
    agrees("Columns", &found);
}

#[test]
fn every_field_of_a_frame_is_classed_and_its_class_fits_its_type() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/proto");
    let compiled = protox::compile(["sealpost.proto"], [folder]).unwrap();
    let pool = DescriptorPool::from_file_descriptor_set(compiled).unwrap();
    let mut found = BTreeMap::new();
    for message in pool
        .all_messages()
        .filter(|message| !FILES.contains(&message.name()))
    {
        let inside = INSIDE.contains(&message.name());
        // A field that is a message is not listed: its fields are.
        for field in message
            .fields()
            .filter(|field| !matches!(field.kind(), Kind::Message(_)))
        {
            let is_bytes = inside || field.kind() == Kind::Bytes;
            found.insert(format!("{}.{}", message.name(), field.name()), is_bytes);
        }
    }
    assert!(found.len() > 100);
    agrees("Fields of frames", &found);
}

#[test]
fn facts_and_what_is_classed_by_them_are_the_same() {
    let (columns, fields) = (said("Columns"), said("Fields of frames"));
    let security = page("SECURITY.md");
    let facts = rows(&security, "What the relay sees: metadata");
    let known: BTreeSet<&str> = facts.iter().map(|fact| fact[0]).collect();
    let used = columns
        .values()
        .chain(fields.values())
        .map(|said| said.fact.as_str());
    let unknown: Vec<_> = used.filter(|fact| !known.contains(fact)).collect();
    assert_eq!(unknown, Vec::<&str>::new());
    for fact in facts {
        let [fact, in_memory, at_rest] = fact[..] else {
            panic!("a fact has three cells: {fact:?}");
        };
        let classes = |said: &BTreeMap<String, Said>| -> BTreeSet<String> {
            let of_it = said.values().filter(|said| said.fact == fact);
            of_it.map(|said| said.class.clone()).collect()
        };
        let stored = classes(&columns);
        // What is said not to be stored has no column, and what is said to be in clear or an index has one of that class.
        let is_stored = !at_rest.starts_with("no") && at_rest != "sealed in the log";
        assert_eq!(!stored.is_empty(), is_stored, "{fact}: {at_rest}");
        if is_stored {
            let clear = stored.contains("plain") || stored.contains("pseudonymous");
            assert_eq!(
                clear,
                at_rest.contains("in clear"),
                "{fact}: {at_rest}: {stored:?}"
            );
            let blind = at_rest.contains("blind index") || at_rest.contains("keyed hash");
            assert_eq!(stored.contains("blind"), blind, "{fact}: {at_rest}: {stored:?}");
            assert!(
                !stored.contains("sealed") || at_rest.contains("sealed"),
                "{fact}: {at_rest}"
            );
        }
        // What the relay does not have in memory either is sealed in every frame.
        if in_memory == "no" {
            assert_eq!(classes(&fields), BTreeSet::from(["sealed".to_owned()]), "{fact}");
        }
    }
}

#[test]
fn a_class_that_does_not_fit_is_seen() {
    for (name, class, is_bytes) in [
        ("accounts.created_at", "sealed", false),
        ("accounts.handle_sealed", "plain", true),
        ("accounts.handle_index", "secret", true),
        ("accounts.state", "pseudonymous", false),
    ] {
        assert!(!fits(name, class, is_bytes), "{name} is not {class}");
    }
}

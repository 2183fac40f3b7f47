//! Reads what a backup has to fit out of the SQL that `pg_restore` makes of a dump, without any database.
//!
//! Of each row only the beginning is kept, and of the log only the last row of each space: memory grows with the number of
//! spaces, by a few hundred bytes each, and not with what they hold.

use std::collections::{BTreeMap, HashMap};

use sealpost_protocol::ids::SpaceId;

use super::heads::{Heads, HeadsHasher};
use crate::atrest::{DataKeyId, KeyScope, WrappedDataKey, WrappedKey};

/// What is kept of a line: enough for the columns that are looked at.
const LINE_MAX_BYTES: usize = 4096;

/// A dump that is not one of this relay's databases.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a row of {0} is not as this relay writes it")]
pub struct ScanError(&'static str);

/// What a dump holds, as far as a backup has to fit it.
#[derive(Debug, PartialEq, Eq)]
pub struct DumpFacts {
    /// The newest migration that had run.
    pub schema_version: i32,
    /// All data keys, wrapped.
    pub data_keys: Vec<WrappedDataKey>,
    /// Where every space stands.
    pub heads: Heads,
}

impl DumpFacts {
    /// Which deployment this is: the id of its directory data key, in hexadecimal.
    #[must_use]
    pub fn deployment(&self) -> Option<String> {
        let directory = self.data_keys.iter().find(|key| key.scope == KeyScope::Directory);
        directory.map(|key| hex::encode(key.id.as_bytes()))
    }
}

/// Takes the SQL in pieces.
#[derive(Default)]
pub struct DumpScanner {
    line: Vec<u8>,
    reading: Option<Rows>,
    schema_version: i32,
    data_keys: Vec<WrappedDataKey>,
    space_ids: HashMap<i64, [u8; 32]>,
    heads: HashMap<i64, (u64, [u8; 32])>,
}

/// The table whose rows are being read, and where its columns stand.
struct Rows {
    table: Table,
    columns: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    History,
    DataKeys,
    Spaces,
    Events,
    /// Rows that nobody looks at.
    Other,
}

impl Table {
    fn named(name: &str) -> Self {
        match name.strip_prefix("public.").unwrap_or(name) {
            "refinery_schema_history" => Self::History,
            "data_keys" => Self::DataKeys,
            "spaces" => Self::Spaces,
            "events" => Self::Events,
            _ => Self::Other,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::History => "refinery_schema_history",
            Self::DataKeys => "data_keys",
            Self::Spaces => "spaces",
            Self::Events => "events",
            Self::Other => "another table",
        }
    }

    /// The columns that are looked at, in the order in which [`DumpScanner::row`] takes them.
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::History => &["version"],
            Self::DataKeys => &["data_key_id", "scope", "space_no", "wrapped"],
            Self::Spaces => &["space_no", "space_id"],
            Self::Events => &["space_no", "seq", "root"],
            Self::Other => &[],
        }
    }
}

impl DumpScanner {
    /// Takes the next piece, wherever it was cut.
    ///
    /// # Errors
    /// [`ScanError`].
    pub fn feed(&mut self, mut piece: &[u8]) -> Result<(), ScanError> {
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            self.keep(&piece[..end]);
            piece = &piece[end + 1..];
            let line = std::mem::take(&mut self.line);
            self.line_ended(&line)?;
            self.line = line;
            self.line.clear();
        }
        self.keep(piece);
        Ok(())
    }

    /// What was found.
    ///
    /// # Errors
    /// [`ScanError`] when rows refer to a space that is not there.
    pub fn finish(self) -> Result<DumpFacts, ScanError> {
        let mut ordered = BTreeMap::new();
        for (number, head) in self.heads {
            let id = self.space_ids.get(&number).ok_or(ScanError("events"))?;
            ordered.insert(*id, head);
        }
        let mut hasher = HeadsHasher::default();
        for (id, (seq, root)) in &ordered {
            hasher.add(&SpaceId::new(*id), *seq, root);
        }
        Ok(DumpFacts {
            schema_version: self.schema_version,
            data_keys: self.data_keys,
            heads: hasher.finish(),
        })
    }

    fn keep(&mut self, part: &[u8]) {
        let room = LINE_MAX_BYTES - self.line.len();
        self.line.extend_from_slice(&part[..part.len().min(room)]);
    }

    fn line_ended(&mut self, line: &[u8]) -> Result<(), ScanError> {
        match &self.reading {
            None => self.reading = begins_rows(line)?,
            Some(_) if line == b"\\." => self.reading = None,
            Some(rows) if rows.table == Table::Other => {}
            Some(rows) => {
                let (table, columns) = (rows.table, rows.columns.clone());
                self.row(table, &columns, line).ok_or(ScanError(table.name()))?;
            }
        }
        Ok(())
    }

    fn row(&mut self, table: Table, columns: &[usize], line: &[u8]) -> Option<()> {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
        let field = |place: usize| std::str::from_utf8(fields.get(*columns.get(place)?)?).ok();
        match table {
            Table::History => self.schema_version = self.schema_version.max(number(field(0)?)?),
            Table::DataKeys => self.data_keys.push(WrappedDataKey {
                id: DataKeyId::from_bytes(bytes(field(0)?)?),
                scope: KeyScope::from_parts(field(1)?, optional(field(2)?)?)?,
                wrapped: WrappedKey::from_bytes(hex::decode(field(3)?.strip_prefix("\\\\x")?).ok()?),
            }),
            Table::Spaces => {
                self.space_ids.insert(number(field(0)?)?, bytes(field(1)?)?);
            }
            Table::Events => {
                let (seq, root) = (number(field(1)?)?, bytes(field(2)?)?);
                let head = self.heads.entry(number(field(0)?)?).or_insert((seq, root));
                if seq > head.0 {
                    *head = (seq, root);
                }
            }
            Table::Other => {}
        }
        Some(())
    }
}

/// `COPY public.events (space_no, seq, root) FROM stdin;`
fn begins_rows(line: &[u8]) -> Result<Option<Rows>, ScanError> {
    let Some(header) = line.strip_prefix(b"COPY ") else {
        return Ok(None);
    };
    let header = String::from_utf8_lossy(header);
    let Some((name, rest)) = header.split_once(" (") else {
        return Ok(None);
    };
    let Some((listed, _)) = rest.split_once(") FROM stdin;") else {
        return Ok(None);
    };
    let (table, listed) = (Table::named(name), listed.split(", ").collect::<Vec<_>>());
    let place = |column: &&str| listed.iter().position(|one| one == column);
    let columns: Option<Vec<usize>> = table.columns().iter().map(place).collect();
    let columns = columns.ok_or(ScanError(table.name()))?;
    Ok(Some(Rows { table, columns }))
}

fn number<N: std::str::FromStr>(field: &str) -> Option<N> {
    field.parse().ok()
}

/// `\N` is null.
fn optional(field: &str) -> Option<Option<i64>> {
    match field {
        "\\N" => Some(None),
        field => number(field).map(Some),
    }
}

/// Bytes are hexadecimal digits behind an `x` whose backslash is doubled.
fn bytes<const LENGTH: usize>(field: &str) -> Option<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    hex::decode_to_slice(field.strip_prefix("\\\\x")?, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump() -> String {
        let (one, two) = ("01".repeat(32), "02".repeat(32));
        let sealed = "ff".repeat(3 * LINE_MAX_BYTES);
        format!(
            "--\n-- PostgreSQL database dump\n--\n\nCREATE TABLE public.events (\n    seq bigint\n);\n\
             COPY public.accounts (account_id, created_at) FROM stdin;\nCOPY public.events (seq) FROM stdin;\n\\.\n\
             COPY public.data_keys (data_key_id, scope, space_no, wrapped, created_at) FROM stdin;\n\
             \\\\x{id}\tdirectory\t\\N\t\\\\x0102\t2026-11-21 20:15:03+00\n\
             \\\\x{id}\tspace\t7\t\\\\x03\t2026-11-21 20:15:03+00\n\\.\n\n\
             COPY public.events (space_no, seq, root, sealed) FROM stdin;\n\
             7\t1\t\\\\x{one}\t\\\\x{sealed}\n7\t2\t\\\\x{two}\t\\\\x{sealed}\n8\t1\t\\\\x{two}\t\\\\x00\n\\.\n\n\
             COPY public.refinery_schema_history (version, name) FROM stdin;\n1\ta\n14\tb\n2\tc\n\\.\n\n\
             COPY public.spaces (space_no, space_id) FROM stdin;\n7\t\\\\x{two}\n8\t\\\\x{one}\n\\.\n",
            id = "11".repeat(16),
        )
    }

    fn scan(sql: &str, piece: usize) -> Result<DumpFacts, ScanError> {
        let mut scanner = DumpScanner::default();
        for piece in sql.as_bytes().chunks(piece) {
            scanner.feed(piece)?;
        }
        scanner.finish()
    }

    #[test]
    fn the_facts_are_found_however_the_dump_is_cut_into_pieces() {
        let mut heads = HeadsHasher::default();
        heads.add(&SpaceId::new([1; 32]), 1, &[2; 32]);
        heads.add(&SpaceId::new([2; 32]), 2, &[2; 32]);
        let heads = heads.finish();
        for piece in [1, 7, 4096, 1 << 20] {
            let found = scan(&dump(), piece).unwrap();
            assert_eq!(found.schema_version, 14);
            assert_eq!(found.heads, heads);
            assert_eq!(found.deployment(), Some("11".repeat(16)));
            assert_eq!(found.data_keys[1].scope, KeyScope::Space(7));
        }
    }

    #[test]
    fn rows_of_another_shape_are_refused_by_the_name_of_their_table() {
        for (from, to, table) in [
            ("\tdirectory\t", "\tkitchen\t", "data_keys"),
            ("\t\\N\t", "\t3\t", "data_keys"),
            ("8\t1\t", "8\tone\t", "events"),
            (
                "(space_no, seq, root, sealed)",
                "(space_no, seq, sealed)",
                "events",
            ),
            ("8\t\\\\x01", "9\t\\\\x01", "events"),
            ("14\tb", "fourteen\tb", "refinery_schema_history"),
        ] {
            let changed = dump().replace(from, to);
            assert_ne!(changed, dump(), "{from}");
            assert_eq!(scan(&changed, 4096), Err(ScanError(table)), "{from}");
        }
    }

    #[test]
    fn any_bytes_are_judged_without_panic() {
        let sql = dump();
        for place in (0..sql.len()).step_by(97) {
            let mut bytes = sql.clone().into_bytes();
            bytes[place] ^= 0x0b;
            let mut scanner = DumpScanner::default();
            if scanner.feed(&bytes).is_ok() {
                let _ = scanner.finish();
            }
        }
    }
}

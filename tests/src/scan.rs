//! Looks at every value of every table.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::database::Database;

/// Shorter values are found by chance.
const SHORTEST: usize = 16;

/// Everything that a database holds.
#[derive(Debug)]
pub struct Scan {
    rows: Vec<ScannedRow>,
}

#[derive(Debug)]
struct ScannedRow {
    table: String,
    cells: BTreeMap<String, Cell>,
}

#[derive(Debug)]
struct Cell {
    bytes: Vec<u8>,
    /// Whether it is a byte string; anything else is here as text.
    is_binary: bool,
}

/// Where a value was found: table and column.
pub type Place = (String, String);

impl Database {
    /// Reads all of it.
    pub async fn scan(&self) -> Scan {
        let mut connection = self.connect().await;
        let mut rows = Vec::new();
        for table in tables(&mut connection).await {
            rows.extend(read(&mut connection, &table).await);
        }
        Scan { rows }
    }
}

impl Scan {
    /// How many rows each table has that do not have `value` in a column of this name; tables without any are left out.
    #[must_use]
    pub fn rows_without(&self, column: &str, value: &[u8]) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for row in &self.rows {
            if row.cells.get(column).is_none_or(|cell| cell.bytes != value) {
                *counts.entry(row.table.as_str()).or_default() += 1;
            }
        }
        counts
    }

    /// The long byte strings of all rows that have `value` in a column of this name, `value` itself included.
    #[must_use]
    pub fn values_beside(&self, column: &str, value: &[u8]) -> BTreeSet<Vec<u8>> {
        let of_it = |row: &&ScannedRow| row.cells.get(column).is_some_and(|cell| cell.bytes == value);
        let cells = self.rows.iter().filter(of_it).flat_map(|row| row.cells.values());
        let long = cells.filter(|cell| cell.is_binary && cell.bytes.len() >= SHORTEST);
        long.map(|cell| cell.bytes.clone()).collect()
    }

    /// Everywhere that a value stands, alone or within another, as bytes or in hex.
    #[must_use]
    pub fn places_of(&self, value: &[u8]) -> BTreeSet<Place> {
        let in_hex = hex::encode(value).into_bytes();
        let holds = |cell: &Cell| contains(&cell.bytes, value) || contains(&cell.bytes, &in_hex);
        let places = self.rows.iter().flat_map(|row| {
            let cells = row.cells.iter().filter(|(_, cell)| holds(cell));
            cells.map(|(column, _)| (row.table.clone(), column.clone()))
        });
        places.collect()
    }
}

async fn tables(connection: &mut PgConnection) -> Vec<String> {
    let tables = "SELECT table_name::text FROM information_schema.tables
                  WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1";
    sqlx::query_scalar(tables).fetch_all(connection).await.unwrap()
}

async fn read(connection: &mut PgConnection, table: &str) -> Vec<ScannedRow> {
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT column_name::text, data_type::text FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position",
    )
    .bind(table)
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    // Whatever is no byte string is taken as the text that Postgres makes of it.
    let as_bytes = |(name, kind): &(String, String)| match kind.as_str() {
        "bytea" => format!("\"{name}\""),
        _ => format!("convert_to(\"{name}\"::text, 'UTF8')"),
    };
    let list: Vec<String> = columns.iter().map(as_bytes).collect();
    let statement = format!("SELECT {} FROM \"{table}\"", list.join(", "));
    let rows = sqlx::query(AssertSqlSafe(statement))
        .fetch_all(connection)
        .await
        .unwrap();
    let scanned = rows.iter().map(|row| {
        let cells = columns.iter().enumerate().filter_map(|(index, (name, kind))| {
            let cell = Cell {
                bytes: row.get::<Option<Vec<u8>>, _>(index)?,
                is_binary: kind == "bytea",
            };
            Some((name.clone(), cell))
        });
        ScannedRow {
            table: table.to_owned(),
            cells: cells.collect(),
        }
    });
    scanned.collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

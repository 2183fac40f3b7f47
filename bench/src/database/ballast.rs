//! Rows that take the room of what others have written: with the shapes, sizes and indexes of the relay's own, made by SQL, for
//! signing and sealing ten million events would take hours. Nobody reads them, and nobody could: they are sealed with nothing.

use anyhow::Result;
use sqlx::{Connection, PgConnection};

use super::Session;
use crate::progress;

/// The number of the first space of the ballast: far from those that the relay gives out.
const FIRST: i64 = 1_000_000_001;
/// Events of each space are written so many at a time, space by space, so that the spaces lie mixed on the disk as they would if all
/// had been written to in the same weeks.
const RUN: i64 = 20;
/// Events in a commit.
const COMMIT: i64 = 200_000;
/// Events of a space that is there for its own sake.
const OF_A_QUIET_SPACE: i64 = 10;

/// How much of it there is in a database. A copy of the database has a copy of it.
#[derive(Clone, Copy, Debug)]
pub struct Ballast {
    /// Spaces that hold most events.
    busy: i64,
    /// Events in each of them.
    depth: i64,
    /// Spaces in all.
    spaces: i64,
}

impl Ballast {
    /// None yet; events will lie in so many spaces.
    #[must_use]
    pub fn new(busy: u32) -> Self {
        Self {
            busy: busy.into(),
            depth: 0,
            spaces: 0,
        }
    }

    /// Events in its busy spaces.
    #[must_use]
    pub fn events(&self) -> u64 {
        (self.busy * self.depth).unsigned_abs()
    }

    /// Writes until there are so many events, each sealed one of `sealed` bytes.
    pub async fn fill_events(&mut self, session: &mut Session, events: u64, sealed: usize) -> Result<()> {
        self.fill_spaces(session, self.busy).await?;
        let target = i64::try_from(events)?.div_euclid(self.busy);
        let sealed = vec![0x5a; sealed];
        while self.depth < target {
            let to = (self.depth + (COMMIT / self.busy).max(RUN)).min(target);
            let mut transaction = session.0.begin().await?;
            while self.depth < to {
                let places = (self.depth + 1, (self.depth + RUN).min(to));
                let spaces = (FIRST, FIRST + self.busy - 1);
                insert_events(&mut transaction, spaces, places, &sealed).await?;
                self.depth = places.1;
            }
            transaction.commit().await?;
            progress(&format!("  {} events of ballast", self.events()));
        }
        Ok(())
    }

    /// Writes until there are so many spaces, with all that belongs to one, and a few events in those that are new.
    pub async fn fill_quiet_spaces(
        &mut self,
        session: &mut Session,
        spaces: u64,
        sealed: usize,
    ) -> Result<()> {
        let (before, spaces) = (self.spaces, i64::try_from(spaces)?);
        self.fill_spaces(session, spaces).await?;
        if before < spaces {
            let new = (FIRST + before, FIRST + spaces - 1);
            let sealed = vec![0x5a; sealed];
            insert_events(&mut session.0, new, (1, OF_A_QUIET_SPACE), &sealed).await?;
        }
        Ok(())
    }

    async fn fill_spaces(&mut self, session: &mut Session, spaces: i64) -> Result<()> {
        if self.spaces < spaces {
            let (from, to) = (FIRST + self.spaces, FIRST + spaces - 1);
            for statement in BELONGINGS {
                let statement = sqlx::query(statement).bind(from).bind(to);
                statement.execute(&mut session.0).await?;
            }
            self.spaces = spaces;
        }
        Ok(())
    }
}

/// What the relay keeps of a space beside its log: the space, its key, three members with their wraps.
const BELONGINGS: [&str; 4] = [
    "INSERT INTO spaces (space_no, space_id, created_by_account, appended_bytes, retention_seconds, created_at)
     SELECT n, sha256(int8send(n)), substr(sha256(int8send(n / 100)), 1, 16), 1000000, 0, now()
     FROM generate_series($1::bigint, $2::bigint) n",
    "INSERT INTO data_keys (data_key_id, scope, space_no, wrapped)
     SELECT substr(sha256(int8send(n)), 1, 16), 'space', n, convert_to(repeat('x', 120), 'UTF8')
     FROM generate_series($1::bigint, $2::bigint) n",
    "INSERT INTO members (space_no, principal_id)
     SELECT n, sha256(int8send(n * 3 + member))
     FROM generate_series($1::bigint, $2::bigint) n, generate_series(0, 2) member",
    "INSERT INTO wraps (space_no, epoch, key_id, staged_by, recipient, wrap_hash, data_key_id, sealed, staged_at, named_by_seq)
     SELECT n, 1, sha256(int8send(n)), sha256(int8send(n * 3)), sha256(int8send(n * 3 + member)), sha256(int8send(n)),
            substr(sha256(int8send(n)), 1, 16), convert_to(repeat('x', 1208), 'UTF8'), now(), 2
     FROM generate_series($1::bigint, $2::bigint) n, generate_series(0, 2) member",
];

/// The places `places` of each of the spaces `spaces`; the first two are control records.
async fn insert_events(
    connection: &mut PgConnection,
    spaces: (i64, i64),
    places: (i64, i64),
    sealed: &[u8],
) -> Result<()> {
    sqlx::query(
        "INSERT INTO events (space_no, seq, root, control_index, data_key_id, sealed, stored_at)
         SELECT space_no, seq, sha256(int8send(space_no) || int8send(seq)), CASE WHEN seq <= 2 THEN seq END,
                substr(sha256(int8send(space_no)), 1, 16), $5, now()
         FROM generate_series($1::bigint, $2::bigint) space_no, generate_series($3::bigint, $4::bigint) seq",
    )
    .bind(spaces.0)
    .bind(spaces.1)
    .bind(places.0)
    .bind(places.1)
    .bind(sealed)
    .execute(connection)
    .await?;
    Ok(())
}

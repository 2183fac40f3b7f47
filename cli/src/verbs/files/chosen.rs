//! How a file in a space is named on the command line.

use std::collections::HashSet;

use futures_util::StreamExt;
use sealpost_sdk::blob::BlobReference;
use sealpost_sdk::protocol::ids::{BlobId, PrincipalId};
use sealpost_sdk::{Client, Error, Position, Space};

use crate::context::Context;
use crate::failure::{Failure, complain};
use crate::output::printable;
use crate::patience;

/// Fewest digits by which an id is told from a name.
const SHORTEST_PREFIX: usize = 6;
/// Digits of an id that are shown.
pub(super) const SHOWN_DIGITS: usize = 12;

/// A file that a message of the space refers to.
pub(super) struct Found {
    pub(super) reference: BlobReference,
    pub(super) author: PrincipalId,
    pub(super) seq: u64,
}

/// All files of a space, oldest first. Of several references to one blob the first counts: its id is random, so nobody but its author
/// knew it before.
pub(super) async fn all(client: &Client, context: &Context, space: &Space) -> Result<Vec<Found>, Failure> {
    let until = patience::wait(client, context, space.sync()).await?.seq;
    let mut messages = space.read(Position::START, until);
    let mut found = Vec::new();
    while let Some(message) = messages.next().await {
        match message {
            Ok(message) => found.extend(message.blob().map(|reference| Found {
                reference,
                author: message.author,
                seq: message.seq,
            })),
            // Somebody wrote nonsense; what follows is whole.
            Err(Error::Unreadable { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(firsts(found))
}

fn firsts(mut found: Vec<Found>) -> Vec<Found> {
    let mut seen = HashSet::new();
    found.retain(|file| seen.insert(file.reference.blob_id));
    found
}

/// The file that is meant, and those of the same name that are older.
pub(super) struct Chosen {
    pub(super) file: Found,
    pub(super) older: Vec<Found>,
}

/// The newest file of this name that was not deleted, or the one whose id begins so. That a newer one is gone is said: it is the relay
/// that says it.
pub(super) async fn choose(
    client: &Client,
    context: &Context,
    space: &Space,
    wanted: &str,
) -> Result<Chosen, Failure> {
    let mut files = pick(wanted, all(client, context, space).await?)?;
    let newest = named(&files[0]);
    let mut skipped = 0;
    while let Some(file) = files.get(skipped) {
        if patience::wait(client, context, space.has_blob(&file.reference)).await? {
            let older = files.split_off(skipped + 1);
            let file = files.swap_remove(skipped);
            if skipped > 0 {
                let said = format!(
                    "{newest} was deleted, as the relay says; {} is older",
                    named(&file)
                );
                complain(context.output(), "deleted", &said);
            }
            return Ok(Chosen { file, older });
        }
        skipped += 1;
    }
    Err(Failure::Deleted(newest))
}

/// How a file is named to people: two may have one name.
fn named(file: &Found) -> String {
    let id = &file.reference.blob_id.to_string()[..SHOWN_DIGITS];
    format!("{} ({id})", printable(&file.reference.name))
}

/// The files of this name, the newest first; or the one whose id begins so. Never none.
fn pick(wanted: &str, mut files: Vec<Found>) -> Result<Vec<Found>, Failure> {
    let by_prefix = wanted.len() >= SHORTEST_PREFIX;
    let has_id = |file: &Found| by_prefix && file.reference.blob_id.to_string().starts_with(wanted);
    let by_id: Vec<usize> = (0..files.len()).filter(|at| has_id(&files[*at])).collect();
    let by_name = files.iter().rposition(|file| file.reference.name == wanted);
    match (by_name, &by_id[..]) {
        // All of an id is no name that anybody would choose but to stand in its way.
        (_, [at]) if wanted.len() == 2 * BlobId::LENGTH => Ok(vec![files.swap_remove(*at)]),
        (Some(_), []) => {
            files.retain(|file| file.reference.name == wanted);
            files.reverse();
            Ok(files)
        }
        (None, [at]) => Ok(vec![files.swap_remove(*at)]),
        (Some(at), [same]) if at == *same => Ok(vec![files.swap_remove(at)]),
        // A fellow member may have chosen the name for that.
        (Some(_), _) => Err(Failure::usage(format!(
            "{wanted:?} is the name of one file and the beginning of another's id; give more digits of the id"
        ))),
        (None, [_, ..]) => Err(Failure::usage(format!(
            "{wanted:?} is the beginning of more than one id"
        ))),
        (None, []) => Err(Failure::usage(format!(
            "there is no file {wanted:?}; see `sealpost ls`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use sealpost_sdk::blob::BlobSize;

    use super::*;

    fn file(id: u8, name: &str, seq: u64) -> Found {
        Found {
            reference: BlobReference {
                blob_id: BlobId::new([id; 16]),
                key: [0; 32].into(),
                epoch: 1,
                size: BlobSize::new(1).unwrap(),
                ciphertext_hash: [0; 32],
                name: name.to_owned(),
                content_type: String::new(),
            },
            author: PrincipalId::new([1; 32]),
            seq,
        }
    }

    fn files() -> Vec<Found> {
        vec![
            file(0xaa, "plan.txt", 1),
            file(0xbb, "plan.txt", 2),
            file(0xcc, "", 3),
        ]
    }

    fn places(wanted: &str, files: Vec<Found>) -> Vec<u64> {
        let picked = pick(wanted, files).unwrap();
        picked.iter().map(|file| file.seq).collect()
    }

    #[test]
    fn somebody_elses_word_for_a_file_does_not_take_its_place() {
        let mut files = files();
        files.push(file(0xcc, "spam.exe", 4));
        let firsts = firsts(files);
        assert_eq!(places("cccccccc", firsts), [3]);
        let mut files = self::files();
        files.push(file(0xdd, "aaaaaaaaaaaa", 5));
        assert!(pick("aaaaaaaaaaaa", files).is_err());
    }

    #[test]
    fn a_name_is_all_files_of_that_name_from_the_newest_on_and_an_id_is_that_file() {
        assert_eq!(places("plan.txt", files()), [2, 1]);
        assert_eq!(places("aaaaaa", files()), [1]);
        assert_eq!(places("cccccccc", files()), [3]);
        for wanted in ["aaaaa", "other"] {
            assert!(pick(wanted, files()).is_err(), "{wanted:?}");
        }
    }
}

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use sealpost_protocol::code::ErrorCode;
use sealpost_sdk::blob::BlobError;
use sealpost_sdk::{Error, Position, PutOptions, Resume};
use sealpost_tests::proxy::Weather;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, ReadBuf};
use tokio::sync::Notify;

use crate::shelf::{PART, Shelf, passphrase, plaintext, watching};

/// A reader that fails when it has given so many bytes, as if its process had died.
struct DyingAfter<'a>(&'a [u8]);

impl AsyncRead for DyingAfter<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0.is_empty() {
            return Poll::Ready(Err(io::Error::other("dead")));
        }
        let (now, rest) = self.0.split_at(self.0.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.0 = rest;
        Poll::Ready(Ok(()))
    }
}

fn resumable(length: usize) -> PutOptions {
    version(length, "1")
}

fn version(length: usize, version: &str) -> PutOptions {
    PutOptions {
        name: "film.mp4".to_owned(),
        length: Some(length as u64),
        resume: resume("film", version),
        ..PutOptions::default()
    }
}

fn resume(name: &str, version: &str) -> Option<Resume> {
    let (name, version) = (name.to_owned(), version.to_owned());
    Some(Resume { name, version })
}

async fn references(shelf: &Shelf) -> usize {
    let until = shelf.bobs.sync().await.unwrap().seq;
    let messages = shelf.bobs.read(Position::START, until);
    let blobs = messages.filter(|message| std::future::ready(message.as_ref().unwrap().blob().is_some()));
    blobs.count().await
}

#[tokio::test]
async fn file_that_alice_puts_bob_gets_whole_with_name_and_type() {
    let shelf = Shelf::new().await;
    let bytes = plaintext(2 * PART + 77_777);
    let (watch, seen) = watching();
    let options = PutOptions {
        name: "film.mp4".to_owned(),
        content_type: "video/mp4".to_owned(),
        length: Some(bytes.len() as u64),
        watch,
        ..PutOptions::default()
    };
    let put = shelf.alices.put_blob(&bytes[..], options).await.unwrap();
    assert_eq!(seen.lock().unwrap().last().unwrap().done, bytes.len() as u64);
    let until = shelf.bobs.sync().await.unwrap().seq;
    let mut messages = shelf.bobs.read(Position::after_event(put.sent.seq - 1), until);
    let reference = messages.next().await.unwrap().unwrap().blob().unwrap();
    assert_eq!(
        (reference.name.as_str(), reference.content_type.as_str()),
        ("film.mp4", "video/mp4")
    );
    let (got, ended) = shelf.get(&reference).await;
    ended.unwrap();
    assert!(got == bytes);
}

#[tokio::test]
async fn empty_and_small_files_and_pipes_of_unknown_length_round_trip() {
    let shelf = Shelf::new().await;
    for length in [0, 1, 65_536, PART, PART + 1] {
        let bytes = plaintext(length);
        let reference = shelf.put(&bytes, PutOptions::default()).await;
        let (got, ended) = shelf.get(&reference).await;
        ended.unwrap();
        assert!(got == bytes, "{length}");
    }
}

#[tokio::test]
async fn upload_that_died_half_way_goes_on_and_sends_one_message() {
    let shelf = Shelf::new().await;
    let bytes = plaintext(6 * PART);
    // Three parts are on their way at once, so two of five are stored when the sixth is read.
    let dying = DyingAfter(&bytes[..5 * PART + 200_000]);
    let died = shelf.alices.put_blob(dying, resumable(bytes.len())).await;
    assert!(matches!(died, Err(Error::Blob(BlobError::Io(_)))), "{died:?}");
    let before = shelf.link.bytes();
    let first = shelf
        .alices
        .put_blob(&bytes[..], resumable(bytes.len()))
        .await
        .unwrap();
    let moved = shelf.link.bytes() - before;
    assert!(
        moved < 4 * PART as u64 + PART as u64 / 2,
        "what is stored is not put again: {moved}"
    );
    let (got, ended) = shelf.get(&first.reference).await;
    ended.unwrap();
    assert!(got == bytes);
    assert_eq!(references(&shelf).await, 1);
    assert_eq!(shelf.count().await, 1, "no second blob was begun");
    let second = shelf
        .alices
        .put_blob(&bytes[..], resumable(bytes.len()))
        .await
        .unwrap();
    assert_ne!(
        second.reference.blob_id, first.reference.blob_id,
        "what is done is not gone on with"
    );
}

#[tokio::test]
async fn another_file_under_the_name_of_an_upload_is_refused_and_then_put_anew() {
    let shelf = Shelf::new().await;
    let bytes = plaintext(2 * PART);
    let dying = DyingAfter(&bytes[..PART + 200_000]);
    shelf
        .alices
        .put_blob(dying, resumable(bytes.len()))
        .await
        .unwrap_err();
    let mut other = bytes.clone();
    other[17] ^= 1;
    let refused = shelf.alices.put_blob(&other[..], resumable(other.len())).await;
    assert!(matches!(refused, Err(Error::Usage(_))), "{refused:?}");
    let reference = shelf.put(&other, resumable(other.len())).await;
    assert!(shelf.get(&reference).await.0 == other);
}

#[tokio::test]
async fn connections_to_the_storage_that_are_cut_cost_nothing_but_time() {
    let shelf = Shelf::new().await;
    let bytes = plaintext(2 * PART);
    let link = &shelf.link;
    let cut_after = |moved: u64| async move {
        link.passed(moved).await;
        assert!(link.cut() > 0);
    };
    let putting = shelf.put(&bytes, PutOptions::default());
    let (reference, ()) = tokio::join!(putting, cut_after(PART as u64 / 2));
    let half_way = link.bytes() + PART as u64;
    let ((got, ended), ()) = tokio::join!(shelf.get(&reference), cut_after(half_way));
    ended.unwrap();
    assert!(got == bytes);
}

#[tokio::test]
async fn storage_that_is_busy_for_a_while_is_asked_again() {
    let shelf = Shelf::new().await;
    let bytes = plaintext(PART);
    let reference = shelf.put(&bytes, PutOptions::default()).await;
    // Nothing is kept open, so that all of it comes by new connections.
    shelf.link.cut();
    shelf.link.set_weather(Weather::Busy);
    let asked = shelf.link.refused();
    let clearing = async {
        shelf.link.refuses(asked + 3).await;
        shelf.link.set_weather(Weather::Fair);
    };
    let ((got, ended), ()) = tokio::join!(shelf.get(&reference), clearing);
    ended.unwrap();
    assert!(got == bytes);
}

#[tokio::test]
async fn file_that_was_changed_takes_the_place_of_its_upload_and_its_room() {
    let shelf = Shelf::new().await;
    let bytes = plaintext(2 * PART);
    let dying = DyingAfter(&bytes[..PART + 200_000]);
    let died = shelf.alices.put_blob(dying, resumable(bytes.len())).await;
    died.unwrap_err();
    assert_eq!(shelf.in_state("reserved").await, 1);
    let mut changed = bytes.clone();
    changed[17] ^= 1;
    let reference = shelf.put(&changed, version(changed.len(), "2")).await;
    assert!(shelf.get(&reference).await.0 == changed);
    assert_eq!(shelf.in_state("reserved").await, 0, "nobody waits a day for it");
}

#[tokio::test]
async fn name_that_no_reader_takes_is_told_before_anything_is_sent() {
    let shelf = Shelf::new().await;
    let before = shelf.link.bytes();
    for (name, content_type) in [("a\\b.iso", ""), ("a\nb", ""), ("film", "no\ntype")] {
        let options = PutOptions {
            name: name.to_owned(),
            content_type: content_type.to_owned(),
            ..PutOptions::default()
        };
        let refused = shelf.alices.put_blob(&plaintext(100)[..], options).await;
        assert!(matches!(refused, Err(Error::Usage(_))), "{name:?}: {refused:?}");
    }
    assert_eq!(shelf.link.bytes(), before);
    assert_eq!(shelf.in_state("reserved").await, 0);
}

#[tokio::test]
async fn put_that_died_right_after_its_message_sends_no_second_one_and_keeps_the_file() {
    let shelf = Shelf::new().await;
    let bytes = plaintext(1_000);
    // The message's own place cannot be told to the relay: the call stands still behind the message.
    let stuck =
        "CREATE FUNCTION stuck() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''stuck''; END';
         CREATE TRIGGER stuck BEFORE UPDATE ON blobs FOR EACH ROW
         WHEN (NEW.reference_seq > OLD.reference_seq) EXECUTE FUNCTION stuck()";
    shelf.execute(stuck).await;
    let sent = async {
        let mut live = shelf.bobs.subscribe(Position::START);
        loop {
            let message = live.next().await.unwrap().unwrap();
            if let Some(reference) = message.blob() {
                return (message.seq, reference);
            }
        }
    };
    let (seq, reference) = tokio::select! {
        put = shelf.alices.put_blob(&bytes[..], resumable(bytes.len())) => panic!("{put:?}"),
        sent = sent => sent,
    };
    assert_eq!(
        shelf.in_state("referenced").await,
        1,
        "it is held before the message goes"
    );
    shelf.execute("DROP TRIGGER stuck ON blobs").await;
    let again = shelf
        .alices
        .put_blob(&bytes[..], resumable(bytes.len()))
        .await
        .unwrap();
    assert_eq!(
        (again.sent.seq, again.reference.blob_id),
        (seq, reference.blob_id)
    );
    assert_eq!(references(&shelf).await, 1);
    let (got, ended) = shelf.get(&reference).await;
    ended.unwrap();
    assert!(got == bytes);
}

#[tokio::test]
async fn download_goes_on_with_what_a_killed_one_left_and_proves_it() {
    let shelf = Shelf::new().await;
    let bytes = plaintext(PART + 100_000);
    let reference = shelf.put(&bytes, PutOptions::default()).await;
    let path = shelf.folder.path().join("film.mp4");
    let part_of = |name: &str| {
        let id = reference.blob_id.to_string();
        shelf.folder.path().join(format!("{name}.{}.part", &id[..12]))
    };
    let part = part_of("film.mp4");
    let (watch, seen) = watching();
    // Cut in the middle of a chunk, with something that was never written whole.
    std::fs::write(&part, [&bytes[..40 * 65_536], b"torn"].concat()).unwrap();
    shelf.bobs.get_blob_to(&reference, &path, watch).await.unwrap();
    assert!(std::fs::read(&path).unwrap() == bytes);
    assert!(!part.exists());
    let first = seen.lock().unwrap()[0].done;
    assert_eq!(first, 40 * 65_536, "what was there is not fetched again");

    // Zeros, as a power cut may leave them: not the author's fault, and not in the way.
    let other = shelf.folder.path().join("other");
    std::fs::write(part_of("other"), vec![0; 20 * 65_536]).unwrap();
    let nobody = || Arc::new(|_| ());
    shelf
        .bobs
        .get_blob_to(&reference, &other, nobody())
        .await
        .unwrap();
    assert!(std::fs::read(&other).unwrap() == bytes);

    let elsewhere = shelf.folder.path().join("elsewhere");
    std::fs::write(&elsewhere, "mine").unwrap();
    std::os::unix::fs::symlink(&elsewhere, part_of("led")).unwrap();
    let led = shelf.folder.path().join("led");
    let refused = shelf.bobs.get_blob_to(&reference, &led, nobody()).await;
    assert!(matches!(refused, Err(Error::Store(_))), "{refused:?}");
    assert_eq!(std::fs::read(&elsewhere).unwrap(), b"mine");
    let locked = std::fs::File::create(part_of("locked")).unwrap();
    locked.try_lock().unwrap();
    let busy = shelf.folder.path().join("locked");
    let refused = shelf.bobs.get_blob_to(&reference, &busy, nobody()).await;
    assert!(matches!(refused, Err(Error::Store(_))), "{refused:?}");
    let again = shelf.bobs.get_blob_to(&reference, &other, nobody()).await;
    assert!(
        matches!(again, Err(Error::Store(_))),
        "a file that is there is not replaced"
    );
}

#[tokio::test]
async fn any_place_of_a_blob_is_read_without_the_rest() {
    let shelf = Shelf::new().await;
    let bytes = plaintext(PART + 123_456);
    let reference = shelf.put(&bytes, PutOptions::default()).await;
    let mut file = shelf.bobs.open_blob(&reference).await.unwrap();
    assert_eq!(file.length(), bytes.len() as u64);
    for (at, length) in [
        (0, 10),
        (65_530, 20),
        (PART - 3, 100_000),
        (bytes.len() - 7, 7),
        (5, 5),
    ] {
        file.seek(io::SeekFrom::Start(at as u64)).await.unwrap();
        let mut read = vec![0; length];
        file.read_exact(&mut read).await.unwrap();
        assert!(read == bytes[at..at + length], "{at}");
    }
    file.seek(io::SeekFrom::End(-4)).await.unwrap();
    let mut rest = Vec::new();
    file.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, bytes[bytes.len() - 4..]);
    file.seek(io::SeekFrom::End(10)).await.unwrap();
    assert_eq!(file.read(&mut [0; 4]).await.unwrap(), 0);
    assert!(file.seek(io::SeekFrom::Current(-1 << 60)).await.is_err());
}

#[tokio::test]
async fn deleted_blob_is_not_found_and_a_removed_member_gets_none() {
    let shelf = Shelf::new().await;
    let reference = shelf.put(b"secret plan", PutOptions::default()).await;
    let kept = shelf.put(b"another", PutOptions::default()).await;
    let alice = shelf.alice.account().principal_id;
    let refused = shelf.bobs.delete_blob(&reference, alice).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::NotPermitted));
    shelf.alices.delete_blob(&reference, alice).await.unwrap();
    let (got, ended) = shelf.get(&reference).await;
    assert_eq!(
        (got.len(), ended.unwrap_err().code()),
        (0, Some(ErrorCode::NotFound))
    );
    assert!(!shelf.bobs.has_blob(&reference).await.unwrap());
    assert!(shelf.bobs.has_blob(&kept).await.unwrap());
    let files = || std::fs::read_dir(shelf.folder.path()).unwrap().count();
    let (before, to) = (files(), shelf.folder.path().join("got"));
    let got = shelf.bobs.get_blob_to(&reference, &to, Arc::new(|_| ())).await;
    assert_eq!(got.unwrap_err().code(), Some(ErrorCode::NotFound));
    assert_eq!(files(), before, "nothing is left of what was not there");
    let members = shelf.alices.members().await.unwrap();
    let bob = members
        .iter()
        .map(|member| member.manifest.id())
        .find(|id| *id != alice)
        .unwrap();
    shelf.alices.remove_member(bob).await.unwrap();
    let (got, ended) = shelf.get(&kept).await;
    assert_eq!(
        (got.len(), ended.unwrap_err().code()),
        (0, Some(ErrorCode::NotAMember))
    );
    let refused = shelf
        .bobs
        .put_blob(&b"late"[..], PutOptions::default())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::NotAMember), "{refused}");
}

#[tokio::test]
async fn files_of_a_deleted_account_stay_with_the_members_and_name_nobody() {
    let shelf = Shelf::new().await;
    let reference = shelf.put(b"left behind", PutOptions::default()).await;
    let account = shelf.alice.account();
    let deleted = shelf.alice.clone().delete_account(&passphrase()).await;
    deleted.unwrap();
    let found = shelf.database.scan().await;
    for id in [
        &account.account_id.as_bytes()[..],
        &account.principal_id.as_bytes()[..],
    ] {
        let places = found.places_of(id);
        let of_blobs = places.iter().filter(|(table, _)| table.starts_with("blob"));
        assert_eq!(of_blobs.count(), 0, "{places:?}");
    }
    let (got, ended) = shelf.get(&reference).await;
    ended.unwrap();
    assert_eq!(got, b"left behind");
}

#[tokio::test]
async fn folder_comes_back_with_its_files_alone_and_goes_as_one() {
    let shelf = Shelf::new().await;
    let place = shelf.folder.path().join("holidays");
    let files = [
        ("plan.txt", plaintext(10)),
        ("a/film.mp4", plaintext(PART + 5)),
        ("a/b/c", Vec::new()),
        ("run.sh", plaintext(300)),
    ];
    for (path, bytes) in &files {
        let path = place.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let run = place.join("run.sh");
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", place.join("link")).unwrap();
    let options = PutOptions {
        name: "holidays".to_owned(),
        resume: resume("holidays", ""),
        ..PutOptions::default()
    };
    let put = shelf.alices.put_folder(&place, options).await.unwrap();
    assert_eq!((put.files, put.skipped.len()), (4, 1));
    assert_eq!(references(&shelf).await, 1, "a folder is one message");
    let reference = put.put.reference;
    let to = shelf.folder.path().join("got");
    // A call that was killed has left one file whole, and one half.
    let work = format!("got.{}.part", &reference.blob_id.to_string()[..12]);
    let work = shelf.folder.path().join(work);
    std::fs::create_dir_all(work.join("files")).unwrap();
    std::fs::write(work.join("files/plan.txt"), &files[0].1).unwrap();
    let film = shelf.bobs.folder(&reference).await.unwrap();
    let film = film
        .files()
        .iter()
        .find(|file| file.path == "a/film.mp4")
        .unwrap();
    let half = &files[1].1[..40 * 65_536];
    std::fs::write(work.join(film.blob.blob_id.to_string()), half).unwrap();
    let (watch, seen) = watching();
    shelf.bobs.get_folder_to(&reference, &to, watch).await.unwrap();
    let seen: Vec<u64> = seen.lock().unwrap().iter().map(|seen| seen.done).collect();
    let first = seen.into_iter().find(|done| *done > 0);
    assert_eq!(first, Some(40 * 65_536), "what was there is not fetched again");
    for (path, bytes) in &files {
        assert!(std::fs::read(to.join(path)).unwrap() == *bytes, "{path}");
    }
    let runs = |path: &str| {
        let metadata = std::fs::metadata(to.join(path)).unwrap();
        metadata.permissions().mode() & 0o100 != 0
    };
    assert!(runs("run.sh") && !runs("plan.txt"));
    assert!(!to.join("link").exists() && !work.exists());
    let alice = shelf.alice.account().principal_id;
    shelf.alices.delete_folder(&reference, alice).await.unwrap();
    for reference in [&reference, &film.blob] {
        let (_, ended) = shelf.get(reference).await;
        assert_eq!(ended.unwrap_err().code(), Some(ErrorCode::NotFound));
    }
}

#[tokio::test]
async fn empty_folder_round_trips_and_is_told_to_have_no_bytes() {
    let shelf = Shelf::new().await;
    let (place, to) = (shelf.folder.path().join("empty"), shelf.folder.path().join("got"));
    std::fs::create_dir(&place).unwrap();
    let put = shelf
        .alices
        .put_folder(&place, PutOptions::default())
        .await
        .unwrap();
    let reference = put.put.reference;
    let (watch, seen) = watching();
    shelf.bobs.get_folder_to(&reference, &to, watch).await.unwrap();
    assert_eq!(std::fs::read_dir(&to).unwrap().count(), 0);
    let last = seen.lock().unwrap().last().copied();
    assert_eq!(last.and_then(|last| last.total), Some(0));
}

#[tokio::test]
async fn folder_that_died_half_way_goes_on_with_the_files_it_has_stored() {
    let shelf = Shelf::new().await;
    let place = shelf.folder.path().join("holidays");
    std::fs::create_dir(&place).unwrap();
    let options = || PutOptions {
        name: "holidays".to_owned(),
        resume: resume("holidays", ""),
        ..PutOptions::default()
    };
    for name in ["a", "b"] {
        std::fs::write(place.join(name), plaintext(1_000)).unwrap();
    }
    let first_is_stored = Arc::new(Notify::new());
    let tell = Arc::clone(&first_is_stored);
    let killed = PutOptions {
        watch: Arc::new(move |_| tell.notify_one()),
        ..options()
    };
    tokio::select! {
        put = shelf.alices.put_folder(&place, killed) => panic!("{put:?}"),
        () = first_is_stored.notified() => {}
    }
    shelf.alices.put_folder(&place, options()).await.unwrap();
    assert_eq!(shelf.count().await, 3, "two files and their list, each once");
    assert_eq!(references(&shelf).await, 1);
}

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::entropy::SystemEntropy;

struct Place {
    _folder: TempDir,
    path: PathBuf,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kms.key");
    Place {
        _folder: folder,
        path,
    }
}

fn place_with_key() -> (Place, DataKey) {
    let (place, key) = (place(), DataKey::generate(&SystemEntropy));
    create(&place.path, &key, &SystemEntropy).unwrap();
    (place, key)
}

#[test]
fn a_created_file_reads_back_as_the_same_key() {
    let (place, key) = place_with_key();
    assert_eq!(read(&place.path).unwrap().expose_bytes(), key.expose_bytes());
    assert_eq!(fs::metadata(&place.path).unwrap().len(), FILE_BYTES as u64);
}

#[test]
fn a_created_file_is_for_its_owner_alone_and_stands_alone() {
    let (place, _) = place_with_key();
    assert_eq!(
        fs::metadata(&place.path).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    assert_eq!(fs::read_dir(place.path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn an_existing_file_is_never_replaced() {
    let (place, key) = place_with_key();
    let second = create(&place.path, &DataKey::generate(&SystemEntropy), &SystemEntropy);
    assert!(matches!(second, Err(KeyFileError::Exists)));
    assert_eq!(read(&place.path).unwrap().expose_bytes(), key.expose_bytes());
    assert_eq!(fs::read_dir(place.path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let (place, _) = place_with_key();
    for mode in [0o640, 0o604, 0o644, 0o666, 0o700, 0o620] {
        fs::set_permissions(&place.path, Permissions::from_mode(mode)).unwrap();
        assert!(matches!(read(&place.path), Err(KeyFileError::TooOpen { mode: seen }) if seen == mode));
    }
}

#[test]
fn a_file_that_only_its_owner_can_read_is_accepted() {
    let (place, _) = place_with_key();
    fs::set_permissions(&place.path, Permissions::from_mode(0o400)).unwrap();
    assert!(read(&place.path).is_ok());
}

#[test]
fn every_flipped_byte_and_every_cut_is_noticed() {
    let content = render(&DataKey::generate(&SystemEntropy));
    for position in 0..content.len() {
        let mut altered = content.as_bytes().to_vec();
        altered[position] ^= 1;
        assert!(parse(&altered).is_none(), "byte {position}");
        assert!(
            parse(&content.as_bytes()[..position]).is_none(),
            "{position} bytes"
        );
    }
    assert!(parse(format!("{}\n", *content).as_bytes()).is_none());
}

#[test]
fn no_error_shows_any_of_the_file() {
    let (place, _) = place_with_key();
    let content = fs::read_to_string(&place.path).unwrap();
    let digits = content.split("key ").nth(1).unwrap().trim();
    fs::write(&place.path, content.replace("version 1", "version 2")).unwrap();
    let error = read(&place.path).err().unwrap();
    assert!(!format!("{error} {error:?}").contains(&digits[..8]));
}

//! What is to be put, looked at before the first byte of any of it travels: what cannot be put is told while nothing was.

use std::io;
use std::path::{Path, PathBuf};

use sealpost_sdk::check_folder;
use sealpost_sdk::protocol::blob::check_texts;
use sealpost_sdk::protocol::limits::MAX_BLOB_NAME;
use tokio::fs::{self, File};

use crate::failure::Failure;

/// Where something comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Standard input.
    Input,
    File(PathBuf),
    Folder(PathBuf),
}

/// Something to be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) source: Source,
    /// What readers are told it is called.
    pub(super) name: String,
}

/// Looks at everything that was named on the command line.
pub(super) async fn plan(
    files: &[PathBuf],
    name: Option<&str>,
    content_type: &str,
) -> Result<Vec<Planned>, Failure> {
    if name.is_some() && files.len() > 1 {
        return Err(Failure::usage("--name is for one file"));
    }
    check_texts("", content_type).map_err(|_| Failure::usage("--content-type is no media type"))?;
    let mut planned = Vec::new();
    for path in files {
        let source = source_of(path).await?;
        let name = match name {
            Some(name) => name.to_owned(),
            None => name_of(&source)?,
        };
        expect_name(path, &name)?;
        planned.push(Planned { source, name });
    }
    for planned in &planned {
        expect_readable(&planned.source).await?;
    }
    Ok(planned)
}

/// Looks at a path without waiting for what somebody may write to it.
async fn source_of(path: &Path) -> Result<Source, Failure> {
    if path == Path::new("-") {
        return Ok(Source::Input);
    }
    let metadata = fs::metadata(path).await.map_err(unreadable(path))?;
    if metadata.is_dir() {
        return Ok(Source::Folder(path.to_owned()));
    }
    if !metadata.is_file() {
        return Err(Failure::usage(format!(
            "{} is no file; `-` puts what comes from a pipe",
            path.display()
        )));
    }
    Ok(Source::File(path.to_owned()))
}

/// Looks at what is in a folder, too.
async fn expect_readable(source: &Source) -> Result<(), Failure> {
    match source {
        Source::Input => Ok(()),
        Source::File(path) => File::open(path).await.map(drop).map_err(unreadable(path)),
        Source::Folder(path) => Ok(check_folder(path).await?),
    }
}

pub(super) fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let what = format!("the file {}", path.display());
    move |source| Failure::file(what, source)
}

/// The last part of the path, that of `.` too.
fn name_of(source: &Source) -> Result<String, Failure> {
    let (path, whole) = match source {
        Source::Input => {
            return Err(Failure::usage(
                "what comes from standard input has no name; --name gives it one",
            ));
        }
        Source::File(path) => (path, None),
        Source::Folder(path) => (path, path.canonicalize().ok()),
    };
    let last = whole.as_deref().unwrap_or(path).file_name().unwrap_or_default();
    last.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::usage(format!(
            "{} has a name that is no text; --name gives it another",
            path.display()
        ))
    })
}

fn expect_name(path: &Path, name: &str) -> Result<(), Failure> {
    if !name.is_empty() && check_texts(name, "").is_ok() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "readers take no file called {name:?} ({path:?}): a name is 1 to {MAX_BLOB_NAME} bytes long, not `.` or `..`, and has no \
         slashes, backslashes, control characters or characters that turn text; --name gives another"
    )))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn folder_with(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        folder
    }

    async fn refusal(paths: &[PathBuf], name: Option<&str>) -> String {
        match plan(paths, name, "").await {
            Err(failure) => failure.to_string(),
            Ok(planned) => panic!("{planned:?}"),
        }
    }

    #[tokio::test]
    async fn bad_name_is_told_with_its_reason_before_anything_is_put() {
        let folder = folder_with(&["good", "we ird\nname"]);
        let paths = ["good", "we ird\nname"].map(|name| folder.path().join(name));
        let said = refusal(&paths, None).await;
        assert!(
            said.contains(r#""we ird\nname""#) && said.contains("control characters"),
            "{said}"
        );
        let planned = plan(&paths[1..], Some("plain"), "").await.unwrap();
        assert_eq!(planned[0].name, "plain");
        let said = refusal(&[folder.path().to_owned()], None).await;
        assert!(said.contains("take no file called"), "{said}");
        let no_text = folder.path().join(OsStr::from_bytes(b"\xff"));
        std::fs::write(&no_text, "x").unwrap();
        assert!(refusal(&[no_text], None).await.contains("no text"));
    }

    #[tokio::test]
    async fn what_has_no_name_is_given_one() {
        let input = [PathBuf::from("-")];
        assert!(refusal(&input, None).await.contains("--name"));
        assert!(refusal(&input, Some("")).await.contains("--name gives another"));
        assert_eq!(plan(&input, Some("notes"), "").await.unwrap()[0].name, "notes");
        assert!(refusal(&[PathBuf::from("/")], None).await.contains("name"));
    }

    #[tokio::test]
    async fn what_is_not_there_or_no_file_is_told_and_no_pipe_is_waited_for() {
        let folder = folder_with(&["good"]);
        let [good, pipe] = ["good", "pipe"].map(|name| folder.path().join(name));
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert!(refusal(&[good.clone(), pipe], None).await.contains("is no file"));
        let missing = folder.path().join("missing");
        assert!(refusal(&[good, missing], None).await.contains("missing"));
    }
}

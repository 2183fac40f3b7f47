//! Runs a program with bytes going in and out.

use std::{
    io::{self, Read, Write},
    process::{Child, Command, Stdio},
    thread,
};

use super::BackupError;

/// How much goes through at once.
const PIECE: usize = 1 << 16;
/// What is kept of what a program complains about.
const COMPLAINT_MAX_BYTES: usize = 4096;

/// Runs a program to its end, with bytes going in and out. What is wrong with `input` is told before what the program says
/// of it.
pub(super) fn run(
    program: &'static str,
    mut command: Command,
    input: Option<&mut (dyn Read + Send)>,
    output: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
) -> Result<(), BackupError> {
    let missing = |source| BackupError::ProgramMissing { program, source };
    let stdin = if input.is_some() {
        Stdio::piped()
    } else {
        Stdio::null()
    };
    let mut child = command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(missing)?;
    let (fed, taken, complaint) = attend(&mut child, input, output);
    if fed.is_err() || taken.is_err() {
        // It may have ended by itself.
        let _ = child.kill();
    }
    let status = child.wait().map_err(missing)?;
    fed.map_err(BackupError::file("decrypt", "the dump"))?;
    taken.map_err(BackupError::file("write", "the dump"))?;
    match status.success() {
        true => Ok(()),
        false => Err(BackupError::ProgramFailed {
            program,
            message: format!("{complaint} ({status})"),
        }),
    }
}

/// Feeds the child and takes what it gives, all at once, so that none of its pipes ever fills up.
fn attend(
    child: &mut Child,
    input: Option<&mut (dyn Read + Send)>,
    output: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
) -> (io::Result<()>, io::Result<()>, String) {
    const PIPED: &str = "its pipes were asked for";
    let stdin = child.stdin.take();
    let mut stdout = child.stdout.take().expect(PIPED);
    let mut stderr = child.stderr.take().expect(PIPED);
    thread::scope(|scope| {
        let feeding = input
            .zip(stdin)
            .map(|(input, stdin)| scope.spawn(move || feed(input, stdin)));
        let complaint = scope.spawn(move || first_of(&mut stderr));
        let taken = take(&mut stdout, output);
        // A child that is not read any more would wait for ever.
        drop(stdout);
        let fed = feeding.map_or(Ok(()), |feeding| feeding.join().expect("feeding does not panic"));
        (fed, taken, complaint.join().expect("reading does not panic"))
    })
}

/// A child that ends before it has read everything says why itself.
fn feed(input: &mut dyn Read, mut stdin: impl Write) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let length = input.read(&mut piece)?;
        if length == 0 || stdin.write_all(&piece[..length]).is_err() {
            return Ok(());
        }
    }
}

fn take(stdout: &mut impl Read, output: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match stdout.read(&mut piece)? {
            0 => return Ok(()),
            length => output(&piece[..length])?,
        }
    }
}

/// The beginning of what it complains about, on one line.
fn first_of(stderr: &mut impl Read) -> String {
    let (mut kept, mut piece) = (Vec::new(), [0; 1024]);
    while let Ok(length @ 1..) = stderr.read(&mut piece) {
        let room = COMPLAINT_MAX_BYTES - kept.len();
        kept.extend_from_slice(&piece[..length.min(room)]);
    }
    String::from_utf8_lossy(&kept).trim().replace('\n', "; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn bytes_go_through_a_program_that_talks_all_the_while() {
        let input = vec![7; 1 << 20];
        let mut output = Vec::new();
        let script = shell("cat; head -c 300000 /dev/zero >&2");
        let mut take = |piece: &[u8]| {
            output.extend_from_slice(piece);
            Ok(())
        };
        run("sh", script, Some(&mut input.as_slice()), &mut take).unwrap();
        assert_eq!(output, input);
    }

    #[test]
    fn a_program_that_fails_is_quoted_and_one_that_is_missing_is_named() {
        let failed = run("sh", shell("echo no database >&2; exit 3"), None, &mut |_| Ok(()));
        assert!(failed.unwrap_err().to_string().contains("sh failed: no database"));
        let missing = run("pg_dump", Command::new("/nonexistent/pg_dump"), None, &mut |_| {
            Ok(())
        });
        assert!(
            missing
                .unwrap_err()
                .to_string()
                .contains("install the client programs")
        );
    }

    #[test]
    fn input_that_cannot_be_read_is_told_before_what_the_program_says_of_it() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("cut off"))
            }
        }
        let failed = run("sh", shell("cat >&2; exit 1"), Some(&mut Broken), &mut |_| Ok(()));
        assert!(matches!(
            failed,
            Err(BackupError::File {
                action: "decrypt",
                ..
            })
        ));
    }
}

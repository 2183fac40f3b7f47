//! One file: put by one command, got by another, each killed now and then and said again until it is done.

use std::{fs, fs::OpenOptions, path::PathBuf, process::Stdio, sync::Arc};

use serde_json::Value;
use tokio::{process::Command, sync::mpsc};

use super::plan::{End, Job};
use crate::command::Sealpost;

/// How often one command may be said. Some end because what they needed was away for too long.
const LIVES: usize = 40;

/// A transfer under way.
pub(super) struct Transfer {
    pub(super) job: Job,
    pub(super) writer: Arc<Sealpost>,
    pub(super) reader: Arc<Sealpost>,
    pub(super) space: String,
    /// Its files are in here, and what the commands complain about.
    pub(super) folder: PathBuf,
    pub(super) kills: mpsc::UnboundedReceiver<()>,
}

/// How it went.
#[derive(Clone, Debug, Default)]
pub(super) struct Done {
    /// The blob, if it was put.
    pub(super) blob_id: Option<String>,
    /// Whether it was removed.
    pub(super) removed: bool,
    /// Commands that had to be said again.
    pub(super) again: u64,
}

/// How a command ended.
enum Life {
    Killed,
    Ended(i32, Vec<Value>),
}

impl Transfer {
    /// From the file to the end that the plan has for it.
    pub(super) async fn run(mut self) -> Result<Done, String> {
        let mut done = Done::default();
        let file = self.folder.join("file");
        fs::write(&file, self.job.content()).unwrap();
        let file = file.into_os_string().into_string().unwrap();
        let put = ["put".to_owned(), self.space.clone(), file];
        if self.job.end == End::Abandoned {
            done.blob_id = self.put_once(&put).await?;
        } else {
            let lines = self.persist(Who::Writer, &put, &mut done).await?;
            done.blob_id = lines.first().map(blob_id);
        }
        let Some(blob_id) = done.blob_id.clone() else {
            return Ok(done);
        };
        self.get(&blob_id, &mut done).await?;
        if self.job.end == End::Removed {
            let rm = ["rm".to_owned(), self.space.clone(), blob_id];
            self.persist(Who::Writer, &rm, &mut done).await?;
            done.removed = true;
        }
        fs::remove_dir_all(&self.folder).unwrap();
        Ok(done)
    }

    /// The blob, unless the command was killed or gave up.
    async fn put_once(&mut self, put: &[String]) -> Result<Option<String>, String> {
        Ok(match self.live(Who::Writer, put).await {
            Life::Ended(0, lines) => lines.first().map(blob_id),
            Life::Killed | Life::Ended(..) => None,
        })
    }

    async fn get(&mut self, blob_id: &str, done: &mut Done) -> Result<(), String> {
        let got = self.folder.join("got");
        let to = got.clone().into_os_string().into_string().unwrap();
        let get = ["get", &self.space, blob_id, "--to", &to].map(str::to_owned);
        self.persist_until(Who::Reader, &get, done, || got.exists())
            .await?;
        if fs::read(&got).unwrap() == self.job.content() {
            return Ok(());
        }
        Err(format!("{blob_id} came back as other bytes than were put"))
    }

    async fn persist(
        &mut self,
        who: Who,
        arguments: &[String],
        done: &mut Done,
    ) -> Result<Vec<Value>, String> {
        self.persist_until(who, arguments, done, || false).await
    }

    /// Says it again and again until it is done. A killed command may have been done, which shows by what it left.
    async fn persist_until(
        &mut self,
        who: Who,
        arguments: &[String],
        done: &mut Done,
        is_done: impl Fn() -> bool,
    ) -> Result<Vec<Value>, String> {
        for _ in 0..LIVES {
            match self.live(who, arguments).await {
                Life::Ended(0, lines) => return Ok(lines),
                _ if is_done() => return Ok(Vec::new()),
                Life::Ended(code @ (2 | 3 | 5), _) => {
                    return Err(format!(
                        "{arguments:?} ended with {code} (see {})",
                        self.folder.display()
                    ));
                }
                Life::Killed | Life::Ended(..) => done.again += 1,
            }
        }
        Err(format!(
            "{arguments:?} was not done in {LIVES} lives (see {})",
            self.folder.display()
        ))
    }

    /// Runs a command to its end, or to its kill.
    async fn live(&mut self, who: Who, arguments: &[String]) -> Life {
        let device = match who {
            Who::Writer => &self.writer,
            Who::Reader => &self.reader,
        };
        let mut command = device.command(["--json", "--patience", "60"]);
        let errors = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("errors"))
            .unwrap();
        command.args(arguments).stderr(Stdio::from(errors));
        let mut command = Command::from(command);
        command.kill_on_drop(true);
        tokio::select! {
            output = command.output() => {
                let output = output.expect("a child can be waited for");
                let code = output.status.code().expect("nobody else kills it");
                Life::Ended(code, lines(&output.stdout))
            }
            Some(()) = self.kills.recv() => Life::Killed,
        }
    }
}

#[derive(Clone, Copy)]
enum Who {
    Writer,
    Reader,
}

fn lines(output: &[u8]) -> Vec<Value> {
    let lines = output
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).expect("lines are JSON"))
        .collect()
}

/// The blob of a line.
pub(super) fn blob_id(line: &Value) -> String {
    line["blob_id"].as_str().expect("a file has an id").to_owned()
}

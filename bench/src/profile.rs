//! Where the relay's CPU time goes, as a flamegraph: `perf` looks at it while a row runs.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use inferno::{
    collapse::{Collapse, perf::Folder},
    flamegraph,
};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const NOT_INSTALLED: &str = "running perf (Debian has it in the package linux-perf)";
/// Looks in a second: often enough for a row of a minute, and not at the pace of anything else.
const FREQUENCY: &str = "199";
/// How much of a stack is kept with each look, in bytes: it is unwound afterwards.
const CALL_GRAPH: &str = "dwarf,8192";

/// Where flamegraphs go.
pub struct Profiles(PathBuf);

/// One look at the relay, until it is [finished](Self::finish).
pub struct Profile {
    perf: Child,
    data: TempDir,
    graph: PathBuf,
    title: String,
}

impl Profiles {
    /// Makes the folder.
    ///
    /// # Errors
    /// When it cannot be made, or `perf` is not installed.
    pub fn into_folder(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let version = Command::new("perf").arg("--version").output();
        let version = version.context(NOT_INSTALLED)?;
        ensure!(version.status.success(), "perf does not work here: {version:?}");
        Ok(Self(folder.to_owned()))
    }

    /// Begins to look at a process.
    ///
    /// # Errors
    /// When `perf` cannot be run.
    pub fn begin(&self, row: &str, id: u32) -> Result<Profile> {
        let data = tempfile::tempdir()?;
        let perf = Command::new("perf")
            .args([
                "record",
                "--quiet",
                "--freq",
                FREQUENCY,
                "--call-graph",
                CALL_GRAPH,
            ])
            .args(["--pid", &id.to_string(), "--output"])
            .arg(recorded(&data))
            .stdout(Stdio::null())
            .spawn()
            .context(NOT_INSTALLED)?;
        Ok(Profile {
            perf,
            data,
            graph: self.0.join(format!("{row}.svg")),
            title: format!("the relay in {row}"),
        })
    }
}

impl Profile {
    /// Draws what was seen; gives the file. Blocks for as long as unwinding takes.
    ///
    /// # Errors
    /// When `perf` was not allowed to look, or the file cannot be written.
    pub fn finish(mut self) -> Result<PathBuf> {
        let id = i32::try_from(self.perf.id()).ok().and_then(Pid::from_raw);
        // It writes its file when it is interrupted; it may have ended with the relay.
        let _ = kill_process(id.context("a process has an id")?, Signal::INT);
        self.perf.wait()?;
        let script = Command::new("perf")
            .arg("script")
            .arg("--input")
            .arg(recorded(&self.data))
            .stderr(Stdio::null())
            .output()
            .context(NOT_INSTALLED)?;
        ensure!(
            script.status.success() && !script.stdout.is_empty(),
            "perf saw nothing of the relay: the row has one of its own, or kernel.perf_event_paranoid is above 1"
        );
        let mut folded = Vec::new();
        Folder::default().collapse(&script.stdout[..], &mut folded)?;
        let mut options = flamegraph::Options::default();
        options.title.clone_from(&self.title);
        let file = File::create(&self.graph).with_context(|| format!("writing {}", self.graph.display()))?;
        flamegraph::from_reader(&mut options, &folded[..], file)?;
        Ok(self.graph)
    }
}

fn recorded(data: &TempDir) -> PathBuf {
    data.path().join("perf.data")
}

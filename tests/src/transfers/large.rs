//! One large file: in bounded memory, gone on with after a kill, and not much slower than a copy.

use std::{
    fmt,
    fs::{self, File},
    io::{Read, Write},
    path::Path,
    process::Stdio,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use sealpost_protocol::hash::sha256;
use serde_json::{Value, json};

use super::{Server, meet, scene::Scene};
use crate::{
    command::Sealpost,
    measured::{self, Measured},
    rounds::evidence,
};

/// What a transfer may take beside what a process takes that only unlocks and lists.
const MEMORY_KIB: u64 = 64 << 10;
/// The least of a plain copy's throughput.
const LEAST: f64 = 0.7;
/// How often a process is looked at that only unlocks and lists: it is over soon.
const LOOKS: usize = 5;
const MIB: f64 = 1_048_576.0;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long the file is.
    pub bytes: u64,
    /// Where it goes.
    pub server: Server,
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where it went.
    pub server: &'static str,
    /// How long the file is.
    pub bytes: u64,
    /// The most memory of a process that unlocks and lists, in KiB.
    pub unlocked_kib: u64,
    /// Put, undisturbed.
    pub put: Run,
    /// Got by another member, undisturbed.
    pub got: Run,
    /// Put, killed half-way: what the second command moved.
    pub put_again: Run,
    /// Got, killed half-way.
    pub got_again: Run,
    /// rclone's copy there and back; `None` where there is no rclone.
    pub copies: Option<[Run; 2]>,
    /// Whether what came back each time was what was put.
    pub same: bool,
}

/// One command.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    /// How long it took.
    pub seconds: f64,
    /// The most memory it had, in KiB.
    pub peak_kib: u64,
    /// What passed between it and the server.
    pub moved: u64,
}

/// Puts, kills, gets and compares; `tell` gets a line for each step.
///
/// # Panics
/// When a command fails.
pub async fn measure(options: &Options, mut tell: impl FnMut(&str)) -> Report {
    let folder = evidence("large");
    let scene = Scene::set(&folder, &options.server).await;
    let devices = ["alice", "bob"].map(|name| Sealpost::below(folder.join(name), &scene.url()).into());
    let space = meet(&devices).await;
    let [alice, bob] = &devices;
    let bench = Bench {
        scene: &scene,
        space: &space,
        file: &path(&folder, "file"),
        half: options.bytes / 2,
    };
    write_random(Path::new(bench.file), options.bytes);
    let whole = hash(bench.file);
    let mut unlocked_kib = 0;
    for _ in 0..LOOKS {
        let listed = bench.run(alice, &["ls", &space], None).await;
        unlocked_kib = listed.peak_kib.max(unlocked_kib);
    }
    tell("put");
    let put = bench.put(alice, None).await;
    tell("put, killed half-way");
    let put_again = bench.put(alice, Some(bench.half)).await;
    tell("get");
    let [first, second] = ["first", "second"].map(|name| path(&folder, name));
    let got = bench.get(bob, &first, None).await;
    tell("get, killed half-way");
    let got_again = bench.get(bob, &second, Some(bench.half)).await;
    let same = hash(&first) == whole && hash(&second) == whole;
    fs::remove_file(&second).unwrap();
    tell("rclone");
    let copies = bench.copies(&path(&folder, "copy")).await;
    let report = Report {
        server: options.server.name(),
        bytes: options.bytes,
        unlocked_kib,
        put,
        got,
        put_again,
        got_again,
        copies,
        same,
    };
    drop(scene);
    fs::remove_dir_all(&folder).unwrap();
    report
}

struct Bench<'a> {
    scene: &'a Scene,
    space: &'a str,
    file: &'a str,
    half: u64,
}

impl Bench<'_> {
    /// Puts the file; where it is killed, the second command is what counts.
    async fn put(&self, device: &Sealpost, kill_after: Option<u64>) -> Run {
        let put = ["put", self.space, self.file];
        if kill_after.is_some() {
            self.run(device, &put, kill_after).await;
        }
        self.run(device, &put, None).await
    }

    async fn get(&self, device: &Sealpost, to: &str, kill_after: Option<u64>) -> Run {
        let get = ["get", self.space, "file", "--to", to];
        if kill_after.is_some() {
            self.run(device, &get, kill_after).await;
        }
        self.run(device, &get, None).await
    }

    /// rclone's, on the same way.
    async fn copies(&self, back: &str) -> Option<[Run; 2]> {
        let there = "store:sealpost/copied-by-rclone";
        let copy = |from: &str, to: &str| {
            let mut command = std::process::Command::new("rclone");
            command
                .args(["copyto", "--s3-no-check-bucket", "--ignore-times", from, to])
                // What else is set for clients of real clouds is not for this one.
                .env_clear()
                .env("RCLONE_CONFIG", "/dev/null")
                .envs(self.scene.for_rclone());
            command
        };
        if std::process::Command::new("rclone")
            .arg("version")
            .output()
            .is_err()
        {
            return None;
        }
        let up = self.time(copy(self.file, there), None).await;
        let down = self.time(copy(there, back), None).await;
        Some([up, down])
    }

    async fn run(&self, device: &Sealpost, arguments: &[&str], kill_after: Option<u64>) -> Run {
        let mut command = device.command(["--json"]);
        command.args(arguments);
        self.time(command, kill_after).await
    }

    /// Runs a command to its end, or until so much has passed that it is killed.
    async fn time(&self, mut command: std::process::Command, kill_after: Option<u64>) -> Run {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        let before = self.scene.bytes();
        let enough = async {
            match kill_after {
                Some(bytes) => self.scene.passed(before + bytes).await,
                None => std::future::pending().await,
            }
        };
        let Measured { seconds, peak_kib } = measured::run(command, enough).await;
        Run {
            seconds,
            peak_kib,
            moved: self.scene.bytes() - before,
        }
    }
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).into_os_string().into_string().unwrap()
}

fn write_random(path: &Path, mut bytes: u64) {
    let (mut rng, mut piece) = (StdRng::seed_from_u64(bytes), vec![0; 1 << 20]);
    let mut file = File::create(path).unwrap();
    while bytes > 0 {
        let now = bytes.min(piece.len() as u64);
        let piece = &mut piece[..usize::try_from(now).unwrap()];
        rng.fill_bytes(piece);
        file.write_all(piece).unwrap();
        bytes -= now;
    }
}

/// The hashes of a file's pieces, hashed.
fn hash(path: &str) -> [u8; 32] {
    let (mut file, mut piece, mut hashes) = (File::open(path).unwrap(), Vec::new(), Vec::new());
    loop {
        piece.clear();
        Read::by_ref(&mut file)
            .take(1 << 20)
            .read_to_end(&mut piece)
            .unwrap();
        if piece.is_empty() {
            return sha256(&hashes);
        }
        hashes.extend_from_slice(&sha256(&piece));
    }
}

impl Run {
    fn rate(&self, bytes: u64) -> f64 {
        bytes as f64 / MIB / self.seconds
    }
}

impl Report {
    /// The most memory that a transfer took beside what is there after unlock, in KiB.
    #[must_use]
    pub fn memory_kib(&self) -> u64 {
        let runs = [self.put, self.got, self.put_again, self.got_again];
        let peak = runs.iter().map(|run| run.peak_kib).max().unwrap_or_default();
        peak.saturating_sub(self.unlocked_kib)
    }

    /// Throughput of put and get as parts of a copy's.
    #[must_use]
    pub fn ratios(&self) -> Option<[f64; 2]> {
        let [up, down] = self.copies?;
        Some([up.seconds / self.put.seconds, down.seconds / self.got.seconds])
    }

    /// Whether the second commands moved no more than what was missing, but for what was on its way.
    #[must_use]
    pub fn resumed(&self) -> bool {
        let most = self.bytes / 2 + self.bytes / 10 + (64 << 20);
        [self.put_again, self.got_again]
            .iter()
            .all(|run| run.moved <= most)
    }

    /// Whether all of it is as promised.
    #[must_use]
    pub fn holds(&self) -> bool {
        let fast = self
            .ratios()
            .is_none_or(|ratios| ratios.iter().all(|ratio| *ratio >= LEAST));
        self.same && self.resumed() && fast && self.memory_kib() <= MEMORY_KIB
    }

    /// The same for machines.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "server": self.server,
            "bytes": self.bytes,
            "same": self.same,
            "put_seconds": self.put.seconds,
            "get_seconds": self.got.seconds,
            "memory_kib": self.memory_kib(),
            "put_again_moved": self.put_again.moved,
            "get_again_moved": self.got_again.moved,
            "of_a_copy": self.ratios(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / MIB;
        let compared = if self.same {
            "the same hash"
        } else {
            "ANOTHER HASH"
        };
        writeln!(
            f,
            "{}: a file of {:.0} MiB came back with {compared}, twice",
            self.server,
            mib(self.bytes)
        )?;
        writeln!(
            f,
            "memory: {} KiB after unlock; put +{} KiB, get +{} KiB (at most +{MEMORY_KIB})",
            self.unlocked_kib,
            self.put.peak_kib.saturating_sub(self.unlocked_kib),
            self.got.peak_kib.saturating_sub(self.unlocked_kib),
        )?;
        writeln!(
            f,
            "killed half-way: the second put moved {:.0} MiB, the second get {:.0} MiB",
            mib(self.put_again.moved),
            mib(self.got_again.moved)
        )?;
        write!(
            f,
            "put {:.1} s ({:.0} MiB/s), get {:.1} s ({:.0} MiB/s)",
            self.put.seconds,
            self.put.rate(self.bytes),
            self.got.seconds,
            self.got.rate(self.bytes)
        )?;
        match (self.copies, self.ratios()) {
            (Some([up, down]), Some([put, get])) => write!(
                f,
                "; rclone {:.1} s ({:.0} MiB/s) and {:.1} s ({:.0} MiB/s): {put:.2} and {get:.2} of it",
                up.seconds,
                up.rate(self.bytes),
                down.seconds,
                down.rate(self.bytes)
            ),
            _ => write!(f, "; no rclone here"),
        }
    }
}

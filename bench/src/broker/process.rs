//! A broker as a child process: on a port of its own, with its files in a folder of its own.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::{Broker, Installed, nats, redis};
use crate::measure::Actor;

/// How long a broker may take to start.
const START_LIMIT: Duration = Duration::from_secs(20);
const ASK_AGAIN: Duration = Duration::from_millis(10);
/// Somebody may take a port between its being found free and the broker's start.
const TRIES: usize = 3;

/// A broker that runs. Dropping it kills it and removes its files.
pub struct BrokerProcess {
    // Goes first: its files are removed when nobody writes to them.
    process: Killed,
    _folder: TempDir,
    broker: Broker,
    address: SocketAddr,
}

/// A child that does not outlive this.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl BrokerProcess {
    /// Starts a broker that knows nothing yet; when this returns, it serves.
    ///
    /// It is told to end when the thread that starts it does, so that has to be one that lives as long.
    pub async fn start(installed: &Installed) -> Result<Self> {
        let mut tries = 1;
        loop {
            match Self::try_start(installed).await {
                Err(_) if tries < TRIES => tries += 1,
                done => return done,
            }
        }
    }

    async fn try_start(installed: &Installed) -> Result<Self> {
        let broker = installed.broker();
        let folder = tempfile::tempdir()?;
        let free = free_address()?;
        let arguments = match broker {
            Broker::Redis => redis::arguments(folder.path(), free),
            Broker::Nats => nats::arguments(folder.path()),
        };
        let log = folder.path().join("server.log");
        let output = File::create(&log)?;
        let mut command = ending_with_us(installed.program());
        command.args(arguments).current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(output.try_clone()?);
        let child = command.stderr(output).spawn();
        let mut process = Killed(child.with_context(|| format!("starting {}", broker.program()))?);
        let serving = |log: &str| match broker {
            Broker::Redis => redis::is_serving(log).then_some(free),
            Broker::Nats => nats::serving_at(log),
        };
        let address = timeout(START_LIMIT, wait_until(serving, &log, &mut process.0))
            .await
            .with_context(|| format!("{} does not serve", broker.program()))?
            .with_context(|| format!("starting {}", broker.program()))?;
        Ok(Self {
            process,
            _folder: folder,
            broker,
            address,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Which.
    #[must_use]
    pub fn broker(&self) -> Broker {
        self.broker
    }

    /// Its process.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor {
            name: self.broker.name(),
            id: self.process.0.id(),
        }
    }
}

/// The program, told by the kernel to end when the thread that starts it does; where `setpriv` cannot do that, the program.
fn ending_with_us(program: &Path) -> Command {
    const WORDS: [&str; 3] = ["--pdeathsig", "KILL", "--"];
    let works = Command::new("setpriv").args(WORDS).arg("true").status();
    if works.is_ok_and(|status| status.success()) {
        let mut command = Command::new("setpriv");
        command.args(WORDS).arg(program);
        command
    } else {
        Command::new(program)
    }
}

fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr()?)
}

/// Until the log says where it serves.
async fn wait_until(
    serving: impl Fn(&str) -> Option<SocketAddr>,
    log: &Path,
    child: &mut Child,
) -> Result<SocketAddr> {
    loop {
        let text = fs::read_to_string(log)?;
        if let Some(address) = serving(&text) {
            return Ok(address);
        }
        if let Some(status) = child.try_wait()? {
            bail!("it ended ({status}):\n{text}");
        }
        sleep(ASK_AGAIN).await;
    }
}

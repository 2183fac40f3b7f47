//! The S3 server as a process that can be killed: s3s-fs, or Garage.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use sealpost_relay::{
    blobs::s3::S3Settings,
    embedded::object_store::{ACCESS_KEY, BUCKET},
    entropy::{Entropy, SystemEntropy},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader, Lines},
    process::{Child, Command},
};
use zeroize::Zeroizing;

use crate::{door, folders, relay::RelayOptions};

/// Which server.
#[derive(Clone, Debug)]
pub enum Server {
    /// The one of development.
    S3sFs,
    /// Garage, by its program.
    Garage(PathBuf),
}

/// The keys of its bucket.
#[derive(Clone, Debug)]
struct Access {
    region: &'static str,
    access_key: String,
    secret_key: String,
}

/// A running server. It does not outlive this.
#[derive(Debug)]
pub struct Store {
    server: Server,
    folder: PathBuf,
    address: SocketAddr,
    access: Access,
    child: Child,
}

impl Server {
    /// What it is called in reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::S3sFs => "s3s-fs",
            Self::Garage(_) => "Garage",
        }
    }

    /// Garage, if the variable `SEALPOST_TEST_GARAGE` names its program.
    #[must_use]
    pub fn chosen() -> Self {
        let program = std::env::var_os("SEALPOST_TEST_GARAGE");
        program.map_or(Self::S3sFs, |program| Self::Garage(program.into()))
    }

    /// Starts it on a folder, new or used, at a port that is free.
    ///
    /// # Panics
    /// When it does not serve.
    pub async fn start(&self, folder: &Path) -> Store {
        fs::create_dir_all(folder).unwrap();
        match self {
            Self::S3sFs => start_s3s_fs(folder).await,
            Self::Garage(program) => start_garage(program, folder).await,
        }
    }
}

impl Store {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A relay that keeps blobs there, which it and its clients reach at these addresses.
    #[must_use]
    pub fn for_relay(&self, options: RelayOptions, inside: SocketAddr, public: SocketAddr) -> RelayOptions {
        options
            .with("SEALPOST__BLOBS__ENDPOINT", &format!("http://{inside}"))
            .with("SEALPOST__BLOBS__PUBLIC_ENDPOINT", &format!("http://{public}"))
            .with("SEALPOST__BLOBS__REGION", self.access.region)
            .with("SEALPOST__BLOBS__BUCKET", BUCKET)
            .with("SEALPOST__BLOBS__ACCESS_KEY", &self.access.access_key)
            .with("SEALPOST__BLOBS__SECRET_KEY", &self.access.secret_key)
    }

    /// How a relay's client speaks to it, for tests that sign by themselves.
    ///
    /// # Panics
    /// Never: an address makes a URL.
    #[must_use]
    pub fn settings(&self) -> S3Settings {
        let endpoint: url::Url = format!("http://{}", self.address).parse().unwrap();
        S3Settings {
            public_endpoint: endpoint.clone(),
            endpoint,
            region: self.access.region.to_owned(),
            bucket: BUCKET.to_owned(),
            path_style: true,
            access_key: self.access.access_key.clone(),
            secret_key: Zeroizing::new(self.access.secret_key.clone()),
            ca_pem: None,
            request_timeout: Duration::from_secs(20),
        }
    }

    /// What rclone has to know to copy into its bucket, reached at this address.
    pub(super) fn for_rclone(&self, at: SocketAddr) -> [(&'static str, String); 6] {
        [
            ("RCLONE_CONFIG_STORE_TYPE", "s3".to_owned()),
            ("RCLONE_CONFIG_STORE_PROVIDER", "Other".to_owned()),
            ("RCLONE_CONFIG_STORE_ENDPOINT", format!("http://{at}")),
            ("RCLONE_CONFIG_STORE_REGION", self.access.region.to_owned()),
            (
                "RCLONE_CONFIG_STORE_ACCESS_KEY_ID",
                self.access.access_key.clone(),
            ),
            (
                "RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY",
                self.access.secret_key.clone(),
            ),
        ]
    }

    /// Kills it as a power cut would, and starts it again, elsewhere.
    ///
    /// # Panics
    /// When it does not come back.
    pub async fn kill_9_and_restart(mut self) -> Self {
        self.child.kill().await.expect("a child can be killed");
        self.server.start(&self.folder).await
    }

    /// The files of s3s-fs's objects; nobody else keeps them so.
    ///
    /// # Panics
    /// When they cannot be looked at.
    #[must_use]
    pub fn objects(&self) -> Option<Vec<PathBuf>> {
        match self.server {
            Server::S3sFs => Some(files(&self.folder.join("data").join(BUCKET))),
            Server::Garage(_) => None,
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let each = entries.map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path) } else { vec![path] }
    });
    each.flatten().collect()
}

async fn start_s3s_fs(folder: &Path) -> Store {
    let mut command = Command::new(folders::binaries().join("sealpost-object-store"));
    let mut child = command
        .arg(folder)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("scripts/test builds it");
    let said = lines(child.stdout.take()).next_line().await.unwrap();
    let endpoint = said.expect("it says where it is");
    let address = endpoint.strip_prefix("http://").unwrap();
    Store {
        server: Server::S3sFs,
        folder: folder.to_owned(),
        address: address.parse().unwrap(),
        access: Access {
            region: "us-east-1",
            access_key: ACCESS_KEY.to_owned(),
            secret_key: fs::read_to_string(folder.join("secret_key")).unwrap(),
        },
        child,
    }
}

async fn start_garage(program: &Path, folder: &Path) -> Store {
    let (access, rpc_secret) = garage_keys(folder);
    // Garage takes no port 0.
    let [api, rpc] = [door::free_port(), door::free_port()];
    let config = folder.join("garage.toml");
    let text = format!(
        "metadata_dir = {:?}\ndata_dir = {:?}\ndb_engine = \"sqlite\"\nmetadata_fsync = true\nreplication_factor = 1\n\
         rpc_bind_addr = \"{rpc}\"\nrpc_public_addr = \"{rpc}\"\n[s3_api]\ns3_region = \"garage\"\napi_bind_addr = \"{api}\"\n",
        folder.join("meta"),
        folder.join("data"),
    );
    fs::write(&config, text).unwrap();
    let mut child = Command::new(program)
        .arg("-c")
        .arg(&config)
        .args(["server", "--single-node", "--default-bucket"])
        .env("GARAGE_DEFAULT_ACCESS_KEY", &access.access_key)
        .env("GARAGE_DEFAULT_SECRET_KEY", &access.secret_key)
        .env("GARAGE_DEFAULT_BUCKET", BUCKET)
        .env("GARAGE_RPC_SECRET", rpc_secret)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = lines(child.stderr.take());
    while let Some(line) = said.next_line().await.unwrap() {
        if line.contains("S3 API server listening") {
            // Read on, or it would write into a full pipe for ever.
            tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
            break;
        }
    }
    Store {
        server: Server::Garage(program.to_owned()),
        folder: folder.to_owned(),
        address: api,
        access,
        child,
    }
}

/// Drawn at the first start.
fn garage_keys(folder: &Path) -> (Access, String) {
    let file = folder.join("keys");
    if !file.exists() {
        let mut bytes = [0; 76];
        SystemEntropy.fill(&mut bytes);
        fs::write(&file, hex::encode(bytes)).unwrap();
    }
    let digits = fs::read_to_string(file).unwrap();
    let access = Access {
        region: "garage",
        access_key: format!("GK{}", &digits[..24]),
        secret_key: digits[24..88].to_owned(),
    };
    (access, digits[88..152].to_owned())
}

fn lines<R: AsyncRead + Unpin>(pipe: Option<R>) -> Lines<BufReader<R>> {
    BufReader::new(pipe.expect("it is piped")).lines()
}

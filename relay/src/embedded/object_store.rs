//! A private S3-compatible store: files under one folder, served by this process.
//!
//! For development and tests. It holds what it is given in plain files, does not wait for the disk, and lives as long as
//! the runtime that started it.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::{
    HttpError, HttpResponse,
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use s3s_fs::FileSystem;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::{JoinError, JoinHandle},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    EmbeddedError,
    folder::{LockedFolder, create_private, random_text_file, remove_file},
};
use crate::{entropy::Entropy, http::listener::wait_out};

/// The bucket of every private store.
pub const BUCKET: &str = "sealpost";
/// The id of its key.
pub const ACCESS_KEY: &str = "sealpost-dev";
/// Connections served at once; others wait.
const CONNECTIONS: usize = 256;
/// How long a client may take for the head of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long requests in flight may take to end.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// A running private store.
#[derive(Debug)]
pub struct ObjectStore {
    address: SocketAddr,
    folder: LockedFolder,
    stop: CancellationToken,
    connections: TaskTracker,
    accepting: JoinHandle<()>,
}

impl ObjectStore {
    /// Serves what is under `folder`, made on first use, at `listen`; port 0 takes any free one.
    ///
    /// # Errors
    /// [`EmbeddedError`], when the folder or the address cannot be used.
    pub async fn start(
        folder: &Path,
        listen: SocketAddr,
        entropy: &dyn Entropy,
    ) -> Result<Self, EmbeddedError> {
        let folder = LockedFolder::open(folder)?;
        random_text_file(&secret_key_file(folder.path()), entropy)?;
        let data = folder.path().join("data");
        create_private(&data.join(BUCKET))?;
        remove_leftovers(&data)?;
        let service = service(folder.path(), &data)?;
        let listener = TcpListener::bind(listen)
            .await
            .map_err(EmbeddedError::run(Path::new("the object store")))?;
        let address = listener
            .local_addr()
            .map_err(EmbeddedError::run(Path::new("the object store")))?;
        let (stop, connections) = (CancellationToken::new(), TaskTracker::new());
        let accepting = accept(listener, service, connections.clone(), stop.clone());
        Ok(Self {
            address,
            folder,
            stop,
            connections,
            accepting: tokio::spawn(accepting),
        })
    }

    /// Its endpoint.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The file with its key.
    #[must_use]
    pub fn secret_key_file(&self) -> PathBuf {
        secret_key_file(self.folder.path())
    }

    /// The folder in which the objects of the bucket are.
    #[must_use]
    pub fn bucket_folder(&self) -> PathBuf {
        self.folder.path().join("data").join(BUCKET)
    }

    /// Takes no more requests, and lets those in flight end.
    pub async fn stop(self) {
        self.stop.cancel();
        // It ends when it is cancelled, and nothing in it panics.
        let _ = self.accepting.await;
        self.connections.close();
        if tokio::time::timeout(STOP_WITHIN, self.connections.wait())
            .await
            .is_err()
        {
            tracing::warn!("requests to the object store did not end in time");
        }
    }
}

fn secret_key_file(folder: &Path) -> PathBuf {
    folder.join("secret_key")
}

fn service(folder: &Path, data: &Path) -> Result<S3Service, EmbeddedError> {
    let path = secret_key_file(folder);
    let secret_key = fs::read_to_string(&path).map_err(EmbeddedError::file("read", &path))?;
    let unusable = |error| EmbeddedError::file("use", data)(std::io::Error::other(format!("{error:?}")));
    let files = FileSystem::new(data).map_err(unusable)?;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, secret_key));
    Ok(builder.build())
}

/// Removes parts of uploads that were being completed when the process was killed: the server has forgotten those.
fn remove_leftovers(data: &Path) -> Result<(), EmbeddedError> {
    let entries = fs::read_dir(data).map_err(EmbeddedError::file("read", data))?;
    for entry in entries {
        let entry = entry.map_err(EmbeddedError::file("read", data))?;
        let name = entry.file_name();
        let upload = name.to_str().and_then(upload_of);
        let is_left = upload.is_some_and(|upload| !data.join(format!(".upload-{upload}.json")).exists());
        if is_left {
            remove_file(&entry.path())?;
        }
    }
    Ok(())
}

/// The upload that a file is a part of.
fn upload_of(file: &str) -> Option<&str> {
    Some(file.strip_prefix(".upload_id-")?.split_once(".part-")?.0)
}

async fn accept(
    listener: TcpListener,
    service: S3Service,
    connections: TaskTracker,
    stop: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let next = async { (Arc::clone(&slots).acquire_owned().await, listener.accept().await) };
        let (slot, accepted) = tokio::select! {
            next = next => next,
            () = stop.cancelled() => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                wait_out(&error).await;
                continue;
            }
        };
        let served = serve(stream, service.clone(), connections.clone(), stop.clone());
        connections.spawn(async move {
            served.await;
            drop(slot);
        });
    }
}

async fn serve(stream: TcpStream, service: S3Service, requests: TaskTracker, stop: CancellationToken) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    let answering = service_fn(move |request| to_its_end(service.clone(), requests.clone(), request));
    let connection = builder.serve_connection(TokioIo::new(stream), answering);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the object store ended early");
    }
}

/// Answers a request whatever becomes of its connection: the server forgets an upload before it has made an object of it.
async fn to_its_end(
    service: S3Service,
    requests: TaskTracker,
    request: Request<Incoming>,
) -> Result<HttpResponse, HttpError> {
    let answered = requests.spawn(async move { Service::call(&service, request).await });
    let answered = answered.await;
    match answered.map_err(JoinError::try_into_panic) {
        Ok(answer) => answer,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The runtime ends, and this with it.
        Err(Err(_)) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    fn any_port() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[tokio::test]
    async fn a_store_keeps_its_key_and_drops_what_a_kill_left() {
        let folder = tempfile::tempdir().unwrap();
        let store = ObjectStore::start(folder.path(), any_port(), &SystemEntropy)
            .await
            .unwrap();
        let key = fs::read(store.secret_key_file()).unwrap();
        store.stop().await;
        let part = folder.path().join("data/.upload_id-0001.part-1");
        let goes_on = folder.path().join("data/.upload_id-0002.part-1");
        fs::write(&part, "left").unwrap();
        fs::write(&goes_on, "wanted").unwrap();
        fs::write(folder.path().join("data/.upload-0002.json"), "null").unwrap();
        let store = ObjectStore::start(folder.path(), any_port(), &SystemEntropy)
            .await
            .unwrap();
        assert_eq!(fs::read(store.secret_key_file()).unwrap(), key);
        assert!(!part.exists() && goes_on.exists());
    }

    #[tokio::test]
    async fn a_folder_serves_one_store_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = ObjectStore::start(folder.path(), any_port(), &SystemEntropy)
            .await
            .unwrap();
        let second = ObjectStore::start(folder.path(), any_port(), &SystemEntropy).await;
        assert!(matches!(second, Err(EmbeddedError::InUse { .. })));
        store.stop().await;
        ObjectStore::start(folder.path(), any_port(), &SystemEntropy)
            .await
            .unwrap();
    }
}

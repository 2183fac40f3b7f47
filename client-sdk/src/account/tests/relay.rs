//! A relay of accounts in memory: the same paths, bodies and OPAQUE as the real one, and faults on demand.

mod approvals;
mod routes;
mod wire;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use prost::Message;
use sealpost_opaque::{LoginState, Record, ServerSetup};
use sealpost_protocol::http::{AgentView, ApprovalRequest, KsfParameters, SpaceView, StagedView};
use sealpost_protocol::ids::{AccountId, Incarnation, PrincipalId, SessionId, SpaceId};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::identity::Identity;

pub(super) const KSF: KsfParameters = KsfParameters {
    m_kib: 65_536,
    t: 3,
    p: 1,
};

/// What the relay does wrong.
#[derive(Clone, Default)]
pub(super) struct Faults {
    /// Names this origin as its own.
    pub(super) origin: Option<String>,
    /// Announces this OPAQUE key.
    pub(super) announced_key: Option<[u8; 32]>,
    /// Asks for this stretching.
    pub(super) ksf: Option<KsfParameters>,
    /// Hands out this keystore; `Some(None)` denies that there is one.
    pub(super) keystore: Option<Option<Vec<u8>>>,
    /// Stages this keystore instead of what it is sent.
    pub(super) staged: Option<Vec<u8>>,
    /// Names this account after a login.
    pub(super) handle: Option<String>,
    /// Knows the account by this principal.
    pub(super) principal: Option<PrincipalId>,
    /// Calls a new agent this.
    pub(super) agent_name: Option<String>,
    /// Answers a look-up with this manifest.
    pub(super) manifest: Option<Vec<u8>>,
    /// Shows this new device whatever the code.
    pub(super) device: Option<ApprovalRequest>,
    /// Hands this to a new device, whoever approved what.
    pub(super) approval: Option<Vec<u8>>,
    /// Logs new devices in to this account.
    pub(super) let_into: Option<AccountId>,
    /// Something breaks at a request.
    pub(super) strike: Option<Strike>,
    /// Closes every connection.
    pub(super) gone: bool,
}

/// Where something breaks, and what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strike {
    /// Requests to serve before, counted from the moment that this is set.
    pub(super) after: usize,
    /// Whether the request is still acted upon, so that only its answer is lost.
    pub(super) served: bool,
    /// What breaks.
    pub(super) victim: Victim,
}

/// What breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victim {
    /// The one connection.
    Connection,
    /// The relay: it is not there any more, for this request and all that follow.
    Relay,
    /// The answer: it says that the relay failed, whatever the relay did.
    Answer,
    /// The client: nothing it does comes after this request. [`TestRelay::strike`] drops it.
    Client,
}

pub(super) struct Account {
    pub(super) id: AccountId,
    handle: String,
    record: Vec<u8>,
    recovery_login_key: Vec<u8>,
    manifest: Vec<u8>,
    /// All versions, the newest last.
    pub(super) keystores: Vec<Vec<u8>>,
    stage: Option<Stage>,
}

struct Stage {
    view: StagedView,
    upload: Option<Vec<u8>>,
    verified: bool,
}

/// A new device that wants to be let in.
#[derive(Clone)]
pub(super) struct WaitingDevice {
    pub(super) shown: ApprovalRequest,
    claim: Vec<u8>,
    approved: Option<(AccountId, Vec<u8>)>,
}

/// What the relay knows.
pub(super) struct State {
    pub(super) faults: Faults,
    pub(super) accounts: Vec<Account>,
    /// Paths that were asked for, in order.
    pub(super) asked: Vec<String>,
    /// The names of devices that logged in, in order.
    pub(super) asked_as: Vec<String>,
    /// The agents that it lists.
    pub(super) agents: Vec<AgentView>,
    /// The spaces that it lists.
    pub(super) spaces: Vec<SpaceView>,
    /// Every byte that any client sent.
    pub(super) received: Vec<u8>,
    pub(super) setup: ServerSetup,
    /// The life of its database.
    pub(super) incarnation: Incarnation,
    /// New devices, by the token of their requests.
    pub(super) waiting: HashMap<Vec<u8>, WaitingDevice>,
    address: SocketAddr,
    sessions: HashMap<Vec<u8>, (SessionId, AccountId)>,
    registering: HashMap<Vec<u8>, (AccountId, String)>,
    logging_in: HashMap<Vec<u8>, (Option<AccountId>, LoginState)>,
    recovering: HashMap<Vec<u8>, (Vec<u8>, [u8; 32])>,
    drawn: u64,
}

pub(super) struct TestRelay {
    state: Arc<Mutex<State>>,
    client_dies: Arc<Notify>,
    address: SocketAddr,
    task: JoinHandle<()>,
    homes: TempDir,
}

impl TestRelay {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::new(address)));
        let client_dies = Arc::new(Notify::new());
        let task = tokio::spawn(wire::serve(
            listener,
            Arc::clone(&state),
            Arc::clone(&client_dies),
        ));
        let homes = tempfile::tempdir().unwrap();
        Self {
            state,
            client_dies,
            address,
            task,
            homes,
        }
    }

    /// A folder for one more device; it lives as long as the relay's handle.
    pub(super) fn new_home(&self) -> PathBuf {
        let number = std::fs::read_dir(self.homes.path()).unwrap().count();
        let folder = self.homes.path().join(number.to_string());
        std::fs::create_dir(&folder).unwrap();
        folder.join("home")
    }

    /// Is not there any more.
    pub(super) fn stop(&self) {
        self.misbehave(Faults {
            gone: true,
            ..Faults::default()
        });
    }

    /// Runs what a client does until it ends or the strike kills the client; then everything is whole again.
    pub(super) async fn strike<T>(&self, strike: Strike, work: impl Future<Output = T>) -> Option<T> {
        self.misbehave(Faults {
            strike: Some(strike),
            ..Faults::default()
        });
        let result = tokio::select! {
            result = work => Some(result),
            () = self.client_dies.notified() => None,
        };
        assert!(self.state().asked.len() > strike.after, "nothing met {strike:?}");
        self.misbehave(Faults::default());
        result
    }

    pub(super) fn knows(&self, handle: &str) -> bool {
        self.accounts_called(handle) > 0
    }

    pub(super) fn accounts_called(&self, handle: &str) -> usize {
        let state = self.state();
        let called = state.accounts.iter().filter(|account| account.handle == handle);
        called.count()
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Lists an agent for whoever asks.
    pub(super) fn enroll(&self, name: &str, agent: &Identity) {
        self.list_agent(name, agent.id(), agent);
    }

    /// Lists an agent under an id that may not be its own.
    pub(super) fn list_agent(&self, name: &str, principal_id: PrincipalId, agent: &Identity) {
        self.state().agents.push(AgentView {
            principal_id,
            name: name.to_owned(),
            signed_manifest: agent.signed_manifest().encode_to_vec().into(),
            created_at: OffsetDateTime::UNIX_EPOCH,
            last_seen_at: OffsetDateTime::UNIX_EPOCH,
        });
    }

    /// Lists spaces for whoever asks.
    pub(super) fn list_spaces(&self, ids: impl Iterator<Item = SpaceId>) {
        let view = |space_id| SpaceView {
            space_id,
            head_seq: 1,
        };
        self.state().spaces = ids.map(view).collect();
    }

    /// Sets what goes wrong from here on.
    pub(super) fn misbehave(&self, faults: Faults) {
        let mut state = self.state();
        state.faults = faults;
        state.asked.clear();
    }

    /// Has no account of this handle any more.
    pub(super) fn forget(&self, handle: &str) {
        self.state().accounts.retain(|account| account.handle != handle);
    }

    pub(super) fn keystore(&self) -> Vec<u8> {
        self.state().accounts[0].keystores.last().unwrap().clone()
    }

    pub(super) fn sessions(&self) -> usize {
        self.state().sessions.len()
    }
}

impl Drop for TestRelay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    fn new(address: SocketAddr) -> Self {
        Self {
            faults: Faults::default(),
            accounts: Vec::new(),
            asked: Vec::new(),
            asked_as: Vec::new(),
            agents: Vec::new(),
            spaces: Vec::new(),
            received: Vec::new(),
            setup: ServerSetup::generate(),
            incarnation: Incarnation::new([1; 16]),
            waiting: HashMap::new(),
            address,
            sessions: HashMap::new(),
            registering: HashMap::new(),
            logging_in: HashMap::new(),
            recovering: HashMap::new(),
            drawn: 0,
        }
    }

    /// Bytes that were not handed out before.
    fn draw<const N: usize>(&mut self) -> [u8; N] {
        self.drawn += 1;
        let mut bytes = [0; N];
        bytes[..8].copy_from_slice(&self.drawn.to_be_bytes());
        bytes
    }

    fn account(&mut self, id: AccountId) -> &mut Account {
        let mut accounts = self.accounts.iter_mut();
        accounts.find(|account| account.id == id).unwrap()
    }

    fn by_handle(&self, handle: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.handle == handle)
    }

    fn record(&self, id: AccountId) -> Option<Record> {
        let account = self.accounts.iter().find(|account| account.id == id)?;
        Some(Record::parse(&account.record).unwrap())
    }
}

//! The spaces of a client.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{Stream, stream};
use sealpost_protocol::http::SpaceView;
use sealpost_protocol::ids::{PrincipalId, SpaceId};
use sealpost_protocol::root::Cursor;
use sealpost_protocol::socket::SocketProof;
use sealpost_protocol::wire::{Authenticate, Notice, Policy};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex, watch};

use super::api::Space;
use super::core::{SpaceCore, pinned_place};
use super::create::Creation;
use super::ended::SpaceEnd;
use super::handle::Handle;
use super::name::check_name;
use crate::client::{Client, Shared};
use crate::entropy;
use crate::error::{Alarm, Error};
use crate::http::tls;
use crate::keystore::{Content, KnownSpace, VerifiedPlace};
use crate::socket::{Announcement, ConnectionState, Credentials, Socket};
use crate::store::log::{SpaceLog, known_spaces, standing_alarms};
use crate::store::outbox::install_id;
use crate::transport::{Transport, WebSocketTransport};

/// What a client holds for its spaces: the socket, and which spaces are open.
#[derive(Default)]
pub(crate) struct Spaces {
    socket: OnceLock<Socket>,
    pub(super) open: Mutex<HashMap<SpaceId, Weak<Handle>>>,
}

/// How a new space is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceOptions {
    /// Whether newcomers may read what was written before they came.
    pub share_history: bool,
    /// Seconds after which the relay drops contents; 0 for never.
    pub retention_seconds: u64,
}

impl Default for SpaceOptions {
    fn default() -> Self {
        Self {
            share_history: true,
            retention_seconds: 0,
        }
    }
}

/// A space in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpaceSummary {
    /// The space.
    pub id: SpaceId,
    /// How the owner of this account calls it; empty without a name.
    pub name: String,
    /// The end of its log, as the relay says; `None` where the relay does not list it, or could not be asked.
    pub relay_head: Option<u64>,
    /// The principal that was the member, where the owner has started over since: somebody who may has to add the new one.
    pub lost_with: Option<PrincipalId>,
    /// Whether this account accepted an invite and waits until a member approves it. Who is turned away is not told: joining once
    /// more says it.
    pub waits_for_approval: bool,
    /// Why this account reads it no more; `None` for a member, and where nothing is known.
    pub ended: Option<SpaceEnd>,
    /// What keeps it stopped on this device: see [`Client::acknowledge_alarms`].
    pub alarm: Option<Alarm>,
}

/// Announcements of the relay's operator.
pub type Notices = Pin<Box<dyn Stream<Item = Notice> + Send>>;

impl Client {
    /// Makes a space and opens it. What is needed to finish is on this device's disk before the relay hears of it: after a
    /// crash, opening the space finishes it.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name of more than [`MAX_NAME`] bytes or with control characters. [`Error::Network`] or
    /// [`Error::NotAuthenticated`] if the relay cannot be had: the space is then listed and finished when it is opened.
    ///
    /// [`MAX_NAME`]: super::MAX_NAME
    pub async fn create_space(&self, name: &str, options: SpaceOptions) -> Result<Space, Error> {
        check_name(name)?;
        let shared = self.shared();
        let policy = Policy {
            share_history: options.share_history,
            retention_seconds: options.retention_seconds,
        };
        let (space_id, creation) = Creation::draw(name, policy, &shared.identity, &mut entropy::system())?;
        shared.keep_creation(space_id, creation).await?;
        let space = self.space(space_id).await?;
        space.sync().await?;
        Ok(space)
    }

    /// Opens a space. Nothing but its id needs to be known: the log is verified from its first record on, and the keys come
    /// by the own wrap and back through the history. What this device has verified before can be read without a connection.
    /// That the relay does not serve a space to this account shows when it is used; nothing is stored of it. One that is open
    /// already is shared, unless it stopped because this account was no member any more: it is then tried anew.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Network`] if the space is still to be made and the relay cannot be reached.
    pub async fn space(&self, id: SpaceId) -> Result<Space, Error> {
        self.socket()?;
        self.shared().open_space(id).await
    }

    /// The spaces of this account: those in the keystore, on this device, and on the relay's list, which is a hint. The keystore lists
    /// from then on what it did not, with one change for all of it: an export, and who starts over, know them too.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] if the session has ended, [`Error::Store`]; a relay that cannot be reached is none.
    pub async fn spaces(&self) -> Result<Vec<SpaceSummary>, Error> {
        let shared = self.shared();
        let listed = shared.with_session(async |token| shared.api.at_once().spaces(token).await);
        let (listed, ()) = tokio::join!(listed, shared.hear_of_newer_keystore());
        let mut found = shared.known_spaces().await?;
        match listed {
            Ok(list) => {
                shared.take_down(&list.spaces).await;
                for view in list.spaces {
                    found.entry(view.space_id).or_default().relay_head = Some(view.head_seq);
                }
                shared.note_who_was_let_in(&mut found).await;
                shared.note_who_goes_on(&mut found).await;
            }
            Err(error @ Error::NotAuthenticated(_)) => return Err(error),
            Err(error) => tracing::debug!(error = %error, "the relay's list of spaces is missing"),
        }
        Ok(summaries(found))
    }

    /// The spaces of this account that this device knows of. The relay is not asked.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn known_spaces(&self) -> Result<Vec<SpaceSummary>, Error> {
        Ok(summaries(self.shared().known_spaces().await?))
    }

    /// Names a space, on all devices of this account. It is listed from then on, also while this account waits for approval.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name of more than [`MAX_NAME`] bytes or with control characters; [`Error::Network`];
    /// [`Error::Refused`] if other devices change the keystore at the same time.
    ///
    /// [`MAX_NAME`]: super::MAX_NAME
    pub async fn name_space(&self, id: SpaceId, name: &str) -> Result<(), Error> {
        check_name(name)?;
        self.shared().name_space(id, name).await
    }

    /// How the connection to the relay is doing. Asking makes one.
    ///
    /// # Errors
    /// [`Error::Usage`] if TLS cannot be set up.
    pub fn connection(&self) -> Result<watch::Receiver<ConnectionState>, Error> {
        Ok(self.socket()?.state())
    }

    /// Announcements of the relay's operator, from now on. Whoever is behind misses the oldest.
    ///
    /// # Errors
    /// [`Error::Usage`] if TLS cannot be set up.
    pub fn notices(&self) -> Result<Notices, Error> {
        let receiver = self.socket()?.announcements();
        Ok(Box::pin(stream::unfold(receiver, |mut receiver| async {
            loop {
                match receiver.recv().await {
                    Ok(Announcement::Notice(notice)) => return Some((Notice::clone(&notice), receiver)),
                    Ok(Announcement::Signal(_)) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        })))
    }

    pub(super) fn socket(&self) -> Result<Socket, Error> {
        let shared = self.shared();
        if let Some(socket) = shared.spaces.socket.get() {
            return Ok(socket.clone());
        }
        let tls = Arc::new(tls::client_config(&shared.config)?);
        let transport = Arc::new(WebSocketTransport::new(shared.config.clone(), tls));
        let credentials = Arc::new(SessionCredentials(Arc::downgrade(shared)));
        Ok(shared.start_socket(transport, credentials).clone())
    }
}

/// What is known of a space besides its id.
#[derive(Default)]
struct Known {
    name: String,
    relay_head: Option<u64>,
    lost_with: Option<PrincipalId>,
    waits_for_approval: bool,
    is_begun: bool,
    ended: Option<SpaceEnd>,
    alarm: Option<Alarm>,
}

fn summaries(found: BTreeMap<SpaceId, Known>) -> Vec<SpaceSummary> {
    let summary = |(id, known): (SpaceId, Known)| SpaceSummary {
        id,
        name: known.name,
        relay_head: known.relay_head,
        lost_with: known.lost_with,
        waits_for_approval: known.waits_for_approval,
        ended: known.ended,
        alarm: known.alarm,
    };
    found.into_iter().map(summary).collect()
}

impl Shared {
    /// The spaces that this device knows of.
    async fn known_spaces(&self) -> Result<BTreeMap<SpaceId, Known>, Error> {
        let mut found: BTreeMap<SpaceId, Known> = BTreeMap::new();
        for id in self.store.read(known_spaces).await? {
            found.entry(id).or_default();
        }
        for (id, name) in self.creations().await? {
            let known = found.entry(id).or_default();
            (known.name, known.is_begun) = (name, true);
        }
        for (id, space) in self.local_account().await?.content.spaces {
            let known = found.entry(id).or_default();
            (known.name, known.lost_with) = (space.name, space.lost_with);
            known.waits_for_approval = space.waits_for_approval;
        }
        for (id, end) in self.store.read(|store| store.ends()).await? {
            if let Some(known) = found.get_mut(&id) {
                known.ended = Some(end);
            }
        }
        for alarm in self.store.read(standing_alarms).await? {
            // Of one that was never served nothing else is known.
            if let Some(id) = alarm.space_id {
                found.entry(id).or_default().alarm.get_or_insert(alarm);
            }
        }
        Ok(found)
    }

    /// Has the keystore list what the relay does. It is tried again with the next look at the list. An agent has no keystore, and
    /// anybody can bring it into a space that does not count.
    async fn take_down(&self, listed: &[SpaceView]) {
        if self.owner.is_some() {
            return;
        }
        let ids: Vec<SpaceId> = listed.iter().map(|view| view.space_id).collect();
        let listing = async {
            if !self.local_account().await?.content.list(&ids) {
                return Ok(());
            }
            let list = |content: &mut Content| {
                content.list(&ids);
            };
            self.update_keystore(list).await
        };
        // Boxed: most calls of the SDK carry it.
        if let Err(error) = Box::pin(listing).await {
            tracing::warn!(error = %error, "new spaces were not listed in the keystore");
        }
    }

    /// What the relay lists goes on, what it does not list has ended, unless it was never begun.
    async fn note_who_goes_on(&self, found: &mut BTreeMap<SpaceId, Known>) {
        for (id, known) in found {
            if known.relay_head.is_some() {
                if known.ended.take().is_some() {
                    self.note_no_end(*id).await;
                }
            } else if !known.waits_for_approval && !known.is_begun && known.lost_with.is_none() {
                known.ended.get_or_insert(SpaceEnd::NotListed);
            }
        }
    }

    /// Who is on the relay's list of a space waits there no more.
    async fn note_who_was_let_in(&self, found: &mut BTreeMap<SpaceId, Known>) {
        let let_in = |(id, known): (&SpaceId, &mut Known)| {
            let was_let_in = known.waits_for_approval && known.relay_head.is_some();
            known.waits_for_approval &= !was_let_in;
            was_let_in.then_some(*id)
        };
        let ids: Vec<SpaceId> = found.iter_mut().filter_map(let_in).collect();
        for id in ids {
            self.note_waiting(id, false).await;
        }
    }

    /// Whoever waited for approval and finds the invite closed, and nothing that waits, was turned away.
    pub(super) async fn note_who_was_turned_away(&self, id: SpaceId) {
        let local = self.local_account().await;
        let waited = local.is_ok_and(|local| {
            local
                .content
                .spaces
                .get(&id)
                .is_some_and(|space| space.waits_for_approval)
        });
        if waited {
            self.note_waiting(id, false).await;
            self.note_end(id, SpaceEnd::TurnedAway).await;
        }
    }

    /// Has all devices of this account know whether it waits for approval. It is noted again with the next look at the list.
    pub(super) async fn note_waiting(&self, id: SpaceId, waits: bool) {
        let is_noted = |content: &Content| {
            content
                .spaces
                .get(&id)
                .is_some_and(|space| space.waits_for_approval)
        };
        let noting = async {
            if is_noted(&self.local_account().await?.content) == waits {
                return Ok(());
            }
            self.update_keystore(|content| content.spaces.entry(id).or_default().waits_for_approval = waits)
                .await
        };
        if let Err(error) = noting.await {
            tracing::warn!(space.id = %id, error = %error, "who waits for approval was not noted in the keystore");
        }
    }

    /// The client's one socket; started over `transport` if there is none yet.
    pub(crate) fn start_socket(
        &self,
        transport: Arc<dyn Transport>,
        credentials: Arc<dyn Credentials>,
    ) -> &Socket {
        let start = || Socket::start(transport, credentials, entropy::system());
        self.spaces.socket.get_or_init(start)
    }

    /// Opens a space over the socket that was started.
    pub(crate) async fn open_space(self: &Arc<Self>, id: SpaceId) -> Result<Space, Error> {
        let socket = self
            .spaces
            .socket
            .get()
            .expect("the socket is started before a space is opened");
        self.finish_creation(socket, id).await?;
        let mut open = self.spaces.open.lock().await;
        let going_on = open.get(&id).and_then(Weak::upgrade);
        if let Some(handle) = going_on.filter(|handle| !handle.core().is_over_for_me()) {
            return Ok(Space::new(handle));
        }
        open.retain(|_, handle| handle.strong_count() > 0);
        let core = SpaceCore::open(Arc::clone(self), socket.clone(), id).await?;
        let handle = Handle::start(core);
        open.insert(id, Arc::downgrade(&handle));
        Ok(Space::new(handle))
    }

    pub(super) async fn name_space(&self, id: SpaceId, name: &str) -> Result<(), Error> {
        self.update_keystore(|content| {
            let space: &mut KnownSpace = content.spaces.entry(id).or_default();
            name.clone_into(&mut space.name);
        })
        .await
    }
}

impl SpaceCore {
    /// Pins the verified place in the keystore: no device of this account then takes less.
    ///
    /// # Errors
    /// [`Error::Integrity`] if another device of this account was shown another log; the space then stops.
    pub(super) async fn pin(&self) -> Result<(), Error> {
        self.notice_membership().await;
        let known = self.compare_pinned().await?;
        let place = self
            .with_fold(|fold| VerifiedPlace {
                control_index: fold.chain().index(),
                control_head: fold.chain().head(),
                cursor: fold.cursor(),
            })
            .await?;
        if known.is_some_and(|known| known.seq >= place.cursor.seq) {
            return Ok(());
        }
        self.client
            .update_keystore(|content| {
                let space = content.spaces.entry(self.space_id).or_default();
                // What yet another device has pinned meanwhile was not compared, and stays.
                if space.verified.map(|place| place.cursor) == known {
                    space.verified = Some(place);
                }
            })
            .await
    }

    /// Fetches the pinned place anew and holds it against the verified log; returns it.
    async fn compare_pinned(&self) -> Result<Option<Cursor>, Error> {
        self.client.update_keystore(|_| ()).await?;
        let space_id = self.space_id;
        let compared = self.client.store.write(move |store| {
            let Some(pinned) = pinned_place(store, space_id)? else {
                return Ok(Ok(None));
            };
            let log = SpaceLog::find_or_empty(store, space_id)?;
            Ok(log.check_pinned(pinned)?.map(|()| Some(pinned)))
        });
        match compared.await? {
            Ok(pinned) => Ok(pinned),
            Err(alarm) => {
                self.raise(alarm.clone(), Vec::new()).await;
                Err(alarm.into())
            }
        }
    }
}

/// The session of this home, read anew for every connection.
struct SessionCredentials(Weak<Shared>);

impl Credentials for SessionCredentials {
    fn renew(&self) -> BoxFuture<'_, Result<bool, Error>> {
        Box::pin(async {
            match self.0.upgrade() {
                Some(shared) => shared.renew_session().await,
                None => Ok(false),
            }
        })
    }

    fn authenticate<'a>(&'a self, nonce: &'a [u8]) -> BoxFuture<'a, Result<Authenticate, Error>> {
        Box::pin(async move {
            let shared = self
                .0
                .upgrade()
                .ok_or_else(|| Error::network("the client was closed"))?;
            let local = shared.local_account().await?;
            let writer_id = shared.store.write(install_id).await?;
            let principal_id = shared.identity.id();
            let proof = SocketProof {
                origin: &shared.config.relay.origin(),
                nonce,
                principal_id: &principal_id,
                session_id: &local.session.id,
                writer_id: &writer_id,
            };
            Ok(Authenticate {
                session_token: Bytes::copy_from_slice(local.session.token.expose_bytes()),
                session_id: local.session.id.to_bytes(),
                principal_id: principal_id.to_bytes(),
                writer_id: writer_id.to_bytes(),
                signature: Bytes::copy_from_slice(&proof.sign(shared.identity.signing_key())),
            })
        })
    }
}

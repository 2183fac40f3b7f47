//! Making a space: everything is signed and kept before the first byte leaves, so that it can be finished by whoever comes
//! after a crash.

use bytes::Bytes;
use prost::Message;
use rand::CryptoRng;
use rusqlite::{OptionalExtension, params};
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::control::{Link, ParsedControl, sign_control};
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::{self, Policy, SignedControl, StageWraps, Wrap};
use sealpost_protocol::wrap::Recipient;

use super::control::publish_one;
use super::wraps::{rekey_body, wrap_for};
use crate::client::Shared;
use crate::entropy;
use crate::epoch::EpochKey;
use crate::error::{Error, StoreError};
use crate::identity::Identity;
use crate::socket::Socket;
use crate::store::StoreTransaction;
use crate::store::outbox::CREATION;

/// A space on its way to the relay.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Creation {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, required, tag = "2")]
    genesis: SignedControl,
    #[prost(message, required, tag = "3")]
    rekey: SignedControl,
    #[prost(bytes = "bytes", tag = "4")]
    key_id: Bytes,
    #[prost(message, required, tag = "5")]
    wrap: Wrap,
}

impl Creation {
    /// Signs everything a new space begins with. Its first secret comes back by the own wrap.
    pub(super) fn draw(
        name: &str,
        policy: Policy,
        me: &Identity,
        rng: &mut impl CryptoRng,
    ) -> Result<(SpaceId, Self), Error> {
        let genesis = sign_control(
            &Link::Genesis,
            &me.id(),
            genesis_body(policy, me, rng),
            me.signing_key(),
        );
        let parsed = ParsedControl::parse(&genesis).expect("a record made here is well-formed");
        let space_id = parsed.space_id();
        let key = EpochKey::generate(space_id, 1, rng);
        let wrap = wrap_for(&key, &Recipient::from(me.manifest()), rng)?;
        let link = Link::Next {
            space_id,
            control_index: 2,
            previous_head: parsed.id(),
            seen: Cursor::start(&space_id).after(&parsed.id()),
        };
        let body = Body::Rekey(rekey_body(&key, std::slice::from_ref(&wrap), Bytes::new()));
        let creation = Self {
            name: name.to_owned(),
            rekey: sign_control(&link, &me.id(), body, me.signing_key()),
            genesis,
            key_id: key.at().key_id.to_bytes(),
            wrap,
        };
        Ok((space_id, creation))
    }

    /// Brings the relay to where the space is made, from wherever it stands.
    async fn send(&self, space_id: &SpaceId, socket: &Socket) -> Result<(), Error> {
        publish_one(socket, space_id, self.genesis.clone()).await?;
        socket
            .stage_wraps(StageWraps {
                space_id: space_id.to_bytes(),
                epoch: 1,
                key_id: self.key_id.clone(),
                wraps: vec![self.wrap.clone()],
            })
            .await?;
        match publish_one(socket, space_id, self.rekey.clone()).await {
            // Another device of this account has rekeyed already: the log will show it.
            Err(error) if error.code() == Some(ErrorCode::ControlConflict) => Ok(()),
            result => result,
        }
    }
}

impl Shared {
    /// Keeps a space that is to be made.
    pub(super) async fn keep_creation(&self, space_id: SpaceId, creation: Creation) -> Result<(), Error> {
        self.store
            .write(move |store| {
                let key = space_id.as_bytes();
                let sealed = store.seal(CREATION, &[key], &creation.encode_to_vec());
                store
                    .sql()
                    .execute("INSERT INTO creation VALUES (?1, ?2)", params![key, sealed])?;
                Ok(())
            })
            .await
    }

    /// Finishes making a space, if it was begun and not finished.
    pub(super) async fn finish_creation(&self, socket: &Socket, space_id: SpaceId) -> Result<(), Error> {
        let Some(name) = self.send_creation(socket, space_id).await? else {
            return Ok(());
        };
        self.name_space(space_id, &name).await?;
        self.store
            .write(move |store| {
                store
                    .sql()
                    .execute("DELETE FROM creation WHERE space_id = ?1", [space_id.as_bytes()])?;
                Ok(())
            })
            .await
    }

    /// Brings the relay to where the space is made; returns the space's name, `None` if nothing was begun.
    pub(super) async fn send_creation(
        &self,
        socket: &Socket,
        space_id: SpaceId,
    ) -> Result<Option<String>, Error> {
        let Some(creation) = self.creation(space_id).await? else {
            return Ok(None);
        };
        creation.send(&space_id, socket).await?;
        Ok(Some(creation.name))
    }

    /// Spaces that were begun and not finished, with their names.
    pub(super) async fn creations(&self) -> Result<Vec<(SpaceId, String)>, Error> {
        self.store
            .read(|store| {
                let mut statement = store.sql().prepare("SELECT space_id FROM creation")?;
                let ids = statement.query_map([], |row| row.get(0).map(SpaceId::new))?;
                ids.map(|id| {
                    let id = id?;
                    let creation = read_creation(store, id)?;
                    Ok((id, creation.map(|creation| creation.name).unwrap_or_default()))
                })
                .collect()
            })
            .await
    }

    async fn creation(&self, space_id: SpaceId) -> Result<Option<Creation>, Error> {
        self.store.read(move |store| read_creation(store, space_id)).await
    }
}

fn read_creation(store: &StoreTransaction<'_>, space_id: SpaceId) -> Result<Option<Creation>, Error> {
    let key = space_id.as_bytes();
    let sealed: Option<Vec<u8>> = store
        .sql()
        .query_row("SELECT sealed FROM creation WHERE space_id = ?1", [key], |row| {
            row.get(0)
        })
        .optional()?;
    let Some(sealed) = sealed else { return Ok(None) };
    let bytes = store.open(CREATION, &[key], &sealed)?;
    let creation = Creation::decode(&bytes[..]).map_err(|_| StoreError::Damaged { table: CREATION })?;
    Ok(Some(creation))
}

fn genesis_body(policy: Policy, me: &Identity, rng: &mut impl CryptoRng) -> Body {
    Body::Genesis(wire::Genesis {
        salt: Bytes::copy_from_slice(&entropy::draw::<32>(rng)),
        manifest: me.manifest().bytes().clone(),
        policy: Some(policy),
    })
}

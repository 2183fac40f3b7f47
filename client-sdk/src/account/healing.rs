//! After a restore of the relay from an older backup: puts the newer keystore there again.
//!
//! What proves the relay's keystore to be an earlier one of this account is the root key, which opens it; what makes it old is
//! that this device has seen a newer one. That the relay was restored is its own word. It has no use of it: the device takes nothing from
//! what is shown but the slots, which fit the passphrase and the code of that time, and what other devices may have written since.

use std::collections::BTreeMap;

use sealpost_protocol::http::{KeystorePut, SecretToken};
use sealpost_protocol::ids::SpaceId;

use super::keystore::{Fetched, check_generation};
use crate::entropy;
use crate::error::Error;
use crate::http::Api;
use crate::keystore::{Content, KnownSpace, SealedKeystore};
use crate::store::account::{Generation, LocalAccount};

/// Puts right what a restored relay shows to a home that has seen more.
///
/// # Errors
/// [`Error::Integrity`] if it shows less than the home has seen and was not restored, or cannot be told what it lacks;
/// [`Error::Refused`] with `keystore_conflict` if another device was faster.
pub(super) async fn mend(
    api: &Api,
    session: &SecretToken,
    home: &LocalAccount,
    fetched: Fetched,
) -> Result<Fetched, Error> {
    let sealed = &fetched.sealed;
    match check_generation(sealed, Some(home.generation)) {
        Err(alarm) => {
            let life = api.info().await?.incarnation;
            if home.incarnation == Some(life) {
                return Err(alarm);
            }
            let content = go_back_to(home, sealed).ok_or(alarm)?;
            let next = sealed.in_next_life(
                home.generation.life(),
                (&home.root_key, &content),
                &mut entropy::system(),
            );
            tracing::warn!(
                "the relay was restored from an older backup; this device put the account's newer keystore back: passphrase, \
                 recovery code and device secret are those of the backup"
            );
            let mended = put(api, session, fetched.version, next).await?;
            Ok(Fetched {
                healed_in: Some(life),
                ..mended
            })
        }
        Ok(()) => match what_it_lacks(home, sealed) {
            Some(content) => {
                let next = sealed.with_content(&home.root_key, &content, &mut entropy::system());
                put(api, session, fetched.version, next).await
            }
            None => Ok(fetched),
        },
    }
}

async fn put(
    api: &Api,
    session: &SecretToken,
    base_version: u64,
    sealed: SealedKeystore,
) -> Result<Fetched, Error> {
    let put = KeystorePut {
        base_version,
        keystore: sealed.to_bytes().into(),
    };
    let version = api.put_keystore(session, &put).await?.version;
    Ok(Fetched {
        version,
        sealed,
        healed_in: None,
    })
}

/// What this home has seen, in the place of the older keystore that is shown; `None` where that is another one's, or of other keys.
fn go_back_to(home: &LocalAccount, shown: &SealedKeystore) -> Option<Content> {
    let mut content = shown.open_content(&home.root_key).ok()?;
    if content.identity.id() != home.content.identity.id() || content.relay != home.content.relay {
        return None;
    }
    let lost_since = content.spaces;
    content.spaces = joined(&home.content.spaces, &lost_since);
    let mut contacts = home.content.contacts.clone();
    if !home.has_seen(Generation::of(shown)) {
        // Another device has written it after the restore. What either has withdrawn is trusted by none.
        contacts.retain(|id, _| content.contacts.contains_key(id));
    }
    content.contacts = contacts;
    Some(content)
}

/// What is shown, with what this home knows besides, where another device of the account has put the keystore back after a restore and
/// had not seen all that this one has. Contacts are not taken along: they may have been withdrawn.
fn what_it_lacks(home: &LocalAccount, shown: &SealedKeystore) -> Option<Content> {
    if Generation::of(shown).life() == home.generation.life() {
        return None;
    }
    let mut content = shown.open_content(&home.root_key).ok()?;
    let spaces = joined(&content.spaces, &home.content.spaces);
    if content.identity.id() != home.content.identity.id() || spaces == content.spaces {
        return None;
    }
    content.spaces = spaces;
    Some(content)
}

/// All spaces of both, as the first has them, and how far either had verified them.
fn joined(
    first: &BTreeMap<SpaceId, KnownSpace>,
    second: &BTreeMap<SpaceId, KnownSpace>,
) -> BTreeMap<SpaceId, KnownSpace> {
    let mut all = second.clone();
    for (id, space) in first {
        let other = second.get(id).and_then(|other| other.verified);
        let furthest = [space.verified, other]
            .into_iter()
            .flatten()
            .max_by_key(|at| at.cursor.seq);
        let joined = KnownSpace {
            verified: furthest,
            ..space.clone()
        };
        all.insert(*id, joined);
    }
    all
}

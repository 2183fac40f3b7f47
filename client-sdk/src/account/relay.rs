//! Meeting a relay: who it says it is, and whether it is the one met before.

use sealpost_opaque::ksf::{CheckedKsf, FLOOR, KsfParameters};
use sealpost_protocol::SUBPROTOCOL;
use sealpost_protocol::http::{self, Info, LoggedIn};
use sealpost_protocol::ids::Incarnation;

use super::devices::view_of;
use super::entrance::Entrance;
use crate::client::Client;
use crate::config::ClientConfig;
use crate::error::{Error, Refusal, StoreError};
use crate::http::Api;
use crate::keystore::{Content, RelayPin};
use crate::store::Store;
use crate::store::account::LocalAccount;
use crate::weakened::holds;

/// What a relay says of itself to anyone.
pub type RelayInfo = Info;

impl Client {
    /// Asks a relay what it is, without an account and without a home.
    ///
    /// # Errors
    /// [`Error::Network`] when it does not answer, [`Error::Refused`] when it is no relay this program can talk to,
    /// [`Error::Usage`] when it is known under another URL.
    pub async fn probe(config: &ClientConfig) -> Result<RelayInfo, Error> {
        let info = Api::new(config)?.info().await?;
        check_info(&info, config)?;
        Ok(info)
    }
}

/// A relay that was met, and the home that is to hold an account there.
pub(crate) struct Met {
    pub(crate) config: ClientConfig,
    pub(crate) store: Store,
    pub(crate) api: Api,
    pub(crate) pin: RelayPin,
    /// The life of its database that the relay is in.
    pub(crate) life: Incarnation,
    /// The account that the home holds already.
    pub(crate) previous: Option<LocalAccount>,
    /// Last: a home that gets no account is closed before its files go.
    pub(crate) entrance: Entrance,
}

impl Met {
    /// Opens the home, asks the relay for its OPAQUE key, and pins it or compares it with the pinned one. No other process gives the
    /// home an account as long as this lives.
    ///
    /// # Errors
    /// Also [`Error::Usage`] while another process does.
    pub(crate) async fn new(config: ClientConfig) -> Result<Self, Error> {
        let entrance = Entrance::into_home(&config.home).await?;
        let store = Store::open(&config.home).await?;
        let previous = store.read(|transaction| transaction.account()).await?;
        expect_same_relay(previous.as_ref(), &config)?;
        if previous.as_ref().is_some_and(|account| account.owner.is_some()) {
            return Err(Error::usage("this home belongs to an agent; use another one"));
        }
        let api = Api::new(&config)?;
        let info = api.info().await?;
        check_info(&info, &config)?;
        check_ksf(info.ksf, FLOOR)?;
        let pin = pin(&store, &config, opaque_key(&info)?).await?;
        Ok(Self {
            config,
            store,
            api,
            pin,
            life: info.incarnation,
            previous,
            entrance,
        })
    }

    /// After any login: what the owner has sealed outranks what this home was told at its first contact, and what the relay says of the
    /// account.
    pub(super) async fn expect_account_of(
        &self,
        content: &Content,
        logged_in: &LoggedIn,
    ) -> Result<(), Error> {
        check_opaque_key(&self.pin.opaque_public_key, &content.relay)?;
        let (token, account_id) = (&logged_in.session_token, logged_in.account_id);
        view_of(&self.api, token, account_id, content).await.map(drop)
    }

    /// Refuses a home that holds an account of another handle.
    pub(super) fn expect_handle(&self, handle: &str) -> Result<(), Error> {
        match &self.previous {
            Some(account) if account.handle != handle => Err(StoreError::OtherAccount.into()),
            _ => Ok(()),
        }
    }
}

/// An account's session token goes to the relay that gave it and to no other.
pub(super) fn expect_same_relay(account: Option<&LocalAccount>, config: &ClientConfig) -> Result<(), Error> {
    let origin = config.relay.origin();
    match account {
        Some(account) if account.origin != origin => Err(Error::usage(format!(
            "this home belongs to the relay {}, not to {origin}",
            account.origin
        ))),
        _ => Ok(()),
    }
}

async fn pin(store: &Store, config: &ClientConfig, announced: [u8; 32]) -> Result<RelayPin, Error> {
    let origin = config.relay.origin();
    // Which parameters an account has is known once it is open; until then the floor is all one can insist on.
    let first = RelayPin {
        opaque_public_key: announced,
        ksf: FLOOR,
    };
    let pin = store
        .write(move |transaction| {
            if let Some(pin) = transaction.relay_pin(&origin)? {
                return Ok(pin);
            }
            transaction.pin_relay(&origin, first)?;
            Ok(first)
        })
        .await?;
    check_opaque_key(&announced, &pin)?;
    Ok(pin)
}

const ANOTHER_KEY: &str = "the relay shows another OPAQUE key than before; no proof of the passphrase was sent to it. Someone \
     who stands between this device and the relay looks like this, and so does a relay that was set up anew under the same \
     address. Ask its operator, not over this network. If it was set up anew, the account is gone with the old relay: register \
     again from a new home folder, and keep this one, which still holds what it has read. If it was not, do not log in here, \
     and try from another network";

/// Refuses a relay whose OPAQUE key is not the pinned one: it is another relay, or someone stands before ours.
pub(super) fn check_opaque_key(shown: &[u8; 32], pin: &RelayPin) -> Result<(), Error> {
    if holds(*shown == pin.opaque_public_key) {
        return Ok(());
    }
    Err(Error::alarm(ANOTHER_KEY))
}

/// Refuses stretching parameters outside floor and ceiling, or below those this account had before, ahead of any work.
pub(super) fn check_ksf(offered: http::KsfParameters, pinned: KsfParameters) -> Result<CheckedKsf, Error> {
    let offered = KsfParameters {
        m_kib: offered.m_kib,
        t: offered.t,
        p: offered.p,
    };
    let checked = offered.check().map_err(|refused| {
        Error::alarm(format!("the relay asks for weak or absurd stretching: {refused}"))
    })?;
    let sinks = offered.m_kib < pinned.m_kib || offered.t < pinned.t || offered.p < pinned.p;
    if sinks {
        return Err(Error::alarm("the relay asks for weaker stretching than before"));
    }
    Ok(checked)
}

fn check_info(info: &Info, config: &ClientConfig) -> Result<(), Error> {
    if !holds(info.subprotocols.iter().any(|known| known == SUBPROTOCOL)) {
        return Err(Refusal::new(
            "unknown_protocol",
            "the relay does not speak sealpost.v1; update this program or the relay",
        )
        .into());
    }
    if info.origin != config.relay.origin() {
        // What clients sign names the origin. Signing for a name the relay only claims would serve whoever stands between.
        return Err(Error::usage(format!(
            "the relay is known as {:?}; use that URL",
            info.origin
        )));
    }
    Ok(())
}

fn opaque_key(info: &Info) -> Result<[u8; 32], Error> {
    info.opaque_public_key.0[..]
        .try_into()
        .map_err(|_| Error::alarm("the relay's OPAQUE key is malformed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(m_kib: u32, t: u32, p: u32) -> http::KsfParameters {
        http::KsfParameters { m_kib, t, p }
    }

    #[test]
    fn weak_and_absurd_parameters_raise_the_alarm() {
        for parameters in [
            offered(65_535, 3, 1),
            offered(65_536, 2, 1),
            offered(65_536, 3, 0),
            offered(u32::MAX, 3, 1),
            offered(65_536, u32::MAX, 1),
            offered(65_536, 3, 5),
        ] {
            let refused = check_ksf(parameters, FLOOR);
            assert!(matches!(refused, Err(Error::Integrity(_))), "{parameters:?}");
        }
    }

    #[test]
    fn parameters_may_rise_but_not_sink() {
        let pinned = KsfParameters {
            m_kib: 131_072,
            t: 4,
            p: 1,
        };
        assert!(check_ksf(offered(131_072, 4, 1), pinned).is_ok());
        assert!(check_ksf(offered(262_144, 5, 2), pinned).is_ok());
        assert!(check_ksf(offered(65_536, 4, 1), pinned).is_err());
        assert!(check_ksf(offered(131_072, 3, 1), pinned).is_err());
    }
}

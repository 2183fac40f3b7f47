//! Who may open a socket: counts per relay and address, checked before the upgrade, and per account or agent.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use sealpost_protocol::ids::{AccountId, PrincipalId};
use tokio::sync::watch;

use super::settings::SocketSettings;
use crate::client_address::Network;
use crate::limiter::{Limiter, Rate};

/// Time between two sockets of one holder, in the long run: what a script opens that starts a client for each of its messages.
const BETWEEN_SOCKETS: Duration = Duration::from_millis(100);
/// Sockets that a holder may open at once, however few it may have.
const FEW: usize = 8;

/// No slot is free; worth another try later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Whose sockets are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// The owner of an account.
    Person(AccountId),
    /// One agent.
    Agent(PrincipalId),
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    sockets: usize,
    unauthenticated: usize,
    by_network: HashMap<Network, usize>,
    unauthenticated_by_network: HashMap<Network, usize>,
    by_holder: HashMap<Holder, usize>,
}

/// Counts open sockets.
pub struct Admission {
    max_sockets: usize,
    max_unauthenticated: usize,
    max_per_network: usize,
    max_unauthenticated_per_network: usize,
    max_per_account: usize,
    max_per_agent: usize,
    opened_per_account: Limiter,
    opened_per_agent: Limiter,
    counts: Mutex<Counts>,
    open: watch::Sender<usize>,
    gauge: Gauge,
}

impl Admission {
    /// No sockets yet; at most a tenth of all slots, and a quarter of those of a network, is for those that have not
    /// authenticated: so a few networks cannot keep everybody else out. `gauge` shows how many are open.
    #[must_use]
    pub fn new(settings: &SocketSettings, gauge: Gauge) -> Self {
        Self {
            max_sockets: settings.max_sockets,
            max_unauthenticated: settings.max_sockets.div_ceil(10),
            max_per_network: settings.max_sockets_per_address,
            max_unauthenticated_per_network: settings.max_sockets_per_address.div_ceil(4),
            max_per_account: settings.max_sockets_per_account,
            max_per_agent: settings.max_sockets_per_agent,
            opened_per_account: Limiter::new(opening(settings.max_sockets_per_account)),
            opened_per_agent: Limiter::new(opening(settings.max_sockets_per_agent)),
            counts: Mutex::default(),
            open: watch::Sender::new(0),
            gauge,
        }
    }

    /// Takes a slot for a client at `address`.
    ///
    /// # Errors
    /// [`Full`].
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Slot, Full> {
        let network = Network::from(address);
        let mut counts = self.counts();
        if counts.sockets >= self.max_sockets || counts.unauthenticated >= self.max_unauthenticated {
            return Err(Full);
        }
        let strangers = counts.unauthenticated_by_network.get(&network);
        if strangers.is_some_and(|count| *count >= self.max_unauthenticated_per_network) {
            return Err(Full);
        }
        increment(&mut counts.by_network, network, self.max_per_network)?;
        *counts.unauthenticated_by_network.entry(network).or_default() += 1;
        counts.sockets += 1;
        counts.unauthenticated += 1;
        self.show(&counts);
        Ok(Slot {
            admission: self.clone(),
            address,
            network,
            holder: None,
        })
    }

    /// Returns once no socket is open.
    pub async fn empty(&self) {
        let emptied = self.open.subscribe().wait_for(|open| *open == 0).await.map(drop);
        debug_assert!(emptied.is_ok(), "this admission keeps the sender");
    }

    fn show(&self, counts: &Counts) {
        self.open.send_replace(counts.sockets);
        self.gauge.set(i64::try_from(counts.sockets).unwrap_or(i64::MAX));
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().expect("nothing panics while it counts")
    }
}

/// One open socket; gives its place back when dropped.
pub struct Slot {
    admission: Arc<Admission>,
    address: IpAddr,
    network: Network,
    holder: Option<Holder>,
}

impl Slot {
    /// Where the client is.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Counts that somebody with a session of `holder` opens a socket: to be asked before more is done for that. Who opens
    /// sockets that end at once never has many of them.
    ///
    /// # Errors
    /// [`Full`] if the holder opened too many of late.
    pub fn open_for(&self, holder: Holder) -> Result<(), Full> {
        let taken = match holder {
            Holder::Person(account) => self.admission.opened_per_account.take(account.as_bytes()),
            Holder::Agent(agent) => self.admission.opened_per_agent.take(agent.as_bytes()),
        };
        taken.map_err(|_| Full)
    }

    /// Counts the socket for its holder from now on.
    ///
    /// # Errors
    /// [`Full`] if the holder has as many sockets as it may have.
    pub fn authenticate(&mut self, holder: Holder) -> Result<(), Full> {
        let most = match holder {
            Holder::Person(_) => self.admission.max_per_account,
            Holder::Agent(_) => self.admission.max_per_agent,
        };
        let mut counts = self.admission.counts();
        increment(&mut counts.by_holder, holder, most)?;
        counts.unauthenticated -= 1;
        decrement(&mut counts.unauthenticated_by_network, self.network);
        self.holder = Some(holder);
        Ok(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.admission.counts();
        counts.sockets -= 1;
        decrement(&mut counts.by_network, self.network);
        match self.holder {
            Some(holder) => decrement(&mut counts.by_holder, holder),
            None => {
                counts.unauthenticated -= 1;
                decrement(&mut counts.unauthenticated_by_network, self.network);
            }
        }
        self.admission.show(&counts);
    }
}

/// At once, as many as there may be.
fn opening(max: usize) -> Rate {
    Rate {
        burst: u32::try_from(max.max(FEW)).unwrap_or(u32::MAX),
        refill: BETWEEN_SOCKETS,
    }
}

fn increment<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K, limit: usize) -> Result<(), Full> {
    match counts.entry(key) {
        Entry::Occupied(entry) if *entry.get() >= limit => Err(Full),
        entry => {
            *entry.or_default() += 1;
            Ok(())
        }
    }
}

fn decrement<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K) {
    if let Entry::Occupied(mut entry) = counts.entry(key) {
        *entry.get_mut() -= 1;
        if *entry.get() == 0 {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(max_sockets: usize) -> Arc<Admission> {
        let settings = SocketSettings {
            max_sockets,
            max_sockets_per_address: 4,
            max_sockets_per_account: 2,
            max_sockets_per_agent: 1,
            ..SocketSettings::default()
        };
        Arc::new(Admission::new(&settings, Gauge::default()))
    }

    fn person(number: u8) -> Holder {
        Holder::Person(AccountId::new([number; 16]))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_a_tenth_of_the_slots_is_for_strangers() {
        let admission = admission(20);
        let mut first = admission.admit(address("10.0.0.1")).unwrap();
        let _second = admission.admit(address("10.0.0.2")).unwrap();
        assert_eq!(admission.admit(address("10.0.0.3")).err(), Some(Full));
        first.authenticate(person(1)).unwrap();
        assert!(admission.admit(address("10.0.0.3")).is_ok());
    }

    #[test]
    fn only_a_quarter_of_the_slots_of_a_network_is_for_strangers() {
        let admission = admission(1000);
        let mut first = admission.admit(address("2001:db8::1")).unwrap();
        assert_eq!(admission.admit(address("2001:db8::2")).err(), Some(Full));
        let elsewhere = admission.admit(address("2001:db8:0:1::1"));
        assert!(elsewhere.is_ok());
        first.authenticate(person(1)).unwrap();
        let second = admission.admit(address("2001:db8::2"));
        assert!(second.is_ok());
        drop((first, second, elsewhere));
        assert_eq!(*admission.counts(), Counts::default());
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_client() {
        let admission = admission(1000);
        let slots: Vec<_> = (1..=4)
            .map(|host| {
                let mut slot = admission.admit(address(&format!("2001:db8::{host}"))).unwrap();
                slot.authenticate(person(host)).unwrap();
                slot
            })
            .collect();
        assert_eq!(slots.len(), 4);
        assert!(admission.admit(address("2001:db8::ffff")).is_err());
        assert!(admission.admit(address("2001:db8:0:1::1")).is_ok());
        assert!(admission.admit(address("::ffff:10.0.0.1")).is_ok());
    }

    #[tokio::test]
    async fn dropped_slots_are_free_again_and_the_last_one_is_awaited() {
        let admission = admission(1000);
        let account = person(1);
        let slots: Vec<_> = (1..=2)
            .map(|host| {
                let mut slot = admission.admit(address(&format!("10.0.0.{host}"))).unwrap();
                slot.authenticate(account).unwrap();
                slot
            })
            .collect();
        let mut third = admission.admit(address("10.0.0.3")).unwrap();
        assert_eq!(third.authenticate(account), Err(Full));
        drop(slots);
        assert_eq!(third.authenticate(account), Ok(()));
        assert_eq!(admission.gauge.get(), 1);
        drop(third);
        admission.empty().await;
        assert_eq!(*admission.counts(), Counts::default());
    }

    #[test]
    fn who_opens_sockets_again_and_again_is_refused_and_others_are_not() {
        let admission = admission(1000);
        let slot = admission.admit(address("10.0.0.1")).unwrap();
        let agent = Holder::Agent(PrincipalId::new([1; 32]));
        for holder in [person(1), agent] {
            let opened = (0..100).filter(|_| slot.open_for(holder).is_ok()).count();
            assert!((FEW..100).contains(&opened), "{opened}");
        }
        assert_eq!(slot.open_for(person(2)), Ok(()));
    }

    #[test]
    fn agents_have_places_of_their_own() {
        let admission = admission(1000);
        let agent = |number| Holder::Agent(PrincipalId::new([number; 32]));
        let admit = |host: u8, holder| {
            let mut slot = admission.admit(address(&format!("10.0.0.{host}"))).unwrap();
            slot.authenticate(holder).map(|()| slot)
        };
        let _helper = admit(1, agent(1)).unwrap();
        assert_eq!(admit(2, agent(1)).err(), Some(Full));
        let _others: Vec<_> = [agent(2), agent(3), person(1), person(1)]
            .into_iter()
            .zip(2..)
            .map(|(holder, host)| admit(host, holder).unwrap())
            .collect();
    }
}

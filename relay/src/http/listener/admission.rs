//! How many connections are open, in all and from one network.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use prometheus_client::metrics::gauge::Gauge;

use crate::client_address::Network;

/// Refusals that may be told at once; those beyond are cut without a word.
const MAX_REFUSALS: usize = 128;

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    open: usize,
    refusals: usize,
    by_network: HashMap<Network, usize>,
}

/// Counts the connections of one listener.
#[derive(Debug)]
pub(super) struct Admission {
    max: usize,
    max_per_network: usize,
    counts: Mutex<Counts>,
}

impl Admission {
    pub(super) fn new(max: usize, max_per_network: usize) -> Self {
        Self {
            max,
            max_per_network,
            counts: Mutex::default(),
        }
    }

    /// A place for a connection from `address`, if one is free.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr, limited_by_address: bool) -> Option<Permit> {
        let network = limited_by_address.then(|| Network::from(address));
        let mut counts = self.counts();
        if counts.open >= self.max {
            return None;
        }
        if let Some(network) = network {
            let open = counts.by_network.entry(network).or_default();
            if *open >= self.max_per_network {
                return None;
            }
            *open += 1;
        }
        counts.open += 1;
        Some(Permit {
            admission: self.clone(),
            network,
            gauge: None,
        })
    }

    /// A place for telling a client that there is no place.
    pub(super) fn refuse(self: &Arc<Self>) -> Option<Refusal> {
        let mut counts = self.counts();
        (counts.refusals < MAX_REFUSALS).then(|| {
            counts.refusals += 1;
            Refusal {
                admission: self.clone(),
            }
        })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().expect("nothing panics while it counts")
    }
}

/// The place of one open connection; free again when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    admission: Arc<Admission>,
    network: Option<Network>,
    gauge: Option<Gauge>,
}

impl Permit {
    /// Shows the connection in `gauge` while it is open.
    pub(super) fn counted_in(mut self, gauge: &Gauge) -> Self {
        gauge.inc();
        self.gauge = Some(gauge.clone());
        self
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.admission.counts();
        counts.open -= 1;
        if let Some(Entry::Occupied(mut open)) = self.network.map(|network| counts.by_network.entry(network))
        {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
        if let Some(gauge) = &self.gauge {
            gauge.dec();
        }
    }
}

/// The place of one refusal in progress.
#[derive(Debug)]
pub(super) struct Refusal {
    admission: Arc<Admission>,
}

impl Drop for Refusal {
    fn drop(&mut self) {
        self.admission.counts().refusals -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_has_its_share_and_a_trusted_proxy_has_more() {
        let admission = Arc::new(Admission::new(4, 2));
        let proxy = address("10.0.0.1");
        let permits: Vec<_> = (0..3).map(|_| admission.admit(proxy, false)).collect();
        assert!(permits.iter().all(Option::is_some));
        drop(permits);
        let one = admission.admit(address("2001:db8::1"), true);
        let two = admission.admit(address("2001:db8::2"), true);
        assert!(one.is_some() && two.is_some());
        assert!(admission.admit(address("2001:db8::3"), true).is_none());
        assert!(admission.admit(address("2001:db8:0:1::1"), true).is_some());
    }

    #[test]
    fn nothing_is_left_of_connections_that_ended() {
        let admission = Arc::new(Admission::new(2, 2));
        let gauge = Gauge::default();
        let permit = admission
            .admit(address("192.0.2.1"), true)
            .unwrap()
            .counted_in(&gauge);
        let other = admission.admit(address("192.0.2.2"), true).unwrap();
        assert!(admission.admit(address("192.0.2.3"), true).is_none());
        assert_eq!(gauge.get(), 1);
        drop((permit, other));
        assert_eq!(gauge.get(), 0);
        assert_eq!(*admission.counts(), Counts::default());
    }
}

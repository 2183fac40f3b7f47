//! One budget for the entries that all spaces keep in memory; the oldest make room first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

use super::space::Space;

/// Bounds the bytes in all rings.
pub(super) struct TailBudget {
    limit: usize,
    charges: Mutex<Charges>,
}

#[derive(Default)]
struct Charges {
    used: usize,
    oldest_first: VecDeque<Charge>,
}

struct Charge {
    space: Weak<Space>,
    last_seq: u64,
    bytes: usize,
}

impl TailBudget {
    /// A budget of so many bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            charges: Mutex::default(),
        }
    }

    /// Notes entries that `space` has put into its ring, and makes room for them.
    pub(super) fn charge(&self, space: &Arc<Space>, last_seq: u64, bytes: usize) {
        let mut charges = self
            .charges
            .lock()
            .expect("no code panics while it holds this lock");
        charges.used += bytes;
        charges.oldest_first.push_back(Charge {
            space: Arc::downgrade(space),
            last_seq,
            bytes,
        });
        while charges.used > self.limit {
            let Some(oldest) = charges.oldest_first.pop_front() else {
                return;
            };
            charges.used -= oldest.bytes;
            if let Some(space) = oldest.space.upgrade() {
                space.shorten_tail(Some(oldest.last_seq));
            }
        }
    }
}

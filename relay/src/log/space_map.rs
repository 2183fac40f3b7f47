//! The spaces in memory, bounded in number, least recently used first out.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use sealpost_protocol::ids::SpaceId;

use super::space::Space;

/// How many spaces are looked at in search of those that may leave.
const LOOKED_AT: usize = 32;

/// Finds spaces by id. One that somebody reads or works on never leaves.
pub(super) struct SpaceMap {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    spaces: HashMap<SpaceId, Held>,
    by_use: BTreeMap<u64, SpaceId>,
    uses: u64,
}

struct Held {
    space: Arc<Space>,
    last_use: u64,
}

impl SpaceMap {
    /// An empty map that aims at no more than `limit` spaces.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            state: Mutex::default(),
        }
    }

    /// The space with this id, put in if it is not there. Whether it exists is not known here.
    pub(super) fn get(&self, id: SpaceId) -> Arc<Space> {
        let mut state = self.lock();
        if !state.spaces.contains_key(&id) {
            state.make_room(self.limit);
        }
        state.touch(id)
    }

    /// The space with this id, if it is in memory.
    pub(super) fn find(&self, id: &SpaceId) -> Option<Arc<Space>> {
        let state = self.lock();
        state.spaces.get(id).map(|held| Arc::clone(&held.space))
    }

    /// As [`Self::find`], for who uses it.
    pub(super) fn find_to_use(&self, id: &SpaceId) -> Option<Arc<Space>> {
        let mut state = self.lock();
        state.spaces.contains_key(id).then(|| state.touch(*id))
    }

    /// Drops a space that turned out not to exist, so that made-up ids push nothing out. Whoever holds it still must
    /// look here again before it relies on it. A space that was opened meanwhile stays, and so does another of its id.
    pub(super) fn forget(&self, space: &Arc<Space>) {
        let mut state = self.lock();
        let held = state.spaces.get(&space.id);
        if held.is_some_and(|held| Arc::ptr_eq(&held.space, space)) && space.view().is_none() {
            state.remove(&space.id);
        }
    }

    /// All spaces that are open.
    pub(super) fn open(&self) -> Vec<Arc<Space>> {
        let state = self.lock();
        let spaces = state.spaces.values().map(|held| &held.space);
        spaces.filter(|space| space.view().is_some()).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no code panics while it holds this lock")
    }
}

impl State {
    fn touch(&mut self, id: SpaceId) -> Arc<Space> {
        self.uses += 1;
        let uses = self.uses;
        let held = self.spaces.entry(id).or_insert_with(|| Held {
            space: Arc::new(Space::new(id)),
            last_use: 0,
        });
        self.by_use.remove(&held.last_use);
        held.last_use = uses;
        self.by_use.insert(uses, id);
        Arc::clone(&held.space)
    }

    /// Spaces in use count as used just now: left in front, they would hide the idle ones behind them for ever.
    fn make_room(&mut self, limit: usize) {
        if self.spaces.len() < limit {
            return;
        }
        let oldest: Vec<SpaceId> = self.by_use.values().take(LOOKED_AT).copied().collect();
        for id in oldest {
            if self.spaces.len() < limit {
                return;
            }
            if self.is_idle(&id) {
                self.remove(&id);
            } else {
                self.touch(id);
            }
        }
    }

    fn is_idle(&self, id: &SpaceId) -> bool {
        self.spaces
            .get(id)
            .is_some_and(|held| Arc::strong_count(&held.space) == 1)
    }

    fn remove(&mut self, id: &SpaceId) {
        if let Some(held) = self.spaces.remove(id) {
            self.by_use.remove(&held.last_use);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> SpaceId {
        SpaceId::new([number; 32])
    }

    #[test]
    fn many_spaces_in_use_do_not_keep_idle_ones_in_memory() {
        const IN_USE: u8 = 40;
        let map = SpaceMap::new(50);
        let _in_use: Vec<_> = (0..IN_USE).map(|number| map.get(id(number))).collect();
        for number in IN_USE..=u8::MAX {
            map.get(id(number));
        }
        assert!(map.lock().spaces.len() <= 51);
        assert!((0..IN_USE).all(|number| map.find(&id(number)).is_some()));
    }

    #[test]
    fn only_the_space_itself_is_forgotten_not_another_of_its_id() {
        let map = SpaceMap::new(50);
        let first = map.get(id(1));
        map.forget(&first);
        assert!(map.find(&id(1)).is_none());
        let second = map.get(id(1));
        map.forget(&first);
        assert!(Arc::ptr_eq(&second, &map.find(&id(1)).unwrap()));
    }
}

//! Memory that the requests of one download take turns with. If each had its own, the allocator would keep more of it than is in use.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// Buffers that nobody uses just now.
#[derive(Default)]
pub(super) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// One of them, empty, or a new one.
    pub(super) fn take(self: &Arc<Self>) -> Buffer {
        let mut bytes = self.idle(Vec::pop).unwrap_or_default();
        bytes.clear();
        let home = Arc::clone(self);
        Buffer { bytes, home }
    }

    fn idle<T>(&self, at: impl FnOnce(&mut Vec<Vec<u8>>) -> T) -> T {
        at(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A buffer, which goes back to where it is from.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    home: Arc<Buffers>,
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.home.idle(|idle| idle.push(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_back_is_used_again_and_empty() {
        let buffers = Arc::new(Buffers::default());
        let mut first = buffers.take();
        first.extend_from_slice(b"stored");
        let place = first.as_ptr();
        let second = buffers.take();
        assert!(second.is_empty() && second.as_ptr() != place);
        drop(first);
        let third = buffers.take();
        assert!(third.is_empty() && third.as_ptr() == place);
    }
}

//! A new secret that its owner has before it counts.

use super::staging::{Fresh, Tried};
use crate::error::Error;

/// A new recovery code or device secret that is staged at the relay and was tried there, and is still to be switched to.
///
/// It is nowhere else: keep it, or have the owner write it down, before [`Self::commit`]. Until then the old one counts, and nothing
/// has changed if this is dropped or the process ends.
#[must_use = "nothing has changed before `commit`"]
pub struct PreparedSecret<S> {
    /// Boxed, as the next: they are large, and so would be all that holds them.
    fresh: Box<Fresh>,
    tried: Box<Tried>,
    secret: S,
}

impl<S> PreparedSecret<S> {
    /// What came of the preparation.
    pub(super) async fn of(fresh: Fresh, tried: Result<Tried, Error>, secret: S) -> Result<Self, Error> {
        match tried {
            Ok(tried) => Ok(Self {
                fresh: Box::new(fresh),
                tried: Box::new(tried),
                secret,
            }),
            Err(error) => {
                fresh.end().await;
                Err(error)
            }
        }
    }

    /// The new secret.
    #[must_use]
    pub fn secret(&self) -> &S {
        &self.secret
    }

    /// Switches; hands out the secret, which counts from here on.
    ///
    /// # Errors
    /// [`Error::Network`] may leave open whether it was done: then the old secret counts or the new one does. [`Error::Store`] comes
    /// after the switch.
    pub async fn commit(self) -> Result<S, Error> {
        let switched = self.fresh.switch(*self.tried).await;
        self.fresh.end().await;
        switched.map(|()| self.secret)
    }

    /// Gives it up. What was staged at the relay counts for nothing, and ends by itself.
    pub async fn abandon(self) {
        self.fresh.end().await;
    }
}

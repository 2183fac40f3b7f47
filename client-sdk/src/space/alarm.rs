//! Alarms that stand: they keep a space stopped, in every process of a home, until a person says that it may go on.

use sealpost_protocol::ids::SpaceId;

use crate::client::Client;
use crate::error::Error;
use crate::store::log::SpaceLog;

impl Client {
    /// Lets a space go on that alarms keep stopped; says how many did. To be called when a person who knows of them says so, and at no other
    /// time: the relay has shown what no honest one shows. The space goes on behind what was verified, what does not hold raises the alarm anew, and
    /// the evidence stays.
    ///
    /// # Errors
    /// [`Error::Usage`] if this process has the space open; [`Error::Store`].
    pub async fn acknowledge_alarms(&self, id: SpaceId) -> Result<usize, Error> {
        let shared = self.shared();
        if shared.has_open(id).await {
            return Err(Error::usage("the space is in use"));
        }
        let acknowledging = shared
            .store
            .write(move |store| SpaceLog::find_or_empty(store, id)?.acknowledge_alarms());
        acknowledging.await
    }
}

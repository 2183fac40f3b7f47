//! Accounts: registering, logging in, and changing what opens the keystore.
//!
//! The relay learns neither passphrase nor recovery code, and this code believes nothing it says without a check: its
//! OPAQUE key is pinned at the first contact and again inside the keystore, its stretching parameters stay between floor
//! and ceiling and never sink, and a keystore older than one this device has seen is refused,
//! or put right where the relay was restored.

mod approval;
mod delete;
mod device_secret;
mod devices;
mod entrance;
mod export;
mod healing;
mod history;
mod keystore;
mod login;
mod logout;
mod opaque;
mod open;
mod passphrase;
mod prepared;
mod recovery;
mod register;
mod relay;
mod staging;
mod start_over;

pub use approval::{Approval, DeviceCode, NewDevice, NotADeviceCode, PendingLogin};
#[cfg(feature = "fuzzing")]
pub(crate) use approval::{a_grant, judge as judge_approval};
pub use devices::Device;
pub use export::ExportSummary;
pub use history::{KeptKeystore, PastKeystore};
pub use logout::HomeOf;
pub use prepared::PreparedSecret;
pub use register::PreparedAccount;
pub(crate) use relay::Met;
pub use relay::RelayInfo;
pub use start_over::{PreparedStart, Proof, StartedOver};

#[cfg(test)]
mod tests;

//! The new device: asks, shows its code, waits.

use hpke::kem::XWing;
use hpke::{Deserializable, Kem, Serializable};
use sealpost_protocol::approval::DeviceRequest;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::handle::can_name_account;
use sealpost_protocol::http::{ApprovalClaim, ApprovalClaimed, ApprovalStart, ApprovedDevice, SecretToken};
use sealpost_protocol::limits;
use tokio::time::{Duration, Instant, sleep_until};
use zeroize::Zeroizing;

use super::DeviceCode;
use crate::account::Met;
use crate::client::Client;
use crate::config::ClientConfig;
use crate::entropy;
use crate::error::Error;
use crate::identity::HpkePrivateKey;
use crate::secret::SecretKey;

/// As a person waits.
const PACE: Duration = Duration::from_secs(2);

/// A new device that waits to be let in.
pub struct PendingLogin {
    pub(super) met: Met,
    pub(in crate::account) code: DeviceCode,
    /// Boxed: it is kept expanded, and moved through many futures.
    pub(super) one_time: Box<HpkePrivateKey>,
    claim: SecretToken,
    pub(in crate::account) ends: Instant,
    /// Time between two questions whether somebody has approved.
    pub(in crate::account) pace: Duration,
}

/// An approval as it came, for [`PendingLogin::enter`].
pub struct Approval(pub(in crate::account) ApprovedDevice);

impl Client {
    /// Asks to be let into the account `handle` by a device of it that is logged in. Show [`PendingLogin::code`], and type it
    /// there (`sealpost devices approve`, or [`Client::new_device`]).
    ///
    /// # Errors
    /// [`Error::Usage`] for what is no handle, [`Error::Store`] when the home belongs to another account, [`Error::Integrity`] when
    /// the relay is not the one this home met before.
    pub async fn login_by_approval(config: ClientConfig, handle: &str) -> Result<PendingLogin, Error> {
        if !can_name_account(handle) {
            return Err(Error::usage("this is no handle"));
        }
        let met = Met::new(config).await?;
        met.expect_handle(handle)?;
        let ends = Instant::now() + limits::DEVICE_CODE_FOR;
        let (pending, start) = PendingLogin::draw(met, handle, ends);
        pending.met.api.start_approval(&start).await?;
        Ok(pending)
    }
}

impl PendingLogin {
    fn draw(met: Met, handle: &str, ends: Instant) -> (Self, ApprovalStart) {
        let mut rng = entropy::system();
        let seed = SecretKey::generate(&mut rng);
        let one_time =
            HpkePrivateKey::from_bytes(seed.expose_bytes()).expect("every 32 bytes are a seed of X-Wing");
        let hpke_key = XWing::sk_to_pk(&one_time).to_bytes();
        let request = DeviceRequest {
            origin: &met.config.relay.origin(),
            handle,
            device_name: &met.config.device_name,
            hpke_key: &hpke_key,
        };
        let code = DeviceCode::new(entropy::draw(&mut rng), request.hash(), handle);
        let claim: Zeroizing<[u8; 32]> = Zeroizing::new(entropy::draw(&mut rng));
        let start = ApprovalStart {
            request_token: code.token(),
            claim_token: SecretToken::new(claim.clone()),
            hpke_key: hpke_key.to_vec().into(),
            device_name: met.config.device_name.clone(),
        };
        let pending = Self {
            met,
            code,
            one_time: Box::new(one_time),
            claim: SecretToken::new(claim),
            ends,
            pace: PACE,
        };
        (pending, start)
    }

    /// What is to be typed at a device that is logged in.
    #[must_use]
    pub fn code(&self) -> &DeviceCode {
        &self.code
    }

    /// How long the code still counts, by this device's clock.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }

    /// Waits until somebody has approved. A relay that cannot be reached meanwhile is asked again.
    ///
    /// # Errors
    /// [`Error::Refused`] with `device_code_invalid` when the time is over or the code was used by somebody else;
    /// [`Error::NotAuthenticated`] when the account's passphrase or recovery code was changed after the approval.
    pub async fn approved(&self) -> Result<Approval, Error> {
        let mut next = Instant::now();
        loop {
            match self.claim().await {
                Ok(Some(approved)) => return Ok(Approval(approved)),
                Ok(None) => {}
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
            if Instant::now() >= self.ends {
                self.withdraw().await;
                return Err(too_late());
            }
            next = (next + self.pace).max(Instant::now()).min(self.ends);
            sleep_until(next).await;
        }
    }

    /// Takes the request back: nobody can approve it any more. The code ends by itself if the relay does not hear this.
    pub async fn withdraw(&self) {
        let _ = self.met.api.withdraw_approval(&self.question()).await;
    }

    async fn claim(&self) -> Result<Option<ApprovedDevice>, Error> {
        let ApprovalClaimed { approved } = self.met.api.claim_approval(&self.question()).await?;
        Ok(approved)
    }

    fn question(&self) -> ApprovalClaim {
        ApprovalClaim {
            claim_token: SecretToken::new(Zeroizing::new(*self.claim.expose_bytes())),
        }
    }
}

/// Whether it is worth asking again.
fn is_passing(error: &Error) -> bool {
    matches!(error, Error::Network(_)) || error.code().is_some_and(ErrorCode::is_transient)
}

fn too_late() -> Error {
    let code = ErrorCode::DeviceCodeInvalid;
    crate::error::Refusal::new(code.as_str(), code.advice()).into()
}

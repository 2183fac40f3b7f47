//! The changes of a keystore that there are.

use std::sync::Mutex;

use sealpost_protocol::ids::SpaceId;

use super::*;
use crate::account::start_over::{PreparedStart, Proof};
use crate::keystore::{Content, DeviceSecret, KnownSpace};
use crate::secret::SecretBytes;

/// One way to change a keystore. Whoever adds a way adds it here.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Passphrase,
    RecoveryCode,
    DeviceSecretOn,
    DeviceSecretOff,
    StartOver,
    AddSpace,
    RemoveSpace,
}

/// What the owner has on paper and in mind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Secrets {
    pub(super) passphrase: String,
    pub(super) device: Option<String>,
    pub(super) code: String,
}

/// What is to be once a change is made, as far as its owner was told.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) secrets: Secrets,
    pub(super) content: SecretBytes,
}

impl Outcome {
    /// The owner writes down what is shown before the switch.
    fn note(&mut self, prepared: &PreparedStart) {
        self.secrets.code = prepared.recovery_code().expose_text().to_string();
        let device = prepared.device_secret();
        self.secrets.device = device.map(|secret| secret.expose_text().to_string());
        self.content = prepared.content().encode();
    }
}

impl Secrets {
    pub(super) fn passphrase(&self) -> Passphrase {
        passphrase(&self.passphrase)
    }

    pub(super) fn device(&self) -> Option<DeviceSecret> {
        let text = self.device.as_deref()?;
        Some(DeviceSecret::parse(text).unwrap())
    }

    pub(super) fn code(&self) -> RecoveryCode {
        RecoveryCode::parse(&self.code).unwrap()
    }
}

impl Change {
    /// In this order: with the device secret on, another identity is begun too.
    pub(super) const ALL: [Self; 7] = [
        Self::Passphrase,
        Self::RecoveryCode,
        Self::DeviceSecretOn,
        Self::StartOver,
        Self::DeviceSecretOff,
        Self::AddSpace,
        Self::RemoveSpace,
    ];

    /// What must be there before it; `number` is different each time.
    pub(super) async fn prepare(self, client: &Client, number: u8) {
        if matches!(self, Self::RemoveSpace) {
            client.name_space(space(number), "garden").await.unwrap();
        }
    }

    /// The secrets once it is made, as far as they are known before it begins.
    pub(super) fn secrets_after(self, before: &Secrets, number: u8) -> Secrets {
        let mut after = before.clone();
        match self {
            Self::Passphrase => after.passphrase = format!("passphrase number {number}"),
            Self::RecoveryCode => {
                let code = RecoveryCode::generate(&mut crate::entropy::system());
                after.code = code.expose_text().to_string();
            }
            Self::DeviceSecretOn => {
                let secret = DeviceSecret::generate(&mut crate::entropy::system());
                after.device = Some(secret.expose_text().to_string());
            }
            Self::DeviceSecretOff => after.device = None,
            // The others are drawn by it.
            Self::StartOver => after = Self::Passphrase.secrets_after(&after, number),
            Self::AddSpace | Self::RemoveSpace => {}
        }
        after
    }

    /// The content once it is made, as far as it is known before it begins.
    pub(super) fn change_content(self, content: &mut Content, after: &Secrets, number: u8) {
        match self {
            Self::Passphrase | Self::RecoveryCode | Self::StartOver => {}
            Self::DeviceSecretOn | Self::DeviceSecretOff => content.device_secret = after.device(),
            Self::AddSpace => {
                let name = "garden".to_owned();
                let verified = None;
                content.spaces.insert(
                    space(number),
                    KnownSpace {
                        name,
                        verified,
                        lost_with: None,
                        waits_for_approval: false,
                    },
                );
            }
            Self::RemoveSpace => {
                content.spaces.remove(&space(number));
            }
        }
    }

    /// Makes it, and writes down what it shows meanwhile.
    pub(super) async fn make(
        self,
        client: &Client,
        before: &Secrets,
        outcome: &Mutex<Outcome>,
        number: u8,
    ) -> Result<(), Error> {
        let after = &outcome.lock().unwrap().secrets.clone();
        match self {
            Self::Passphrase => {
                client
                    .change_passphrase(&before.passphrase(), &after.passphrase())
                    .await
            }
            Self::RecoveryCode => {
                let words = before.passphrase();
                let preparing = client.prepare_this_code(&words, after.code());
                let prepared = Box::pin(preparing).await?;
                Box::pin(prepared.commit()).await.map(drop)
            }
            Self::DeviceSecretOn => {
                let secret = after.device().expect("it is to have one");
                let words = before.passphrase();
                let preparing = client.prepare_this_secret(&words, secret);
                let prepared = Box::pin(preparing).await?;
                Box::pin(prepared.commit()).await.map(drop)
            }
            Self::DeviceSecretOff => {
                let words = before.passphrase();
                Box::pin(client.disable_device_secret(&words)).await
            }
            Self::StartOver => {
                let (old, new) = (before.passphrase(), after.passphrase());
                let preparing = client.prepare_start_over(Proof::Passphrase(&old), &new);
                let prepared = Box::pin(preparing).await?;
                outcome.lock().unwrap().note(&prepared);
                Box::pin(prepared.commit()).await.map(drop)
            }
            Self::AddSpace => client.name_space(space(number), "garden").await,
            Self::RemoveSpace => {
                let remove = |content: &mut Content| self.change_content(content, after, number);
                client.shared().update_keystore(remove).await
            }
        }
    }
}

fn space(number: u8) -> SpaceId {
    SpaceId::new([number; 32])
}

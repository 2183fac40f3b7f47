//! Five people with ten devices each, in five spaces that all of them share.

use std::{net::SocketAddr, path::PathBuf};

use sealpost_sdk::{
    Client, ClientConfig, Passphrase, Space, SpaceOptions,
    protocol::{chain::Capabilities, http::SecretToken, ids::SpaceId},
};

use crate::{command::PASSPHRASE, removal::confirm_card};

pub(super) const PEOPLE: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
const DEVICES: usize = 10;

/// A relay as clients see it.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// What clients call it.
    pub url: String,
    /// Where it is instead of where its name leads.
    pub connect_to: Option<SocketAddr>,
    /// A registration token that is good for five.
    pub token: String,
}

/// Who is there. Devices are in the order of [`PEOPLE`], over and over; each writes in one space.
pub(super) struct Crowd {
    deployment: Deployment,
    folder: PathBuf,
    spaces: Vec<SpaceId>,
    devices: Vec<Device>,
}

/// One device, with its space open.
pub(super) struct Device {
    pub(super) client: Client,
    pub(super) space: Space,
    /// The place of the space among all.
    pub(super) place: usize,
}

impl Crowd {
    pub(super) async fn gather(deployment: &Deployment, folder: PathBuf) -> Result<Self, String> {
        let mut crowd = Self {
            deployment: deployment.clone(),
            folder,
            spaces: Vec::new(),
            devices: Vec::new(),
        };
        let people = crowd.register().await?;
        for place in 0..PEOPLE.len() {
            crowd.spaces.push(crowd.share(&people, place).await?);
        }
        for (person, client) in people.into_iter().enumerate() {
            crowd.open(client, person).await?;
        }
        for number in PEOPLE.len()..PEOPLE.len() * DEVICES {
            let person = number % PEOPLE.len();
            let config = crowd.config(&format!("device-{number}"))?;
            let client = Client::login(config, PEOPLE[person], &passphrase()).await;
            // Each person writes in every space.
            crowd
                .open(client.map_err(text)?, number / PEOPLE.len() + person)
                .await?;
        }
        Ok(crowd)
    }

    async fn register(&self) -> Result<Vec<Client>, String> {
        let mut people = Vec::new();
        for handle in PEOPLE {
            let token = SecretToken::parse(self.deployment.token.trim()).map_err(text)?;
            let registered = Client::register(self.config(handle)?, handle, &passphrase(), Some(token)).await;
            people.push(registered.map_err(text)?.0);
        }
        for client in &people[1..] {
            confirm_card(&people[0], client).await;
        }
        Ok(people)
    }

    /// Alice makes a space for all.
    async fn share(&self, people: &[Client], place: usize) -> Result<SpaceId, String> {
        let alice = &people[0];
        let space = alice
            .create_space(&format!("space {place}"), SpaceOptions::default())
            .await
            .map_err(text)?;
        for handle in &PEOPLE[1..] {
            let contact = alice.contacts().confirmed(handle).await.map_err(text)?;
            space
                .add_member(&contact, Capabilities::WRITE)
                .await
                .map_err(text)?;
        }
        Ok(space.id())
    }

    async fn open(&mut self, client: Client, place: usize) -> Result<(), String> {
        let place = place % self.spaces.len();
        let space = client.space(self.spaces[place]).await.map_err(text)?;
        space.sync().await.map_err(text)?;
        self.devices.push(Device { client, space, place });
        Ok(())
    }

    pub(super) fn config(&self, home: &str) -> Result<ClientConfig, String> {
        let mut config = ClientConfig::new(&self.deployment.url, self.home(home)).map_err(text)?;
        config.connect_to = self.deployment.connect_to;
        Ok(config)
    }

    pub(super) fn home(&self, home: &str) -> PathBuf {
        self.folder.join(home)
    }

    pub(super) fn devices(&self) -> &[Device] {
        &self.devices
    }

    pub(super) fn clients(&self) -> usize {
        self.devices.len()
    }

    pub(super) fn spaces(&self) -> usize {
        self.spaces.len()
    }

    pub(super) fn space_ids(&self) -> impl Iterator<Item = SpaceId> {
        self.spaces.iter().copied()
    }
}

fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE.to_owned())
}

pub(super) fn text(error: impl std::fmt::Display) -> String {
    format!("the SDK tells of an error: {error}")
}

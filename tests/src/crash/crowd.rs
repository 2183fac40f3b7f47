//! Four people with nine devices each: eight to write on, one to read on.

use std::{path::Path, sync::Arc};

use sealpost_sdk::{
    Client, Passphrase, Space, SpaceOptions,
    protocol::{chain::Capabilities, ids::SpaceId},
};

use crate::command::{PASSPHRASE, Sealpost};

pub(super) const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dave"];
pub(super) const WRITERS: usize = 32;
pub(super) const SPACES: usize = 4;

/// Who is there.
pub(super) struct Crowd {
    /// A device of each, in this process, for what is done by hand.
    clients: Vec<Client>,
    /// By writer.
    pub(super) writing: Vec<Arc<Sealpost>>,
    /// By person.
    pub(super) reading: Vec<Arc<Sealpost>>,
}

pub(super) fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE.to_owned())
}

impl Crowd {
    /// All register and log in; Alice confirms the others.
    pub(super) async fn gather(folder: &Path, url: &str) -> Self {
        let mut crowd = Self {
            clients: Vec::new(),
            writing: Vec::new(),
            reading: Vec::new(),
        };
        for handle in PEOPLE {
            let device = Sealpost::below(folder.join(handle), url);
            let registered = Client::register(device.config(), handle, &passphrase(), None).await;
            crowd.clients.push(registered.unwrap().0);
            crowd
                .reading
                .push(log_in(folder.join(format!("{handle}-reading")), url, handle).await);
        }
        for writer in 0..WRITERS {
            let folder = folder.join(format!("writer-{writer}"));
            let handle = PEOPLE[writer % PEOPLE.len()];
            crowd.writing.push(log_in(folder, url, handle).await);
        }
        for (client, handle) in crowd.clients.iter().zip(PEOPLE).skip(1) {
            let contacts = crowd.clients[0].contacts();
            contacts.import(&client.contact_card()).await.unwrap();
            let read_out = client.fingerprint().to_string();
            contacts.confirm(handle, &read_out).await.unwrap();
        }
        crowd
    }

    /// Alice makes a space for all.
    pub(super) async fn new_space(&self) -> SpaceId {
        let alice = &self.clients[0];
        let space: Space = alice
            .create_space("crowded", SpaceOptions::default())
            .await
            .unwrap();
        for handle in &PEOPLE[1..] {
            let contact = alice.contacts().confirmed(handle).await.unwrap();
            space.add_member(&contact, Capabilities::WRITE).await.unwrap();
        }
        space.id()
    }
}

async fn log_in(folder: std::path::PathBuf, url: &str, handle: &str) -> Arc<Sealpost> {
    let device = Sealpost::below(folder, url);
    Client::login(device.config(), handle, &passphrase())
        .await
        .unwrap();
    Arc::new(device)
}

//! Who shares the space.

use sealpost_protocol::chain::Capabilities;
use sealpost_sdk::{Client, Message, Space, SpaceOptions};

use super::{
    manager::Manager,
    scene::{Scene, confirm, confirm_card},
};
use crate::bare::Person;

/// Who shares the space.
pub(super) struct Cast {
    /// Alice's: she removes.
    pub(super) alices: Space,
    /// A device at either relay.
    pub(super) bob: [Client; 2],
    /// Carol's, over the network that falls silent: she stays, and writes.
    pub(super) carols: Space,
    /// Has sockets instead of an SDK.
    pub(super) mallory: Person,
    /// Manages the space, too, and sees what the relay sees.
    pub(super) manager: Manager,
    _alice: Client,
    _carol: Client,
}

impl Cast {
    /// A space with so many members, most of whom have no device.
    pub(super) async fn gather(scene: &Scene, members: usize) -> Self {
        let [first, second] = scene.relays();
        let alice = scene.register("alice", first).await;
        let bob = [
            scene.register("bob", first).await,
            scene.another_device("bob", second).await,
        ];
        let carol = scene.register("carol", scene.network.address()).await;
        let mallory = Person::register(second, "mallory").await;
        let trent = Person::register(first, "trent").await;

        let alices = alice
            .create_space("garden", SpaceOptions::default())
            .await
            .unwrap();
        alices.send(Message::text("before")).await.unwrap();
        for newcomer in [&bob[0], &carol] {
            let contact = confirm_card(&alice, newcomer).await;
            alices.add_member(&contact, Capabilities::WRITE).await.unwrap();
        }
        for (newcomer, may) in [(&mallory, Capabilities::WRITE), (&trent, Capabilities::ALL)] {
            let contact = confirm(&alice, newcomer).await;
            alices.add_member(&contact, may).await.unwrap();
        }
        let mut manager = Manager::follow(first, trent, alices.id()).await;
        manager.fill_up(members).await;
        let carols = carol.space(alices.id()).await.unwrap();
        carols.sync().await.unwrap();
        Self {
            alices,
            _alice: alice,
            bob,
            carols,
            mallory,
            manager,
            _carol: carol,
        }
    }
}

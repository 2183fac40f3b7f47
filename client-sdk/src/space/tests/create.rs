//! A space that is being made survives a crash at every step.

use std::sync::Arc;

use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::fold::SpaceFold;
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::wire::client_frame::Body as ClientBody;
use sealpost_protocol::wire::entry::Kind;
use sealpost_protocol::wire::relay_frame::Body as RelayBody;
use sealpost_protocol::wire::{self, Policy};

use tokio::task::JoinHandle;

use super::*;
use crate::client::Shared;
use crate::testing::Device;
use crate::testing::log::RECEIPT;
use crate::testing::wire::RelaySide;

/// What the relay has of a space that is being made.
#[derive(Default)]
struct Made {
    fold: Option<SpaceFold>,
    wraps: Vec<wire::Wrap>,
}

impl Made {
    fn publish(&mut self, publish: &wire::Publish) -> wire::Ack {
        let Some(Kind::Control(control)) = &publish.entries[0].kind else {
            panic!("a space begins with control records");
        };
        let record = ParsedControl::parse(control).unwrap();
        let at = match &mut self.fold {
            None => self
                .fold
                .insert(SpaceFold::from_genesis(&record).unwrap())
                .cursor(),
            Some(fold) => match fold.control_index_of(&record) {
                Some(_) => fold.cursor(),
                None => fold.append_control(&record, &|_| None).unwrap(),
            },
        };
        wire::Ack {
            seq: at.seq,
            root: at.root.to_bytes(),
            receipt: RECEIPT.to_vec().into(),
            duplicate: false,
        }
    }

    /// Takes `steps` frames; the answer to the last of them may be lost.
    async fn serve(&mut self, relay: &mut RelaySide, steps: usize, last_answer_is_lost: bool) {
        for step in 1..=steps {
            let (id, body) = relay.receive().await;
            let answer = match body {
                ClientBody::Publish(publish) => {
                    let acks = vec![self.publish(&publish)];
                    RelayBody::Published(wire::Published { acks, nack: None })
                }
                ClientBody::StageWraps(staged) => {
                    self.wraps = staged.wraps;
                    RelayBody::WrapsStaged(wire::WrapsStaged { count: 1 })
                }
                other => panic!("unexpected {other:?}"),
            };
            if step < steps || !last_answer_is_lost {
                relay.send(id, answer).await;
            }
        }
    }
}

async fn begin(shared: &Arc<Shared>) -> SpaceId {
    let policy = Policy {
        share_history: true,
        retention_seconds: 0,
    };
    let mut rng = crate::entropy::system();
    let (space_id, creation) =
        crate::space::create::Creation::draw("notes", policy, &shared.identity, &mut rng).unwrap();
    shared.keep_creation(space_id, creation).await.unwrap();
    space_id
}

/// A process that makes the space as far as the relay answers.
fn make(device: &Device, space_id: SpaceId) -> JoinHandle<Result<(), Error>> {
    let (shared, socket) = (Arc::clone(&device.shared), device.socket.clone());
    tokio::spawn(async move { shared.send_creation(&socket, space_id).await.map(drop) })
}

#[tokio::test(start_paused = true)]
async fn creation_that_dies_at_any_step_is_finished_by_the_next_process() {
    for steps in 0..=3 {
        let mut stage = Stage::new().await;
        let mut made = Made::default();
        let space_id = begin(&stage.device.shared).await;
        let dying = make(&stage.device, space_id);
        let mut relay = stage.device.arrivals.authenticated().await;
        made.serve(&mut relay, steps, true).await;
        dying.abort();
        drop(relay);
        stage.restart().await;
        let pending = stage.device.shared.creations().await.unwrap();
        assert_eq!(pending, [(space_id, "notes".to_owned())]);
        let finishing = make(&stage.device, space_id);
        let mut relay = stage.device.arrivals.authenticated().await;
        made.serve(&mut relay, 3, false).await;
        finishing.await.unwrap().unwrap();
        let fold = made.fold.unwrap();
        assert_eq!((fold.space_id(), fold.cursor().seq), (space_id, 2));
        assert_eq!(made.wraps[0].recipient, person(ALICE).id().to_bytes());
    }
}

//! One reader who wants everything.

use anyhow::{Result, bail};
use sealpost_protocol::{
    ids::SpaceId,
    root::Cursor,
    wire::{self, client_frame::Body as Request, relay_frame::Body as Answer},
};
use tokio::time::Instant;

use crate::{
    measure::Measured,
    stage::{Person, Socket, Stage, refusal},
};

/// Reads a space from its beginning through a socket of its own, up to so many events; the latencies are those from page to
/// page.
pub async fn replay(stage: &Stage, reader: &Person, space: &SpaceId, count: u64) -> Result<Measured> {
    let mut socket = Socket::open(stage.address(), &reader.at_another_install()).await?;
    let start = Cursor::start(space);
    let subscribe = wire::Subscribe {
        space_id: space.to_bytes(),
        after_seq: start.seq,
        after_root: start.root.to_bytes(),
    };
    Measured::of_work(&stage.everybody(), async |latencies| {
        socket.send(Request::Subscribe(subscribe)).await?;
        let (mut done, mut last) = (0, Instant::now());
        while done < count {
            match socket.receive().await?.1 {
                Answer::Page(page) => done += page.entries.len() as u64,
                Answer::Nack(nack) => bail!(refusal(&nack)),
                Answer::SubscriptionEnded(ended) => bail!("the subscription ended: {ended:?}"),
                _ => continue,
            }
            latencies.record(last.elapsed());
            last = Instant::now();
        }
        Ok(done)
    })
    .await
}

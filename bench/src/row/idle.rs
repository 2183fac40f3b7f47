//! Sockets that do nothing: what one of them takes of the relay's memory, and of a bare echo server's.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    load::hold,
    peer::{Peer, PeerProcess},
    progress,
    report::{Contestant, Ratio, Row},
    stage::{Person, Room, Socket, Stage, WebSocket, World, open_reader, open_web_socket},
};

const KIB: f64 = 1024.0;

/// Runs the row.
pub async fn run(world: &mut World, name: String) -> Result<Row> {
    let plan = world.plan.clone();
    let person = world.reader(&name).await?;
    let mut socket = Socket::open(world.stage.address(), &person).await?;
    let room = Room::make(&mut socket, &person, &[]).await;
    let (mut relay, mut echo) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        progress(&format!("{name}: round {} of {}", round + 1, plan.rounds));
        relay.push(of_relay(&world.stage, &person, &room, plan.idle).await? / KIB);
        echo.push(of_echo(plan.idle).await? / KIB);
    }
    let pairs = || relay.iter().copied().zip(echo.iter().copied());
    Ok(Row {
        name,
        title: format!(
            "{} idle sockets, authenticated and subscribed to one space (processes of their own, proportional set size)",
            plan.idle
        ),
        unit: "KiB/socket",
        cpu_per: "",
        skipped: Vec::new(),
        ratios: vec![
            Ratio::paired("relay / echo, memory per socket", pairs()),
            Ratio::number(
                "relay - echo, KiB per socket",
                pairs().map(|(relay, echo)| relay - echo),
            ),
        ],
        contestants: vec![
            Contestant::of_values("relay", &relay),
            Contestant::of_values("echo", &echo),
        ],
    })
}

/// Of a relay that has done nothing before, so that no memory is free in it.
async fn of_relay(stage: &Stage, person: &Person, room: &Room, count: usize) -> Result<f64> {
    let relay = stage.fresh_relay().await;
    let address = relay.addresses().public;
    hold(relay.id(), count, async |_| {
        open_reader(address, person, room).await
    })
    .await
}

async fn of_echo(count: usize) -> Result<f64> {
    let echo = PeerProcess::start(Peer::Echo, None).await?;
    let address = echo.address();
    hold(echo.actor()?.id, count, async |_| say_hello(address).await).await
}

/// One message there and back, so that the server has done everything it does for a socket.
async fn say_hello(address: SocketAddr) -> Result<WebSocket> {
    let mut socket = open_web_socket(address).await?;
    socket.send(Message::Binary(Bytes::from_static(b"hello"))).await?;
    socket.next().await.context("the echo is gone")??;
    Ok(socket)
}

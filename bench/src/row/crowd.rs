//! Honest people alone, and beside readers that hardly read and sockets that only ping. The relay has its limits as they are shipped.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use anyhow::Result;
use sealpost_tests::relay::ChildRelay;
use tokio::time::{Instant, sleep};

use crate::{
    load::{Circle, Crowd, Heard, Stranger, Talk},
    measure::{Actor, proportional_set_size},
    plan::Plan,
    progress,
    report::{Contestant, Ratio, Row, Run},
    stage::{Numbers, Person, Room, Socket, Stage, Traffic, World, open_reader},
};

const MIB: f64 = 1_048_576.0;
/// Spaces in which honest people talk, and slow readers listen.
const CIRCLES: usize = 4;
/// Honest readers of each.
const READERS: usize = 5;
/// Events in a second of each honest writer.
const PACE: u32 = 50;
/// Sockets of one account, and from one address: a relay bears 64 of an account.
const OF_ONE: usize = 50;
/// Flooders of one account.
const FLOODERS: usize = 10;
/// How long everybody has to be there.
const ALL_THERE: Duration = Duration::from_secs(30);
const LOOKED_EVERY: Duration = Duration::from_millis(250);

/// Runs the row.
pub async fn run(world: &mut World, name: String) -> Result<Row> {
    let plan = world.plan.clone();
    let writers: Vec<_> = world.writers().await?.iter().take(CIRCLES).cloned().collect();
    let slow = world.people("slow", plan.slow_readers.div_ceil(OF_ONE)).await;
    // An account opens ten sockets a second: one of them, with all flooders, would be kept out of most of its floods.
    let flooding = world.people("flooder", plan.flooders.div_ceil(FLOODERS)).await;
    let reader = world.reader("listener").await?;
    let hall = Hall {
        stage: &world.stage,
        plan: &plan,
        writers,
        reader,
        slow,
        flooding,
    };
    let mut rounds = Vec::new();
    for round in 0..plan.rounds {
        progress(&format!("{name}: round {} of {}", round + 1, plan.rounds));
        rounds.push(hall.round().await?);
    }
    hall.row(name, &rounds)
}

struct Hall<'a> {
    stage: &'a Stage,
    plan: &'a Plan,
    writers: Vec<Arc<Person>>,
    reader: Person,
    slow: Vec<Person>,
    flooding: Vec<Person>,
}

/// Both, in the same minute, at the same relay.
struct Round {
    alone: Beside,
    crowd: Beside,
}

/// What the honest heard, and what the relay was like meanwhile.
struct Beside {
    acks: Run,
    deliveries: Run,
    /// The relay's memory at its highest, in bytes.
    memory: u64,
    /// Sockets on average, those of the honest included.
    sockets: f64,
}

impl Hall<'_> {
    async fn round(&self) -> Result<Round> {
        // What another round left in a relay's memory would hide what this one takes.
        let relay = self.stage.limited_relay().await;
        let rooms = self.rooms(&relay).await?;
        let circles = self.circles(&relay, &rooms).await?;
        self.stage.limits().checkpoint().await?;
        let mut talk = Talk::begin(circles, PACE);
        sleep(self.plan.beside_crowd.warm_up).await;
        let alone = self.listen(&relay, &mut talk).await?;
        let crowd = self.attach(&relay, &rooms)?;
        self.all_there(&relay).await?;
        sleep(self.plan.beside_crowd.warm_up).await;
        let beside = self.listen(&relay, &mut talk).await?;
        drop(crowd);
        talk.end().await?;
        Ok(Round { alone, crowd: beside })
    }

    /// A space for each writer, with everybody who reads in it.
    async fn rooms(&self, relay: &ChildRelay) -> Result<Vec<Room>> {
        let members: Vec<&Person> = self.slow.iter().chain([&self.reader]).collect();
        let mut rooms = Vec::new();
        for writer in &self.writers {
            let person = writer.at_another_install();
            let mut socket = Socket::open(relay.addresses().public, &person).await?;
            rooms.push(Room::make(&mut socket, &person, &members).await);
        }
        Ok(rooms)
    }

    async fn circles(&self, relay: &ChildRelay, rooms: &[Room]) -> Result<Vec<Circle>> {
        let mut traffic = Traffic::new(&self.writers, rooms, 1);
        traffic.top_up(self.ahead()).await?;
        let address = relay.addresses().public;
        let mut circles = Vec::new();
        for (desk, room) in traffic.desks().iter_mut().zip(rooms) {
            let mut readers = Vec::new();
            for _ in 0..READERS {
                readers.push(open_reader(address, &self.reader, room).await?);
            }
            let writer = Socket::open(address, desk.person()).await?;
            circles.push(Circle {
                first_request: writer.next_request(),
                writer: writer.stream,
                supply: desk.take(),
                readers,
                first_seq: room.cursor.seq + 1,
            });
        }
        Ok(circles)
    }

    /// Events that a writer has signed before it begins: for both windows, for the time in between, and for what is waited for.
    fn ahead(&self) -> usize {
        let times = self.plan.beside_crowd;
        let time = 2 * times.whole() + 4 * ALL_THERE;
        (time.as_secs_f64() * f64::from(PACE)) as usize
    }

    fn attach(&self, relay: &ChildRelay, rooms: &[Room]) -> Result<Crowd> {
        let (crowd, address) = (Crowd::gather()?, relay.addresses().public);
        let slow = strangers(&self.slow, self.plan.slow_readers, 2);
        for (number, (stranger, room)) in slow.zip(rooms.iter().cycle()).enumerate() {
            let turn = number as f64 / self.plan.slow_readers as f64;
            crowd.add_slow_reader(address, stranger, room.subscribe(), turn);
        }
        for stranger in strangers(&self.flooding, self.plan.flooders, 3) {
            crowd.add_flooder(address, stranger);
        }
        Ok(crowd)
    }

    /// Waits until nearly all slow readers are there, but not for ever: the row says how many were.
    async fn all_there(&self, relay: &ChildRelay) -> Result<()> {
        let enough = self.honest() + self.plan.slow_readers * 9 / 10;
        let began = Instant::now();
        while sockets(relay).await? < enough as f64 && began.elapsed() < ALL_THERE {
            sleep(LOOKED_EVERY).await;
        }
        Ok(())
    }

    fn honest(&self) -> usize {
        self.writers.len() * (1 + READERS)
    }

    async fn listen(&self, relay: &ChildRelay, talk: &mut Talk) -> Result<Beside> {
        let actors = [
            Actor {
                name: "relay",
                id: relay.id(),
            },
            self.stage.postgres(),
            self.stage.openbao(),
            Stage::load(),
        ];
        let mut watched = Watched::default();
        watched.look(relay).await?;
        let mut listening = Box::pin(talk.listen(self.plan.beside_crowd.counted, &actors));
        let Heard { acks, deliveries } = loop {
            tokio::select! {
                heard = &mut listening => break heard?,
                () = sleep(LOOKED_EVERY) => watched.look(relay).await?,
            }
        };
        Ok(Beside {
            acks: acks.into(),
            deliveries: deliveries.into(),
            memory: watched.memory,
            sockets: watched.sockets / watched.looks,
        })
    }

    fn row(&self, name: String, rounds: &[Round]) -> Result<Row> {
        let cores = std::thread::available_parallelism()?.get();
        let contestant = |name, latency_of, of: fn(&Round) -> &Run| {
            let runs: Vec<Run> = rounds.iter().map(of).cloned().collect();
            Contestant::of(name, latency_of, &runs, cores)
        };
        Ok(Row {
            name,
            title: format!(
                "{} honest writers at {PACE} events of 1 KiB a second, {READERS} readers each: alone, and beside {} slow \
                 readers (1 KiB/s) and {} ping flooders; latency from when an event is due; the relay's limits as shipped",
                self.writers.len(),
                self.plan.slow_readers,
                self.plan.flooders
            ),
            unit: "per second",
            cpu_per: "event or delivery",
            contestants: vec![
                contestant("alone-ack", "publish to ack", |round| &round.alone.acks),
                contestant("crowd-ack", "publish to ack", |round| &round.crowd.acks),
                contestant("alone-read", "publish to delivery", |round| {
                    &round.alone.deliveries
                }),
                contestant("crowd-read", "publish to delivery", |round| {
                    &round.crowd.deliveries
                }),
            ],
            ratios: self.ratios(rounds),
            skipped: Vec::new(),
        })
    }

    fn ratios(&self, rounds: &[Round]) -> Vec<Ratio> {
        let pairs =
            |of: &str, pair: &dyn Fn(&Round) -> (f64, f64)| Ratio::paired(of, rounds.iter().map(pair));
        let number = |of: &str, number: &dyn Fn(&Round) -> f64| Ratio::number(of, rounds.iter().map(number));
        vec![
            pairs("honest ack p99, beside the crowd / alone", &|round| {
                (round.crowd.acks.p99_ms(), round.alone.acks.p99_ms())
            }),
            pairs("honest delivery p99, beside the crowd / alone", &|round| {
                (round.crowd.deliveries.p99_ms(), round.alone.deliveries.p99_ms())
            }),
            number("relay's memory growth, MiB (PSS at its highest)", &|round| {
                (round.crowd.memory as f64 - round.alone.memory as f64) / MIB
            }),
            number("relay's CPU, cores more than alone", &|round| {
                round.crowd.acks.busy("relay") - round.alone.acks.busy("relay")
            }),
            number("sockets of the crowd that were open, on average", &|round| {
                round.crowd.sockets - self.honest() as f64
            }),
        ]
    }
}

/// What a relay was like, at several moments.
#[derive(Default)]
struct Watched {
    memory: u64,
    sockets: f64,
    looks: f64,
}

impl Watched {
    async fn look(&mut self, relay: &ChildRelay) -> Result<()> {
        self.memory = proportional_set_size(relay.id())?.max(self.memory);
        self.sockets += sockets(relay).await?;
        self.looks += 1.0;
        Ok(())
    }
}

async fn sockets(relay: &ChildRelay) -> Result<f64> {
    Numbers::of(relay).await.get("sealpost_sockets_open")
}

/// So many sockets of these people, each at an install of its own. Each person comes from one address of the network 127.0.`net`.
fn strangers(people: &[Person], count: usize, net: u8) -> impl Iterator<Item = Stranger> {
    (0..count).map(move |number| {
        let owner = number % people.len();
        let host = u8::try_from(owner + 1).unwrap_or(u8::MAX);
        Stranger {
            person: people[owner].at_another_install(),
            from: IpAddr::V4(Ipv4Addr::new(127, 0, net, host)),
        }
    })
}

//! Generated work through the sockets of two relays on one database, with lost requests and answers, held against an
//! oracle that is a list.

mod world;

use proptest::prelude::*;

use self::world::World;

pub(super) const WRITERS: usize = 4;

/// What happens to a publish before it is sent again, as it was, through the other relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mishap {
    /// The connection breaks in the middle of the request.
    RequestLost,
    /// The connection breaks behind the request: it may be done or not.
    Unknown,
    /// The connection breaks when the answer is on its way: it was done.
    AnswerLost,
}

/// What a client does that must be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It skips an index.
    Gap,
    /// It puts another event at the index of its last one.
    Fork,
    /// It says it has seen another log.
    OtherLog,
    /// It says it has seen more than there is.
    Ahead,
    /// It seals under the epoch before.
    StaleEpoch,
    /// It builds a record on the control chain as it was before.
    StaleControl,
    /// It reads from a cursor that was never on the log.
    WrongCursor,
}

/// One step. Numbers are taken modulo what there is to choose from.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// All writers publish so many events each at the same time, over both relays.
    Burst([usize; WRITERS]),
    /// The same while the relays' connections to the database are killed; whoever is refused for that sends again.
    BurstOverCutDatabase([usize; WRITERS]),
    /// The same while the space gets a new key: an event is in front of it, or it is told so.
    BurstAgainstRekey { relay: usize, counts: [usize; WRITERS] },
    /// A publish that does not get through at once.
    Mishap {
        relay: usize,
        writer: usize,
        count: usize,
        mishap: Mishap,
    },
    /// A stored entry is sent again.
    Resend { relay: usize, seq: usize },
    /// Something that must be refused, and change nothing.
    Refused {
        relay: usize,
        writer: usize,
        fault: Fault,
    },
    /// A new epoch.
    Rekey { relay: usize },
    /// A reader goes on from its cursor, for so many pages, and its connection breaks.
    Resume { relay: usize, pages: usize },
    /// The log is read from any place to its end.
    Read { relay: usize, after: usize },
    /// A relay is drained and another one takes its place.
    Restart { relay: usize },
}

fn mishap() -> impl Strategy<Value = Mishap> {
    prop_oneof![
        Just(Mishap::RequestLost),
        Just(Mishap::Unknown),
        Just(Mishap::AnswerLost)
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Gap),
        Just(Fault::Fork),
        Just(Fault::OtherLog),
        Just(Fault::Ahead),
        Just(Fault::StaleEpoch),
        Just(Fault::StaleControl),
        Just(Fault::WrongCursor),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let relay = 0..2_usize;
    let counts = || [0..4_usize, 0..4_usize, 0..4_usize, 0..4_usize];
    prop_oneof![
        4 => counts().prop_map(Step::Burst),
        1 => counts().prop_map(Step::BurstOverCutDatabase),
        2 => (relay.clone(), counts()).prop_map(|(relay, counts)| Step::BurstAgainstRekey { relay, counts }),
        4 => (relay.clone(), 0..WRITERS, 1..5_usize, mishap())
            .prop_map(|(relay, writer, count, mishap)| Step::Mishap { relay, writer, count, mishap }),
        2 => (relay.clone(), any::<usize>()).prop_map(|(relay, seq)| Step::Resend { relay, seq }),
        3 => (relay.clone(), 0..WRITERS, fault())
            .prop_map(|(relay, writer, fault)| Step::Refused { relay, writer, fault }),
        1 => relay.clone().prop_map(|relay| Step::Rekey { relay }),
        3 => (relay.clone(), 1..4_usize).prop_map(|(relay, pages)| Step::Resume { relay, pages }),
        1 => (relay.clone(), any::<usize>()).prop_map(|(relay, after)| Step::Read { relay, after }),
        1 => relay.prop_map(|relay| Step::Restart { relay }),
    ]
}

proptest! {
    // A failure prints the shortest history that still fails, and the seed it came from.
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn two_relays_do_across_the_wire_what_a_list_would(steps in prop::collection::vec(step(), 1..25)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in &steps {
                world.run(step).await?;
            }
            world.end().await
        })?;
    }
}

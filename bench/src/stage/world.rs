//! Everything that rows share and that takes time to make: the parts, the people, the spaces.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use sealpost_tests::bare::{Person, Room};

use super::{
    parts::Stage,
    people::register_all,
    socket::Socket,
    traffic::{Traffic, rooms_of, writers_of},
};
use crate::{broker::Brokers, load::SdkWriters, plan::Plan, progress};

/// The parts, and what has been made at them so far.
pub struct World {
    /// The parts.
    pub stage: Stage,
    /// How much of everything.
    pub plan: Plan,
    /// The brokers that take part.
    pub brokers: Brokers,
    writers: Vec<Arc<Person>>,
    sdk_writers: Option<SdkWriters>,
    rooms: BTreeMap<usize, Vec<Room>>,
}

impl World {
    /// The parts, with nobody there.
    pub async fn new(plan: Plan, brokers: Brokers) -> Result<Self> {
        progress("starting Postgres, OpenBao and the relay");
        Ok(Self {
            stage: Stage::set().await?,
            plan,
            brokers,
            writers: Vec::new(),
            sdk_writers: None,
            rooms: BTreeMap::new(),
        })
    }

    /// The writers of all rows.
    pub async fn writers(&mut self) -> Result<&[Arc<Person>]> {
        if self.writers.is_empty() {
            progress(&format!("registering {} writers", self.plan.writers));
            let people = register_all(self.stage.address(), "writer", self.plan.writers).await;
            self.writers = people.into_iter().map(Arc::new).collect();
        }
        Ok(&self.writers)
    }

    /// The clients of all rows that write by the SDK.
    pub async fn sdk_writers(&mut self) -> Result<&SdkWriters> {
        let (address, count) = (self.stage.address(), self.plan.writers);
        match &mut self.sdk_writers {
            Some(writers) => Ok(writers),
            none => {
                progress(&format!("registering {count} clients of the SDK"));
                Ok(none.insert(SdkWriters::register(address, count).await?))
            }
        }
    }

    /// Somebody who reads.
    pub async fn reader(&self, handle: &str) -> Result<Person> {
        self.people(handle, 1).await.pop().context("one was registered")
    }

    /// People named after `group`.
    pub async fn people(&self, group: &str, count: usize) -> Vec<Person> {
        register_all(self.stage.address(), group, count).await
    }

    /// The writers at so many spaces, with nothing signed yet.
    pub async fn traffic(&mut self, spaces: usize, messages_per_event: usize) -> Result<Traffic> {
        let writers = self.writers().await?.to_vec();
        Ok(Traffic::new(
            &writers,
            self.rooms(spaces).await?,
            messages_per_event,
        ))
    }

    /// So many spaces, in which the writers write.
    pub async fn rooms(&mut self, spaces: usize) -> Result<&[Room]> {
        let writers = self.writers().await?.to_vec();
        if !self.rooms.contains_key(&spaces) {
            progress(&format!("making {spaces} spaces"));
            let rooms = make_rooms(&self.stage, &writers, spaces).await?;
            self.rooms.insert(spaces, rooms);
        }
        Ok(&self.rooms[&spaces])
    }
}

/// Each space is made by its first writer, who adds the others.
async fn make_rooms(stage: &Stage, writers: &[Arc<Person>], count: usize) -> Result<Vec<Room>> {
    let made = writers.iter().enumerate().map(async |(number, owner)| {
        let mut socket = None;
        let mut rooms = Vec::new();
        for room in rooms_of(number, writers.len(), count) {
            let members = writers_of(room, writers.len(), count);
            if members[0] != number {
                continue;
            }
            let socket = match &mut socket {
                Some(socket) => socket,
                none => none.insert(open(stage, owner).await?),
            };
            let others: Vec<&Person> = members[1..].iter().map(|other| &*writers[*other]).collect();
            rooms.push((room, Room::make(socket, owner, &others).await));
        }
        anyhow::Ok(rooms)
    });
    let mut rooms: Vec<(usize, Room)> = try_join_all(made).await?.into_iter().flatten().collect();
    rooms.sort_by_key(|(number, _)| *number);
    Ok(rooms.into_iter().map(|(_, room)| room).collect())
}

async fn open(stage: &Stage, owner: &Person) -> Result<Socket> {
    Socket::open(stage.address(), &owner.at_another_install()).await
}

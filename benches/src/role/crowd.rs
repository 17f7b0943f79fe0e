//! A child that holds many clients of a messaging server, each no more than a connection that answers pings.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use bytes::BytesMut;
use byway_wire::messaging::Frame;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::timeout,
};

use super::{
    Answer,
    stream::{Place, Stream},
};

/// Time for one client to be taken in.
const ENTRY: Duration = Duration::from_secs(30);

/// What a crowd is told to do.
#[derive(Serialize, Deserialize)]
pub(crate) enum CrowdCommand {
    /// Connect so many more clients, no more than some at once; they stay. Tells the time for all and for each.
    Join { server: Place, count: u32, at_once: usize },
    /// How many are still connected.
    Count,
}

/// The clients of this process.
#[derive(Default)]
pub(super) struct Crowd {
    members: JoinSet<()>,
}

impl Crowd {
    pub(super) async fn obey(&mut self, command: CrowdCommand) -> Result<Answer> {
        match command {
            CrowdCommand::Join { server, count, at_once } => self.join(server, count, at_once).await,
            CrowdCommand::Count => {
                while self.members.try_join_next().is_some() {}
                Ok(Answer { bytes: self.members.len() as u64, ..Answer::default() })
            }
        }
    }

    async fn join(&mut self, server: Place, count: u32, at_once: usize) -> Result<Answer> {
        let places = Arc::new(Semaphore::new(at_once));
        // Room for all, so that nobody who has entered waits here instead of answering pings.
        let (told, mut entries) = mpsc::channel(usize::try_from(count)?.max(1));
        let started = Instant::now();
        for _ in 0..count {
            let place = places.clone().acquire_owned().await?;
            let told = told.clone();
            self.members.spawn(async move {
                let begun = Instant::now();
                let entered = timeout(ENTRY, Member::enter(server)).await;
                drop(place);
                let entered = entered.context("not taken in").flatten();
                let (member, entry) = match entered {
                    Ok(member) => (Some(member), Ok(begun.elapsed().as_secs_f64() * 1e6)),
                    Err(error) => (None, Err(error)),
                };
                // Nobody waits for it once another one failed.
                let _ = told.send(entry).await;
                drop(told);
                if let Some(member) = member {
                    member.stay().await;
                }
            });
        }
        drop(told);
        let mut times_us = Vec::new();
        while let Some(time_us) = entries.recv().await {
            times_us.push(time_us?);
        }
        Ok(Answer { seconds: started.elapsed().as_secs_f64(), times_us, ..Answer::default() })
    }
}

/// One client.
struct Member {
    stream: Stream,
    arrived: BytesMut,
}

impl Member {
    /// Is connected once the server answers: until then it may still turn the client away.
    async fn enter(server: Place) -> Result<Self> {
        let mut member = Self { stream: Stream::connect(server).await?, arrived: BytesMut::new() };
        member.write(&Frame::Ping(1)).await?;
        match member.read().await? {
            Some(Frame::Limited) => bail!("the server is full"),
            Some(_) => Ok(member),
            None => bail!("the server closed the connection"),
        }
    }

    /// Answers pings until the connection ends.
    async fn stay(mut self) {
        while let Ok(Some(frame)) = self.read().await {
            if let Frame::Ping(token) = frame
                && self.write(&Frame::Pong(token)).await.is_err()
            {
                return;
            }
        }
    }

    async fn write(&mut self, frame: &Frame) -> Result<()> {
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        Ok(self.stream.write_all(&bytes).await?)
    }

    /// The next frame; `None` at the end of the connection.
    async fn read(&mut self) -> Result<Option<Frame>> {
        loop {
            if let Some(frame) = Frame::take(&mut self.arrived)? {
                return Ok(Some(frame));
            }
            if self.stream.read(&mut self.arrived).await? == 0 {
                return Ok(None);
            }
        }
    }
}

//! Streams without the overlay, plain or encrypted as a `tcp` transport is: what the machine does at best.

use std::{
    future::poll_fn,
    io,
    task::{Context, Poll, ready},
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use bytes::BytesMut;
use serde::{Deserialize, Serialize};
use tokio::{
    runtime,
    sync::oneshot,
    task::{JoinHandle, spawn_blocking},
};

use super::{
    Answer, CHUNK, PING,
    stream::{Listener, Place, Stream},
};

/// What a child does with bare streams.
#[derive(Serialize, Deserialize)]
pub(crate) enum Bare {
    /// Accept a stream. Read it to its end, then say so by one byte.
    Discard { encrypted: bool },
    /// Accept a stream and send back what comes.
    Echo { encrypted: bool },
    /// Accept a stream and splice it by hand to another one: one task on one thread, big buffers, nothing in between.
    Forward { encrypted: bool, to: Place },
    /// Accept encrypted streams, as many as come, and send back on each what comes.
    Welcome,
    /// Send so many bytes and wait for the other end's byte.
    Send { to: Place, bytes: u64 },
    /// Send small messages and wait for each.
    Ping { to: Place, count: u32 },
}

pub(super) async fn obey(command: Bare) -> Result<Answer> {
    match command {
        Bare::Discard { encrypted } => serve(encrypted, Service::Discard).await,
        Bare::Echo { encrypted } => serve(encrypted, Service::Echo).await,
        Bare::Forward { encrypted, to } => serve(encrypted, Service::Forward(to)).await,
        Bare::Welcome => welcome().await,
        Bare::Send { to, bytes } => on_own_thread(move || send(to, bytes)).await?,
        Bare::Ping { to, count } => on_own_thread(move || ping(to, count)).await?,
    }
}

#[derive(Clone, Copy)]
enum Service {
    Discard,
    Echo,
    Forward(Place),
}

/// Runs `work` on a thread of its own, so that nothing in it is woken across threads.
fn on_own_thread<T, F>(work: impl FnOnce() -> F + Send + 'static) -> JoinHandle<Result<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>>,
{
    spawn_blocking(|| runtime::Builder::new_current_thread().enable_all().build()?.block_on(work()))
}

/// Serves one stream.
async fn serve(encrypted: bool, service: Service) -> Result<Answer> {
    let (bound, place) = oneshot::channel();
    on_own_thread(move || async move {
        let mut listener = Listener::bind(encrypted).await?;
        // The command waits for it, unless its parent is gone.
        let _ = bound.send(listener.place()?);
        let mut stream = listener.accept().await?;
        match service {
            Service::Discard => discard(&mut stream).await?,
            Service::Echo => echo(&mut stream).await?,
            Service::Forward(to) => splice(&mut stream, &mut Stream::connect(to).await?).await?,
        }
        Ok(())
    });
    Ok(at(place.await.context("cannot listen")?))
}

fn at(Place { address, key }: Place) -> Answer {
    Answer { address: address.to_string(), key, ..Answer::default() }
}

/// Serves streams on all threads, a task each, as a messaging server does.
async fn welcome() -> Result<Answer> {
    let mut listener = Listener::bind(true).await?;
    let place = listener.place()?;
    tokio::spawn(async move {
        while let Ok(mut stream) = listener.accept().await {
            tokio::spawn(async move { echo(&mut stream).await });
        }
    });
    Ok(at(place))
}

/// One direction of a splice.
#[derive(Default)]
struct Direction {
    buffer: BytesMut,
    ended: bool,
}

impl Direction {
    /// Ready when the stream ended and the other end was told.
    fn poll(&mut self, cx: &mut Context<'_>, from: &mut Stream, to: &mut Stream) -> Poll<io::Result<()>> {
        while !self.ended {
            ready!(to.poll_write_all(cx, &mut self.buffer))?;
            if ready!(from.poll_read(cx, &mut self.buffer))? == 0 {
                ready!(to.poll_close(cx))?;
                self.ended = true;
            }
        }
        Poll::Ready(Ok(()))
    }
}

async fn splice(left: &mut Stream, right: &mut Stream) -> io::Result<()> {
    let (mut there, mut back) = (Direction::default(), Direction::default());
    poll_fn(|cx| {
        let there = there.poll(cx, left, right)?;
        let back = back.poll(cx, right, left)?;
        if there.is_ready() && back.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}

async fn discard(stream: &mut Stream) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    while stream.read(&mut buffer).await? > 0 {
        buffer.clear();
    }
    stream.write_all(&[1]).await?;
    stream.close().await
}

async fn echo(stream: &mut Stream) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    while stream.read(&mut buffer).await? > 0 {
        stream.write_all(&buffer).await?;
        buffer.clear();
    }
    stream.close().await
}

async fn send(to: Place, bytes: u64) -> Result<Answer> {
    let mut stream = Stream::connect(to).await?;
    let chunk = vec![0x5a; CHUNK];
    let started = Instant::now();
    let mut left = bytes;
    while left > 0 {
        let count = chunk.len().min(usize::try_from(left).unwrap_or(CHUNK));
        stream.write_all(&chunk[..count]).await?;
        left -= count as u64;
    }
    stream.close().await?;
    ensure!(stream.read(&mut BytesMut::new()).await? == 1, "the other end did not say that it has all");
    Ok(Answer { seconds: started.elapsed().as_secs_f64(), ..Answer::default() })
}

async fn ping(to: Place, count: u32) -> Result<Answer> {
    let mut stream = Stream::connect(to).await?;
    let mut times_us = Vec::new();
    let mut buffer = BytesMut::new();
    for _ in 0..count {
        let started = Instant::now();
        stream.write_all(&[0; PING]).await?;
        while buffer.len() < PING {
            ensure!(stream.read(&mut buffer).await? > 0, "the other end ended the stream");
        }
        buffer.clear();
        times_us.push(started.elapsed().as_secs_f64() * 1e6);
    }
    stream.close().await?;
    Ok(Answer { times_us, ..Answer::default() })
}

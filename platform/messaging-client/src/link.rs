//! The connection to one messaging server.

mod dial;
mod gate;
mod queue;

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::BytesMut;
use byway_base::{PublicKey, limits::HANDSHAKE_TIMEOUT};
use byway_messaging::{Beat, KeyMemo, Pulse};
use byway_net::{Pipe, quic::QuicConnectError, tcp, virtual_path::WakerSlot};
use byway_wire::messaging::Frame;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::{hub::Hub, protocol::Spot};

pub(crate) use dial::{Dials, Target};
pub(crate) use gate::Gate;
pub(crate) use queue::SendQueue;

/// A socket that takes nothing for this long counts as standing still: packets for it are dropped from then on. Longer
/// than a busy machine pauses, shorter than QUIC's patience.
const STALL: Duration = Duration::from_millis(250);
/// Reads and writes of one poll, after which other tasks have their turn.
const ROUNDS: usize = 16;

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// It never came up over TCP.
    #[error("over TCP: {0}")]
    Tcp(#[from] tcp::ConnectError),
    /// It never came up over QUIC.
    #[error("over QUIC: {0}")]
    Quic(#[from] QuicConnectError),
    /// The server gives no address.
    #[error("the server gives no address")]
    NoAddress,
    /// It broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    /// The server closed it.
    #[error("the server closed the connection")]
    Closed,
    /// The server sent something that is no frame.
    #[error("the server sent what is no frame: {0}")]
    Protocol(#[from] byway_wire::DecodeError),
    /// Nothing was heard for too long.
    #[error("the server was silent for too long")]
    Silent,
    /// The server has no place for another client.
    #[error("the server holds as many clients as it may")]
    Full,
}

/// Connects to a server and carries packets until the connection ends or `cancel` asks for the end.
pub(crate) async fn run(hub: Arc<Hub>, target: Target, cancel: CancellationToken) -> Option<LinkError> {
    let connection = tokio::select! {
        () = cancel.cancelled() => return None,
        connection = hub.dials.dial(&target) => connection,
    };
    let (pipe, spot) = match connection {
        Ok(connected) => connected,
        Err(error) => return Some(error),
    };
    let mut link = Box::pin(Link::new(hub, target.key, spot, pipe));
    tokio::select! {
        () = cancel.cancelled() => {
            link.farewell().await;
            None
        }
        error = std::future::poll_fn(|cx| link.poll(cx)) => Some(error),
    }
}

struct Link {
    hub: Arc<Hub>,
    server: PublicKey,
    spot: Spot,
    pipe: Box<dyn Pipe>,
    queue: Arc<SendQueue>,
    /// The server answered, so that it has taken us in. The end of the handshake alone does not tell: the server may
    /// still turn us away, or not know us yet when a peer sends us something.
    is_up: bool,
    memo: KeyMemo,
    arrived: BytesMut,
    room: WakerSlot,
    outgoing: Vec<u8>,
    written: usize,
    origin: Instant,
    /// When the server must have answered for the first time.
    answers_by: Instant,
    pulse: Pulse,
    is_late: bool,
    progress: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Link {
    fn new(hub: Arc<Hub>, server: PublicKey, spot: Spot, pipe: Box<dyn Pipe>) -> Self {
        let now = Instant::now();
        let this = Self {
            is_up: false,
            queue: SendQueue::new(hub.gate.clone()),
            room: hub.inbound.slot(),
            pulse: Pulse::client(hub.now()),
            is_late: false,
            hub,
            server,
            spot,
            pipe,
            memo: KeyMemo::default(),
            arrived: BytesMut::new(),
            outgoing: Vec::new(),
            written: 0,
            origin: now,
            answers_by: now + HANDSHAKE_TIMEOUT,
            progress: now,
            timer: Box::pin(sleep_until(now)),
        };
        this.ping();
        this
    }

    /// Ready when the link is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<LinkError> {
        for _ in 0..ROUNDS {
            if let Err(error) = self.tend() {
                return Poll::Ready(error);
            }
            let wrote = match self.poll_write(cx) {
                Poll::Ready(Err(error)) => return Poll::Ready(error.into()),
                write => write.is_ready(),
            };
            let read = match self.poll_read(cx) {
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                read => read.is_ready(),
            };
            if !wrote && !read {
                return self.poll_timer(cx);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes once. Pending if there is nothing to write or no room for it.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.written == self.outgoing.len() {
            self.outgoing.clear();
            self.written = 0;
            if self.queue.poll_take(cx, &mut self.outgoing).is_pending() {
                // Idle links keep no buffer.
                self.outgoing = Vec::new();
                return match self.pipe.poll_flush(cx) {
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    _ => Poll::Pending,
                };
            }
            self.progress = Instant::now();
        }
        let rest = [IoSlice::new(&self.outgoing[self.written..])];
        let taken = std::task::ready!(self.pipe.poll_write(cx, &rest))?;
        self.written += taken;
        self.progress = Instant::now();
        self.pulse.wrote(self.hub.now());
        self.queue.sent(taken);
        Poll::Ready(Ok(()))
    }

    /// Reads once and hands on what arrived. Pending if nothing did, or the endpoint has no room.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        std::task::ready!(self.hub.inbound.poll_room(cx, &self.room));
        if std::task::ready!(self.pipe.poll_read(cx, &mut self.arrived)).map_err(LinkError::Broken)? == 0 {
            return Poll::Ready(Err(LinkError::Closed));
        }
        self.hear();
        let mut frames = Vec::new();
        while let Some(frame) = self.memo.take(&mut self.arrived)? {
            match frame {
                Frame::Ping(token) => self.queue.push_control(&Frame::Pong(token)),
                Frame::Pong(token) => self.measured(token),
                Frame::Limited if !self.is_up => return Poll::Ready(Err(LinkError::Full)),
                frame => frames.push(frame),
            }
        }
        if self.arrived.is_empty() {
            // Idle links keep no buffer, and busy ones get a fresh one anyway: this one is out in slices.
            self.arrived = BytesMut::new();
        }
        if !frames.is_empty() {
            self.hub.received(self.server, frames);
        }
        Poll::Ready(Ok(()))
    }

    /// The token of a ping is the time when it was sent.
    fn measured(&mut self, token: u64) {
        if !std::mem::replace(&mut self.is_up, true) {
            self.hub.link_up(self.server, self.queue.clone(), self.spot);
        }
        if let Some(rtt) = self.origin.elapsed().checked_sub(Duration::from_nanos(token)) {
            self.hub.with_core(|core, _| core.link_rtt(self.server, rtt));
            self.hub.work.notify_one();
        }
    }

    fn is_writing(&self) -> bool {
        self.written < self.outgoing.len()
    }

    fn hear(&mut self) {
        self.pulse.heard(self.hub.now());
        self.set_late(false);
    }

    fn set_late(&mut self, late: bool) {
        if std::mem::replace(&mut self.is_late, late) != late {
            self.hub.with_core(|core, _| core.link_late(self.server, late));
        }
    }

    fn ping(&self) {
        let token = u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.queue.push_control(&Frame::Ping(token));
    }

    /// Does what time asks for.
    fn tend(&mut self) -> Result<(), LinkError> {
        let now = self.hub.now();
        match self.pulse.handle_timeout(now) {
            Beat::Fine => {}
            Beat::Ping => self.ping(),
            Beat::Lost => return Err(LinkError::Silent),
        }
        if !self.is_up && Instant::now() >= self.answers_by {
            return Err(LinkError::Silent);
        }
        self.set_late(self.pulse.is_late(now));
        if self.is_writing() && self.progress.elapsed() >= STALL {
            self.queue.stall();
        }
        Ok(())
    }

    /// Sleeps until time asks for something.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<LinkError> {
        let stall =
            self.is_writing().then_some(self.progress + STALL).filter(|stall| *stall > Instant::now());
        let answer = (!self.is_up).then_some(self.answers_by);
        let pulse = self.hub.instant(self.pulse.poll_timeout());
        let wake = [stall, answer].into_iter().flatten().fold(pulse, Instant::min);
        self.timer.as_mut().reset(wake);
        if self.timer.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    async fn farewell(&mut self) {
        let close = std::future::poll_fn(|cx| {
            while self.is_writing() {
                std::task::ready!(self.poll_write(cx))?;
            }
            let _ = self.poll_write(cx)?;
            self.pipe.poll_close(cx)
        });
        // Whoever does not take it within this time learns from the closed socket.
        if !matches!(tokio::time::timeout(STALL, close).await, Ok(Ok(()))) {
            tracing::debug!(server = ?self.server, "link closed without a farewell");
        }
    }
}

//! One connection with a client or another server: what its task reads, switches and writes.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::BytesMut;
use byway_base::limits::{MESSAGING_IDLE, MESSAGING_SILENCE, TRANSPORT_WRITE_BATCH};
use byway_messaging::{Beat, KeyMemo, Pulse, SessionId, Violation};
use byway_net::Pipe;
use byway_wire::{DecodeError, messaging::Frame};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use crate::{
    outgoing::Outgoing,
    relay::{Relay, Replaced},
};

/// Reads and writes of one poll, after which others have their turn.
const ROUNDS: usize = 8;
/// Shortest pause between two looks at a peer.
const LOOK_MIN: Duration = Duration::from_millis(100);
/// Time to tell a peer why it is turned away.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    /// The peer closed it.
    #[error("the peer left")]
    Left,
    /// The peer connected anew.
    #[error(transparent)]
    Replaced(#[from] Replaced),
    /// It broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    /// The peer sent what is no frame.
    #[error("the peer sent what is no frame: {0}")]
    Malformed(#[from] DecodeError),
    /// The peer sent a frame that is not its to send.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// Nothing was heard for too long.
    #[error("the peer was silent for too long")]
    Silent,
    /// The peer takes nothing.
    #[error("the peer read nothing for {MESSAGING_SILENCE:?}")]
    Deaf,
    /// A link between servers that nobody uses.
    #[error("the link carried nothing for {MESSAGING_IDLE:?}")]
    Idle,
    /// The server is full.
    #[error("the server holds as many connections as it may")]
    Full,
    /// A server that is not known to be one.
    #[error("the peer is not listed as a messaging server")]
    Unlisted,
}

impl End {
    /// The reason as a metric's label.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Replaced(_) => "replaced",
            Self::Broken(_) => "broken",
            Self::Malformed(_) => "malformed",
            Self::Violation(_) => "violation",
            Self::Silent => "silent",
            Self::Deaf => "deaf",
            Self::Idle => "idle",
            Self::Full => "full",
            Self::Unlisted => "unlisted",
        }
    }
}

/// Says that a limit was reached, so that the peer goes elsewhere instead of guessing.
pub(crate) async fn turn_away(mut pipe: impl Pipe) {
    let mut outgoing = Outgoing::default();
    outgoing.push(Frame::Limited);
    let tell = poll_fn(|cx| {
        while !outgoing.is_empty() {
            let taken = ready!(outgoing.write(|slices| pipe.poll_write(cx, slices)))?;
            outgoing.advance(taken);
        }
        pipe.poll_close(cx)
    });
    let _ = timeout(FAREWELL, tell).await;
}

/// A place in the switch, given back on drop however the task ends.
struct Session {
    relay: Arc<Relay>,
    id: SessionId,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.relay.disconnect(self.id);
    }
}

/// A connection that has its place. As a future it is ready when the connection is over.
///
/// Each of thousands of idle clients costs what is in here: buffers exist only while something is under way.
pub(crate) struct Connection<P> {
    session: Session,
    pipe: P,
    /// Whether the peer lives; for clients and links alike.
    pulse: Pulse,
    memo: KeyMemo,
    arrived: BytesMut,
    outgoing: Outgoing,
    /// Since when bytes wait and none was taken; none if nothing waits.
    waiting: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

impl<P: Pipe> Connection<P> {
    pub(crate) fn new(relay: Arc<Relay>, id: SessionId, pipe: P) -> Self {
        let pulse = Pulse::server(relay.now());
        let first = relay.instant(pulse.poll_timeout());
        Self {
            session: Session { relay, id },
            pipe,
            pulse,
            memo: KeyMemo::default(),
            arrived: BytesMut::new(),
            outgoing: Outgoing::default(),
            waiting: None,
            timer: Box::pin(sleep_until(first)),
        }
    }

    /// For a link between servers, over which `arrived` came before.
    pub(crate) fn of_link(relay: Arc<Relay>, id: SessionId, pipe: P, arrived: BytesMut) -> Self {
        let memo = KeyMemo::between_servers();
        Self { memo, arrived, ..Self::new(relay, id, pipe) }
    }

    /// Writes once. Pending if there is nothing to write or no room for it.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        if self.outgoing.is_empty() {
            let mut frames = VecDeque::new();
            let Session { relay, id } = &self.session;
            if let Poll::Ready(transmit) = relay.poll_transmit(*id, TRANSPORT_WRITE_BATCH, &mut frames, cx) {
                transmit?;
                self.waiting = Some(Instant::now());
            }
            if frames.iter().any(|frame| !matches!(frame, Frame::Pong(_))) {
                self.pulse.wrote(relay.now());
            }
            frames.into_iter().for_each(|frame| self.outgoing.push(frame));
            if self.outgoing.is_empty() {
                let flushed = self.pipe.poll_flush(cx)?;
                return if flushed.is_ready() { self.idle() } else { Poll::Pending };
            }
        }
        let pipe = &mut self.pipe;
        let taken = ready!(self.outgoing.write(|slices| pipe.poll_write(cx, slices)))?;
        self.outgoing.advance(taken);
        self.waiting = Some(Instant::now());
        Poll::Ready(Ok(()))
    }

    /// Nothing is left to write.
    fn idle(&mut self) -> Poll<Result<(), End>> {
        self.waiting = None;
        Poll::Pending
    }

    /// Reads once and switches what arrived. Pending if nothing did.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        if ready!(self.pipe.poll_read(cx, &mut self.arrived))? == 0 {
            return Poll::Ready(Err(End::Left));
        }
        self.pulse.heard(self.session.relay.now());
        let mut frames = Vec::new();
        let decoded = loop {
            match self.memo.take(&mut self.arrived) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        if self.arrived.is_empty() {
            // Idle peers keep no buffer; a busy one's is out in slices anyway.
            self.arrived = BytesMut::new();
        }
        if !frames.is_empty() {
            self.session.relay.handle(self.session.id, frames)?;
        }
        Poll::Ready(decoded.map_err(End::from))
    }

    /// Does what time asks for, then sleeps until it asks for more.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let Session { relay, id } = &self.session;
        let look = self.next_look();
        // Later is found out when the timer fires: a busy peer's is not set anew with every frame.
        if look < self.timer.deadline() {
            self.timer.as_mut().reset(look);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            match self.pulse.handle_timeout(relay.now()) {
                Beat::Lost => return Poll::Ready(End::Silent),
                Beat::Ping => relay.ping(*id),
                Beat::Fine => {}
            }
            if self.deaf_at().is_some_and(|deaf| Instant::now() >= deaf) {
                return Poll::Ready(End::Deaf);
            }
            if relay.is_idle(*id) {
                return Poll::Ready(End::Idle);
            }
            let look = self.next_look().max(Instant::now() + LOOK_MIN);
            self.timer.as_mut().reset(look);
        }
        Poll::Pending
    }

    fn next_look(&self) -> Instant {
        let beat = self.session.relay.instant(self.pulse.poll_timeout());
        self.deaf_at().map_or(beat, |deaf| beat.min(deaf))
    }

    fn deaf_at(&self) -> Option<Instant> {
        self.waiting.map(|since| since + MESSAGING_SILENCE)
    }
}

impl<P: Pipe> Future for Connection<P> {
    type Output = End;

    /// Reading does not wait for writing nor the other way round.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let this = &mut *self;
        for _ in 0..ROUNDS {
            let wrote = match this.poll_write(cx) {
                Poll::Ready(Err(end)) => return Poll::Ready(end),
                write => write.is_ready(),
            };
            let read = match this.poll_read(cx) {
                Poll::Ready(Err(end)) => return Poll::Ready(end),
                read => read.is_ready(),
            };
            if !wrote && !read {
                return this.poll_timer(cx);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

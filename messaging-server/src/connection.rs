//! One client's connection: a task that reads, switches and writes.

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
use byway_base::limits::{TRANSPORT_PING_INTERVAL, TRANSPORT_SILENCE, TRANSPORT_WRITE_BATCH};
use byway_messaging::{ClientId, KeyMemo, Violation};
use byway_net::{TlsPipe, tcp::TlsConnection};
use byway_wire::{DecodeError, messaging::Frame};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use crate::{
    outgoing::Outgoing,
    relay::{Relay, Replaced},
};

/// Reads and writes of one poll, after which other clients have their turn.
const ROUNDS: usize = 8;
/// Time to tell a client why it is turned away.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    /// The client closed it.
    #[error("the client left")]
    Left,
    /// The client connected anew.
    #[error(transparent)]
    Replaced(#[from] Replaced),
    /// It broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    /// The client sent what is no frame.
    #[error("the client sent what is no frame: {0}")]
    Malformed(#[from] DecodeError),
    /// The client sent a frame that only servers send.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// Nothing was heard for too long.
    #[error("the client was silent for {TRANSPORT_SILENCE:?}")]
    Silent,
    /// The client takes nothing.
    #[error("the client read nothing for {TRANSPORT_SILENCE:?}")]
    Deaf,
    /// The server is full.
    #[error("the server holds as many clients as it may")]
    Full,
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
            Self::Full => "full",
        }
    }
}

/// Serves a client until its connection ends.
pub(crate) async fn serve(relay: Arc<Relay>, connection: TlsConnection) -> End {
    let key = connection.peer;
    let mut pipe = TlsPipe::new(connection);
    let Ok(id) = relay.connect(key) else {
        turn_away(&mut pipe).await;
        return End::Full;
    };
    let session = Session { relay, id };
    let mut connection = Connection::new(session, pipe);
    poll_fn(|cx| connection.poll(cx)).await
}

/// Says that a limit was reached, so that the client goes elsewhere instead of guessing.
async fn turn_away(pipe: &mut TlsPipe) {
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
    id: ClientId,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.relay.disconnect(self.id);
    }
}

struct Connection {
    session: Session,
    pipe: TlsPipe,
    memo: KeyMemo,
    arrived: BytesMut,
    outgoing: Outgoing,
    heard: Instant,
    pinged: Instant,
    progress: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Connection {
    fn new(session: Session, pipe: TlsPipe) -> Self {
        let now = Instant::now();
        Self {
            session,
            pipe,
            memo: KeyMemo::default(),
            arrived: BytesMut::new(),
            outgoing: Outgoing::default(),
            heard: now,
            pinged: now,
            progress: now,
            timer: Box::pin(sleep_until(now + TRANSPORT_PING_INTERVAL)),
        }
    }

    /// Ready when the connection is over. Reading does not wait for writing nor the other way round.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        for _ in 0..ROUNDS {
            let wrote = match self.poll_write(cx) {
                Poll::Ready(Err(end)) => return Poll::Ready(end),
                write => write.is_ready(),
            };
            let read = match self.poll_read(cx) {
                Poll::Ready(Err(end)) => return Poll::Ready(end),
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
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        if self.outgoing.is_empty() {
            let mut frames = VecDeque::new();
            let Session { relay, id } = &self.session;
            if let Poll::Ready(transmit) = relay.poll_transmit(*id, TRANSPORT_WRITE_BATCH, &mut frames, cx) {
                transmit?;
                self.progress = Instant::now();
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
        self.progress = Instant::now();
        Poll::Ready(Ok(()))
    }

    /// Nothing is left to write: nothing can be overdue.
    fn idle(&mut self) -> Poll<Result<(), End>> {
        self.progress = Instant::now();
        Poll::Pending
    }

    /// Reads once and switches what arrived. Pending if nothing did.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        if ready!(self.pipe.poll_read(cx, &mut self.arrived))? == 0 {
            return Poll::Ready(Err(End::Left));
        }
        self.heard = Instant::now();
        let mut frames = Vec::new();
        let decoded = loop {
            match self.memo.take(&mut self.arrived) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        if self.arrived.is_empty() {
            // Idle clients keep no buffer; a busy one's is out in slices anyway.
            self.arrived = BytesMut::new();
        }
        if !frames.is_empty() {
            self.session.relay.handle(self.session.id, frames)?;
        }
        Poll::Ready(decoded.map_err(End::from))
    }

    /// Looks after silence, then sleeps until there may be more of it.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if now - self.heard >= TRANSPORT_SILENCE {
                return Poll::Ready(End::Silent);
            }
            if now - self.progress >= TRANSPORT_SILENCE {
                return Poll::Ready(End::Deaf);
            }
            if now - self.heard.max(self.pinged) >= TRANSPORT_PING_INTERVAL {
                self.pinged = now;
                self.session.relay.ping(self.session.id, 0);
            }
            self.timer.as_mut().reset(now + TRANSPORT_PING_INTERVAL);
        }
        Poll::Pending
    }
}

//! A QUIC connection before the edges agreed: the dialler opens the stream on which they do.

use std::{
    io::{self, IoSlice},
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use byway_net::{Pipe, quic::udp::Gauge};
use futures_util::{FutureExt, future::BoxFuture};
use quinn::{Connection, ConnectionError, RecvStream, SendStream};

use super::link::QuicLink;
use crate::{
    link::{Opening, PacketLink},
    stream::QuicPipe,
};

/// A connection and its first stream.
pub(super) struct QuicOpening {
    connection: Connection,
    gauge: Arc<Gauge>,
    control: Control,
}

impl QuicOpening {
    /// Opens the stream; the peer sees it with the first bytes.
    pub(super) fn dial(connection: Connection, gauge: Arc<Gauge>) -> Self {
        let opening = connection.clone();
        let control = Control::Awaited(async move { opening.open_bi().await }.boxed());
        Self { connection, gauge, control }
    }

    /// Waits for the stream, as part of the agreement.
    pub(super) fn accept(connection: Connection, gauge: Arc<Gauge>) -> Self {
        let opening = connection.clone();
        let control = Control::Awaited(async move { opening.accept_bi().await }.boxed());
        Self { connection, gauge, control }
    }
}

impl Opening for QuicOpening {
    fn stream(&mut self) -> &mut dyn Pipe {
        &mut self.control
    }

    fn carry(self: Box<Self>, received: BytesMut) -> io::Result<Box<dyn PacketLink>> {
        match self.control {
            Control::Open(QuicPipe { send, receive }) => {
                Ok(Box::new(QuicLink::new(self.connection, self.gauge, send, receive, received)))
            }
            Control::Awaited(_) => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// A stream that the dialler opens and the other edge waits for.
enum Control {
    Awaited(BoxFuture<'static, Result<(SendStream, RecvStream), ConnectionError>>),
    Open(QuicPipe),
}

impl Control {
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&mut QuicPipe>> {
        if let Self::Awaited(awaited) = self {
            let (send, receive) = ready!(awaited.poll_unpin(cx))?;
            *self = Self::Open(QuicPipe { send, receive });
        }
        match self {
            Self::Open(pipe) => Poll::Ready(Ok(pipe)),
            Self::Awaited(_) => Poll::Pending,
        }
    }
}

impl Pipe for Control {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_read(cx, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write(cx, slices)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_close(cx)
    }
}

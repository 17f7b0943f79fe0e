//! One bidirectional stream of a link as a pipe of bytes.

use std::{
    io::{self, IoSlice},
    mem,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use byway_base::limits::TRANSPORT_READ_CHUNK;
use quinn::{Connection, RecvStream, SendStream};
use tokio::time::timeout;

use super::{SendWindow, UdpLink};
use crate::pipe::Pipe;

/// Bytes copied for one write to QUIC: what TLS over TCP buffers as well.
const WRITE_BUFFER: usize = 128 * 1024;
/// Pieces taken from QUIC at once; each is what one packet brought, or more.
const PIECES: usize = 32;

/// The one stream of a [`UdpLink`], to be polled by one task. Dropping it closes the connection.
pub struct QuicPipe {
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
    window: SendWindow,
    /// Taken from the caller, not yet by QUIC.
    outgoing: Bytes,
    /// Waits until the peer has everything; exists once the pipe is being closed.
    closing: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl QuicPipe {
    /// Opens the stream. The peer sees it with the first byte sent.
    ///
    /// # Errors
    /// If the connection broke.
    ///
    /// # Cancel safety
    /// Dropping the future closes the link.
    pub async fn open(link: UdpLink) -> io::Result<Self> {
        let (send, receive) = link.connection.open_bi().await?;
        Ok(Self::new(link.connection, SendWindow::new(link.gauge), send, receive))
    }

    /// Waits for the stream that the peer opens.
    ///
    /// # Errors
    /// If the connection broke, or the peer sent nothing `within` that time.
    ///
    /// # Cancel safety
    /// Dropping the future closes the link.
    pub async fn accept(link: UdpLink, within: Duration) -> io::Result<Self> {
        let accepted = timeout(within, link.connection.accept_bi()).await;
        let (send, receive) = accepted.map_err(|_| io::ErrorKind::TimedOut)??;
        Ok(Self::new(link.connection, SendWindow::new(link.gauge), send, receive))
    }

    fn new(connection: Connection, window: SendWindow, send: SendStream, receive: RecvStream) -> Self {
        Self { connection, send, receive, window, outgoing: Bytes::new(), closing: None }
    }

    /// The connection under it; its peer's address may change.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Hands QUIC what was taken. Pending while QUIC has no room.
    fn poll_outgoing(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            self.window.follow(&self.connection);
            let mut pieces = [mem::take(&mut self.outgoing)];
            // It holds nothing between polls, so that a new future each time loses nothing.
            let written = pin!(self.send.write_chunks(&mut pieces)).poll(cx);
            [self.outgoing] = pieces;
            if written.is_pending() {
                self.window.full(cx, &self.connection);
            }
            ready!(written)?;
            self.window.open();
        }
        Poll::Ready(Ok(()))
    }
}

impl Pipe for QuicPipe {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        let before = buffer.len();
        while buffer.len() - before < TRANSPORT_READ_CHUNK {
            let mut pieces = [const { Bytes::new() }; PIECES];
            let read = match pin!(self.receive.read_chunks(&mut pieces)).poll(cx) {
                Poll::Ready(read) => read?,
                Poll::Pending if buffer.len() > before => break,
                Poll::Pending => return Poll::Pending,
            };
            let Some(count) = read else { break };
            buffer.reserve(pieces[..count].iter().map(Bytes::len).sum());
            pieces[..count].iter().for_each(|piece| buffer.extend_from_slice(piece));
        }
        Poll::Ready(Ok(buffer.len() - before))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        ready!(self.poll_outgoing(cx))?;
        let length = slices.iter().map(|slice| slice.len()).sum::<usize>().min(WRITE_BUFFER);
        let mut taken = BytesMut::with_capacity(length);
        for slice in slices {
            let room = length - taken.len();
            taken.extend_from_slice(&slice[..slice.len().min(room)]);
        }
        self.outgoing = taken.freeze();
        // What QUIC does not take now, it takes before anything else.
        let _ = self.poll_outgoing(cx)?;
        Poll::Ready(Ok(length))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_outgoing(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_outgoing(cx))?;
        if self.closing.is_none() {
            // It was finished or reset before: nothing is left to say.
            let _ = self.send.finish();
            let stopped = self.send.stopped();
            self.closing = Some(Box::pin(async move {
                // The peer has everything, or is gone.
                let _ = stopped.await;
            }));
        }
        if let Some(closing) = &mut self.closing {
            ready!(closing.as_mut().poll(cx));
        }
        Poll::Ready(Ok(()))
    }
}

impl std::fmt::Debug for QuicPipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QuicPipe").field("connection", &self.connection).finish_non_exhaustive()
    }
}

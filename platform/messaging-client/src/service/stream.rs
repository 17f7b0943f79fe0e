//! One stream of a connection as what HTTP runs on.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use byway_base::limits::SERVICE_SILENCE;
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// QUIC code of a connection that is given up because its peer went silent.
const CLOSE_SILENT: VarInt = VarInt::from_u32(1);

/// Both halves of a stream. Shutting it down waits until the peer has everything: its connection may be closed right after.
pub(super) struct ServiceStream {
    send: SendStream,
    receive: RecvStream,
    /// Present until something was heard.
    silence: Option<Silence>,
    /// Set while it is being shut down.
    delivered: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

/// Watches whether anything comes back on a connection. A peer that restarted knows nothing of it, and would be waited for
/// until the idle timeout.
struct Silence {
    connection: Connection,
    received: u64,
    ends: Pin<Box<Sleep>>,
}

impl ServiceStream {
    /// A stream that a peer opened.
    pub(super) fn accepted(send: SendStream, receive: RecvStream) -> Self {
        Self { send, receive, silence: None, delivered: None }
    }

    /// A stream that was opened to a peer. If no packet at all comes back within [`SERVICE_SILENCE`], it fails with
    /// [`io::ErrorKind::TimedOut`] and takes its connection along.
    pub(super) fn dialled(connection: Connection, send: SendStream, receive: RecvStream) -> Self {
        let received = received(&connection);
        let silence = Silence { connection, received, ends: Box::pin(sleep(SERVICE_SILENCE)) };
        Self { silence: Some(silence), ..Self::accepted(send, receive) }
    }

    fn check_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(silence) = &mut self.silence else { return Poll::Pending };
        ready!(silence.ends.as_mut().poll(cx));
        let heard = received(&silence.connection) > silence.received;
        match self.silence.take() {
            Some(silence) if !heard => {
                silence.connection.close(CLOSE_SILENT, b"silent");
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the service is silent")))
            }
            _ => Poll::Pending,
        }
    }
}

fn received(connection: &Connection) -> u64 {
    connection.stats().udp_rx.datagrams
}

impl AsyncRead for ServiceStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match AsyncRead::poll_read(Pin::new(&mut self.receive), cx, buf) {
            Poll::Pending => self.check_silence(cx),
            ready => {
                self.silence = None;
                ready
            }
        }
    }
}

impl AsyncWrite for ServiceStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.send), cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.send), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.delivered.is_none() {
            // It fails only where the peer wants no more, or its connection is gone: then nothing is left to wait for.
            let _ = self.send.finish();
            let stopped = self.send.stopped();
            self.delivered = Some(Box::pin(async move { drop(stopped.await) }));
        }
        match &mut self.delivered {
            Some(delivered) => delivered.as_mut().poll(cx).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}

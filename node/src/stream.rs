//! A byte stream between two apps.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use quinn::{RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::session::SessionHold;

/// One bidirectional stream of a session. Shutting down the writing half ends the other side's reading; dropping the
/// stream before that resets it, so that a cut transfer never looks complete.
#[derive(Debug)]
pub struct OverlayStream {
    send: SendStream,
    receive: RecvStream,
    finished: bool,
    /// Keeps the session while its streams are in use.
    _hold: SessionHold,
}

impl OverlayStream {
    pub(crate) fn new(send: SendStream, receive: RecvStream, hold: SessionHold) -> Self {
        Self { send, receive, finished: false, _hold: hold }
    }
}

impl AsyncRead for OverlayStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.receive).poll_read(cx, buf)
    }
}

impl AsyncWrite for OverlayStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.send).poll_write(cx, data).map_err(io::Error::from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.send), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finished = true;
        AsyncWrite::poll_shutdown(Pin::new(&mut self.send), cx)
    }
}

impl Drop for OverlayStream {
    fn drop(&mut self) {
        if !self.finished {
            // Already finished or reset by the peer: nothing is left to say.
            let _ = self.send.reset(0u32.into());
        }
    }
}

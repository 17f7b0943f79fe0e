//! The bytes under a transport: polled by one task, in batches.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, BytesMut};
use byway_base::limits::TRANSPORT_READ_CHUNK;
use byway_net::Pipe;
use quinn::{RecvStream, SendStream};
use tokio::io::AsyncWrite;
use tokio_util::io::poll_read_buf;

/// Room that a read wants, bytes: below it a fresh chunk is taken.
const READ_MIN: usize = 20 * 1024;

/// A bidirectional QUIC stream.
pub(crate) struct QuicPipe {
    pub(crate) send: SendStream,
    pub(crate) receive: RecvStream,
}

impl Pipe for QuicPipe {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        if buffer.capacity() - buffer.len() < READ_MIN {
            buffer.reserve(TRANSPORT_READ_CHUNK);
        }
        poll_read_buf(Pin::new(&mut self.receive), cx, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut taken = 0;
        for slice in slices.iter().filter(|slice| !slice.is_empty()) {
            match Pin::new(&mut self.send).poll_write(cx, slice) {
                Poll::Ready(Ok(count)) => {
                    taken += count;
                    if count < slice.len() {
                        break;
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending if taken == 0 => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What QUIC took is under way.
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.send), cx)
    }
}

/// Writes and flushes all of `bytes`.
pub(crate) async fn write_all(stream: &mut dyn Pipe, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = poll_fn(|cx| stream.poll_write(cx, &[IoSlice::new(bytes)])).await?;
        bytes = &bytes[count..];
    }
    poll_fn(|cx| stream.poll_flush(cx)).await
}

/// Takes exactly `count` bytes; what came beyond them stays in `received`.
pub(crate) async fn read_exact(
    stream: &mut dyn Pipe,
    received: &mut BytesMut,
    count: usize,
) -> io::Result<BytesMut> {
    while received.len() < count {
        if poll_fn(|cx| stream.poll_read(cx, received)).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let taken = BytesMut::from(&received[..count]);
    received.advance(count);
    Ok(taken)
}

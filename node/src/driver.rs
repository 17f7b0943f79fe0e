//! One task per transport: moves bytes between its stream and the data half, in batches.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io::{self, IoSlice},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::BytesMut;
use byway_base::limits::{TRANSPORT_READ_CHUNK, TRANSPORT_WRITE_BATCH};
use byway_routing::{Outgoing, TransportSlot};
use byway_transports::LinkStream;
use byway_wire::Packet;
use futures_util::task::AtomicWaker;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::dataplane::{Dataplane, Wakes};

/// Slices given to one vectored write; the kernel takes at most 1 024.
const SLICES: usize = 64;
/// Time for the last bytes of a transport that this node closes.
const GOODBYE: Duration = Duration::from_secs(1);
/// Batches that one poll moves in each direction before it lets other tasks run.
const BATCHES_PER_POLL: usize = 8;

/// A transport's stream and what is in the middle of being read or written.
pub(crate) struct Driver {
    stream: LinkStream,
    slot: TransportSlot,
    dataplane: Arc<Dataplane>,
    waker: Arc<AtomicWaker>,
    received: BytesMut,
    packets: Vec<Packet>,
    batch: Vec<Outgoing>,
    sending: VecDeque<Outgoing>,
    /// Bytes of the first packet of `sending` that are written already.
    sent: usize,
    unflushed: bool,
    wakes: Wakes,
}

impl Driver {
    /// A driver for a transport that the data half knows under `slot`, with the waker that it was given. `received` is
    /// what has arrived already.
    pub(crate) fn new(
        stream: LinkStream,
        received: BytesMut,
        slot: TransportSlot,
        dataplane: Arc<Dataplane>,
        waker: Arc<AtomicWaker>,
    ) -> Self {
        Self {
            stream,
            slot,
            dataplane,
            waker,
            received,
            packets: Vec::new(),
            batch: Vec::new(),
            sending: VecDeque::new(),
            sent: 0,
            unflushed: false,
            wakes: Wakes::default(),
        }
    }

    /// Runs until the stream ends or breaks, the peer sends what is no packet, or `stop`; says which.
    pub(crate) async fn run(mut self, stop: &CancellationToken) -> String {
        match stop.run_until_cancelled(poll_fn(|cx| self.poll(cx))).await {
            Some(error) if error.kind() == io::ErrorKind::UnexpectedEof => "closed by the peer".to_owned(),
            Some(error) => error.to_string(),
            None => {
                // The peer sees an end, not a break; one that does not read is not waited for.
                let _ = timeout(GOODBYE, poll_fn(|cx| self.stream.poll_close(cx))).await;
                "closed by this node".to_owned()
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.waker.register(cx.waker());
        for _ in 0..BATCHES_PER_POLL {
            let write = match self.poll_write(cx) {
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                other => other.is_ready(),
            };
            let read = match self.poll_read(cx) {
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                other => other.is_ready(),
            };
            if !write && !read {
                return Poll::Pending;
            }
        }
        // There is more to do; other tasks go first.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Ready after a batch was taken and written; pending while the stream takes no more or nothing waits.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.sending.is_empty() {
            self.dataplane.poll_transmit(self.slot, TRANSPORT_WRITE_BATCH, &mut self.batch, &mut self.wakes);
            self.sending.extend(self.batch.drain(..));
        }
        let wrote = !self.sending.is_empty();
        while !self.sending.is_empty() {
            let written = ready!(self.poll_write_some(cx))?;
            self.unflushed = true;
            self.advance(written);
        }
        if self.unflushed {
            ready!(self.stream.poll_flush(cx))?;
            self.unflushed = false;
        }
        if wrote { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_write_some(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = 0;
        let mut skip = self.sent;
        for packet in self.sending.iter().take(SLICES / 2) {
            for part in [packet.head(), packet.payload()] {
                let cut = skip.min(part.len());
                skip -= cut;
                if cut < part.len() {
                    slices[count] = IoSlice::new(&part[cut..]);
                    count += 1;
                }
            }
        }
        let written = ready!(self.stream.poll_write(cx, &slices[..count]))?;
        if written == 0 {
            Poll::Ready(Err(io::ErrorKind::WriteZero.into()))
        } else {
            Poll::Ready(Ok(written))
        }
    }

    fn advance(&mut self, written: usize) {
        self.sent += written;
        while let Some(first) = self.sending.front()
            && self.sent >= first.len()
        {
            self.sent -= first.len();
            self.sending.pop_front();
        }
    }

    /// Ready after packets were handed on; pending while the stream has nothing.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut read = 0;
        let end = loop {
            match self.stream.poll_read(cx, &mut self.received) {
                Poll::Ready(Ok(0)) => break Some(Err(io::ErrorKind::UnexpectedEof.into())),
                Poll::Ready(Ok(count)) => read += count,
                Poll::Ready(Err(error)) => break Some(Err(error)),
                Poll::Pending => break None,
            }
            if read >= TRANSPORT_READ_CHUNK / 2 {
                break Some(Ok(()));
            }
        };
        while let Some(packet) = Packet::take(&mut self.received).map_err(io::Error::other)? {
            self.packets.push(packet);
        }
        if !self.packets.is_empty() {
            self.dataplane.handle_packets(self.slot, &mut self.packets, &mut self.wakes);
        }
        match end {
            Some(result) => Poll::Ready(result),
            None if read > 0 => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }
}

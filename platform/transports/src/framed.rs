//! Packets one after the other on one byte stream.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use byway_base::limits::{TRANSPORT_READ_CHUNK, TRANSPORT_WRITE_BATCH};
use byway_net::Pipe;
use byway_routing::Outgoing;
use byway_wire::Packet;

use crate::link::{Meter, Opening, PacketLink};

/// Slices given to one vectored write; the kernel takes at most 1 024.
const SLICES: usize = 64;

/// A byte stream as a link: packets are written as vectors of slices, and cut out of what was read without a copy.
pub(crate) struct Framed<S> {
    stream: S,
    received: BytesMut,
    /// Bytes of the queue's first packet that are written already.
    sent: usize,
    unflushed: bool,
}

impl<S: Pipe> Framed<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, received: BytesMut::new(), sent: 0, unflushed: false }
    }

    fn poll_write_some(
        &mut self,
        cx: &mut Context<'_>,
        queue: &VecDeque<Outgoing>,
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = 0;
        let mut skip = self.sent;
        for packet in queue.iter().take(SLICES / 2) {
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

    fn advance(&mut self, queue: &mut VecDeque<Outgoing>, written: usize) {
        self.sent += written;
        while let Some(first) = queue.front()
            && self.sent >= first.len()
        {
            self.sent -= first.len();
            queue.pop_front();
        }
    }
}

impl<S: Pipe> PacketLink for Framed<S> {
    fn poll_send(&mut self, cx: &mut Context<'_>, queue: &mut VecDeque<Outgoing>) -> Poll<io::Result<()>> {
        while !queue.is_empty() {
            let written = ready!(self.poll_write_some(cx, queue))?;
            self.unflushed = true;
            self.advance(queue, written);
        }
        if self.unflushed {
            ready!(self.stream.poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>, packets: &mut Vec<Packet>) -> Poll<io::Result<()>> {
        // What came behind the agreement is there already.
        let mut read = self.received.len();
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
        let before = packets.len();
        while let Some(packet) = Packet::take(&mut self.received).map_err(io::Error::other)? {
            packets.push(packet);
        }
        match end {
            Some(result) => Poll::Ready(result),
            None if packets.len() > before => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_close(cx)
    }

    fn take_dropped(&mut self) -> u64 {
        0
    }

    fn batch(&self) -> usize {
        TRANSPORT_WRITE_BATCH
    }

    fn meter(&self) -> Option<Arc<dyn Meter>> {
        // TCP's losses are known to the kernel only, and a stream through messaging shares its connection.
        None
    }
}

impl<S: Pipe> Opening for Framed<S> {
    fn stream(&mut self) -> &mut dyn Pipe {
        &mut self.stream
    }

    fn carry(mut self: Box<Self>, received: BytesMut) -> io::Result<Box<dyn PacketLink>> {
        self.received = received;
        Ok(self)
    }
}

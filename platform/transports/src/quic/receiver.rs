//! The receiving side of a link: every stream is read for itself.

use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use byway_base::limits::{LINK_REORDER, LINK_STREAMS, TRANSPORT_READ_CHUNK};
use byway_wire::{Kind, Packet};
use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream, SelectAll},
};
use quinn::{Chunk, Connection, ConnectionError, ReadError, RecvStream};

use super::frames::{Frames, Reorder};

/// Batches taken before the other side of the link has its turn.
const BATCHES: usize = 16;
/// Bytes that may wait for lost ones before them, all streams together.
const REORDER_MAX: usize = LINK_REORDER as usize;

pub(super) struct Receiver {
    opened: BoxStream<'static, Result<RecvStream, ConnectionError>>,
    streams: SelectAll<StreamReader>,
    datagrams: BoxStream<'static, Result<Bytes, ConnectionError>>,
    out_of_order: Arc<AtomicUsize>,
}

impl Receiver {
    /// `control` is the stream of the agreement, `received` what came behind it.
    pub(super) fn new(connection: &Connection, control: RecvStream, received: BytesMut) -> Self {
        let out_of_order = Arc::<AtomicUsize>::default();
        let mut control = StreamReader::new(control, Order::AsSent, out_of_order.clone());
        control.early = received.freeze();
        let accept = |connection: Connection| async {
            let accepted = connection.accept_uni().await;
            Some((accepted, connection))
        };
        let read = |connection: Connection| async {
            let datagram = connection.read_datagram().await;
            Some((datagram, connection))
        };
        Self {
            opened: stream::unfold(connection.clone(), accept).boxed(),
            streams: SelectAll::from_iter([control]),
            datagrams: stream::unfold(connection.clone(), read).boxed(),
            out_of_order,
        }
    }

    /// As [`crate::PacketLink::poll_receive`].
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, packets: &mut Vec<Packet>) -> Poll<io::Result<()>> {
        while let Poll::Ready(Some(opened)) = self.opened.poll_next_unpin(cx) {
            let opened = opened.map_err(broken)?;
            // QUIC holds the peer to that many, one more for control.
            debug_assert!(self.streams.len() <= LINK_STREAMS as usize);
            self.streams.push(StreamReader::new(opened, Order::AsArrived, self.out_of_order.clone()));
        }
        let before = packets.len();
        let (mut taken, mut pending) = (0, [false, false]);
        while taken < BATCHES && pending != [true, true] {
            match self.streams.poll_next_unpin(cx) {
                Poll::Ready(Some(batch)) => packets.append(&mut batch?),
                // The peer finished the control stream, and all others.
                Poll::Ready(None) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Poll::Pending => pending[0] = true,
            }
            match self.datagrams.poll_next_unpin(cx) {
                Poll::Ready(Some(datagram)) => packets.push(unreliable(datagram.map_err(broken)?)?),
                Poll::Ready(None) | Poll::Pending => pending[1] = true,
            }
            taken += 1;
        }
        if taken == BATCHES || packets.len() > before { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

/// A datagram is one whole packet of a kind that may get lost.
fn unreliable(datagram: Bytes) -> io::Result<Packet> {
    let mut bytes = BytesMut::from(datagram);
    let packet = Packet::take(&mut bytes).map_err(io::Error::other)?;
    packet
        .filter(|packet| bytes.is_empty() && matches!(packet.kind, Kind::Datagram | Kind::Trace))
        .ok_or_else(|| io::Error::other("a datagram is not one unreliable packet"))
}

pub(super) fn broken(error: ConnectionError) -> io::Error {
    match error {
        ConnectionError::ApplicationClosed(_) => io::ErrorKind::UnexpectedEof.into(),
        error => error.into(),
    }
}

/// How a stream's bytes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// QUIC puts them in order. It takes no more than 1 024 gaps, which control packets never reach.
    AsSent,
    /// As they come, in order here: on a long line there may be any number of gaps.
    AsArrived,
}

/// One incoming stream as batches of packets. It ends with its stream, or with an error that ends the link.
struct StreamReader {
    stream: RecvStream,
    order: Order,
    early: Bytes,
    reorder: Reorder,
    frames: Frames,
    /// Bytes out of order, of all streams of the link.
    out_of_order: Arc<AtomicUsize>,
    ended: bool,
}

impl StreamReader {
    fn new(stream: RecvStream, order: Order, out_of_order: Arc<AtomicUsize>) -> Self {
        let (reorder, frames) = (Reorder::default(), Frames::default());
        Self { stream, order, early: Bytes::new(), reorder, frames, out_of_order, ended: false }
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Chunk>, ReadError>> {
        pin!(self.stream.read_chunk(usize::MAX, self.order == Order::AsSent)).poll(cx)
    }

    fn take(&mut self, chunk: Chunk, packets: &mut Vec<Packet>) -> io::Result<()> {
        if self.order == Order::AsSent {
            return self.frames.push(chunk.bytes, packets).map_err(io::Error::other);
        }
        let waiting = self.out_of_order.fetch_add(chunk.bytes.len(), Ordering::Relaxed) + chunk.bytes.len();
        self.reorder.insert(chunk.offset, chunk.bytes);
        while let Some(bytes) = self.reorder.next() {
            self.out_of_order.fetch_sub(bytes.len(), Ordering::Relaxed);
            self.frames.push(bytes, packets).map_err(io::Error::other)?;
        }
        if waiting > REORDER_MAX && !self.reorder.is_empty() {
            return Err(io::Error::other("the peer left too much out"));
        }
        Ok(())
    }

    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Vec<Packet>>> {
        let mut packets = Vec::new();
        let mut read = self.early.len();
        let early = std::mem::take(&mut self.early);
        if !early.is_empty() {
            self.frames.push(early, &mut packets).map_err(io::Error::other)?;
        }
        while read < TRANSPORT_READ_CHUNK {
            match self.poll_chunk(cx) {
                Poll::Ready(Ok(Some(chunk))) => {
                    read += chunk.bytes.len();
                    self.take(chunk, &mut packets)?;
                }
                Poll::Ready(Ok(None)) if self.frames.is_complete() && self.reorder.is_empty() => {
                    self.ended = true;
                    return Poll::Ready(Ok(packets));
                }
                Poll::Ready(Ok(None)) => {
                    return Poll::Ready(Err(io::Error::other("a stream ended within a packet")));
                }
                Poll::Ready(Err(ReadError::ConnectionLost(error))) => return Poll::Ready(Err(broken(error))),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending if packets.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(Ok(packets))
    }
}

impl Stream for StreamReader {
    type Item = io::Result<Vec<Packet>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let batch = self.poll_batch(cx);
        self.ended |= matches!(batch, Poll::Ready(Err(_)));
        batch.map(Some)
    }
}

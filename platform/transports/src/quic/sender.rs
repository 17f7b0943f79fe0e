//! The sending side of a link: a stream for each flow, one for control packets, datagrams for what may get lost.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    io,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use byway_base::{
    RoutingId,
    limits::{FAIR_QUANTUM, LINK_STALLED, PACKET_HEADER, TRANSPORT_WRITE_BATCH},
};
use byway_net::quic::udp::{Gauge, SendWindow};
use byway_routing::Outgoing;
use byway_wire::Kind;
use futures_util::FutureExt;
use quinn::{Connection, SendStream, WriteError};
use slab::Slab;

use super::{receiver::broken, way::Way};

/// Control packets go before all data that QUIC holds.
const FIRST: i32 = 1;
/// What one batch may hold, as time at the path's rate: the grain of fairness.
const BATCH_TIME: Duration = Duration::from_millis(10);

/// Packets that may get lost and are no larger than this cross in any case, on the flow's stream where the path's datagrams
/// are too small for them: the handshake of a channel needs 1 200 bytes end to end (RFC 9000, 14.1), and a path of QUIC may
/// carry no more than that for itself.
const ALWAYS: usize = PACKET_HEADER + 1_200;

/// Bytes of heads that share one piece of memory.
const HEADS: usize = 1024;

pub(super) struct Sender {
    connection: Connection,
    window: SendWindow,
    streams: Slab<Carrier>,
    /// The stream of the agreement.
    control: usize,
    /// The stream that each flow began on, and stays on.
    flows: HashMap<RoutingId, usize>,
    /// Bytes that wait for room on their streams.
    waiting: usize,
    /// Where heads of packets are kept, many in one piece of memory.
    heads: BytesMut,
    dropped: u64,
}

/// One outgoing stream.
struct Carrier {
    stream: SendStream,
    waiting: VecDeque<Bytes>,
    flows: usize,
}

impl Sender {
    pub(super) fn new(connection: Connection, control: SendStream, gauge: Arc<Gauge>) -> Self {
        // It fails only for a stream that ended; then the first write says so.
        let _ = control.set_priority(FIRST);
        let mut streams = Slab::new();
        let control = streams.insert(Carrier { stream: control, waiting: VecDeque::new(), flows: 1 });
        let (window, flows) = (SendWindow::new(gauge), HashMap::new());
        Self { connection, window, streams, control, flows, waiting: 0, heads: BytesMut::new(), dropped: 0 }
    }

    /// As [`crate::PacketLink::batch`].
    pub(super) fn batch(&self) -> usize {
        let soon = usize::try_from(self.window.leaves_within(BATCH_TIME)).unwrap_or(usize::MAX);
        soon.clamp(FAIR_QUANTUM, TRANSPORT_WRITE_BATCH)
    }

    /// As [`crate::PacketLink::take_dropped`].
    pub(super) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// As [`crate::PacketLink::poll_send`]. A stream that the peer does not let grow keeps what it was given, and the
    /// others go on.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        queue: &mut VecDeque<Outgoing>,
    ) -> Poll<io::Result<()>> {
        self.window.follow(&self.connection);
        loop {
            if self.waiting > 0 {
                self.write_all(cx)?;
            }
            if self.waiting > 0 && self.poll_room(cx)?.is_pending() {
                self.window.full(cx, &self.connection);
                return Poll::Pending;
            }
            self.window.open();
            if self.waiting > LINK_STALLED {
                return Poll::Pending;
            }
            if queue.is_empty() {
                return Poll::Ready(Ok(()));
            }
            while let Some(packet) = queue.pop_front() {
                self.take(&packet)?;
            }
        }
    }

    /// Gives a packet to the stream that it travels on.
    fn take(&mut self, packet: &Outgoing) -> io::Result<()> {
        let key = match Way::of(packet) {
            Way::Control => self.control,
            Way::Flow(label) => self.stream_of(label)?,
            Way::Unreliable if packet.len() > ALWAYS || self.fits(packet) => {
                return self.send_datagram(packet);
            }
            Way::Unreliable => self.stream_of(packet.label())?,
        };
        if self.heads.capacity() < packet.head().len() {
            self.heads.reserve(HEADS);
        }
        self.heads.extend_from_slice(packet.head());
        let carrier = &mut self.streams[key];
        carrier.waiting.push_back(self.heads.split().freeze());
        if !packet.payload().is_empty() {
            carrier.waiting.push_back(packet.payload().clone());
        }
        self.waiting += packet.len();
        if let Way::Flow(label) = Way::of(packet)
            && packet.kind() == Kind::Close
        {
            self.end(label);
        }
        Ok(())
    }

    /// The stream of a flow; a new one for a new flow, or one that others use if the peer allows no more.
    fn stream_of(&mut self, label: RoutingId) -> io::Result<usize> {
        if let Some(key) = self.flows.get(&label) {
            return Ok(*key);
        }
        let key = match self.connection.open_uni().now_or_never() {
            Some(Ok(stream)) => self.streams.insert(Carrier { stream, waiting: VecDeque::new(), flows: 0 }),
            Some(Err(error)) => return Err(broken(error)),
            None => self.shared(label),
        };
        self.streams[key].flows += 1;
        self.flows.insert(label, key);
        Ok(key)
    }

    fn shared(&self, label: RoutingId) -> usize {
        let place = label.0 as usize % self.streams.len();
        self.streams.iter().nth(place).map_or(self.control, |(key, _)| key)
    }

    /// Nothing more will be sent on a flow: its stream ends, unless others use it.
    pub(super) fn end(&mut self, label: RoutingId) {
        if let Some(key) = self.flows.remove(&label) {
            self.streams[key].flows -= 1;
            self.forget_if_done(key);
        }
    }

    /// A stream that is dropped is finished: QUIC sends what it holds, and the end.
    fn forget_if_done(&mut self, key: usize) {
        let carrier = &self.streams[key];
        if carrier.flows == 0 && carrier.waiting.is_empty() {
            self.streams.remove(key);
        }
    }

    /// Whether a QUIC datagram carries the packet at present.
    fn fits(&self, packet: &Outgoing) -> bool {
        self.connection.max_datagram_size().is_some_and(|most| packet.len() <= most)
    }

    fn send_datagram(&mut self, packet: &Outgoing) -> io::Result<()> {
        if !self.fits(packet) || self.connection.datagram_send_buffer_space() < packet.len() {
            self.dropped += 1;
            return Ok(());
        }
        let mut bytes = BytesMut::with_capacity(packet.len());
        bytes.extend_from_slice(packet.head());
        bytes.extend_from_slice(packet.payload());
        match self.connection.send_datagram(bytes.freeze()) {
            Err(quinn::SendDatagramError::ConnectionLost(error)) => Err(broken(error)),
            Err(_) => {
                self.dropped += 1;
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Writes what the streams take.
    fn write_all(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let waiting: Vec<usize> = self
            .streams
            .iter()
            .filter(|(_, carrier)| !carrier.waiting.is_empty())
            .map(|(key, _)| key)
            .collect();
        for key in waiting {
            self.waiting -= self.streams[key].write(cx)?;
            self.forget_if_done(key);
        }
        Ok(())
    }

    /// Ready if QUIC takes more, whatever single streams do. Writing nothing to a stream fails where writing something
    /// to any stream would fail.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
        let control = &mut self.streams[self.control].stream;
        match pin!(control.write_chunks(&mut [])).poll(cx) {
            Poll::Ready(written) => written.map(|_| Poll::Ready(())).map_err(lost),
            Poll::Pending => Ok(Poll::Pending),
        }
    }
}

impl Carrier {
    /// Writes what the stream takes; says how many bytes.
    fn write(&mut self, cx: &mut Context<'_>) -> io::Result<usize> {
        let mut bytes = 0;
        while !self.waiting.is_empty() {
            let written = pin!(self.stream.write_chunks(self.waiting.make_contiguous())).poll(cx);
            match written {
                Poll::Ready(Ok(written)) => {
                    bytes += written.bytes;
                    self.waiting.drain(..written.chunks);
                }
                Poll::Ready(Err(error)) => return Err(lost(error)),
                Poll::Pending => break,
            }
        }
        Ok(bytes)
    }
}

/// The peer stopped a stream, or the connection is lost.
fn lost(error: WriteError) -> io::Error {
    match error {
        WriteError::ConnectionLost(error) => broken(error),
        error => error.into(),
    }
}

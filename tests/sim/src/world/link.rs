//! A transport: two lanes with a rate and a delay, reliable and in order while it lives.

use std::{collections::VecDeque, time::Duration};

use bytes::{Bytes, BytesMut};
use byway_base::{Moment, TransportId};
use byway_routing::TransportSlot;

use super::NodeIx;

/// Bytes that travel together; cut regardless of where packets begin, as a stream's reads are.
const SEGMENT: usize = 16 * 1024;
/// What a sender gives to the socket at once is worth this time at the link's rate: kernel buffers are kept short.
const BATCH: Duration = Duration::from_millis(4);

/// What a link is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Bytes per second, each way.
    pub(crate) rate: u64,
    /// Time from one end to the other.
    pub(crate) delay: Duration,
    /// Added to the delay at random, up to this; order is kept.
    pub(crate) jitter: Duration,
}

impl Shape {
    pub(crate) const fn new(megabits: u64, delay_ms: u64) -> Self {
        Self { rate: megabits * 125_000, delay: Duration::from_millis(delay_ms), jitter: Duration::ZERO }
    }

    /// Bytes that the sender takes from the forwarder at once.
    pub(crate) fn batch(&self) -> usize {
        let bytes = self.rate * BATCH.as_micros() as u64 / 1_000_000;
        (bytes as usize).clamp(SEGMENT, 16 * SEGMENT)
    }

    /// Bytes that the lane holds when nothing arrives: what is on the line, and the socket buffers of both ends.
    fn capacity(&self) -> usize {
        let line = self.rate * (self.delay + self.jitter).as_micros() as u64 / 1_000_000;
        line as usize + 2 * self.batch()
    }

    fn time_for(&self, bytes: usize) -> Duration {
        Duration::from_nanos((bytes as u64).saturating_mul(1_000_000_000) / self.rate.max(1))
    }
}

/// One direction of a link.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// The line takes no more before it has sent what it has.
    pub(crate) busy: bool,
    /// Nothing arrives before this.
    pub(crate) stalled_until: Moment,
    under_way: VecDeque<Bytes>,
    under_way_bytes: usize,
    last_arrival: Moment,
    /// What arrived and is not a whole packet yet.
    pub(crate) received: BytesMut,
}

/// A transport between two nodes.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: TransportId,
    pub(crate) ends: [NodeIx; 2],
    pub(crate) shape: Shape,
    /// Each end's name for it, while that end has it.
    pub(crate) slots: [Option<TransportSlot>; 2],
    /// What each end sends.
    pub(crate) lanes: [Lane; 2],
    /// Carries bytes.
    pub(crate) up: bool,
    /// Counts its lives; what belongs to a former life is void.
    pub(crate) life: u64,
}

impl Link {
    pub(crate) fn new(id: TransportId, ends: [NodeIx; 2], shape: Shape) -> Self {
        Self { id, ends, shape, slots: [None; 2], lanes: Default::default(), up: false, life: 0 }
    }

    /// The side of a node.
    pub(crate) fn side(&self, node: NodeIx) -> usize {
        usize::from(self.ends[1] == node)
    }

    /// The node at the other end.
    pub(crate) fn peer(&self, node: NodeIx) -> NodeIx {
        self.ends[1 - self.side(node)]
    }

    /// Whether both ends have it and bytes pass.
    pub(crate) fn is_usable(&self) -> bool {
        self.up && self.slots.iter().all(Option::is_some)
    }

    /// Whether the lane takes a batch now.
    pub(crate) fn takes(&self, side: usize) -> bool {
        let lane = &self.lanes[side];
        !lane.busy && lane.under_way_bytes < self.shape.capacity()
    }

    /// Puts bytes on the line. Answers when each segment arrives, and when the line takes more.
    pub(crate) fn put(
        &mut self,
        now: Moment,
        side: usize,
        mut bytes: Bytes,
        mut jitter: impl FnMut(Duration) -> Duration,
    ) -> (Vec<Moment>, Moment) {
        let shape = self.shape;
        let lane = &mut self.lanes[side];
        let (mut arrivals, mut sent) = (Vec::new(), now);
        while !bytes.is_empty() {
            let segment = bytes.split_to(bytes.len().min(SEGMENT));
            sent = sent + shape.time_for(segment.len());
            lane.last_arrival = lane.last_arrival.max(sent + shape.delay + jitter(shape.jitter));
            lane.under_way_bytes += segment.len();
            lane.under_way.push_back(segment);
            arrivals.push(lane.last_arrival);
        }
        lane.busy = true;
        (arrivals, sent)
    }

    /// The next segment arrives.
    pub(crate) fn arrive(&mut self, side: usize) -> Option<Bytes> {
        let lane = &mut self.lanes[side];
        let segment = lane.under_way.pop_front()?;
        lane.under_way_bytes -= segment.len();
        Some(segment)
    }
}

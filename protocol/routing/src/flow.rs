//! One direction of a route at one node.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use byway_base::{
    Moment, RoutingId,
    limits::{
        CREDIT_GRANT_PART, CREDIT_WINDOW, CREDIT_WINDOW_MAX, CREDIT_WINDOW_MIN, DATAGRAM_QUEUE, LOCAL_QUEUE,
    },
};
use byway_wire::{Kind, Reason, packet::FLAG_BLOCKED};

use crate::window::{Bounds, Window};

/// What a packet costs beside its payload, bytes: about the memory of its place in a queue, so that a flood of empty
/// packets is bounded by credit as well.
const PACKET_COST: usize = 64;

/// After a cap delayed a grant, what the sender waited for is put down to the cap for this long.
const CAP_MEMORY: Duration = Duration::from_secs(1);

/// Credit that a data packet with `payload` bytes uses.
#[must_use]
pub const fn credit_cost(payload: usize) -> usize {
    payload + PACKET_COST
}

/// Where a flow comes from or goes to at this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// A transport, under a label.
    Transport { slot: usize, label: RoutingId },
    /// A session of this node.
    Local,
}

/// A flow's totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlowCounters {
    /// Packets with payload that left the flow's queue.
    pub packets: u64,
    /// Their payload bytes.
    pub bytes: u64,
}

#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) kind: Kind,
    pub(crate) flags: u8,
    pub(crate) payload: Bytes,
}

impl Queued {
    fn cost(&self) -> usize {
        credit_cost(self.payload.len())
    }
}

#[derive(Debug)]
pub(crate) struct Flow {
    /// The route's slot.
    pub(crate) route: usize,
    pub(crate) input: End,
    pub(crate) output: End,
    /// Data and probes.
    data: VecDeque<Queued>,
    /// Datagrams and traces. They pass the flow's own data, within the flow's own share of the transport.
    datagrams: VecDeque<Queued>,
    /// Credit cost of `data`.
    waiting: usize,
    /// Credit cost of `datagrams`.
    waiting_datagrams: usize,
    /// What the next node still lets us send.
    credit: usize,
    /// Cost of data sent that the next node has not granted again.
    under_way: usize,
    /// What the previous node may still send us.
    allowance: usize,
    /// How much of the flow may be under way to us or wait here. With a local input: how much may wait here.
    pub(crate) window: Window,
    /// Data here had to wait for credit, and the next node was not told yet.
    blocked: bool,
    /// Bytes that the flow may still send in its turn.
    pub(crate) deficit: usize,
    /// The flow stands in its output's turns.
    pub(crate) listed: bool,
    /// The flow's turn was cut short by a full batch and goes on.
    pub(crate) in_turn: bool,
    /// A local sender found the queue full and waits.
    pub(crate) sender_waits: bool,
    /// The local reader was woken and has not read yet.
    pub(crate) reader_woken: bool,
    /// The same for datagrams.
    pub(crate) datagram_reader_woken: bool,
    /// Stands in line for a grant that the node's caps delay.
    pub(crate) grant_delayed: bool,
    /// The sender waits for the caps and not for its window, until then.
    capped_until: Moment,
    /// The last batch of arrivals that left something here, as long as nothing was passed on since.
    unserved_batch: Option<u64>,
    /// After the queue, close.
    pub(crate) ending: Option<(Reason, u8)>,
    pub(crate) counters: FlowCounters,
    /// `counters.bytes` when the flow was last looked at for idleness.
    pub(crate) bytes_at_sweep: u64,
}

impl Flow {
    pub(crate) fn new(route: usize, input: End, output: End, now: Moment) -> Self {
        let window = if input == End::Local { LOCAL_QUEUE } else { CREDIT_WINDOW };
        Self {
            route,
            input,
            output,
            data: VecDeque::new(),
            datagrams: VecDeque::new(),
            waiting: 0,
            waiting_datagrams: 0,
            credit: CREDIT_WINDOW,
            under_way: 0,
            allowance: CREDIT_WINDOW,
            window: Window::new(window, now),
            blocked: false,
            deficit: 0,
            listed: false,
            in_turn: false,
            sender_waits: false,
            reader_woken: false,
            datagram_reader_woken: false,
            grant_delayed: false,
            capped_until: Moment::ZERO,
            unserved_batch: None,
            ending: None,
            counters: FlowCounters::default(),
            bytes_at_sweep: 0,
        }
    }

    pub(crate) fn is_transit(&self) -> bool {
        self.input != End::Local && self.output != End::Local
    }

    /// Takes the packet's cost from what the previous node may send. False if it sent more than it was granted.
    pub(crate) fn spend_allowance(&mut self, payload: usize) -> bool {
        let left = self.allowance.checked_sub(credit_cost(payload));
        self.allowance = left.unwrap_or(self.allowance);
        left.is_some()
    }

    /// Queues a packet that came with a batch of arrivals. False if it is a datagram and those waiting fill their share.
    ///
    /// A payload shares its memory with everything that was read at once. Where nothing was passed on since an earlier
    /// batch, it gets memory of its own, so that a dead reader holds what it was sent and not what came along with it.
    pub(crate) fn push(&mut self, mut packet: Queued, batch: u64) -> bool {
        if self.unserved_batch.is_some_and(|unserved| unserved != batch) {
            packet.payload = Bytes::copy_from_slice(&packet.payload);
        }
        self.unserved_batch.get_or_insert(batch);
        self.push_local(packet)
    }

    /// Queues a packet whose memory is its own. False if it is a datagram and those waiting fill their share.
    pub(crate) fn push_local(&mut self, packet: Queued) -> bool {
        let cost = packet.cost();
        // Probes and traces show the path, not what the flow itself has waiting.
        let first = packet.flags != 0 || packet.kind == Kind::Trace;
        if packet.kind == Kind::Data {
            self.waiting += cost;
            if first {
                self.data.push_front(packet);
            } else {
                self.data.push_back(packet);
            }
            return true;
        }
        if self.waiting_datagrams + cost > DATAGRAM_QUEUE {
            return false;
        }
        self.waiting_datagrams += cost;
        if first {
            self.datagrams.push_front(packet);
        } else {
            self.datagrams.push_back(packet);
        }
        true
    }

    /// Payload length of the packet that goes next, if there is one and the next node granted enough for it.
    /// A local output needs no grant.
    pub(crate) fn next_len(&self) -> Option<usize> {
        if let Some(datagram) = self.datagrams.front() {
            return Some(datagram.payload.len());
        }
        let packet = self.data.front()?;
        (self.output == End::Local || packet.cost() <= self.credit).then_some(packet.payload.len())
    }

    /// Notes that the flow waits for credit, if it does.
    pub(crate) fn note_blocked(&mut self) {
        self.blocked |= self.has_data() && self.next_len().is_none();
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.has_data() && !self.has_datagrams()
    }

    pub(crate) fn has_data(&self) -> bool {
        !self.data.is_empty()
    }

    pub(crate) fn has_datagrams(&self) -> bool {
        !self.datagrams.is_empty()
    }

    /// Bytes that wait, with what they cost beside their payload.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting + self.waiting_datagrams
    }

    /// Of these, what others made this node hold.
    pub(crate) fn held(&self) -> usize {
        if self.input == End::Local { 0 } else { self.waiting() }
    }

    /// Whether a local sender may queue data with `payload` bytes more.
    pub(crate) fn has_room(&self, payload: usize) -> bool {
        self.waiting == 0 || self.waiting + credit_cost(payload) <= self.window.limit()
    }

    /// Whether a local sender that waits for room should be woken: half of it is there.
    pub(crate) fn is_half_empty(&self) -> bool {
        self.waiting <= self.window.limit() / 2
    }

    /// What a local sender has waiting here and under way on the first hop. An estimate: while the next node's window
    /// grows or shrinks, it grants more or less than it passed on.
    pub(crate) fn backlog(&self) -> usize {
        self.waiting + self.under_way
    }

    /// Takes the next packet; the caller has asked [`Self::next_len`].
    pub(crate) fn pop(&mut self) -> Option<Queued> {
        self.pop_datagram().or_else(|| self.pop_data())
    }

    pub(crate) fn pop_datagram(&mut self) -> Option<Queued> {
        let packet = self.datagrams.pop_front()?;
        self.waiting_datagrams -= packet.cost();
        self.count(&packet);
        Some(packet)
    }

    pub(crate) fn pop_data(&mut self) -> Option<Queued> {
        let mut packet = self.data.pop_front()?;
        let cost = packet.cost();
        self.waiting -= cost;
        if self.output != End::Local {
            self.credit -= cost;
            self.under_way += cost;
            packet.flags |= if std::mem::take(&mut self.blocked) { FLAG_BLOCKED } else { 0 };
        }
        self.window.passed(cost, self.waiting);
        self.count(&packet);
        Some(packet)
    }

    fn count(&mut self, packet: &Queued) {
        self.unserved_batch = None;
        self.counters.packets += 1;
        self.counters.bytes += packet.payload.len() as u64;
    }

    /// Looks whether the window should change; `most` is what it may be. Says by how much it grew beyond
    /// [`CREDIT_WINDOW`], or fell back.
    pub(crate) fn tune(&mut self, now: Moment, rtt: Duration, most: usize) -> isize {
        let local = self.input == End::Local;
        let bounds = Bounds { least: CREDIT_WINDOW_MIN, most: if local { LOCAL_QUEUE } else { most } };
        let before = self.grown();
        self.window.tune(now, rtt, bounds);
        self.grown().cast_signed() - before.cast_signed()
    }

    /// How far the window is beyond its first size.
    pub(crate) fn grown(&self) -> usize {
        if self.input == End::Local { 0 } else { self.window.limit().saturating_sub(CREDIT_WINDOW) }
    }

    /// A cap delays the flow's grants: what waits for them says nothing of the window.
    pub(crate) fn delay_grant(&mut self, now: Moment) {
        self.grant_delayed = true;
        self.capped_until = now + CAP_MEMORY;
    }

    /// The previous node had to wait for credit.
    pub(crate) fn sender_was_blocked(&mut self, now: Moment) {
        if now >= self.capped_until {
            self.window.blocked();
        }
    }

    /// What is to be granted to the previous node now, if it is worth a packet.
    pub(crate) fn due_grant(&self) -> Option<u32> {
        let limit = self.window.limit();
        let due = limit.saturating_sub(self.allowance + self.waiting);
        (due >= limit / CREDIT_GRANT_PART).then(|| u32::try_from(due).unwrap_or(u32::MAX))
    }

    /// `bytes` are granted to the previous node.
    pub(crate) fn granted(&mut self, bytes: u32) {
        self.allowance += bytes as usize;
    }

    /// The next node granted `bytes` more. What exceeds the largest window is cut off.
    pub(crate) fn grant(&mut self, bytes: u32) {
        self.credit = self.credit.saturating_add(bytes as usize).min(CREDIT_WINDOW_MAX);
        self.under_way = self.under_way.saturating_sub(bytes as usize);
    }

    /// What an idle sender gives back: all beyond the first window.
    pub(crate) fn give_back(&mut self) -> Option<u32> {
        let beyond = self.credit.checked_sub(CREDIT_WINDOW).filter(|bytes| *bytes > 0)?;
        self.credit = CREDIT_WINDOW;
        u32::try_from(beyond).ok()
    }

    /// The previous node gave `bytes` of its window back.
    pub(crate) fn given_back(&mut self, bytes: u32, now: Moment) {
        self.allowance = self.allowance.saturating_sub(bytes as usize);
        let left = (self.allowance + self.waiting).max(CREDIT_WINDOW);
        self.window.reset(self.window.limit().min(left), now);
    }

    /// An idle flow has its first window again and keeps no memory.
    pub(crate) fn rest(&mut self, now: Moment) {
        if self.is_empty() {
            self.data = VecDeque::new();
            self.datagrams = VecDeque::new();
        }
        let first = if self.input == End::Local { LOCAL_QUEUE } else { CREDIT_WINDOW };
        if self.window.limit() < first {
            self.window.reset(first, now);
        }
    }
}

//! One direction of a route at one node.

use std::collections::VecDeque;

use bytes::Bytes;
use byway_base::{
    RoutingId,
    limits::{CREDIT_GRANT_STEP, CREDIT_WINDOW, DATAGRAM_QUEUE},
};
use byway_wire::{Kind, Reason};

/// What a packet costs beside its payload, bytes: about the memory of its place in a queue, so that a flood of empty
/// packets is bounded by credit as well.
const PACKET_COST: usize = 64;

/// Payloads below this do not keep shared memory alive in a long queue, bytes.
const SHARED_MIN: usize = 4096;
/// A queue that holds more than this is long, bytes.
const LONG_QUEUE: usize = 128 * 1024;

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

#[derive(Debug)]
pub(crate) struct Flow {
    /// The route's slot.
    pub(crate) route: usize,
    pub(crate) input: End,
    pub(crate) output: End,
    queue: VecDeque<Queued>,
    /// Credit cost of the data in the queue.
    queued: usize,
    /// Payload bytes of the datagrams in the queue.
    queued_datagrams: usize,
    /// What the next node still lets us send.
    window: usize,
    /// What the previous node may still send us.
    allowance: usize,
    /// What we passed on and have not granted again.
    owed: usize,
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
    /// After the queue, close.
    pub(crate) ending: Option<Reason>,
    pub(crate) counters: FlowCounters,
}

impl Flow {
    pub(crate) fn new(route: usize, input: End, output: End) -> Self {
        Self {
            route,
            input,
            output,
            queue: VecDeque::new(),
            queued: 0,
            queued_datagrams: 0,
            window: CREDIT_WINDOW,
            allowance: CREDIT_WINDOW,
            owed: 0,
            deficit: 0,
            listed: false,
            in_turn: false,
            sender_waits: false,
            reader_woken: false,
            ending: None,
            counters: FlowCounters::default(),
        }
    }

    /// Takes the packet's cost from what the previous node may send. False if it sent more than it was granted.
    pub(crate) fn spend_allowance(&mut self, payload: usize) -> bool {
        let left = self.allowance.checked_sub(credit_cost(payload));
        self.allowance = left.unwrap_or(self.allowance);
        left.is_some()
    }

    /// Queues a packet. False if it is a datagram and those waiting fill their share.
    ///
    /// A payload shares its memory with everything that was read at once. Where a queue has grown long, small payloads
    /// get memory of their own, so that a dead reader holds what it was sent and not what came along with it.
    pub(crate) fn push(&mut self, mut packet: Queued) -> bool {
        if packet.payload.len() < SHARED_MIN && self.queued + self.queued_datagrams > LONG_QUEUE {
            packet.payload = Bytes::copy_from_slice(&packet.payload);
        }
        if packet.kind == Kind::Datagram {
            if self.queued_datagrams + credit_cost(packet.payload.len()) > DATAGRAM_QUEUE {
                return false;
            }
            self.queued_datagrams += credit_cost(packet.payload.len());
        } else {
            self.queued += credit_cost(packet.payload.len());
        }
        self.queue.push_back(packet);
        true
    }

    /// Payload length of the packet that goes next, if there is one and the next node granted enough for it.
    /// A local output needs no grant.
    pub(crate) fn next_len(&self) -> Option<usize> {
        let packet = self.queue.front()?;
        let len = packet.payload.len();
        let free = self.output == End::Local || packet.kind == Kind::Datagram;
        (free || credit_cost(len) <= self.window).then_some(len)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Credit cost of the data that waits.
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// Takes the next packet; the caller has asked [`Self::next_len`].
    pub(crate) fn pop(&mut self) -> Option<Queued> {
        let packet = self.queue.pop_front()?;
        let cost = credit_cost(packet.payload.len());
        if packet.kind == Kind::Datagram {
            self.queued_datagrams -= cost;
        } else {
            self.queued -= cost;
            if self.output != End::Local {
                self.window -= cost;
            }
            self.owed += cost;
        }
        self.counters.packets += 1;
        self.counters.bytes += packet.payload.len() as u64;
        Some(packet)
    }

    /// Counts a data packet that never enters the queue as passed on.
    pub(crate) fn pass_through(&mut self, payload: usize) {
        self.owed += credit_cost(payload);
    }

    /// What is to be granted to the previous node now, if it is worth a packet.
    pub(crate) fn take_grant(&mut self) -> Option<u32> {
        if self.owed < CREDIT_GRANT_STEP {
            return None;
        }
        self.allowance += self.owed;
        u32::try_from(std::mem::take(&mut self.owed)).ok()
    }

    /// The next node granted `bytes` more. A grant beyond the window that it can have is cut to that.
    pub(crate) fn grant(&mut self, bytes: u32) {
        self.window = self.window.saturating_add(bytes as usize).min(CREDIT_WINDOW);
    }
}

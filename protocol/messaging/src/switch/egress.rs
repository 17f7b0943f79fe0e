//! What waits to be written to one peer: bounded, and fair between sources.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use byway_base::limits::{FAIR_QUANTUM, MESSAGING_PAYLOAD_MAX};
use byway_wire::messaging::Frame;
use slab::Slab;

use super::SessionId;

/// Frames without a payload that wait for one peer. They are hints and answers; beyond this the newest is dropped.
const CONTROL_FRAMES: usize = 64;
/// Bytes that a queued datagram counts beside its payload: the slot and its share of the bookkeeping. Without it,
/// empty datagrams would queue for nothing.
pub(super) const SLOT_CHARGE: usize = 256;
/// End of a lane's chain.
const NONE: usize = usize::MAX;
/// What one turn is worth; more than any datagram charges, so that every turn moves one.
const QUANTUM: isize = FAIR_QUANTUM as isize;
const _: () = assert!(FAIR_QUANTUM > MESSAGING_PAYLOAD_MAX + SLOT_CHARGE);
/// Slots that a drained queue keeps for reuse; a larger table is given back.
const SLOTS_KEPT: usize = 256;

/// Lanes that the datagrams of one other server share, by their sources (McKenney's stochastic fairness, 1990): a flood
/// through a server harms few of its other sources, and no server gets more than this many clients' share.
pub(super) const SERVER_LANES: u8 = 16;

/// Where the datagrams of one source wait: the connection that they came on, and which of its lanes.
pub(super) type LaneId = (SessionId, u8);

/// The queue of one peer. Datagrams wait in one lane per source, lanes are served by deficit round robin (Shreedhar
/// and Varghese, 1995), and when the queue is full the longest lane loses its oldest datagram: a flood harms itself.
#[derive(Debug, Default)]
pub(super) struct Egress {
    control: VecDeque<Frame>,
    slots: Slab<Slot>,
    lanes: BTreeMap<LaneId, Lane>,
    /// The lanes by what they hold, to find the longest.
    longest: BTreeSet<(usize, LaneId)>,
    /// The lanes in order of service.
    turns: VecDeque<LaneId>,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    frame: Frame,
    next: usize,
}

impl Slot {
    fn charge(&self) -> usize {
        charge(&self.frame)
    }
}

/// What a frame with a payload counts while it waits.
pub(super) fn charge(frame: &Frame) -> usize {
    SLOT_CHARGE + frame.payload().len()
}

/// A non-empty chain of slots.
#[derive(Debug)]
struct Lane {
    head: usize,
    tail: usize,
    bytes: usize,
    /// Bytes that the lane may send in its turn; what a turn exceeded is taken off the next one.
    deficit: isize,
}

impl Egress {
    /// What the queue counts at present.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.control.is_empty() && self.turns.is_empty()
    }

    /// How many datagrams wait.
    pub(super) fn datagrams(&self) -> u64 {
        self.slots.len() as u64
    }

    /// Queues a frame that goes before all datagrams. Returns false if it was dropped.
    pub(super) fn push_control(&mut self, frame: Frame) -> bool {
        let room = self.control.len() < CONTROL_FRAMES;
        if room {
            self.control.push_back(frame);
        }
        room
    }

    /// Queues a datagram, then drops until at most `limit` is left. Returns how many datagrams were dropped.
    pub(super) fn push(&mut self, from: LaneId, frame: Frame, limit: usize) -> u64 {
        let charge = charge(&frame);
        let slot = self.slots.insert(Slot { frame, next: NONE });
        self.bytes += charge;
        match self.lanes.get_mut(&from) {
            Some(lane) => {
                self.slots[lane.tail].next = slot;
                lane.tail = slot;
                self.longest.remove(&(lane.bytes, from));
                lane.bytes += charge;
                self.longest.insert((lane.bytes, from));
            }
            None => {
                let lane = Lane { head: slot, tail: slot, bytes: charge, deficit: 0 };
                self.lanes.insert(from, lane);
                self.longest.insert((charge, from));
                self.turns.push_back(from);
            }
        }
        let mut dropped = 0;
        while self.bytes > limit && self.drop_oldest_of_longest() {
            dropped += 1;
        }
        dropped
    }

    fn drop_oldest_of_longest(&mut self) -> bool {
        let Some((bytes, from)) = self.longest.pop_last() else { return false };
        let lane = self.lanes.get_mut(&from).expect("every length belongs to a lane");
        let slot = self.slots.remove(lane.head);
        let charge = slot.charge();
        self.bytes -= charge;
        lane.bytes -= charge;
        lane.head = slot.next;
        if slot.next == NONE {
            self.lanes.remove(&from);
            self.turns.retain(|turn| *turn != from);
        } else {
            self.longest.insert((bytes - charge, from));
        }
        true
    }

    /// Moves about `budget` bytes of frames to `out`, control frames first; always at least one frame if there is any.
    pub(super) fn take(&mut self, budget: usize, out: &mut VecDeque<Frame>) {
        let mut taken = 0;
        while taken < budget
            && let Some(frame) = self.control.pop_front()
        {
            taken += frame.encoded_len();
            out.push_back(frame);
        }
        while taken < budget
            && let Some(from) = self.turns.pop_front()
        {
            taken += self.serve(from, budget - taken, out);
        }
        if self.control.is_empty() {
            // They are few and rare.
            self.control = VecDeque::new();
        }
        if self.is_empty() && self.slots.capacity() > SLOTS_KEPT {
            self.slots = Slab::new();
        }
    }

    /// Gives back what an empty queue keeps for the next burst.
    pub(super) fn release(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Every datagram that waits, in no order that means anything.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Frame> {
        std::mem::take(self).slots.into_iter().map(|(_, slot)| slot.frame)
    }

    /// Gives one lane its turn, or the rest of the turn that an exhausted budget cut short.
    fn serve(&mut self, from: LaneId, budget: usize, out: &mut VecDeque<Frame>) -> usize {
        let lane = self.lanes.get_mut(&from).expect("every turn belongs to a lane");
        let before = lane.bytes;
        let mut taken = 0;
        if lane.deficit <= 0 {
            lane.deficit += QUANTUM;
        }
        while lane.head != NONE && lane.deficit > 0 && taken < budget {
            let slot = self.slots.remove(lane.head);
            let charge = slot.charge();
            lane.head = slot.next;
            lane.bytes -= charge;
            lane.deficit -= charge as isize;
            taken += charge;
            out.push_back(slot.frame);
        }
        self.bytes -= taken;
        self.longest.remove(&(before, from));
        if lane.head == NONE {
            self.lanes.remove(&from);
        } else {
            self.longest.insert((lane.bytes, from));
            if lane.deficit > 0 {
                self.turns.push_front(from);
            } else {
                self.turns.push_back(from);
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use byway_base::SecretKey;

    use super::*;

    fn push(egress: &mut Egress, n: u8, length: usize, limit: usize) -> u64 {
        let source = SecretKey::from_seed([n; 32]).public();
        let frame = Frame::Receive { source, payload: vec![n; length].into() };
        egress.push((SessionId::for_test(n.into()), 0), frame, limit)
    }

    fn takes(egress: &mut Egress, budget: usize) -> Vec<u8> {
        let mut out = VecDeque::new();
        egress.take(budget, &mut out);
        let first = |frame: Frame| match frame {
            Frame::Receive { payload, .. } => payload[0],
            _ => 0,
        };
        out.into_iter().map(first).collect()
    }

    #[test]
    fn sources_take_turns_however_much_one_of_them_queued() {
        let mut egress = Egress::default();
        for _ in 0..20 {
            push(&mut egress, 1, 16_000, usize::MAX);
        }
        push(&mut egress, 2, 16_000, usize::MAX);
        let order = takes(&mut egress, 8 * 16_000);
        assert!(order[..4].contains(&2), "{order:?}");
    }

    #[test]
    fn small_and_large_datagrams_share_by_bytes() {
        let mut egress = Egress::default();
        for _ in 0..200 {
            push(&mut egress, 1, 16_000, usize::MAX);
            for _ in 0..8 {
                push(&mut egress, 2, 2_000 - SLOT_CHARGE, usize::MAX);
            }
        }
        let order = takes(&mut egress, 1_600_000);
        let large = order.iter().filter(|n| **n == 1).count() * 16_000;
        let small = order.iter().filter(|n| **n == 2).count() * 2_000;
        assert!(large.abs_diff(small) <= 2 * FAIR_QUANTUM, "{large} {small}");
    }

    #[test]
    fn a_full_queue_drops_from_the_source_that_filled_it() {
        let mut egress = Egress::default();
        let limit = 20 * (1_000 + SLOT_CHARGE);
        let dropped: u64 = (0..40).map(|_| push(&mut egress, 1, 1_000, limit)).sum();
        assert_eq!(dropped, 20);
        (0..10).for_each(|_| assert_eq!(push(&mut egress, 2, 1_000, limit), 1));
        assert_eq!(push(&mut egress, 2, 1_000, limit), 1);
        let order = takes(&mut egress, usize::MAX);
        assert_eq!(order.iter().filter(|n| **n == 2).count(), 10);
        assert_eq!((egress.bytes(), egress.is_empty()), (0, true));
    }

    #[test]
    fn control_frames_go_first_and_are_bounded() {
        let mut egress = Egress::default();
        push(&mut egress, 1, 10, usize::MAX);
        let kept = (0..1_000).filter(|token| egress.push_control(Frame::Pong(*token))).count();
        assert_eq!(kept, CONTROL_FRAMES);
        let order = takes(&mut egress, usize::MAX);
        assert_eq!((order[0], order[kept]), (0, 1));
    }
}

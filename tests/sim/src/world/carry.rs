//! How bytes get from forwarder to forwarder.

use std::time::Duration;

use bytes::BytesMut;
use byway_wire::Packet;

use super::{Happening, LinkIx, World};
use crate::{breach::Breach, checks::STAMP};

impl World {
    /// Takes a batch from the forwarder at `side` if the lane has room for one.
    pub(super) fn pump(&mut self, ix: LinkIx, side: usize) {
        let link = &mut self.links[ix.0];
        let (Some(slot), true) = (link.slots[side], link.takes(side)) else { return };
        let (node, budget, life) = (link.ends[side], link.shape.batch(), link.life);
        self.nodes[node.0].forwarder.poll_transmit(self.now, slot, budget, &mut self.batch);
        self.touch(node);
        if self.batch.is_empty() {
            return;
        }
        let mut bytes = BytesMut::new();
        for packet in self.batch.drain(..) {
            bytes.extend_from_slice(packet.head());
            bytes.extend_from_slice(packet.payload());
        }
        let dice = &mut self.dice;
        let jitter = |most: Duration| if most.is_zero() { most } else { dice.between(Duration::ZERO, most) };
        let (arrivals, free) = self.links[ix.0].put(self.now, side, bytes.freeze(), jitter);
        for arrival in arrivals {
            self.plan_at(arrival, Happening::Arrive { link: ix, life, side });
        }
        self.plan_at(free, Happening::LaneFree { link: ix, life, side });
    }

    pub(super) fn lane_free(&mut self, ix: LinkIx, life: u64, side: usize) {
        let link = &mut self.links[ix.0];
        if link.life == life {
            link.lanes[side].busy = false;
            self.pump(ix, side);
        }
    }

    /// A segment arrives, unless the transport is gone by now.
    pub(super) fn arrive(&mut self, ix: LinkIx, life: u64, side: usize) {
        let link = &mut self.links[ix.0];
        if link.life != life || !link.up {
            return;
        }
        if self.now < link.lanes[side].stalled_until {
            let until = link.lanes[side].stalled_until;
            self.plan_at(until, Happening::Arrive { link: ix, life, side });
            return;
        }
        let Some(segment) = link.arrive(side) else { return };
        let (node, slot, from) = (link.ends[1 - side], link.slots[1 - side], link.ends[side]);
        let received = &mut link.lanes[side].received;
        received.extend_from_slice(&segment);
        let (mut packets, mut heads) = (Vec::new(), Vec::new());
        loop {
            match Packet::take(received) {
                Ok(Some(packet)) => {
                    heads.extend_from_slice(&packet.header().encode());
                    // Beyond the stamp stands what QUIC encrypted, under keys that no two runs share.
                    heads.extend_from_slice(&packet.payload[..packet.payload.len().min(STAMP)]);
                    packets.push(packet);
                }
                Ok(None) => break,
                Err(error) => {
                    self.fail(Breach::Codec { node: from.0, what: error.to_string() });
                    return;
                }
            }
        }
        self.trace.note(self.now, "arrive", &[ix.into(), side as u64, segment.len() as u64], &heads);
        if let Some(slot) = slot {
            self.nodes[node.0].forwarder.handle_packets(self.now, slot, &mut packets);
            self.touch(node);
        }
        self.pump(ix, side);
    }
}

//! The forwarding core alone: packets through a node between two transports, without sockets, cryptography or locks.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use bytes::{Bytes, BytesMut};
use byway_base::{Moment, RouteId, RoutingId};
use byway_routing::{Forwarder, ForwarderConfig, Outgoing, RouteSide, RouteSpec, TransportSlot, credit_cost};
use byway_wire::{Kind, Packet};

use crate::{Options, stats::median, target::Line};

/// Bytes of one read, at most; and packets.
const READ: (usize, usize) = (128 * 1024, 64);
/// Packets of one run, by the size of their payload: enough for some tenths of a second.
const PACKETS: usize = 1_000_000;
/// Virtual time between two reads.
const STEP: Duration = Duration::from_micros(100);

/// Each size of packets over one route and over many.
pub(crate) fn measure(options: Options) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (name, payload) in [("16 000 B", 16_000), ("64 B", 64)] {
        for routes in [1, 1_000] {
            let mut runs = Vec::new();
            for _ in 0..options.runs {
                runs.push(run(routes, payload)?);
            }
            let nanoseconds = median(runs);
            let what = format!("forwarder alone, {name}, {routes} routes");
            lines.push(
                Line::new(what, "ns/packet", nanoseconds).beside("million packets/s", 1e3 / nanoseconds),
            );
        }
    }
    Ok(lines)
}

/// Nanoseconds per packet.
fn run(routes: u32, payload: usize) -> Result<f64> {
    let mut node = Intermediate::new(routes)?;
    let per_read = (READ.0 / payload).min(READ.1);
    let reads: Vec<_> = (0..routes as usize).map(|n| read(routes, n * per_read, per_read, payload)).collect();
    let rounds = PACKETS / per_read;
    // Windows find their size and queues their memory first.
    for read in reads.iter().cycle().take(rounds / 4) {
        node.cross(read);
    }
    node.spent = Duration::ZERO;
    let passed = node.passed;
    for read in reads.iter().cycle().take(rounds) {
        node.cross(read);
    }
    let packets = (node.passed - passed) as f64;
    ensure!(
        node.passed - passed == (rounds * per_read) as u64,
        "the forwarder passed on {packets} packets only"
    );
    Ok(node.spent.as_nanos() as f64 / packets)
}

/// A node between two neighbours, and the batches that move through it.
struct Intermediate {
    forwarder: Forwarder,
    now: Moment,
    previous: TransportSlot,
    next: TransportSlot,
    arriving: Vec<Packet>,
    leaving: Vec<Outgoing>,
    grants: Vec<Packet>,
    /// Time in the forwarder.
    spent: Duration,
    passed: u64,
}

impl Intermediate {
    fn new(routes: u32) -> Result<Self> {
        let now = Moment::ZERO;
        let mut forwarder = Forwarder::new(ForwarderConfig::default());
        let (previous, next) = (forwarder.add_transport(now), forwarder.add_transport(now));
        install(&mut forwarder, previous, next, routes)?;
        let (arriving, leaving, grants) = (Vec::new(), Vec::new(), Vec::new());
        let (spent, passed) = (Duration::ZERO, 0);
        Ok(Self { forwarder, now, previous, next, arriving, leaving, grants, spent, passed })
    }

    /// What one read brought crosses, as a driver moves it; the next node grants as much again. Only the forwarder's own
    /// work is timed.
    fn cross(&mut self, read: &[Packet]) {
        self.now = self.now + STEP;
        self.arriving.extend(read.iter().cloned());
        self.grants.extend(read.iter().map(grant));
        let started = Instant::now();
        self.forwarder.handle_packets(self.now, self.previous, &mut self.arriving);
        self.forwarder.poll_transmit(self.now, self.next, usize::MAX, &mut self.leaving);
        self.forwarder.handle_packets(self.now, self.next, &mut self.grants);
        while self.forwarder.pop_wake().is_some() {}
        self.spent += started.elapsed();
        self.passed += self.leaving.drain(..).filter(|packet| packet.kind() == Kind::Data).count() as u64;
        let started = Instant::now();
        self.forwarder.poll_transmit(self.now, self.previous, usize::MAX, &mut self.leaving);
        while self.forwarder.pop_wake().is_some() {}
        self.spent += started.elapsed();
        black_box(&mut self.leaving).clear();
        while self.forwarder.pop_event().is_some() {}
    }
}

/// Installs routes between two transports, labelled from one on.
pub(crate) fn install(
    forwarder: &mut Forwarder,
    previous: TransportSlot,
    next: TransportSlot,
    routes: u32,
) -> Result<()> {
    for label in 1..=routes {
        let side = |transport| {
            let label = RoutingId(label);
            Some(RouteSide { transport, label_in: label, label_out: label })
        };
        let mut id = [0; 16];
        id[..4].copy_from_slice(&label.to_be_bytes());
        let spec = RouteSpec { route: RouteId::from_bytes(id), previous: side(previous), next: side(next) };
        forwarder.install(Moment::ZERO, spec)?;
    }
    Ok(())
}

/// Exactly what the packet cost, from memory that is there already.
fn grant(packet: &Packet) -> Packet {
    const LARGE: [u8; 4] = (credit_cost(16_000) as u32).to_be_bytes();
    const SMALL: [u8; 4] = (credit_cost(64) as u32).to_be_bytes();
    let cost: &'static [u8] = if packet.payload.len() == 64 { &SMALL } else { &LARGE };
    Packet::new(Kind::Credit, packet.routing_id, Bytes::from_static(cost))
}

/// Packets that share one piece of memory, over one route after the other.
fn read(routes: u32, first: usize, count: usize, payload: usize) -> Vec<Packet> {
    let mut memory = BytesMut::zeroed(count * payload);
    let packet = |n| {
        let label = RoutingId((first + n) as u32 % routes + 1);
        Packet::new(Kind::Data, label, memory.split_to(payload).freeze())
    };
    (0..count).map(packet).collect()
}

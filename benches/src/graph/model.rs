//! Random networks of any size, the same for the same seed.
//!
//! A node is a point of the unit square with an access line. A transport joins two nodes drawn at random, as nodes of an
//! overlay find each other by key and not by place. Its round trip is what the distance and both access lines take; so
//! paths differ in cost and the triangle inequality holds roughly, as on the internet. One transport in ten loses
//! packets, one in five carries traffic.

use std::thread;

use byway_base::{PublicKey, TransportId, TransportType, UnixTime};
use byway_route_graph::{Graph, Metrics, Transport};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

/// How large a network is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) nodes: u32,
    pub(super) transports: u32,
}

/// Round trip across the unit square along its side, microseconds.
const ACROSS_US: f64 = 150_000.0;
/// Round trips that an access line adds, microseconds.
const ACCESS_US: std::ops::Range<u32> = 500..15_000;
/// Losses of the transports that lose, parts per million.
const LOSS_PPM: std::ops::Range<u32> = 1_000..20_000;
/// Throughput of the transports that carry traffic, bits per second.
const USE_BPS: std::ops::Range<u64> = 1_000_000..500_000_000;

/// A network before it is a graph.
pub(super) struct Model {
    pub(super) keys: Vec<PublicKey>,
    /// Numbers of its edges, its id and its metrics.
    pub(super) links: Vec<([u32; 2], TransportId, Metrics)>,
    kind: TransportType,
}

struct Place {
    at: [f64; 2],
    access_us: u32,
}

impl Model {
    pub(super) fn draw(size: Size, seed: u64) -> Self {
        let keys = keys(size.nodes, seed);
        let mut random = StdRng::seed_from_u64(seed);
        let places: Vec<Place> = (0..size.nodes).map(|_| place(&mut random)).collect();
        let mut links = Vec::with_capacity(size.transports as usize);
        while links.len() < size.transports as usize {
            let [a, b] = [0; 2].map(|_| random.random_range(0..size.nodes));
            if a != b {
                let metrics = metrics(&places[a as usize], &places[b as usize], &mut random);
                links.push(([a, b], TransportId::from_bytes(random.random()), metrics));
            }
        }
        let kind = TransportType::new("tcp").expect("the name is short and plain");
        Self { keys, links, kind }
    }

    /// A transport as a mirror takes it.
    pub(super) fn transport(&self, number: usize) -> Transport {
        let (edges, id, metrics) = self.links[number];
        let edges = edges.map(|node| self.keys[node as usize]);
        Transport { id, kind: self.kind.clone(), issued: UnixTime(0), edges, up: [true; 2], metrics }
    }

    /// The mirror.
    pub(super) fn graph(&self) -> Graph {
        let mut graph = Graph::seeded(1);
        for number in 0..self.links.len() {
            graph.upsert(&self.transport(number)).expect("the sizes are within the limits");
        }
        graph
    }

    /// Pairs of different nodes, each with a transport at least, to ask for paths between.
    pub(super) fn pairs(&self, count: usize, seed: u64) -> Vec<[u32; 2]> {
        let mut random = StdRng::seed_from_u64(seed);
        let mut end = || {
            let (edges, ..) = self.links[random.random_range(0..self.links.len())];
            edges[random.random_range(0..2)]
        };
        std::iter::repeat_with(|| [end(), end()]).filter(|[a, b]| a != b).take(count).collect()
    }
}

/// Keys cost a point of the curve each, so that all processors share them.
fn keys(count: u32, seed: u64) -> Vec<PublicKey> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = count.div_ceil(u32::try_from(threads).expect("processors are few"));
    let draw = |first: u32| {
        let mut random = StdRng::seed_from_u64(seed ^ u64::from(first).rotate_left(32));
        let any = std::iter::repeat_with(move || PublicKey::from_bytes(random.random()).ok());
        any.flatten().take(share.min(count - first) as usize).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let shares: Vec<_> =
            (0..count).step_by(share as usize).map(|first| scope.spawn(move || draw(first))).collect();
        shares.into_iter().flat_map(|share| share.join().expect("drawing keys does not panic")).collect()
    })
}

fn place(random: &mut impl Rng) -> Place {
    Place { at: random.random(), access_us: random.random_range(ACCESS_US) }
}

fn metrics(a: &Place, b: &Place, random: &mut impl Rng) -> Metrics {
    let distance = (a.at[0] - b.at[0]).hypot(a.at[1] - b.at[1]);
    let rtt_us = (distance * ACROSS_US) as u32 + a.access_us + b.access_us;
    let loss_ppm = if random.random_ratio(1, 10) { random.random_range(LOSS_PPM) } else { 0 };
    let throughput_bps = if random.random_ratio(1, 5) { random.random_range(USE_BPS) } else { 0 };
    Metrics { rtt_us, loss_ppm, throughput_bps }
}

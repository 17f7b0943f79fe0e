//! Simulated nodes: keys, the transports between them, and what they ask for.

use anyhow::Result;
use byway_api::{
    Bounded,
    route_finder::FindRequest,
    transport_discovery::{HeartbeatRequest, Metrics, TransportReport},
};
use byway_base::{Policy, SecretKey, TransportId, TransportType};
use byway_clock::unix_now;
use byway_wire::{SignedTransportEntry, TransportEntry};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::load::Request;
use crate::service::ServiceProcess;

/// A round-trip time like one on the Internet.
const RTT_US: u32 = 20_000;

/// Nodes of one network. The same numbers give the same network.
pub(super) struct Crowd {
    secrets: Vec<SecretKey>,
    /// Each with the node that opened it.
    pub(super) transports: Vec<(usize, SignedTransportEntry)>,
    of_node: Vec<Vec<TransportId>>,
    dice: StdRng,
}

impl Crowd {
    /// `nodes` nodes in a ring, so that all can reach each other; each opens `degree` transports, all but one of them to
    /// random others. Signs every entry at both edges.
    pub(super) fn new(nodes: usize, degree: usize) -> Result<Self> {
        Self::of_keys(0, nodes, degree)
    }

    /// The same with other keys.
    pub(super) fn others(nodes: usize, degree: usize) -> Result<Self> {
        Self::of_keys(1, nodes, degree)
    }

    fn of_keys(series: u8, nodes: usize, degree: usize) -> Result<Self> {
        let secret = |index: usize| {
            let mut seed = [series; 32];
            seed[..8].copy_from_slice(&(index as u64).to_le_bytes());
            SecretKey::from_seed(seed)
        };
        let secrets: Vec<_> = (0..nodes).map(secret).collect();
        let (kind, issued) = ("tcp".parse::<TransportType>()?, unix_now());
        let mut crowd = Self {
            secrets,
            transports: vec![],
            of_node: vec![vec![]; nodes],
            dice: StdRng::seed_from_u64(1),
        };
        for from in 0..nodes {
            for nth in 0..degree {
                let to = if nth == 0 { (from + 1) % nodes } else { crowd.dice.random_range(0..nodes) };
                let (a, b) = (&crowd.secrets[from], &crowd.secrets[to]);
                let entry = TransportEntry::new(a.public(), b.public(), kind.clone(), issued);
                let id = entry.id();
                // Between two nodes there is one transport of a type.
                if from == to || crowd.of_node[from].contains(&id) {
                    continue;
                }
                let (by_a, by_b) = (entry.sign(a), entry.sign(b));
                crowd.transports.push((from, entry.with_signatures(&a.public(), by_a, by_b)));
                crowd.of_node[from].push(id);
                crowd.of_node[to].push(id);
            }
        }
        Ok(crowd)
    }

    pub(super) fn len(&self) -> usize {
        self.secrets.len()
    }

    pub(super) fn secret(&self, node: usize) -> &SecretKey {
        &self.secrets[node]
    }

    /// What a node reports.
    pub(super) fn report(&self, node: usize) -> Result<HeartbeatRequest> {
        let metrics = Metrics { rtt_us: RTT_US, ..Metrics::default() };
        let report = |id: &TransportId| TransportReport { id: *id, up: true, metrics };
        let transports: Vec<_> = self.of_node[node].iter().map(report).collect();
        Ok(HeartbeatRequest { transit: true, transports: Bounded::try_from(transports)? })
    }

    /// A node reports.
    pub(super) fn heartbeat(&self, node: usize, to: &ServiceProcess) -> Result<Request> {
        let body = serde_json::to_string(&self.report(node)?)?;
        Ok(Request::signed(&self.secrets[node], "POST", to, "/v1/heartbeats", &body))
    }

    /// The node that opened a transport registers it.
    pub(super) fn registration(&self, index: usize, to: &ServiceProcess) -> Result<Request> {
        let (node, signed) = &self.transports[index];
        let path = format!("/v1/transports/{}", signed.entry.id());
        Ok(Request::signed(&self.secrets[*node], "PUT", to, &path, &serde_json::to_string(signed)?))
    }

    /// A random node asks for a path to another.
    pub(super) fn query(&mut self, to: &ServiceProcess) -> Result<Request> {
        let from = self.dice.random_range(0..self.len());
        let other = (from + self.dice.random_range(1..self.len())) % self.len();
        let (from, other) = (&self.secrets[from], &self.secrets[other]);
        let request = FindRequest {
            from: from.public(),
            to: other.public(),
            policy: Policy::default(),
            k: None,
            why_not: false,
        };
        Ok(Request::signed(from, "POST", to, "/v1/paths:find", &serde_json::to_string(&request)?))
    }
}

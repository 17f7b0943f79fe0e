//! The mirror of transport discovery: the graph, and that nothing enters it which both edges did not sign.
//!
//! Transport discovery is believed about states and metrics, which nobody else knows, but not about who is connected to
//! whom: a discovery that invents transports could draw every path through nodes of its choice.

mod verified;

use std::time::Instant;

use byway_api::transport_discovery::{ChangeKind, NodeView, TransportState, TransportView};
use byway_route_graph::{Graph, Metrics, Transport};

use crate::latest::View;
use verified::{Refusal, judge, judge_all};

/// All that is known of the network. Its methods compute and are not for async threads.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    graph: Graph,
    sequence: Option<u64>,
}

impl Mirror {
    /// The last change contained; none if a snapshot is needed.
    pub(crate) fn sequence(&self) -> Option<u64> {
        self.sequence
    }

    /// What is known cannot be brought up to date by changes alone. It stays until a snapshot replaces it.
    pub(crate) fn needs_snapshot(&mut self) {
        self.sequence = None;
    }

    /// An empty mirror, for the snapshot of this number.
    pub(crate) fn begin(sequence: u64) -> Self {
        for reason in Refusal::NAMES {
            // A counter that begins with its first increment hides that increment from rates.
            metrics::counter!("byway_mirror_refused_total", "reason" => reason).increment(0);
        }
        Self { graph: Graph::seeded(rand::random()), sequence: Some(sequence) }
    }

    /// Takes transports of a snapshot over. Signatures that `known` has verified are not verified again; the others are by
    /// `threads` threads at once.
    pub(crate) fn load(&mut self, transports: &[TransportView], known: &Self, threads: usize) {
        let verdicts = judge_all(&known.graph, transports, threads);
        for (view, verdict) in transports.iter().zip(verdicts) {
            self.put(view, verdict);
        }
    }

    /// Takes nodes of a snapshot over.
    pub(crate) fn load_nodes(&mut self, nodes: Vec<NodeView>) {
        for node in nodes {
            self.put_node(node);
        }
    }

    /// Takes one change over. Changes must come in order; one that is contained already does no harm.
    pub(crate) fn apply(&mut self, sequence: u64, change: ChangeKind) {
        match change {
            ChangeKind::Registered { transport }
            | ChangeKind::State { transport }
            | ChangeKind::Metrics { transport } => {
                let verdict = judge(&self.graph, &transport);
                self.put(&transport, verdict);
            }
            ChangeKind::Expired { id } | ChangeKind::Removed { id } => {
                self.graph.remove(&id);
            }
            ChangeKind::Node { node } => self.put_node(node),
        }
        self.sequence = self.sequence.max(Some(sequence));
    }

    /// The present state in the form that searches run on. Costs much after a transport came, went or changed its state,
    /// little otherwise.
    pub(crate) fn view(&mut self) -> View {
        let began = Instant::now();
        let csr = self.graph.snapshot();
        metrics::histogram!("byway_mirror_publish_seconds").record(began.elapsed().as_secs_f64());
        View { csr, counts: self.graph.counts(), sequence: self.sequence.unwrap_or_default() }
    }

    fn put(&mut self, view: &TransportView, verdict: Result<(), Refusal>) {
        let entry = &view.signed.entry;
        let transport = Transport {
            id: view.id,
            kind: entry.kind.clone(),
            issued: entry.issued,
            edges: entry.edges,
            // The claims of both edges alone do not tell that a lease has passed.
            up: [view.state == TransportState::Up; 2],
            metrics: Metrics {
                rtt_us: view.metrics.rtt_us,
                loss_ppm: view.metrics.loss_ppm,
                throughput_bps: view.metrics.throughput_bps,
            },
        };
        if let Err(refusal) = verdict.and_then(|()| self.graph.upsert(&transport).map_err(Refusal::from)) {
            metrics::counter!("byway_mirror_refused_total", "reason" => refusal.name()).increment(1);
            tracing::debug!(id = ?view.id, %refusal, "entry ignored");
        }
    }

    fn put_node(&mut self, node: NodeView) {
        if let Err(error) = self.graph.set_node(node.key, !node.transit) {
            let refusal = Refusal::from(error);
            metrics::counter!("byway_mirror_refused_total", "reason" => refusal.name()).increment(1);
            tracing::debug!(key = ?node.key, %refusal, "node ignored");
        }
    }
}

#[cfg(test)]
mod tests;

//! What a mirror holds and how long its changes take.

use std::sync::Arc;

use anyhow::Result;
use byway_route_graph::{Csr, Graph, Metrics};

use super::{clock::ThreadTime, model::Model};
use crate::{process, stats::median, target::Line};

/// A mirror as finders keep it, with its latest view.
pub(super) struct Mirror {
    graph: Graph,
    pub(super) view: Arc<Csr>,
    bytes: u64,
    /// Seconds to take over all transports, signatures aside, and to make the first view.
    load_s: f64,
}

impl Mirror {
    pub(super) fn load(model: &Model) -> Result<Self> {
        let (before, began) = (process::heap_bytes()?, ThreadTime::now());
        let mut graph = model.graph();
        let view = graph.snapshot();
        let load_s = began.elapsed_us() / 1e6;
        Ok(Self { graph, view, bytes: process::heap_bytes()? - before, load_s })
    }

    /// Its rows. Targets are those of the largest network.
    pub(super) fn measure(&mut self, model: &Model, name: &str, is_largest: bool, runs: usize) -> Vec<Line> {
        let megabytes = self.bytes as f64 / 1e6;
        let what = |what: &str| format!("mirror, {name}: {what}");
        let memory = Line::new(what("memory"), "MB", megabytes)
            .beside("bytes per transport", self.bytes as f64 / model.links.len() as f64);
        let load = Line::new(what("taken over, signatures aside"), "s", self.load_s);
        let (mut state, mut metrics) = (Vec::new(), Vec::new());
        for run in 0..runs {
            let mut transport = model.transport(run);
            transport.metrics = Metrics { rtt_us: transport.metrics.rtt_us + 1_000, ..transport.metrics };
            metrics.push(self.change(&transport));
            transport.up = [true, false];
            state.push(self.change(&transport));
        }
        let visible = Line::new(what("view after a transport went down"), "s", median(state))
            .beside("after its metrics changed", median(metrics));
        if !is_largest {
            return vec![memory, load, visible];
        }
        vec![memory.target(600.0, 300.0), load, visible.target(1.0, 0.3)]
    }

    fn change(&mut self, transport: &byway_route_graph::Transport) -> f64 {
        let began = ThreadTime::now();
        self.graph.upsert(transport).expect("the transport is there already");
        self.view = self.graph.snapshot();
        began.elapsed_us() / 1e6
    }
}

//! The local API: how apps and the `byway` command use a node from outside its process.

mod channels;
mod datagrams;
mod doctor;
mod handlers;
mod reachability;
mod socket;
mod streams;
mod trace;
mod views;

use std::{sync::Arc, time::Instant};

use byway_base::{Policy, Problem, TransportId};

use crate::{Incoming, IncomingDatagrams, Node, PathChoice};

pub(crate) use socket::serve;

/// What the handlers work with.
pub(crate) struct Api {
    node: Node,
    started: Instant,
    streams: channels::Holds<Incoming>,
    datagrams: channels::Holds<IncomingDatagrams>,
}

impl Api {
    pub(crate) fn new(node: Node) -> Arc<Self> {
        let (streams, datagrams) = Default::default();
        Arc::new(Self { node, started: Instant::now(), streams, datagrams })
    }

    fn policy(&self, text: Option<&str>) -> Result<Policy, Problem> {
        text.map_or_else(|| Ok(Policy::default()), |text| self.node.read_policy(text))
    }

    fn choice(&self, policy: Option<&str>, path: Option<Vec<TransportId>>) -> Result<PathChoice, Problem> {
        Ok(match (policy, path) {
            (None, Some(path)) => PathChoice::exactly(path),
            (policy, Some(path)) => PathChoice::first(path, &self.policy(policy)?),
            (policy, None) => PathChoice::by_policy(&self.policy(policy)?),
        })
    }
}

//! The local API: how apps and the `byway` command use a node from outside its process.

mod handlers;
mod socket;
mod streams;
mod views;

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use byway_base::{Policy, Problem, PublicKey, TransportId};

use crate::{Node, dialer::PathChoice, names::Names};

pub(crate) use socket::serve;

/// What the handlers work with.
pub(crate) struct Api {
    node: Node,
    started: Instant,
    holds: streams::Holds,
}

impl Api {
    pub(crate) fn new(node: Node) -> Arc<Self> {
        Arc::new(Self { node, started: Instant::now(), holds: streams::Holds::default() })
    }

    fn names(&self) -> Names<'_> {
        let transports = self.node.transports().into_iter().map(|transport| transport.peer);
        let trusted = self.node.config().trusted_setup_nodes.iter().copied();
        let known: BTreeSet<PublicKey> = transports.chain(trusted).collect();
        Names { petnames: &self.node.config().petnames, known }
    }

    fn policy(&self, text: Option<&str>) -> Result<Policy, Problem> {
        text.map_or_else(|| Ok(Policy::default()), |text| self.names().policy(text))
    }

    fn choice(&self, policy: Option<&str>, path: Option<Vec<TransportId>>) -> Result<PathChoice, Problem> {
        Ok(match (policy, path) {
            (None, Some(path)) => PathChoice::exactly(path),
            (policy, Some(path)) => PathChoice::first(path, &self.policy(policy)?),
            (policy, None) => PathChoice::by_policy(&self.policy(policy)?),
        })
    }
}

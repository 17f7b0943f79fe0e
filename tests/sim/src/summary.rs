//! What a run did, in numbers.

use std::{collections::BTreeMap, fmt, time::Duration};

/// The numbers of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Nodes of the world.
    pub nodes: usize,
    /// Transports of the world.
    pub links: usize,
    /// Routes that were installed on every node of their path.
    pub routes: usize,
    /// Events of the trace.
    pub events: u64,
    /// Virtual time that passed.
    pub virtual_time: Duration,
    /// Packets delivered and checked.
    pub packets: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// Datagrams delivered and checked.
    pub datagrams: u64,
    /// Ends that were told of a break.
    pub told: u64,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// What the scenario measured, by name.
    pub measures: Vec<(&'static str, String)>,
    /// Hash of all events in order.
    pub hash: String,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} nodes, {} transports, {} routes, {} events in {:.1} s of virtual time, {} packets with {} bytes, \
             {} datagrams, {} ends told",
            self.nodes,
            self.links,
            self.routes,
            self.events,
            self.virtual_time.as_secs_f64(),
            self.packets,
            self.bytes,
            self.datagrams,
            self.told
        )?;
        for (fault, count) in &self.faults {
            write!(f, ", {count} × {fault}")?;
        }
        for (what, measured) in &self.measures {
            write!(f, ", {what} {measured}")?;
        }
        write!(f, ", hash {}", self.hash)
    }
}

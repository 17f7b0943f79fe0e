//! What a node counts about its forwarding.

/// Totals since the node started. Each is also a metric of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Packets with payload passed from transport to transport.
    pub forwarded_packets: u64,
    /// Their payload bytes.
    pub forwarded_bytes: u64,
    /// Data or datagrams under a label that has no rule on the transport that they came on, or after its close.
    pub no_rule: u64,
    /// Routes ended because more data came than was granted.
    pub overruns: u64,
    /// Datagrams dropped because their flow's queue was full.
    pub datagrams_dropped: u64,
    /// Datagrams that a transport did not take: larger than it carries, or more than it has room for.
    pub datagrams_refused: u64,
    /// Credit, close, fault or trace packets that name no flow of their transport, and answers that nobody asked for.
    pub stray_control: u64,
    /// Routes ended because the node's queues were full.
    pub overloads: u64,
    /// Grants that waited because the node carries no more for others, or for one peer.
    pub grants_delayed: u64,
    /// Transports given up because the peer did not read control packets.
    pub control_overflows: u64,
    /// Routes removed because they were idle.
    pub idle_expired: u64,
}

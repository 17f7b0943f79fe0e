//! What a node counts about its forwarding.

/// Totals since the node started. Each is also a metric of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Packets with payload passed from transport to transport.
    pub forwarded_packets: u64,
    /// Their payload bytes.
    pub forwarded_bytes: u64,
    /// Data or datagrams under a label that has no rule on the transport that they came on.
    pub no_rule: u64,
    /// Routes ended because more data came than was granted.
    pub overruns: u64,
    /// Datagrams dropped because their flow's queue was full.
    pub datagrams_dropped: u64,
    /// Credit, close or fault packets that name no flow of their transport.
    pub stray_control: u64,
    /// Packets of kinds that this node does not handle.
    pub unhandled: u64,
    /// Transports given up because the peer did not read control packets.
    pub control_overflows: u64,
    /// Routes removed because they were idle.
    pub idle_expired: u64,
}

//! On what of a QUIC connection each packet travels.

use byway_base::RoutingId;
use byway_routing::Outgoing;
use byway_wire::{Kind, packet::FLAG_ANSWER};

/// How a packet travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Behind everything that the flow sent before, in front of what it sends after.
    Flow(RoutingId),
    /// Reliably, in no order towards flows.
    Control,
    /// As a QUIC datagram.
    Unreliable,
}

impl Way {
    pub(super) fn of(packet: &Outgoing) -> Self {
        let answers = packet.head()[1] & FLAG_ANSWER != 0;
        match packet.kind() {
            _ if packet.is_in_flow_order() => Self::Flow(packet.label()),
            Kind::Datagram => Self::Unreliable,
            Kind::Trace if !answers => Self::Unreliable,
            _ => Self::Control,
        }
    }
}

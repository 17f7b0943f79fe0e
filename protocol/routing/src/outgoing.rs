//! A packet on its way out: header and short payloads inline, long payloads by reference.

use bytes::Bytes;
use byway_base::{RoutingId, limits::PACKET_HEADER};
use byway_wire::{Header, Kind, Reason, packet::FLAG_RETURN};

/// Longest payload that a control packet carries, bytes.
const INLINE: usize = 9;

/// What a shell writes to a transport: [`Outgoing::head`], then [`Outgoing::payload`].
#[derive(Debug, Clone)]
pub struct Outgoing {
    header: Header,
    head: [u8; PACKET_HEADER + INLINE],
    head_len: u8,
    payload: Bytes,
}

impl Outgoing {
    pub(crate) fn payload_packet(kind: Kind, flags: u8, label: RoutingId, payload: Bytes) -> Self {
        let mut head = [0; PACKET_HEADER + INLINE];
        let header = Header { kind, flags, length: payload.len() as u16, routing_id: label };
        head[..PACKET_HEADER].copy_from_slice(&header.encode());
        Self { header, head, head_len: PACKET_HEADER as u8, payload }
    }

    fn inline(kind: Kind, flags: u8, label: RoutingId, payload: &[u8]) -> Self {
        let header = Header { kind, flags, length: payload.len() as u16, routing_id: label };
        let mut head = [0; PACKET_HEADER + INLINE];
        head[..PACKET_HEADER].copy_from_slice(&header.encode());
        head[PACKET_HEADER..PACKET_HEADER + payload.len()].copy_from_slice(payload);
        let head_len = (PACKET_HEADER + payload.len()) as u8;
        Self { header, head, head_len, payload: Bytes::new() }
    }

    pub(crate) fn credit(label: RoutingId, bytes: u32) -> Self {
        Self::inline(Kind::Credit, 0, label, &bytes.to_be_bytes())
    }

    /// Goes with the flow, in order with its data.
    pub(crate) fn credit_return(label: RoutingId, bytes: u32) -> Self {
        Self::inline(Kind::Credit, FLAG_RETURN, label, &bytes.to_be_bytes())
    }

    pub(crate) fn ending(kind: Kind, label: RoutingId, reason: Reason, distance: u8) -> Self {
        Self::inline(kind, 0, label, &[reason as u8, distance])
    }

    pub(crate) fn liveness(kind: Kind, token: u64) -> Self {
        Self::inline(kind, 0, RoutingId::TRANSPORT, &token.to_be_bytes())
    }

    /// What the packet is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.header.kind
    }

    /// The receiver's label.
    #[must_use]
    pub const fn label(&self) -> RoutingId {
        self.header.routing_id
    }

    /// Whether the packet has its place among the data of its flow: a transport that carries flows apart from each other
    /// must keep it there.
    #[must_use]
    pub const fn is_in_flow_order(&self) -> bool {
        match self.header.kind {
            Kind::Data | Kind::Close => true,
            Kind::Credit => self.header.flags == FLAG_RETURN,
            _ => false,
        }
    }

    /// The header, and the payload too if it is a short one.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.head_len)]
    }

    /// What follows the head; empty for control packets.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Bytes of the whole packet.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.head_len) + self.payload.len()
    }

    /// Never: a packet has a header.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }
}

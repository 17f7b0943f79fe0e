//! Packets on a transport: `kind u8 · flags u8 · length u16 · routing ID u32`, big endian, then `length` bytes.
//!
//! `data`, `datagram`, `close` and `trace` travel with a flow, under the label of the node that receives them. `credit`
//! and `fault` answer a flow: they go the other way over the same transport, under the same label. `ping` and `pong`
//! belong to the transport and carry routing ID 0.

use bytes::{Buf, Bytes, BytesMut};
use byway_base::{
    RoutingId,
    limits::{PACKET_HEADER, PACKET_PAYLOAD_MAX},
};

use crate::DecodeError;

/// A data packet with this flag is a probe: its payload is 1 byte direction (0 asks, 1 answers) and an 8-byte token.
/// The end of the route answers it; it never reaches the session.
pub const FLAG_PROBE: u8 = 1;
/// A credit packet with this flag travels with the flow: the sender gives that much of its window back.
pub const FLAG_RETURN: u8 = 1;
/// A trace with this flag is an answer, on its way to the end that asked.
pub const FLAG_ANSWER: u8 = 1;
/// A data packet with this flag had to wait for credit: the window holds its flow back.
pub const FLAG_BLOCKED: u8 = 2;
/// Bytes of a probe's payload.
pub const PROBE_BYTES: usize = 9;

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Opaque, reliable and in order within the route; uses credit.
    Data = 1,
    /// Opaque, may be dropped; uses no credit.
    Datagram = 2,
    /// u32: the receiver of a flow's data grants that many more bytes.
    Credit = 3,
    /// [`Reason`] and u8 distance: no more data follows.
    Close = 4,
    /// [`Reason`] and u8 distance: something ahead broke.
    Fault = 5,
    /// u64 token: answer with the same.
    Ping = 6,
    /// u64 token: the answer.
    Pong = 7,
    /// u8 hop count and u64 token: the node where the count ends answers with [`FLAG_ANSWER`] on the route's other flow.
    Trace = 8,
}

/// Why a route ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[repr(u8)]
pub enum Reason {
    /// An end closed it.
    #[error("closed by an end")]
    Closed = 1,
    /// A transport ahead was lost.
    #[error("a transport of the path was lost")]
    TransportLost = 2,
    /// A node ahead has no such rule.
    #[error("a node of the path has no rule for it")]
    NoRule = 3,
    /// It was idle for too long.
    #[error("it was idle for too long")]
    Idle = 4,
    /// A node's limit or quota was reached.
    #[error("a limit of a node of the path was reached")]
    Limit = 5,
    /// More data came than was granted.
    #[error("more data was sent than granted")]
    Overrun = 6,
    /// A setup node or administrator withdrew it.
    #[error("it was withdrawn")]
    Withdrawn = 7,
    /// Probes stayed unanswered.
    #[error("probes stayed unanswered")]
    Silent = 8,
    /// A node's memory for queues ran out, and this route held the most of it.
    #[error("a node of the path ran out of memory for queues")]
    Overload = 9,
    /// Another route was measurably better. Why a session moved; no packet carries it.
    #[error("its measured quality was worse than the spare's")]
    Degraded = 10,
}

/// The eight bytes before every payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the packet is.
    pub kind: Kind,
    /// [`FLAG_PROBE`] and [`FLAG_BLOCKED`] on data, [`FLAG_RETURN`] on credit, [`FLAG_ANSWER`] on traces; zero otherwise.
    pub flags: u8,
    /// Bytes of payload.
    pub length: u16,
    /// The receiver's label.
    pub routing_id: RoutingId,
}

/// A packet; the payload shares its buffer's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// What the packet is.
    pub kind: Kind,
    /// [`FLAG_PROBE`] and [`FLAG_BLOCKED`] on data, [`FLAG_RETURN`] on credit, [`FLAG_ANSWER`] on traces; zero otherwise.
    pub flags: u8,
    /// The receiver's label.
    pub routing_id: RoutingId,
    /// At most [`PACKET_PAYLOAD_MAX`] bytes.
    pub payload: Bytes,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Data,
        Self::Datagram,
        Self::Credit,
        Self::Close,
        Self::Fault,
        Self::Ping,
        Self::Pong,
        Self::Trace,
    ];

    fn lengths(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Self::Data | Self::Datagram => 0..=PACKET_PAYLOAD_MAX,
            Self::Credit => 4..=4,
            Self::Close | Self::Fault => 2..=2,
            Self::Ping | Self::Pong => 8..=8,
            Self::Trace => 9..=9,
        }
    }
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::Closed,
        Self::TransportLost,
        Self::NoRule,
        Self::Idle,
        Self::Limit,
        Self::Overrun,
        Self::Withdrawn,
        Self::Silent,
        Self::Overload,
        Self::Degraded,
    ];

    /// Reads a reason; one that a later version added counts as [`Reason::Closed`].
    #[must_use]
    pub fn from_wire(byte: u8) -> Self {
        Self::ALL.into_iter().find(|reason| *reason as u8 == byte).unwrap_or(Self::Closed)
    }
}

impl Header {
    /// Reads and checks a header: kind, length and routing ID must fit each other.
    ///
    /// # Errors
    /// [`DecodeError`]; the transport is then of no more use, since the place of the next packet is unknown.
    pub fn decode(bytes: &[u8; PACKET_HEADER]) -> Result<Self, DecodeError> {
        let [kind, flags, high, low, id @ ..] = *bytes;
        let kind = Kind::ALL.into_iter().find(|k| *k as u8 == kind).ok_or(DecodeError::Kind(kind))?;
        let length = u16::from_be_bytes([high, low]);
        let routing_id = RoutingId(u32::from_be_bytes(id));
        if !kind.lengths().contains(&usize::from(length)) {
            return Err(DecodeError::Length);
        }
        let of_transport = matches!(kind, Kind::Ping | Kind::Pong);
        let allowed = match kind {
            Kind::Data if usize::from(length) == PROBE_BYTES => FLAG_PROBE | FLAG_BLOCKED,
            Kind::Data => FLAG_BLOCKED,
            Kind::Credit => FLAG_RETURN,
            Kind::Trace => FLAG_ANSWER,
            _ => 0,
        };
        if of_transport != (routing_id == RoutingId::TRANSPORT) || flags & !allowed != 0 {
            return Err(DecodeError::Value);
        }
        Ok(Self { kind, flags, length, routing_id })
    }

    /// The eight bytes.
    #[must_use]
    pub const fn encode(&self) -> [u8; PACKET_HEADER] {
        let [high, low] = self.length.to_be_bytes();
        let [a, b, c, d] = self.routing_id.0.to_be_bytes();
        [self.kind as u8, self.flags, high, low, a, b, c, d]
    }
}

impl Packet {
    /// A packet without flags.
    #[must_use]
    pub const fn new(kind: Kind, routing_id: RoutingId, payload: Bytes) -> Self {
        Self { kind, flags: 0, routing_id, payload }
    }

    /// A grant of `bytes` for the flow labelled `routing_id`.
    #[must_use]
    pub fn credit(routing_id: RoutingId, bytes: u32) -> Self {
        Self::new(Kind::Credit, routing_id, Bytes::copy_from_slice(&bytes.to_be_bytes()))
    }

    /// A close or fault, made by a node `distance` hops before the one that sends it.
    #[must_use]
    pub fn ending(kind: Kind, routing_id: RoutingId, reason: Reason, distance: u8) -> Self {
        Self::new(kind, routing_id, Bytes::copy_from_slice(&[reason as u8, distance]))
    }

    /// A ping or pong.
    #[must_use]
    pub fn liveness(kind: Kind, token: u64) -> Self {
        Self::new(kind, RoutingId::TRANSPORT, Bytes::copy_from_slice(&token.to_be_bytes()))
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> Header {
        debug_assert!(self.payload.len() <= PACKET_PAYLOAD_MAX);
        Header {
            kind: self.kind,
            flags: self.flags,
            length: self.payload.len() as u16,
            routing_id: self.routing_id,
        }
    }

    /// Bytes of header and payload.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        PACKET_HEADER + self.payload.len()
    }

    /// Appends header and payload.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.header().encode());
        out.extend_from_slice(&self.payload);
    }

    /// Takes one packet off the front of `buffer`; `None` while it is incomplete. The payload shares the buffer's memory.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes begin no packet.
    pub fn take(buffer: &mut BytesMut) -> Result<Option<Self>, DecodeError> {
        let Some(header) = buffer.first_chunk::<PACKET_HEADER>() else { return Ok(None) };
        let Header { kind, flags, length, routing_id } = Header::decode(header)?;
        let length = usize::from(length);
        if buffer.len() < PACKET_HEADER + length {
            return Ok(None);
        }
        buffer.advance(PACKET_HEADER);
        Ok(Some(Self { kind, flags, routing_id, payload: buffer.split_to(length).freeze() }))
    }

    /// The bytes granted by a credit packet.
    #[must_use]
    pub fn granted(&self) -> Option<u32> {
        let bytes = self.payload.first_chunk().filter(|_| self.kind == Kind::Credit)?;
        Some(u32::from_be_bytes(*bytes))
    }

    /// The reason of a close or fault.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        let byte = self.payload.first().filter(|_| matches!(self.kind, Kind::Close | Kind::Fault))?;
        Some(Reason::from_wire(*byte))
    }

    /// How many hops before its sender a close or fault was made.
    #[must_use]
    pub fn distance(&self) -> Option<u8> {
        self.payload.get(1).copied().filter(|_| matches!(self.kind, Kind::Close | Kind::Fault))
    }

    /// The hop count and token of a trace.
    #[must_use]
    pub fn trace(&self) -> Option<(u8, u64)> {
        let (&hops, token) = self.payload.split_first().filter(|_| self.kind == Kind::Trace)?;
        Some((hops, u64::from_be_bytes(token.try_into().ok()?)))
    }

    /// The token of a ping or pong.
    #[must_use]
    pub fn token(&self) -> Option<u64> {
        let bytes = self.payload.first_chunk().filter(|_| matches!(self.kind, Kind::Ping | Kind::Pong))?;
        Some(u64::from_be_bytes(*bytes))
    }
}

//! Setup messages: one request and one reply per QUIC stream, at most [`byway_base::limits::SETUP_MESSAGE_MAX`] bytes.
//!
//! Source → setup node: [`SourceMessage`]. Setup node → node of the path: [`NodeMessage`]. Both answer [`Reply`].
//! A message begins with the protocol version, [`VERSION`].

use byway_base::{Code, RouteId, RoutingId, TransportId};

use crate::{
    DecodeError, Hop, Reader, SignedRouteRequest, Wire,
    codec::{wire_enum, wire_struct},
};

/// The version of these messages.
pub const VERSION: u8 = 1;

wire_enum! {
    /// What a source asks of a setup node.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[expect(clippy::large_enum_variant, reason = "nearly every message is of the largest variant")]
    SourceMessage {
        /// Installs a route along `hops` on every node but the source. Answered by [`Reply::Established`] once it is, or by
        /// [`Reply::Failed`] with nothing left behind. The source installs its own rule with the answer.
        1 => Establish {
            /// The signed request.
            request: SignedRouteRequest,
            /// The path whose digest was signed.
            hops: Vec<Hop>,
            /// The source's own label: under it packets of the route come back.
            label_in: RoutingId,
        }
        /// Asks whether the setup node takes requests, and how far it is. Answered by [`Reply::Done`] if it does.
        2 => Ping {}
    }
}

wire_enum! {
    /// What a setup node asks of a node.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[expect(clippy::large_enum_variant, reason = "nearly every message is of the largest variant")]
    NodeMessage {
        /// Installs the rules of a route at a node that is not its source. Answered by [`Reply::Done`]. They vanish after
        /// [`byway_base::limits::ROUTE_LEASE`] unless a packet of the route has come by then.
        1 => Install {
            /// The route.
            route: RouteId,
            /// Whose route it is, as far as the node may know.
            initiator: InitiatorTag,
            /// Towards the source.
            previous: Side,
            /// What this node is on the route.
            role: Role,
        }
        /// Removes the rules of a route at any of its nodes, the source included. Harmless if there are none. Answered by
        /// [`Reply::Done`].
        2 => Undo {
            /// The route.
            route: RouteId,
        }
        /// Asks which of these routes the node has rules of, as far as this setup node installed them. Answered by
        /// [`Reply::Held`].
        3 => Inspect {
            /// At most [`byway_base::limits::SETUP_INSPECT_ROUTES`].
            routes: Vec<RouteId>,
        }
    }
}

wire_struct! {
    /// One neighbour's side of a route at a node. Labels are drawn at random: the source's own by the source, all others by
    /// the setup node.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    Side {
        /// The transport to the neighbour.
        transport: TransportId,
        /// The label of this node, for packets that come over the transport.
        label_in: RoutingId,
        /// The label of the neighbour, for packets that are sent there.
        label_out: RoutingId,
    }
}

wire_enum! {
    /// What a node is on a route. Only the ends learn who the ends are.
    #[derive(Debug, Clone, PartialEq, Eq)]
    Role {
        /// Forwards both directions.
        1 => Intermediate {
            /// Towards the destination.
            next: Side,
        }
        /// Where the route ends.
        2 => Destination {
            /// The request as the source signed it; the destination verifies it.
            request: SignedRouteRequest,
        }
    }
}

wire_enum! {
    /// The answer to any setup message.
    #[derive(Debug, Clone, PartialEq, Eq)]
    Reply {
        /// It was done.
        1 => Done {}
        /// To a source: every other node of the path has its rules.
        2 => Established {
            /// The label of the first node after the source, for packets that the source sends.
            label_out: RoutingId,
        }
        /// It was not done, and nothing of it remains.
        3 => Failed {
            /// Why.
            failure: Failure,
        }
        /// Those of the routes asked about that the node has rules of.
        4 => Held {
            /// In the order asked.
            routes: Vec<RouteId>,
        }
    }
}

wire_struct! {
    /// Why a setup message was not obeyed.
    #[derive(Debug, Clone, PartialEq, Eq)]
    Failure {
        /// The stable code.
        code: Code,
        /// The observed fact, for people; at most 255 bytes.
        why: String,
    }
}

/// Stands for the source of a route towards one node, so that the node can bound what one source holds there without
/// learning who it is. The setup node derives it from a secret of its own, the source and the node: the same for all
/// routes of a source at a node, and of no use to compare at two nodes or under two setup nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct InitiatorTag(pub [u8; 16]);

impl Wire for InitiatorTag {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.array().map(Self)
    }
}

impl Wire for Code {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_str().to_owned().write(out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let text = String::read(reader)?;
        // Parsing is lenient about case, for people; a message has one form only.
        text.parse().ok().filter(|code: &Self| code.as_str() == text).ok_or(DecodeError::Value)
    }
}

/// The bytes of a message as sent: version, then the message.
#[must_use]
pub fn encode_message<T: Wire>(message: &T) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    message.write(&mut bytes);
    bytes
}

/// Reads a message as sent.
///
/// # Errors
/// [`DecodeError::Kind`] for another version, any [`DecodeError`] for anything else that is not a message.
pub fn decode_message<T: Wire>(bytes: &[u8]) -> Result<T, DecodeError> {
    match bytes.split_first() {
        None => Err(DecodeError::Short),
        Some((&VERSION, message)) => crate::decode_whole(message),
        Some((&other, _)) => Err(DecodeError::Kind(other)),
    }
}

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
    SourceMessage {
        /// Installs a route along `hops`. Answered by [`Reply::Done`] once the route is installed and confirmed on
        /// every node, or by [`Reply::Failed`] with nothing left behind.
        1 => Establish {
            /// The signed request.
            request: SignedRouteRequest,
            /// The path whose digest was signed.
            hops: Vec<Hop>,
        }
    }
}

wire_enum! {
    /// What a setup node asks of a node of the path.
    #[derive(Debug, Clone, PartialEq, Eq)]
    NodeMessage {
        /// Hands out one routing ID for each direction in which packets arrive. Answered by [`Reply::Reserved`].
        /// Vanishes after [`byway_base::limits::RESERVATION_LEASE`].
        1 => Reserve {
            /// The route.
            route: RouteId,
            /// Whose route it is, as far as the node may know.
            initiator: InitiatorTag,
            /// The transport towards the source; none at the source.
            previous: Option<TransportId>,
            /// The transport towards the destination; none at the destination.
            next: Option<TransportId>,
        }
        /// Turns the reservation into rules, still under the lease. Answered by [`Reply::Done`].
        2 => Install {
            /// The route.
            route: RouteId,
            /// What this node is on the route.
            role: Role,
        }
        /// Makes the rules permanent. Answered by [`Reply::Done`].
        3 => Confirm {
            /// The route.
            route: RouteId,
        }
        /// Removes reservation and rules. Harmless if there are none. Answered by [`Reply::Done`].
        4 => Undo {
            /// The route.
            route: RouteId,
        }
    }
}

wire_enum! {
    /// What a node is on a route. Only the ends learn who the ends are.
    #[derive(Debug, Clone, PartialEq, Eq)]
    Role {
        /// Where the route begins.
        1 => Source {
            /// The request that it signed itself.
            request: SignedRouteRequest,
            /// The label of the next node for packets that go to the destination.
            forward: RoutingId,
        }
        /// Forwards both directions.
        2 => Intermediate {
            /// The label of the next node for packets that go to the destination.
            forward: RoutingId,
            /// The label of the previous node for packets that go to the source.
            backward: RoutingId,
        }
        /// Where the route ends.
        3 => Destination {
            /// The request as the source signed it; the destination verifies it.
            request: SignedRouteRequest,
            /// The label of the previous node for packets that go to the source.
            backward: RoutingId,
        }
    }
}

wire_enum! {
    /// The answer to any setup message.
    #[derive(Debug, Clone, PartialEq, Eq)]
    Reply {
        /// It was done.
        1 => Done {}
        /// The labels that the node hands out.
        2 => Reserved {
            /// For packets that arrive from the side of the source; none at the source.
            forward: Option<RoutingId>,
            /// For packets that arrive from the side of the destination; none at the destination.
            backward: Option<RoutingId>,
        }
        /// It was not done, and nothing of it remains.
        3 => Failed {
            /// Why.
            failure: Failure,
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

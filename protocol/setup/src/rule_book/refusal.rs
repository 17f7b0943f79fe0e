//! Why a node does not obey.

use byway_base::{Code, Port, RoutingId, TransportId};
use byway_wire::{route_request::RequestError, setup::Failure};

/// Why a setup message is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The sender is no trusted setup node.
    #[error("the sender is not among this node's trusted setup nodes")]
    Untrusted,
    /// The setup node holds as many rules here as one may.
    #[error("the setup node's quota of rules is used up")]
    SetupNodeQuota,
    /// The node holds as many rules as it may.
    #[error("the node's quota of rules is used up")]
    NodeQuota,
    /// As many routes come from the neighbour as from one may.
    #[error("the neighbour's quota of routes is used up")]
    PeerQuota,
    /// The source has as many routes here as one may.
    #[error("the source's quota of routes is used up")]
    InitiatorQuota,
    /// The node carries nothing for others, at present or at all.
    #[error("the node does not forward for others")]
    NoTransit,
    /// The route id was used before.
    #[error("the route id was used before")]
    Replayed,
    /// The route is not there, or not awaited any more.
    #[error("the node has no such route")]
    Unknown,
    /// The route was installed by another setup node.
    #[error("the route belongs to another setup node")]
    NotOwner,
    /// Both sides are one transport, or a label is zero.
    #[error("both sides are one transport, or a label is zero")]
    Shape,
    /// A label is in use, or was until lately.
    #[error("the label {} is taken", .0.0)]
    LabelTaken(RoutingId),
    /// A transport is not up.
    #[error("transport {0} is not up here")]
    TransportDown(TransportId),
    /// The node is to be the destination of a request to another node or from itself.
    #[error("the request is not addressed to this node")]
    NotAddressed,
    /// The request does not verify.
    #[error(transparent)]
    Request(RequestError),
    /// Nothing listens on the port.
    #[error("nothing listens on port {0}")]
    NoListener(Port),
    /// The source of random labels repeats itself.
    #[error("no unused label could be drawn")]
    NoLabel,
}

impl Refusal {
    /// The stable code of the answer.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Untrusted => Code::UntrustedSetup,
            Self::SetupNodeQuota
            | Self::NodeQuota
            | Self::PeerQuota
            | Self::InitiatorQuota
            | Self::NoTransit => Code::Limit,
            Self::Replayed => Code::Replayed,
            Self::Unknown => Code::NotFound,
            Self::NotOwner | Self::NotAddressed => Code::Denied,
            Self::LabelTaken(_) => Code::Conflict,
            Self::Shape => Code::Protocol,
            Self::TransportDown(_) => Code::TransportDown,
            Self::Request(RequestError::Signature) => Code::BadSignature,
            Self::Request(RequestError::Expired) => Code::ClockSkew,
            Self::Request(RequestError::Digest | RequestError::Path) => Code::BadPath,
            Self::NoListener(_) => Code::NoListener,
            Self::NoLabel => Code::Internal,
        }
    }

    /// The answer.
    #[must_use]
    pub fn failure(self) -> Failure {
        Failure { code: self.code(), why: self.to_string() }
    }
}

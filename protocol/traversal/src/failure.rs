//! Why no direct way was found.

use byway_wire::punch::Mapping;

/// Why no direct way was found. The text is what a node's status shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Failure {
    /// No STUN server answered this node.
    #[error("UDP is blocked here")]
    BlockedHere,
    /// No STUN server answered the peer.
    #[error("UDP is blocked at the peer")]
    BlockedThere,
    /// Neither side can tell the other from which port it will come.
    #[error("symmetric NAT on both sides")]
    SymmetricBoth,
    /// The peer cannot know from which port this node comes, and its NAT demands to.
    #[error("symmetric NAT here, and the peer's NAT or firewall admits only known ports")]
    SymmetricHere,
    /// This node cannot know from which port the peer comes, and its NAT demands to.
    #[error("symmetric NAT at the peer, and the NAT or firewall here admits only known ports")]
    SymmetricThere,
    /// The peer named no address that can be tried, and did not come to one of ours.
    #[error("no usable address of the peer")]
    NoCandidates,
    /// One side has IPv4 only and the other IPv6 only.
    #[error("no IP version in common")]
    NoCommonFamily,
    /// Nothing came back, for no known reason: a firewall, most likely.
    #[error("the peer did not answer")]
    NoAnswer,
}

impl Failure {
    /// The likeliest reason why the peers did not reach each other.
    pub(crate) fn explain(here: Mapping, there: Mapping, candidates: bool) -> Self {
        match (here, there) {
            (Mapping::Blocked, _) => Self::BlockedHere,
            (_, Mapping::Blocked) => Self::BlockedThere,
            (Mapping::Dependent, Mapping::Dependent) => Self::SymmetricBoth,
            (Mapping::Dependent, _) => Self::SymmetricHere,
            (_, Mapping::Dependent) => Self::SymmetricThere,
            _ if !candidates => Self::NoCandidates,
            _ => Self::NoAnswer,
        }
    }
}

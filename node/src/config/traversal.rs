//! How a node looks for direct ways past NATs.

byway_service_kit::settings! {
    /// The section `[traversal]`: direct `quic` transports to peers that are reached through messaging.
    pub struct RawTraversal {
        /// Whether the node looks for direct ways past NATs, asks messaging servers for its public UDP address, and tells
        /// its addresses to those peers with which it has or wants a transport.
        pub enabled: bool = true;
        /// Whether it asks the router to forward its UDP port (UPnP, PCP, NAT-PMP), if it is behind a NAT.
        pub port_mapping: bool = true;
    }
}

/// How a node looks for direct ways past NATs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraversalConfig {
    /// Whether it does at all.
    pub enabled: bool,
    /// Whether it asks the router to forward its UDP port.
    pub port_mapping: bool,
}

impl Default for TraversalConfig {
    fn default() -> Self {
        Self::from(RawTraversal::default())
    }
}

impl From<RawTraversal> for TraversalConfig {
    fn from(RawTraversal { enabled, port_mapping }: RawTraversal) -> Self {
        Self { enabled, port_mapping }
    }
}

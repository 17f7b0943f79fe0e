//! How peers can reach a node over UDP, and why some are only reached through messaging.

use std::net::SocketAddr;

use byway_base::{PublicKey, TransportType};
use byway_wire::punch::Mapping;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How peers can reach a node over UDP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReachabilityView {
    /// Whether it looks for direct ways to peers at all; without it the rest is not known.
    pub traversal: bool,
    /// Addresses of this machine at which its UDP socket is.
    #[schemars(with = "Vec<String>")]
    pub local: Vec<SocketAddr>,
    /// Over IPv4.
    pub ipv4: FamilyView,
    /// Over IPv6.
    pub ipv6: FamilyView,
    /// Whether the router forwards a port to it.
    pub port_mapping: PortMappingView,
}

/// What messaging servers see of a node over one version of IP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FamilyView {
    /// What its NAT does: `unknown`, `open` (there is none), `independent` (every peer sees the same address), `dependent`
    /// (a symmetric NAT), `blocked` (UDP does not get through).
    pub nat: Mapping,
    /// The addresses that they see.
    #[schemars(with = "Vec<String>")]
    pub addresses: Vec<SocketAddr>,
}

/// Whether a router forwards a port to a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum PortMappingView {
    /// The node is told not to ask.
    Off,
    /// There is no NAT, or none is known.
    #[default]
    Unneeded,
    /// The router was asked.
    Asking,
    /// It does.
    Mapped {
        /// Where others reach the node.
        #[schemars(with = "String")]
        address: SocketAddr,
        /// How the router was asked: `PCP`, `NAT-PMP` or `UPnP`.
        protocol: String,
    },
    /// It does not.
    Failed {
        /// Why.
        why: String,
    },
}

/// A peer to which there is no direct transport, only one through messaging.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RelayedView {
    /// The peer.
    pub peer: PublicKey,
    /// Its petname, if it has one here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Why no direct transport came about; absent before the first attempt has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Seconds since the last attempt ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried_s: Option<u64>,
}

/// A transport that the node is told to keep up, and that is down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DownView {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: TransportType,
    /// The other edge.
    pub peer: PublicKey,
    /// The petname of that node, if it has one here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the last attempt came to; absent before it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

//! Messaging server: what its admin listener answers.

use byway_base::PublicKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Page, service};

service! {
    /// Messaging server: its clients and its load, for people and dashboards of an internal network.
    pub MessagingServer = "messaging-server" {
        /// Clients that are connected, in the order of their keys, in pages.
        ListClients: GET "/v1/clients", open, query ClientsQuery, reply Page<ClientView>, codes [];
        /// Counts for dashboards.
        GetServerStats: GET "/v1/stats", open, reply ServerStats, codes [];
    }
}

/// Which part of the listing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientsQuery {
    /// From the former page's `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Items on a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A client that is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClientView {
    /// The key that it proved.
    pub key: PublicKey,
}

/// Counts of a messaging server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ServerStats {
    /// Clients connected.
    pub clients: u64,
    /// Links with other servers that this one dialled.
    pub links_dialled: u64,
    /// Links with other servers that dialled this one.
    pub links_accepted: u64,
    /// Bytes queued towards all of them.
    pub queued_bytes: u64,
    /// Datagrams switched since the start.
    pub switched: u64,
    /// Their bytes.
    pub switched_bytes: u64,
    /// Datagrams dropped since the start, for whatever reason.
    pub dropped: u64,
}

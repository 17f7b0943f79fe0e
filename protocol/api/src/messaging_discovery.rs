//! Messaging discovery: the directory of contact records.

use byway_base::{PublicKey, limits::RECORD_BATCH};
use byway_wire::SignedRecord;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Bounded, Page, service};

service! {
    /// Messaging discovery: the directory of nodes' and messaging servers' contact records.
    pub MessagingDiscovery = "messaging-discovery" {
        /// Publishes the caller's own record, or a tombstone in its place. A lower sequence number than the one
        /// known is a conflict; the same record again is accepted.
        PutRecord: PUT "/v1/records/{key}", signed, path RecordPath, body SignedRecord,
            codes [Denied, BadSignature, Conflict, ClockSkew];
        /// The record of one subject.
        GetRecord: GET "/v1/records/{key}", open, path RecordPath, reply SignedRecord, codes [NotFound];
        /// The records of several subjects; unknown ones are left out.
        LookUpRecords: POST "/v1/records:lookup", open, body LookUpRequest, reply LookUpReply, codes [];
        /// Messaging servers that take clients: those near the asker first, then the least loaded; those that drain last.
        ListServers: GET "/v1/servers", open, query ServersQuery, reply Page<SignedRecord>, codes [];
        /// Counts for dashboards.
        GetRecordStats: GET "/v1/stats", open, reply RecordStats, codes [];
    }
}

/// Names a record's subject in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordPath {
    /// The subject, in any text form of a key.
    pub key: PublicKey,
}

/// Whose records to look up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookUpRequest {
    /// The subjects.
    pub keys: Bounded<PublicKey, RECORD_BATCH>,
}

/// The records that are known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LookUpReply {
    /// In no particular order.
    pub records: Vec<SignedRecord>,
}

/// Which messaging servers to list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServersQuery {
    /// Only those of this region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The asker's own region: its servers come first as long as they have free places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near: Option<String>,
    /// From the former page's `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Items on a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Counts of the directory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct RecordStats {
    /// Records of nodes and services.
    pub nodes: u64,
    /// Records of messaging servers.
    pub servers: u64,
    /// Clients that the servers say they hold.
    pub clients: u64,
    /// Tombstones.
    pub tombstones: u64,
}

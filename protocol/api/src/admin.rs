//! What a service's admin listener answers about its audit log.

use byway_base::{Code, PublicKey, UnixTime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Page, service};

service! {
    /// A service's admin listener: for people and dashboards of an internal network.
    pub Admin = "admin" {
        /// Writes that matter, the oldest kept first, in pages. `next` is there on every page that holds any: with it a
        /// reader goes on later where it was.
        ListAudit: GET "/v1/audit", open, query AuditQuery, reply Page<AuditEvent>, codes [];
    }
}

/// Which part of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// From the former page's `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Items on a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Somebody changed something, or tried to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditEvent {
    /// Grows by one with each event since the service started.
    pub sequence: u64,
    /// When it was decided.
    pub at: UnixTime,
    /// What was asked for: the name of the endpoint or message.
    pub action: String,
    /// Who asked.
    pub by: PublicKey,
    /// What it was about: `name=value` of each part of the path.
    pub subject: String,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: AuditOutcome,
}

/// What came of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum AuditOutcome {
    /// It was done, or was so before.
    Done,
    /// It was not.
    Refused {
        /// Why.
        code: Code,
    },
    /// The caller left, or its time was over, before it was decided. It may have been done.
    Abandoned,
}

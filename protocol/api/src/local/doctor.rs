//! What a node finds when it examines itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a node found when it examined itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnosis {
    /// Version of this reply; it only grows.
    pub version: u32,
    /// Whether nothing failed.
    pub healthy: bool,
    /// Each part that was looked at.
    pub findings: Vec<Finding>,
}

/// What was found of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Which part: `messaging`, `nat`, …
    pub part: String,
    /// How it does.
    pub state: FindingState,
    /// What was seen.
    pub found: String,
    /// What to try, if something should be done.
    #[serde(rename = "try", default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// How a part does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FindingState {
    /// As it should be.
    Ok,
    /// Works, but less well than it could.
    Limited,
    /// Does not work.
    Failed,
    /// Not used, by the node's settings.
    Off,
}

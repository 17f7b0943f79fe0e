//! The services of the control plane, as this node sees them.

use std::time::Duration;

use byway_api::{
    Bounded,
    local::Finding,
    route_finder::{BatchRequest, FindPathsBatch, GetFinderStats},
};
use byway_base::{Code, limits::MIRROR_AGE_MAX};
use byway_messaging_client::ALPN_SETUP;
use byway_service_kit::Condition;
use futures_util::future::join_all;
use tokio::time::timeout;

use super::{failed, limited, off, ok};
use crate::Node;

/// Who answers later than this counts as away.
const PATIENCE: Duration = Duration::from_secs(6);

pub(super) async fn messaging_discovery(node: &Node) -> Finding {
    const PART: &str = "messaging discovery";
    if node.config().messaging_discovery.is_empty() {
        let hint = "set `messaging_discovery`, so that peers on other messaging servers are found";
        return off(PART, "`messaging_discovery` is not configured", hint);
    }
    match timeout(PATIENCE, node.messaging().look_up(&[node.key()])).await {
        Ok(Ok(records)) if records.is_empty() => limited(
            PART,
            "it answers, but does not have this node's contact record",
            "wait for a messaging server to be connected; the record follows",
        ),
        Ok(Ok(_)) => ok(PART, "it answers, and has this node's contact record"),
        Ok(Err(problem)) => failed(PART, problem.why, problem.hint),
        Err(_) => failed(PART, format!("no answer within {PATIENCE:?}"), Code::ServiceUnreachable.hint()),
    }
}

pub(super) fn transport_discovery(node: &Node) -> Finding {
    const PART: &str = "transport discovery";
    let checks = node.health().report().checks;
    match checks.get("transport-discovery") {
        None => off(
            PART,
            "`transport_discovery` is not configured",
            "set `transport_discovery`, so that others find paths over this node",
        ),
        Some(Condition::Ok) => ok(PART, "it takes this node's reports"),
        Some(Condition::Degraded { why } | Condition::Failing { why }) => {
            failed(PART, why, Code::ServiceUnreachable.hint())
        }
    }
}

/// Whether the finder answers; and, since it checks when signed requests were made, whether the clock is right.
pub(super) async fn finder(node: &Node) -> Vec<Finding> {
    const PART: &str = "route finder";
    let Some(client) = node.finder() else {
        let hint = "set `route_finder`, so that paths over other nodes are found";
        return vec![off(PART, "`route_finder` is not configured", hint)];
    };
    let stats = timeout(PATIENCE, client.call::<GetFinderStats>((), (), ()));
    let nothing = BatchRequest { queries: Bounded::default() };
    let signed = timeout(PATIENCE, client.call::<FindPathsBatch>((), (), nothing));
    let (stats, signed) = tokio::join!(stats, signed);
    let finder = match stats {
        Ok(Ok(stats)) if Duration::from_millis(stats.mirror.mirror_age_ms) > MIRROR_AGE_MAX => {
            let age = Duration::from_millis(stats.mirror.mirror_age_ms).as_secs();
            let hint = "check that the route finder reaches transport discovery";
            limited(PART, format!("it answers, but what it knows is {age} s old"), hint)
        }
        Ok(Ok(stats)) => {
            ok(PART, format!("it knows {} nodes and {} transports", stats.nodes, stats.transports))
        }
        Ok(Err(problem)) => failed(PART, problem.why, problem.hint),
        Err(_) => failed(PART, format!("no answer within {PATIENCE:?}"), Code::ServiceUnreachable.hint()),
    };
    let clock = match signed {
        Ok(Err(problem)) if problem.code == Code::ClockSkew => {
            Some(failed("clock", problem.why, Code::ClockSkew.hint()))
        }
        Ok(Ok(_)) => Some(ok("clock", "signed requests are accepted")),
        // It says nothing about the clock.
        Ok(Err(_)) | Err(_) => None,
    };
    [Some(finder), clock].into_iter().flatten().collect()
}

pub(super) async fn setup_nodes(node: &Node) -> Finding {
    const PART: &str = "setup nodes";
    let trusted = &node.config().trusted_setup_nodes;
    if trusted.is_empty() {
        return failed(
            PART,
            "`trusted_setup_nodes` is empty: no route can begin here",
            Code::SetupUnreachable.hint(),
        );
    }
    let asked = trusted.iter().map(|key| timeout(PATIENCE, node.messaging().connect(*key, ALPN_SETUP)));
    let answers: Vec<_> = join_all(asked).await;
    let reached = answers.iter().filter(|answer| matches!(answer, Ok(Ok(_)))).count();
    let found = format!("{reached} of {} answer", trusted.len());
    match reached {
        0 => {
            let why = answers.iter().find_map(|answer| match answer {
                Ok(Err(error)) => Some(error.to_string()),
                _ => None,
            });
            let why = why.unwrap_or_else(|| format!("no answer within {PATIENCE:?}"));
            failed(PART, format!("{found}: {why}"), Code::SetupUnreachable.hint())
        }
        _ if reached < trusted.len() => {
            limited(PART, found, "routes are set up; see that the others come back")
        }
        _ => ok(PART, found),
    }
}

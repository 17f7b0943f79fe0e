//! The node examines itself, part by part. The parts that ask others do so at the same time.

mod control;
mod network;

use byway_api::local::{Diagnosis, Finding, FindingState};

use crate::Node;

/// Version of the reply.
const VERSION: u32 = 1;

/// Looks at every part. Takes no longer than the slowest of those who are asked may.
pub(super) async fn examine(node: &Node) -> Diagnosis {
    let (discovery, finder, setup) =
        tokio::join!(control::messaging_discovery(node), control::finder(node), control::setup_nodes(node));
    let mut findings = vec![network::messaging(node), discovery, control::transport_discovery(node)];
    findings.extend(finder);
    findings.push(setup);
    findings.extend(network::reachability(node));
    findings.extend(network::transports(node));
    let healthy = findings.iter().all(|finding| finding.state != FindingState::Failed);
    Diagnosis { version: VERSION, healthy, findings }
}

fn ok(part: &str, found: impl Into<String>) -> Finding {
    Finding { part: part.to_owned(), state: FindingState::Ok, found: found.into(), hint: None }
}

fn off(part: &str, found: impl Into<String>, hint: &str) -> Finding {
    Finding { state: FindingState::Off, hint: Some(hint.to_owned()), ..ok(part, found) }
}

fn limited(part: &str, found: impl Into<String>, hint: impl Into<String>) -> Finding {
    Finding { state: FindingState::Limited, hint: Some(hint.into()), ..ok(part, found) }
}

fn failed(part: &str, found: impl Into<String>, hint: impl Into<String>) -> Finding {
    Finding { state: FindingState::Failed, hint: Some(hint.into()), ..ok(part, found) }
}

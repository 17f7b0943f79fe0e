//! Asks nodes whether routes of the list are still there: nodes end routes by themselves, as idle or broken, and tell
//! nobody but their neighbours.

use std::collections::{BTreeMap, BTreeSet};

use byway_api::setup_node::{NodeRules, RulesState};
use byway_base::{
    PublicKey, RouteId,
    limits::{
        ROUTE_LEASE, SETUP_AUDIT_INTERVAL, SETUP_AUDIT_ROUTES, SETUP_INSPECT_ROUTES,
        SETUP_INSPECTIONS_AT_ONCE, SETUP_STEP_TIMEOUT,
    },
};
use byway_clock::unix_now;
use byway_wire::setup::{NodeMessage, Reply};
use futures_util::{StreamExt, future::join_all, stream};
use tokio::time::{sleep, timeout};

use crate::{NodeCaller, routes::Route, setups::Setups};

/// Goes through the list again and again, for as long as it is polled.
pub(crate) async fn run<C: NodeCaller>(setups: &Setups<C>) {
    let mut after = None;
    loop {
        sleep(SETUP_AUDIT_INTERVAL).await;
        after = round(setups, after).await;
    }
}

/// Audits the routes that follow `after`, and answers where the next round begins. A route is over when its source has it
/// no more. The destination answers for a source that does not; while neither does, the route stays listed.
pub(crate) async fn round<C: NodeCaller>(setups: &Setups<C>, after: Option<RouteId>) -> Option<RouteId> {
    // What is younger may not be with its source yet.
    let oldest = unix_now().0.saturating_sub(ROUTE_LEASE.as_secs());
    let routes = setups.routes().installed_before(oldest, after, SETUP_AUDIT_ROUTES);
    let next = routes.last().filter(|_| routes.len() == SETUP_AUDIT_ROUTES).map(|route| route.id);
    let Found { mut over, unanswered } = ask(setups, &routes, |route| route.source.key).await;
    let rest: Vec<_> = routes.into_iter().filter(|route| unanswered.contains(&route.id)).collect();
    over.extend(ask(setups, &rest, |route| route.destination.key).await.over);
    setups.ended(over).await;
    next
}

#[derive(Default)]
struct Found {
    over: Vec<RouteId>,
    unanswered: BTreeSet<RouteId>,
}

async fn ask<C: NodeCaller>(setups: &Setups<C>, routes: &[Route], whom: fn(&Route) -> PublicKey) -> Found {
    let asking =
        questions(routes, whom).into_iter().map(|(node, routes)| question(setups.caller(), node, routes));
    let mut answers = stream::iter(asking).buffer_unordered(SETUP_INSPECTIONS_AT_ONCE);
    let mut found = Found::default();
    while let Some((routes, held)) = answers.next().await {
        match held {
            Some(held) => found.over.extend(routes.into_iter().filter(|route| !held.contains(route))),
            None => found.unanswered.extend(routes),
        }
    }
    found
}

/// The routes by the node that is to be asked, no more of them together than fit in one message.
fn questions(routes: &[Route], whom: fn(&Route) -> PublicKey) -> Vec<(PublicKey, Vec<RouteId>)> {
    let mut by_node: BTreeMap<PublicKey, Vec<RouteId>> = BTreeMap::new();
    routes.iter().for_each(|route| by_node.entry(whom(route)).or_default().push(route.id));
    let parts = |(node, routes): (PublicKey, Vec<RouteId>)| {
        routes.chunks(SETUP_INSPECT_ROUTES).map(|part| (node, part.to_vec())).collect::<Vec<_>>()
    };
    by_node.into_iter().flat_map(parts).collect()
}

/// The question with its answer.
async fn question<C: NodeCaller>(
    caller: &C,
    node: PublicKey,
    routes: Vec<RouteId>,
) -> (Vec<RouteId>, Option<Vec<RouteId>>) {
    let held = held(caller, node, routes.clone()).await;
    (routes, held)
}

/// What every node of a route says about its rules, from the source on.
pub(crate) async fn inspect<C: NodeCaller>(setups: &Setups<C>, route: &Route) -> Vec<NodeRules> {
    let asking = route.nodes().map(|node| async move {
        let state = match held(setups.caller(), node, vec![route.id]).await {
            Some(held) if held.is_empty() => RulesState::Gone,
            Some(_) => RulesState::Held,
            None => RulesState::Unknown,
        };
        NodeRules { node, rules: state }
    });
    join_all(asking).await
}

/// Which of the routes a node has; none if it does not answer.
async fn held(caller: &impl NodeCaller, node: PublicKey, routes: Vec<RouteId>) -> Option<Vec<RouteId>> {
    let asked = timeout(SETUP_STEP_TIMEOUT, caller.call(node, NodeMessage::Inspect { routes })).await;
    match asked {
        Ok(Ok(Reply::Held { routes })) => Some(routes),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

//! The endpoint that traces a route.

use byway_api::{
    Event,
    local::{RouteHop, TraceEvent, TraceHop, TraceRoute, TraceVerdict},
};
use byway_base::{Problem, PublicKey};
use byway_http::server::{Call, EventStream, Watch};
use futures_util::{StreamExt, stream};

use super::Api;
use crate::{HopTrace, Node, RouteInfo, Trace, TraceStep, TraceTarget, Verdict, names::micros};

/// Answers asked of each node unless told otherwise.
const COUNT: u32 = 4;

impl Watch<TraceRoute> for Api {
    async fn watch(&self, call: Call<TraceRoute>) -> Result<EventStream<TraceEvent>, Problem> {
        let request = call.body;
        let peer = self.node.resolve(&request.peer)?;
        let choice = match (request.policy, request.path) {
            (None, None) => None,
            (policy, path) => Some(self.choice(policy.as_deref(), path)?),
        };
        let count = request.count.unwrap_or(COUNT);
        let trace = self.node.trace(TraceTarget { peer, choice, route: request.route, count }).await?;
        Ok(events(peer, trace, &self.node).boxed())
    }
}

fn events(
    peer: PublicKey,
    trace: Trace,
    node: &Node,
) -> impl stream::Stream<Item = Event<TraceEvent>> + use<> {
    let info = RouteInfo { route: trace.route, active: true, rtt: None, hops: trace.hops.clone() };
    let hops = node.route_view(&info).hops;
    let began = TraceEvent::Began { peer, route: trace.route, in_use: trace.in_use, hops: hops.clone() };
    let steps = stream::unfold((trace, hops, 2), |(mut trace, hops, sequence)| async move {
        let item = match trace.next().await? {
            TraceStep::Hop(hop) => TraceEvent::Hop(hop_view(&hop, hops.get(hop.number - 1)?)),
            TraceStep::Ended(verdict) => TraceEvent::Ended(verdict_view(&verdict, &hops)),
        };
        Some((Event::Item { sequence, item }, (trace, hops, sequence + 1)))
    });
    stream::iter([Event::Item { sequence: 1, item: began }]).chain(steps)
}

fn hop_view(trace: &HopTrace, hop: &RouteHop) -> TraceHop {
    TraceHop {
        number: trace.number as u8,
        to: hop.to,
        name: hop.name.clone(),
        transport_type: hop.kind.clone(),
        sent: trace.sent,
        answered: trace.answered,
        least_us: trace.least.map(micros),
        median_us: trace.median.map(micros),
        added_us: trace.added.map(micros),
    }
}

fn verdict_view(verdict: &Verdict, hops: &[RouteHop]) -> TraceVerdict {
    TraceVerdict {
        whole: *verdict == Verdict::default(),
        broken_hop: verdict.broken.map(|number| number as u8),
        why: why(verdict, hops),
    }
}

/// A broken hop by its two nodes, and who ended the route for what reason.
fn why(verdict: &Verdict, hops: &[RouteHop]) -> Option<String> {
    let node = |distance: usize| match distance.checked_sub(1).map(|at| hops.get(at)) {
        None => "this node".to_owned(),
        Some(Some(hop)) => hop.name.clone().unwrap_or_else(|| hop.to.short()),
        Some(None) => format!("a node {distance} hops away"),
    };
    let broken = verdict.broken.and_then(|number| {
        let hop = hops.get(number - 1)?;
        Some(format!("broken at hop {number}: {} → {} ({})", node(number - 1), node(number), hop.kind))
    });
    let ended = verdict.ended.map(|end| {
        let distance = usize::from(end.distance);
        format!("the route was ended by {}: {}", node(distance), end.reason)
    });
    let both: Vec<_> = broken.into_iter().chain(ended).collect();
    (!both.is_empty()).then(|| both.join("; "))
}

#[cfg(test)]
mod tests {
    use byway_base::{SecretKey, TransportId, TransportType};
    use byway_wire::Reason;

    use super::*;
    use crate::RouteEnd;

    fn hops() -> Vec<RouteHop> {
        let hop = |(seed, name): (u8, &str)| RouteHop {
            transport: TransportId::from_bytes([seed; 16]),
            kind: TransportType::new("tcp").unwrap(),
            to: SecretKey::from_seed([seed; 32]).public(),
            name: Some(name.to_owned()),
            rtt_us: 0,
        };
        [(1, "n1"), (2, "n2"), (3, "bob")].map(hop).to_vec()
    }

    #[test]
    fn a_broken_hop_is_named_by_its_two_nodes_and_its_type() {
        let said = |broken| why(&Verdict { broken, ended: None }, &hops());
        assert_eq!(said(None), None);
        assert_eq!(said(Some(1)).unwrap(), "broken at hop 1: this node → n1 (tcp)");
        assert_eq!(said(Some(3)).unwrap(), "broken at hop 3: n2 → bob (tcp)");
    }

    #[test]
    fn who_ended_a_route_is_named_whatever_distance_it_claims() {
        let said = |distance| {
            let ended = Some(RouteEnd { reason: Reason::Limit, distance });
            why(&Verdict { broken: None, ended }, &hops()).unwrap()
        };
        assert!(said(0).starts_with("the route was ended by this node: "));
        assert!(said(3).starts_with("the route was ended by bob: "));
        assert!(said(255).starts_with("the route was ended by a node 255 hops away: "));
    }
}

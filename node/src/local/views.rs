//! The node's values in the words of the local API.

use byway_api::local::{
    ForwardingView, ForwardingVolume, InstalledRouteView, LocalEvent, LocalTransport, MessagingView,
    RefusedView, SessionView, Status, StatusProblem,
};
use byway_base::Code;
use byway_messaging_client::ServerState;
use byway_service_kit::Condition;

use super::{Api, reachability};
use crate::{Node, NodeEvent, SessionInfo, TransportInfo, names::micros};

/// Version of the replies.
const VERSION: u32 = 1;

pub(super) fn transport(info: &TransportInfo, node: &Node) -> LocalTransport {
    LocalTransport {
        id: info.id,
        kind: info.kind.clone(),
        peer: info.peer,
        name: node.name_of(&info.peer),
        address: info.address.clone(),
        dialled: info.dialled,
        rtt_us: info.rtt.map(micros),
        sent_bytes: info.bytes.0,
        received_bytes: info.bytes.1,
        flows: info.flows as u64,
    }
}

pub(super) fn session(info: &SessionInfo, node: &Node) -> SessionView {
    SessionView {
        to: info.to,
        streams: info.streams as u64,
        rtt_us: micros(info.rtt),
        routes: info.routes.iter().map(|info| node.route_view(info)).collect(),
    }
}

pub(super) fn installed(view: &byway_routing::RouteView) -> InstalledRouteView {
    let role = match (view.previous, view.next) {
        (None, _) => "source",
        (_, None) => "destination",
        _ => "intermediate",
    };
    InstalledRouteView {
        route: view.route,
        role: role.to_owned(),
        forward_bytes: view.forward.bytes,
        backward_bytes: view.backward.bytes,
        waiting_bytes: view.waiting as u64,
    }
}

pub(super) fn event(event: NodeEvent) -> LocalEvent {
    match event {
        NodeEvent::TransportUp { peer, kind } => LocalEvent::TransportUp { peer, transport_type: kind },
        NodeEvent::TransportDown { peer, kind, why } => {
            LocalEvent::TransportDown { peer, transport_type: kind, why }
        }
        NodeEvent::RouteSwitched { peer, from, to, reason, at } => {
            LocalEvent::RouteSwitched { peer, from, to, why: reason.map(|reason| reason.to_string()), at }
        }
        NodeEvent::RouteJoined { peer, route } => LocalEvent::RouteJoined { peer, route },
        NodeEvent::RouteLeft { peer, route, reason, at } => {
            LocalEvent::RouteLeft { peer, route, why: reason.to_string(), at }
        }
        NodeEvent::SpareReady { peer, route } => LocalEvent::SpareReady { peer, route },
        NodeEvent::SpareLost { peer, route, reason, at } => {
            LocalEvent::SpareLost { peer, route, why: reason.to_string(), at }
        }
        NodeEvent::RouteLost { peer, reason, at } => {
            LocalEvent::RouteLost { peer, why: reason.to_string(), at }
        }
    }
}

pub(super) fn status(api: &Api) -> Status {
    let node = &api.node;
    let servers = node.messaging().status().servers;
    let messaging = servers.iter().map(|server| MessagingView {
        key: server.key,
        address: server.address.to_string(),
        connected: server.state == ServerState::Up,
        rtt_us: server.rtt.map(micros),
    });
    let problems = problems(api);
    Status {
        version: VERSION,
        key: node.key(),
        release: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_s: api.started.elapsed().as_secs(),
        ready: problems.is_empty(),
        problems,
        messaging: messaging.collect(),
        transit: node.transit(),
        forwarding: forwarding(node),
        listening: node.listening(),
        listening_datagrams: node.listening_datagrams(),
        transports: node.transports().iter().map(|info| transport(info, node)).collect(),
        down: reachability::down(node),
        reachability: reachability::reachability(node),
        relayed: reachability::relayed(node),
        sessions: node.sessions().iter().map(|info| session(info, node)).collect(),
        rules: node.rules() as u64,
        forwarded_bytes: node.counters().forwarded_bytes,
    }
}

fn forwarding(node: &Node) -> ForwardingView {
    let limits = node.config().forwarding;
    let refused = node.setup_counts();
    let volume = node.volume().map(|volume| ForwardingVolume {
        period: volume.period,
        used_bytes: volume.used,
        cap_bytes: volume.cap,
    });
    ForwardingView {
        queued_bytes: node.queued() as u64,
        memory_bytes: limits.memory as u64,
        rate_bytes: limits.rate,
        rate_per_peer_bytes: limits.rate_per_peer,
        grants_delayed: node.counters().grants_delayed,
        volume,
        refused: RefusedView {
            untrusted: refused.refused_untrusted,
            node_quota: refused.refused_node_quota,
            setup_node_quota: refused.refused_setup_node_quota,
            peer_quota: refused.refused_peer_quota,
            initiator_quota: refused.refused_initiator_quota,
            transit: refused.refused_transit,
            otherwise: refused.refused_otherwise,
        },
    }
}

/// What the node lacks, each with a way to mend it.
fn problems(api: &Api) -> Vec<StatusProblem> {
    let problem = |part: &str, why: &str, code: Code| StatusProblem {
        part: part.to_owned(),
        why: why.to_owned(),
        hint: code.hint().to_owned(),
        code,
    };
    let config = api.node.config();
    let mut problems: Vec<_> = api
        .node
        .health()
        .report()
        .checks
        .iter()
        .filter_map(|(part, condition)| match condition {
            Condition::Ok => None,
            Condition::Degraded { why } | Condition::Failing { why } => {
                let messaging = part == "messaging";
                let code = if messaging { Code::MessagingUnreachable } else { Code::ServiceUnreachable };
                Some(problem(part, why, code))
            }
        })
        .collect();
    if config.route_finder.is_none() {
        problems.push(problem("route-finder", "`route_finder` is not configured", Code::Config));
    }
    if config.trusted_setup_nodes.is_empty() {
        problems.push(problem("setup", "`trusted_setup_nodes` is empty", Code::SetupUnreachable));
    }
    problems
}

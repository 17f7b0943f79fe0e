//! The network as people see it.

use std::{net::SocketAddr, time::Duration};

use byway_node::RouteInfo;

use super::network::Network;

/// A path by the names of its nodes.
pub(super) fn path(network: &Network, route: &RouteInfo) -> String {
    let names = route.hops.iter().map(|hop| network.name(&hop.to));
    std::iter::once("alice".to_owned()).chain(names).collect::<Vec<_>>().join(" → ")
}

/// A path with each transport's type and round-trip time.
fn path_with_transports(network: &Network, route: &RouteInfo) -> String {
    let mut text = "alice".to_owned();
    let mut from = "alice".to_owned();
    for hop in &route.hops {
        let to = network.name(&hop.to);
        let rtt = transport_rtt(network, &from, hop).unwrap_or(hop.rtt);
        text.push_str(&format!(" ─{} {}→ {to}", hop.kind, milliseconds(rtt)));
        from = to;
    }
    text
}

/// As the node at the near end measures it now.
fn transport_rtt(network: &Network, from: &str, hop: &byway_node::HopInfo) -> Option<Duration> {
    let transports = network.node(from)?.transports();
    transports.into_iter().find(|info| info.id == hop.transport)?.rtt
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// The sessions of alice with their routes.
pub(super) fn routes(network: &Network) -> String {
    let Some(alice) = network.node("alice") else { return "alice is gone".to_owned() };
    let mut lines = Vec::new();
    for session in alice.sessions() {
        lines.push(format!("session to {}:{}", network.name(&session.to.key), session.to.port));
        for route in &session.routes {
            let role = if route.active { "active" } else { "spare " };
            let rtt = route.rtt.map_or_else(|| "not yet measured".to_owned(), milliseconds);
            lines.push(format!("  {role}  {}   (end to end {rtt})", path_with_transports(network, route)));
        }
    }
    if lines.is_empty() {
        lines.push("no session".to_owned());
    }
    lines.join("\n")
}

/// Everything that runs, and the routes.
pub(super) fn status(network: &Network) -> String {
    let mut lines = Vec::new();
    for (name, node) in network.nodes() {
        let count = node.transports().len();
        let key = node.key().short();
        lines.push(format!("{name:<6} {key}  {count} transports, {} rules", node.rules()));
    }
    for service in network.services.all() {
        lines.push(format!("{:<20} {}", service.name, if service.is_running() { "runs" } else { "is gone" }));
    }
    lines.push(routes(network));
    lines.join("\n")
}

/// What to try.
pub(super) fn invitation(network: &Network, proxy: SocketAddr) -> String {
    let bob = network.key("bob").map(|key| key.to_string()).unwrap_or_default();
    format!(
        "\nIn another terminal:\n\n  curl -x socks5h://{proxy} http://{bob}.byway/\n  \
         curl -x socks5h://{proxy} http://bob.byway/bytes/1000000000 -o /dev/null\n\n\
         Here: kill n1 · status · quit"
    )
}

//! How the node reaches others, and they it.

use byway_api::local::{Finding, PortMappingView, ReachabilityView};
use byway_base::Code;
use byway_messaging_client::ServerState;
use byway_traversal::Mapping;

use super::{failed, limited, off, ok};
use crate::{Node, local::reachability};

pub(super) fn messaging(node: &Node) -> Finding {
    const PART: &str = "messaging";
    let config = node.config();
    if config.messaging_discovery.is_empty() && config.messaging_servers.is_empty() {
        let hint = "set `messaging_discovery` or `messaging_servers`";
        return failed(PART, "neither `messaging_discovery` nor `messaging_servers` is configured", hint);
    }
    let status = node.messaging().status();
    let up = status.servers.iter().filter(|server| server.state == ServerState::Up).count();
    match up {
        0 => failed(PART, status.why_not_connected(), Code::MessagingUnreachable.hint()),
        1 => limited(
            PART,
            "one server is connected: peers lose this node for some seconds when it fails",
            "see that a second messaging server runs and is reached",
        ),
        _ => ok(PART, format!("{up} servers are connected")),
    }
}

/// What is known of UDP, NAT, IPv6 and the router.
pub(super) fn reachability(node: &Node) -> Vec<Finding> {
    let view = reachability::reachability(node);
    if !view.traversal {
        let hint = "set `traversal.enabled = true`, so that direct transports come about";
        return vec![off("udp", "NAT traversal is off", hint)];
    }
    let port = view.local.first().map_or(0, std::net::SocketAddr::port);
    let mut findings = vec![udp(&view)];
    findings.extend(nat(&view, port));
    findings.extend([ipv6(&view), port_mapping(&view, port)]);
    findings
}

fn udp(view: &ReachabilityView) -> Finding {
    const PART: &str = "udp";
    let families = [&view.ipv4, &view.ipv6];
    if families.iter().any(|family| !family.addresses.is_empty()) {
        return ok(PART, "it gets through to messaging servers and back");
    }
    if families.iter().any(|family| family.nat == Mapping::Blocked) {
        let hint =
            "allow outbound UDP in the firewall; without it, traffic goes through messaging servers over TCP";
        return limited(PART, "no messaging server answers over UDP: it is blocked", hint);
    }
    limited(PART, "not known yet", "wait until a messaging server that speaks UDP is connected")
}

fn nat(view: &ReachabilityView, port: u16) -> Option<Finding> {
    const PART: &str = "nat";
    let by_hand =
        || format!("forward UDP port {port} in the router, and set `quic_listen` and `quic_public_address`");
    Some(match view.ipv4.nat {
        Mapping::Open => {
            ok(PART, "none: this machine has a public IPv4 address, or the servers are in its network")
        }
        Mapping::Independent => ok(PART, "there is one, and direct ways can be found through it"),
        Mapping::Dependent => limited(
            PART,
            "symmetric: only peers whose NAT lets unknown ports in are reached directly",
            format!("switch on UPnP or PCP in the router, or {}", by_hand()),
        ),
        Mapping::Unknown if !view.ipv4.addresses.is_empty() => limited(
            PART,
            "there is one; its kind is not known, as fewer than two servers answered over UDP",
            "see that a second messaging server runs and is reached",
        ),
        Mapping::Unknown | Mapping::Blocked => return None,
    })
}

fn ipv6(view: &ReachabilityView) -> Finding {
    const PART: &str = "ipv6";
    let own = view.local.iter().any(std::net::SocketAddr::is_ipv6);
    match (view.ipv6.addresses.first(), own) {
        (Some(address), _) => ok(PART, format!("messaging servers see {}", address.ip())),
        (None, true) => limited(
            PART,
            "this machine has an address, but no messaging server answers over it",
            "check that IPv6 is routed, and that the messaging servers have IPv6 addresses",
        ),
        (None, false) => {
            off(PART, "this machine has no IPv6 address", "IPv6 needs no NAT; ask your provider for it")
        }
    }
}

fn port_mapping(view: &ReachabilityView, port: u16) -> Finding {
    const PART: &str = "port mapping";
    match &view.port_mapping {
        PortMappingView::Off => off(PART, "it is off", "set `traversal.port_mapping = true`"),
        PortMappingView::Unneeded => ok(PART, "there is nothing to map"),
        PortMappingView::Asking => limited(PART, "the router was asked", "look again in some seconds"),
        PortMappingView::Mapped { address, protocol } => ok(PART, format!("{address} by {protocol}")),
        PortMappingView::Failed { why } => {
            let hint =
                format!("switch on UPnP or PCP in the router, or forward UDP port {port} there by hand");
            // Most NATs can do without.
            if view.ipv4.nat == Mapping::Independent {
                ok(PART, format!("none: {why}"))
            } else {
                limited(PART, why, hint)
            }
        }
    }
}

/// Those that are wanted and down, and those that go through messaging.
pub(super) fn transports(node: &Node) -> Vec<Finding> {
    let name = |name: Option<String>, peer: byway_base::PublicKey| name.unwrap_or_else(|| peer.short());
    let down = reachability::down(node).into_iter().map(|down| {
        let why = down.why.unwrap_or_else(|| "the first attempt is not over".to_owned());
        let found = format!("{} to {} is wanted and down: {why}", down.kind, name(down.name, down.peer));
        failed("transport", found, "check that the peer is up, and the type and address in `transports`")
    });
    let relayed = reachability::relayed(node).into_iter().map(|relayed| {
        let why = relayed.why.unwrap_or_else(|| "the first attempt is not over".to_owned());
        let found = format!("{} is only reached through messaging: {why}", name(relayed.name, relayed.peer));
        limited("transport", found, "traffic flows; `byway doctor` at the peer tells the other half")
    });
    let all: Vec<_> = down.chain(relayed).collect();
    if !all.is_empty() {
        return all;
    }
    match node.transports().len() {
        0 => vec![limited("transport", "none is up", "open one: `byway transports add TYPE PEER`")],
        count => vec![ok("transport", format!("{count} up, none is missing"))],
    }
}

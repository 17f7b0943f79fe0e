//! How a node is reached, for people.

use byway_api::local::{DownView, FamilyView, Mapping, PortMappingView, ReachabilityView, RelayedView};

use super::{Paint, Table, plain, routes, units};

/// What a node's status says of its reachability, in a line.
#[must_use]
pub fn line(view: &ReachabilityView) -> String {
    if !view.traversal {
        return "NAT traversal is off".to_owned();
    }
    let port = match &view.port_mapping {
        PortMappingView::Mapped { address, protocol } => {
            format!(", port mapped at {address} by {}", plain(protocol))
        }
        _ => String::new(),
    };
    format!("UDP {}; IPv4 {}; IPv6 {}{port}", udp(view), family(&view.ipv4), family(&view.ipv6))
}

fn udp(view: &ReachabilityView) -> &'static str {
    let families = [&view.ipv4, &view.ipv6];
    if families.iter().any(|family| !family.addresses.is_empty()) {
        "ok"
    } else if families.iter().any(|family| family.nat == Mapping::Blocked) {
        "blocked"
    } else {
        "unknown"
    }
}

fn family(view: &FamilyView) -> String {
    let nat = match view.nat {
        Mapping::Open => "open",
        Mapping::Independent => "behind a NAT",
        Mapping::Dependent => "behind a symmetric NAT",
        Mapping::Blocked => return "blocked".to_owned(),
        Mapping::Unknown if view.addresses.is_empty() => return "unknown".to_owned(),
        Mapping::Unknown => "behind a NAT of unknown kind",
    };
    match view.addresses.first() {
        Some(address) => format!("{nat} ({address})"),
        None => nat.to_owned(),
    }
}

/// The transports that are missing, and the peers that are only reached through messaging, as a table.
#[must_use]
pub fn missing(down: &[DownView], relayed: &[RelayedView], paint: Paint) -> String {
    if down.is_empty() && relayed.is_empty() {
        return String::new();
    }
    let mut table = Table::new(["MISSING", "PEER", "TRIED", "WHY"]).indented(2);
    for item in down {
        let why = item.why.clone().unwrap_or_else(|| "not tried yet".to_owned());
        table.row([
            item.kind.to_string(),
            routes::peer(&item.peer, item.name.as_deref()),
            "-".to_owned(),
            why,
        ]);
    }
    for item in relayed {
        let tried = item.tried_s.map_or_else(|| "-".to_owned(), |ago| format!("{} ago", units::span(ago)));
        let why = item.why.clone().unwrap_or_else(|| "not tried yet".to_owned());
        table.row(["direct".to_owned(), routes::peer(&item.peer, item.name.as_deref()), tried, why]);
    }
    table.render(paint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_udp_nat_and_the_mapped_port() {
        let mut view = ReachabilityView { traversal: true, ..ReachabilityView::default() };
        assert_eq!(line(&view), "UDP unknown; IPv4 unknown; IPv6 unknown");
        view.ipv4 = FamilyView { nat: Mapping::Dependent, addresses: vec!["192.0.2.1:9".parse().unwrap()] };
        view.ipv6.nat = Mapping::Blocked;
        view.port_mapping =
            PortMappingView::Mapped { address: "192.0.2.1:70".parse().unwrap(), protocol: "PCP".to_owned() };
        let expected = "UDP ok; IPv4 behind a symmetric NAT (192.0.2.1:9); IPv6 blocked, \
                        port mapped at 192.0.2.1:70 by PCP";
        assert_eq!(line(&view), expected);
    }
}

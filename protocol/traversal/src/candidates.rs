//! Which of a peer's candidates are tried, and in which order.
//!
//! A peer may name any address. What no host has is never tried, and what means something only within one machine or one
//! site is tried only if this node is in such a place itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How far an address reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// No host has it, or all do.
    Nobody,
    /// The machine itself.
    Machine,
    /// A site: RFC 1918, the space that providers share (RFC 6598), link-local IPv4, unique local IPv6.
    Site,
    /// Everywhere.
    World,
}

/// Whether a datagram may be sent to the address at all: it can be one host's, and has a port.
#[must_use]
pub fn is_usable(address: SocketAddr) -> bool {
    address.port() != 0 && scope(address.ip()) != Scope::Nobody
}

/// The peer's `theirs` that are worth a try, without repetitions, likeliest first, for a node that has the candidates
/// `own`: neighbours in the same network, then IPv6, then what the rest of the world sees, then other private addresses.
#[must_use]
pub fn worth_trying(theirs: &[SocketAddr], own: &[SocketAddr]) -> Vec<SocketAddr> {
    let own: Vec<_> = own.iter().map(|address| address.ip().to_canonical()).collect();
    let mut chosen: Vec<SocketAddr> = Vec::new();
    for address in theirs {
        let address = canonical(*address);
        if is_usable(address) && is_ours_too(address.ip(), &own) && !chosen.contains(&address) {
            chosen.push(address);
        }
    }
    chosen.sort_by_key(|address| rank(address.ip(), &own));
    chosen
}

/// IPv4 addresses as such, and no scope or flow of IPv6.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Whether the place within which the address means something may be one where this node is.
fn is_ours_too(ip: IpAddr, own: &[IpAddr]) -> bool {
    match scope(ip) {
        Scope::World => true,
        limited => own.iter().any(|own| own.is_ipv4() == ip.is_ipv4() && scope(*own) == limited),
    }
}

fn rank(ip: IpAddr, own: &[IpAddr]) -> u8 {
    match scope(ip) {
        _ if own.iter().any(|own| same_network(*own, ip)) => 0,
        Scope::World if ip.is_ipv6() => 1,
        Scope::World => 2,
        _ => 3,
    }
}

/// Networks have many sizes; these are the usual ones.
fn same_network(a: IpAddr, b: IpAddr) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => a.octets()[..3] == b.octets()[..3],
        (IpAddr::V6(a), IpAddr::V6(b)) => a.octets()[..8] == b.octets()[..8],
        _ => false,
    }
}

fn scope(ip: IpAddr) -> Scope {
    match ip.to_canonical() {
        IpAddr::V4(ip) => scope4(ip),
        IpAddr::V6(ip) => scope6(ip),
    }
}

fn scope4(ip: Ipv4Addr) -> Scope {
    let [first, second, ..] = ip.octets();
    match first {
        127 => Scope::Machine,
        // "This network", multicast, reserved and broadcast.
        0 | 224.. => Scope::Nobody,
        100 if second & 0xc0 == 64 => Scope::Site,
        _ if ip.is_private() || ip.is_link_local() => Scope::Site,
        _ => Scope::World,
    }
}

fn scope6(ip: Ipv6Addr) -> Scope {
    match ip {
        _ if ip.is_loopback() => Scope::Machine,
        // A link-local address needs a scope that only its own machine knows.
        _ if ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local() => Scope::Nobody,
        _ if ip.is_unique_local() => Scope::Site,
        _ => Scope::World,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn what_is_no_host_is_never_tried() {
        let nobodys = addresses(&[
            "0.0.0.0:1",
            "0.1.2.3:1",
            "224.0.0.251:5353",
            "239.1.1.1:1",
            "255.255.255.255:1",
            "240.0.0.1:1",
            "192.0.2.1:0",
            "[::]:1",
            "[ff02::1]:1",
            "[fe80::1]:1",
            "[::ffff:224.0.0.1]:1",
            "[2001:db8::1]:0",
        ]);
        let everywhere = addresses(&["127.0.0.1:1", "10.0.0.1:1", "[::1]:1", "[fd00::1]:1"]);
        assert_eq!(worth_trying(&nobodys, &everywhere), []);
        assert!(!nobodys.into_iter().any(is_usable));
    }

    #[test]
    fn addresses_of_a_machine_or_a_site_are_tried_only_from_such_a_place() {
        let theirs = addresses(&[
            "127.0.0.1:1",
            "[::1]:1",
            "10.0.0.1:1",
            "100.64.0.1:1",
            "[fd00::1]:1",
            "192.0.2.1:1",
        ]);
        let from = |own: &[&str]| worth_trying(&theirs, &addresses(own));
        assert_eq!(from(&["198.51.100.1:9"]), addresses(&["192.0.2.1:1"]));
        assert_eq!(from(&["192.168.0.1:9"]), addresses(&["192.0.2.1:1", "10.0.0.1:1", "100.64.0.1:1"]));
        assert_eq!(from(&["127.0.0.1:9"]), addresses(&["127.0.0.1:1", "192.0.2.1:1"]));
        assert_eq!(from(&["[fd01::1]:9"]), addresses(&["192.0.2.1:1", "[fd00::1]:1"]));
        assert_eq!(from(&[]), addresses(&["192.0.2.1:1"]));
    }

    #[test]
    fn the_likeliest_comes_first_and_none_twice() {
        let own = addresses(&["192.168.1.2:9", "[2001:db8:1::2]:9"]);
        let theirs = addresses(&[
            "10.0.0.1:1",
            "192.0.2.1:1",
            "[::ffff:192.0.2.1]:1",
            "[2001:db8:2::1]:1",
            "192.168.1.3:1",
            "192.0.2.1:1",
            "[2001:db8:1::3]:1",
        ]);
        let expected = addresses(&[
            "192.168.1.3:1",
            "[2001:db8:1::3]:1",
            "[2001:db8:2::1]:1",
            "192.0.2.1:1",
            "10.0.0.1:1",
        ]);
        assert_eq!(worth_trying(&theirs, &own), expected);
    }
}

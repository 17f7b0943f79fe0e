//! The addresses of this machine, at which peers nearby reach its UDP socket.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

/// Addresses of one machine that are worth a peer's attempt; one with more than these runs containers.
const ADDRESSES: usize = 6;

/// Where a socket that is bound to `bound` can be reached without any NAT: there, or at every address of this machine if
/// it names none. Without loopback and without addresses that need a scope; those of physical networks first.
///
/// # Errors
/// If the system does not say.
pub(super) fn local(bound: SocketAddr) -> io::Result<Vec<SocketAddr>> {
    if !bound.ip().is_unspecified() {
        return Ok(vec![bound]);
    }
    let interfaces = if_addrs::get_if_addrs()?;
    let usable = |interface: &&if_addrs::Interface| {
        interface.is_oper_up() && !interface.is_loopback() && !interface.is_link_local()
    };
    let mut found: Vec<_> =
        interfaces.iter().filter(usable).map(|it| (is_virtual(&it.name), it.ip())).collect();
    found.retain(|(_, ip)| bound.is_ipv6() || ip.is_ipv4());
    // In one order whatever the system says first, so that only real changes count as such.
    found.sort_unstable();
    found.dedup();
    Ok(found.into_iter().take(ADDRESSES).map(|(_, ip)| SocketAddr::new(ip, bound.port())).collect())
}

/// Bridges of container engines lead nowhere but to this machine. They are tried last.
fn is_virtual(interface: &str) -> bool {
    ["docker", "br-", "veth", "virbr", "podman", "cni"].iter().any(|prefix| interface.starts_with(prefix))
}

/// The machine's IPv4 address towards the router, if one of its own is private: only then a router can forward a port.
pub(super) fn behind_router(local: &[SocketAddr]) -> Option<std::net::Ipv4Addr> {
    local.iter().find_map(|address| match address.ip() {
        IpAddr::V4(ip) if ip.is_private() => Some(ip),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_with_an_address_of_its_own_is_there_and_nowhere_else() {
        let bound = "127.0.0.1:4711".parse().unwrap();
        assert_eq!(local(bound).unwrap(), [bound]);
    }

    #[test]
    fn a_socket_for_all_addresses_is_at_those_that_others_can_use_under_its_port() {
        for any in ["[::]:4711", "0.0.0.0:4711"] {
            let found = local(any.parse().unwrap()).unwrap();
            assert!(found.len() <= ADDRESSES);
            assert!(
                found.iter().all(|address| address.port() == 4711 && !address.ip().is_loopback()),
                "{found:?}"
            );
        }
        assert!(local("0.0.0.0:1".parse().unwrap()).unwrap().iter().all(SocketAddr::is_ipv4));
    }

    #[test]
    fn only_a_private_address_is_behind_a_router() {
        let at = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        assert_eq!(behind_router(&at(&["203.0.113.7:1", "[fd00::1]:1"])), None);
        assert_eq!(behind_router(&at(&["[2001:db8::1]:1", "192.168.1.5:1"])), Some([192, 168, 1, 5].into()));
    }
}

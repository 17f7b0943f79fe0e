//! Which targets the proxy routes.

use byway_base::Port;
use fast_socks5::util::target_addr::TargetAddr;

use crate::target::Target;

/// The suffix of names that lead onto the overlay.
const SUFFIX: &str = ".byway";

/// `<key or petname>.byway` and a port; else why not. Case does not matter, nor does the dot of a rooted name.
pub(super) fn target(target: &TargetAddr) -> Result<Target, &'static str> {
    let TargetAddr::Domain(name, port) = target else {
        return Err("only names that end in .byway are routed; let the proxy resolve names (socks5h)");
    };
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let peer = name.strip_suffix(SUFFIX).ok_or("only names that end in .byway are routed")?;
    if peer.is_empty() || peer.contains('.') {
        return Err("a name is <key or petname>.byway");
    }
    if *port == 0 {
        return Err("a port is a number from 1 to 65535");
    }
    Ok(Target { peer: peer.to_owned(), port: Port(*port) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(name: &str, port: u16) -> TargetAddr {
        TargetAddr::Domain(name.to_owned(), port)
    }

    #[test]
    fn only_one_label_before_the_suffix_is_routed() {
        let bob = Target { peer: "bob".to_owned(), port: Port(80) };
        for name in ["bob.byway", "BOB.Byway", "bob.byway."] {
            assert_eq!(target(&domain(name, 80)), Ok(bob.clone()));
        }
        for name in ["bob", "example.org", ".byway", "byway", "www.bob.byway", "bob.byway.org", ""] {
            assert!(target(&domain(name, 80)).is_err(), "{name}");
        }
        assert!(target(&domain("bob.byway", 0)).is_err());
        assert!(target(&TargetAddr::Ip(([127, 0, 0, 1], 80).into())).is_err());
    }
}

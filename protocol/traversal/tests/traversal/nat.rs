//! What NATs do with ports and strangers (RFC 4787, 4 and 5), as a model without clock or sockets.

use std::net::{IpAddr, SocketAddr};

use crate::dice::Dice;

/// The usual names of the usual kinds (RFC 3489, 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No NAT and no firewall.
    Open,
    /// One outer port for all destinations; lets everything in there.
    FullCone,
    /// One outer port; lets in what comes from an address that was sent to.
    AddressRestricted,
    /// One outer port; lets in what comes from an address and port that were sent to.
    PortRestricted,
    /// Another outer port for each destination, which lets in that destination only.
    Symmetric,
    /// No UDP goes out or in.
    Blocked,
}

/// A NAT that does not hairpin: what the inside sends to its own outer address is lost.
#[derive(Debug)]
pub(crate) struct Nat {
    pub(crate) kind: Kind,
    outer: IpAddr,
    bindings: Vec<Binding>,
    dice: Dice,
}

#[derive(Debug)]
struct Binding {
    inner: SocketAddr,
    /// The one destination that it serves, if the NAT is symmetric.
    only: Option<SocketAddr>,
    outer: SocketAddr,
    sent_to: Vec<SocketAddr>,
}

impl Nat {
    pub(crate) fn new(kind: Kind, outer: IpAddr, seed: u64) -> Self {
        Self { kind, outer, bindings: Vec::new(), dice: Dice::new(seed) }
    }

    /// A datagram leaves: from where the world sees it come. `None` if it does not get out.
    pub(crate) fn outbound(&mut self, inner: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
        if inner.is_ipv4() != to.is_ipv4() || self.kind == Kind::Blocked || to.ip() == self.outer {
            return None;
        }
        if self.kind == Kind::Open {
            return Some(inner);
        }
        let only = (self.kind == Kind::Symmetric).then_some(to);
        let known = self.bindings.iter().position(|binding| binding.inner == inner && binding.only == only);
        let at = known.unwrap_or_else(|| {
            let outer = self.free_port();
            self.bindings.push(Binding { inner, only, outer, sent_to: Vec::new() });
            self.bindings.len() - 1
        });
        let binding = &mut self.bindings[at];
        if !binding.sent_to.contains(&to) {
            binding.sent_to.push(to);
        }
        Some(binding.outer)
    }

    /// A datagram arrives: for whom it is inside. `None` if it does not get in.
    pub(crate) fn inbound(&self, to: SocketAddr, from: SocketAddr) -> Option<SocketAddr> {
        match self.kind {
            Kind::Open => return Some(to),
            Kind::Blocked => return None,
            _ => {}
        }
        let binding = self.bindings.iter().find(|binding| binding.outer == to)?;
        let admitted = match self.kind {
            Kind::FullCone => true,
            Kind::AddressRestricted => binding.sent_to.iter().any(|sent_to| sent_to.ip() == from.ip()),
            _ => binding.sent_to.contains(&from),
        };
        admitted.then_some(binding.inner)
    }

    pub(crate) fn has(&self, outer: IpAddr) -> bool {
        self.outer == outer
    }

    /// Random ports, which are the hardest to guess.
    fn free_port(&mut self) -> SocketAddr {
        loop {
            let port = 1_024 + u16::try_from(self.dice.below(60_000)).unwrap();
            let outer = SocketAddr::new(self.outer, port);
            if self.bindings.iter().all(|binding| binding.outer != outer) {
                return outer;
            }
        }
    }
}

#[test]
fn each_kind_lets_in_whom_it_says() {
    let [inner, server, same_host, stranger] =
        ["10.0.0.2:7", "192.0.2.1:1", "192.0.2.1:2", "192.0.2.9:1"].map(|text| text.parse().unwrap());
    for (kind, admitted) in [
        (Kind::FullCone, [true, true, true]),
        (Kind::AddressRestricted, [true, true, false]),
        (Kind::PortRestricted, [true, false, false]),
        (Kind::Symmetric, [true, false, false]),
    ] {
        let mut nat = Nat::new(kind, "203.0.113.1".parse().unwrap(), 1);
        let outer = nat.outbound(inner, server).unwrap();
        let seen = [server, same_host, stranger].map(|from| nat.inbound(outer, from) == Some(inner));
        assert_eq!(seen, admitted, "{kind:?}");
        assert_eq!(nat.outbound(inner, server), Some(outer));
        assert_eq!(nat.outbound(inner, stranger) == Some(outer), kind != Kind::Symmetric, "{kind:?}");
        assert_eq!(nat.outbound(inner, outer), None, "no hairpin");
    }
}

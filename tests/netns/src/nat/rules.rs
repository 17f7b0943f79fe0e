//! What the kernel is told, in the language of nft(8).

use super::{INSIDE, NatKind, OUTSIDE};

/// Mappings that a router remembers, and so long without a packet from inside.
const MEMORY: &str = "flags dynamic,timeout; timeout 2m; size 65536;";

/// The rules of a router, in place of any that it had.
///
/// New connections from outside are dropped on the router itself too. Were they not, a peer's early packet would leave a
/// tracked connection there, and the mapping would have to take another port.
pub(super) fn of(kind: NatKind) -> String {
    let rules = match kind {
        NatKind::Open => String::new(),
        NatKind::FullCone => cone("udp sport", "udp dport", "inet_service") + &home(kind),
        NatKind::AddressRestricted => {
            cone("udp sport . ip daddr", "udp dport . ip saddr", "inet_service . ipv4_addr") + &home(kind)
        }
        NatKind::PortRestricted | NatKind::Symmetric | NatKind::UdpBlocked => home(kind),
    };
    // Added first, so that there is one to delete.
    format!("table inet home {{}}\ndelete table inet home\ntable inet home {{\n{rules}}}\n")
}

/// Translation of what goes out, and the firewall.
fn home(kind: NatKind) -> String {
    // By default the kernel keeps the inner port if it can, and then it does not depend on the destination.
    let mapping = if kind == NatKind::Symmetric { "masquerade fully-random" } else { "masquerade" };
    let blocked = if kind == NatKind::UdpBlocked { "meta l4proto udp drop" } else { "" };
    format!(
        "chain leave {{
            type nat hook postrouting priority srcnat
            oifname {OUTSIDE} meta nfproto ipv4 {mapping}
        }}
        chain own {{
            type filter hook input priority filter
            iifname {OUTSIDE} ct state new drop
        }}
        chain through {{
            type filter hook forward priority filter
            {blocked}
            iifname {OUTSIDE} oifname {INSIDE} ct state new ct status & dnat == 0 drop
        }}
        "
    )
}

/// Lets in what the mapping is open for: who goes out is remembered under `key`, who comes in is looked up by `asked`.
fn cone(key: &str, asked: &str, types: &str) -> String {
    format!(
        "map mapped {{ type {types} : ipv4_addr . inet_service; {MEMORY} }}
        chain remember {{
            type filter hook postrouting priority srcnat + 50
            oifname {OUTSIDE} meta nfproto ipv4 meta l4proto udp \
            update @mapped {{ {key} : ct original ip saddr . ct original proto-src }}
        }}
        chain enter {{
            type nat hook prerouting priority dstnat
            iifname {OUTSIDE} meta nfproto ipv4 meta l4proto udp dnat ip to {asked} map @mapped
        }}
        "
    )
}

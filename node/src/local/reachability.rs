//! How the node can be reached, and what it is not reached by, in the words of the local API.

use byway_api::local::{DownView, FamilyView, PortMappingView, ReachabilityView, RelayedView};
use byway_traversal::Family;

use crate::{
    Node,
    traversal::{Mapped, Reach},
};

pub(super) fn reachability(node: &Node) -> ReachabilityView {
    let Some(traversal) = node.traversal() else {
        return ReachabilityView { port_mapping: PortMappingView::Off, ..ReachabilityView::default() };
    };
    let Reach { local, survey, mapped, .. } = traversal.reach();
    let (ipv4, ipv6) = survey.map(|survey| (survey.ipv4, survey.ipv6)).unwrap_or_default();
    ReachabilityView {
        traversal: true,
        local,
        ipv4: family(ipv4),
        ipv6: family(ipv6),
        port_mapping: match mapped {
            Mapped::Off => PortMappingView::Off,
            Mapped::Unneeded => PortMappingView::Unneeded,
            Mapped::Asking => PortMappingView::Asking,
            Mapped::At { address, protocol } => {
                PortMappingView::Mapped { address, protocol: protocol.to_owned() }
            }
            Mapped::Failed { why } => PortMappingView::Failed { why },
        },
    }
}

fn family(family: Family) -> FamilyView {
    FamilyView { nat: family.mapping, addresses: family.reflexive }
}

pub(super) fn relayed(node: &Node) -> Vec<RelayedView> {
    let view = |peer| {
        let tried = node.traversal().and_then(|traversal| traversal.tried(&peer));
        let off = || node.traversal().is_none().then(|| "NAT traversal is off here".to_owned());
        RelayedView {
            peer,
            name: node.name_of(&peer),
            tried_s: tried.as_ref().map(|tried| tried.at.elapsed().as_secs()),
            why: tried.and_then(|tried| tried.why).or_else(off),
        }
    };
    node.relayed().into_iter().map(view).collect()
}

pub(super) fn down(node: &Node) -> Vec<DownView> {
    let view = |down: crate::transports::Down| DownView {
        name: node.name_of(&down.peer),
        kind: down.kind,
        peer: down.peer,
        why: down.why,
    };
    node.down().into_iter().map(view).collect()
}

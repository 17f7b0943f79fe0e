//! Petnames for keys that the node named without.

use std::collections::{BTreeMap, BTreeSet};

use byway_api::local::{Resolve, ResolveRequest, RouteHop};
use byway_app_sdk::LocalNode;
use byway_base::PublicKey;

/// The petnames of these keys. A key without one, or a node that does not say, is no failure.
pub(super) async fn petnames(node: &LocalNode, keys: BTreeSet<PublicKey>) -> BTreeMap<PublicKey, String> {
    let mut names = BTreeMap::new();
    for key in keys {
        let request = ResolveRequest { name: key.to_string() };
        let Ok(reply) = node.call::<Resolve>((), (), request).await else { return names };
        if let Some(name) = reply.name {
            names.insert(key, name);
        }
    }
    names
}

/// Puts names where there are none.
pub(super) fn fill(hops: &mut [RouteHop], names: &BTreeMap<PublicKey, String>) {
    for hop in hops.iter_mut().filter(|hop| hop.name.is_none()) {
        hop.name = names.get(&hop.to).cloned();
    }
}

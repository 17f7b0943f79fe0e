//! How a setup node tells nodes apart whose routes are whose, without telling them who.

use byway_base::PublicKey;
use byway_wire::setup::InitiatorTag;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Derives the tags under which nodes count the routes of each source.
///
/// A tag is the beginning of HMAC-SHA-256 over the node and the source under a secret of the setup node. Without the
/// secret nobody can try keys of sources, nor compare the tags of two nodes. What a node does learn is which of the
/// routes over it have the same source, for as long as the secret is the same.
#[derive(Clone)]
pub struct Initiators {
    secret: [u8; 32],
}

impl Initiators {
    /// Tags under a secret that nobody else must know; a new one at each start of a setup node will do.
    #[must_use]
    pub const fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// What stands for the source `initiator` towards `node`.
    #[must_use]
    pub fn tag(&self, initiator: &PublicKey, node: &PublicKey) -> InitiatorTag {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes keys of any length");
        mac.update(b"byway initiator v1\0");
        mac.update(node.as_bytes());
        mac.update(initiator.as_bytes());
        let bytes: [u8; 32] = mac.finalize().into_bytes().into();
        let (tag, _) = bytes.split_first_chunk().expect("a hash has more bytes than a tag");
        InitiatorTag(*tag)
    }
}

impl std::fmt::Debug for Initiators {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Initiators").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use byway_base::SecretKey;

    use super::*;

    #[test]
    fn a_tag_tells_sources_apart_at_a_node_and_nothing_across_nodes_or_setup_nodes() {
        let [a, b, node, other] = [1, 2, 3, 4].map(|seed| SecretKey::from_seed([seed; 32]).public());
        let (initiators, foreign) = (Initiators::new([7; 32]), Initiators::new([8; 32]));
        let tag = initiators.tag(&a, &node);
        assert_eq!(initiators.tag(&a, &node), tag);
        for different in [initiators.tag(&b, &node), initiators.tag(&a, &other), foreign.tag(&a, &node)] {
            assert_ne!(different, tag);
        }
        assert_ne!(initiators.tag(&node, &a), tag);
    }
}

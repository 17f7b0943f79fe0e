//! Which transports are up.

use std::collections::BTreeMap;

use byway_base::{PublicKey, TransportId};
use byway_routing::TransportSlot;
use byway_wire::SignedTransportEntry;
use tokio_util::sync::CancellationToken;

use super::Quality;

/// A transport that is up.
pub(crate) struct Live {
    /// The other edge.
    pub(crate) peer: PublicKey,
    /// What both edges signed.
    pub(crate) entry: SignedTransportEntry,
    /// Its name in the data half.
    pub(crate) slot: TransportSlot,
    /// Where the peer is, for people.
    pub(crate) address: String,
    /// Whether this node opened it.
    pub(crate) dialled: bool,
    /// What it loses and carries.
    pub(crate) quality: Quality,
    /// Closes it.
    pub(crate) stop: CancellationToken,
}

impl Live {
    /// Whether this transport gives way to another with the same id.
    ///
    /// Both edges must decide alike, though they may see two links in different order: the newer entry stays, and of
    /// two entries of the same second the one that the smaller key dialled. A second link in the same direction means
    /// that its dialler lost the first.
    pub(crate) fn yields_to(
        &self,
        entry: &SignedTransportEntry,
        dialled: bool,
        own: PublicKey,
        peer: PublicKey,
    ) -> bool {
        let (issued, present) = (entry.entry.issued, self.entry.entry.issued);
        let dialled_by_smaller = dialled == (own < peer);
        issued > present || (issued == present && (dialled == self.dialled || dialled_by_smaller))
    }
}

/// The transports that are up, by id.
#[derive(Default)]
pub(crate) struct Table {
    live: BTreeMap<TransportId, Live>,
}

impl Table {
    pub(crate) fn get(&self, id: &TransportId) -> Option<&Live> {
        self.live.get(id)
    }

    pub(crate) fn by_slot(&self, slot: TransportSlot) -> Option<&Live> {
        self.live.values().find(|live| live.slot == slot)
    }

    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    pub(crate) fn insert(&mut self, id: TransportId, live: Live) {
        self.live.insert(id, live);
    }

    /// Removes a transport, unless another took its id in the meantime.
    pub(crate) fn remove_slot(&mut self, id: &TransportId, slot: TransportSlot) {
        if self.live.get(id).is_some_and(|live| live.slot == slot) {
            self.live.remove(id);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&TransportId, &Live)> {
        self.live.iter()
    }
}

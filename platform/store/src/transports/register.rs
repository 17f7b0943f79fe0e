//! Registering a transport.

use std::cmp::Ordering;

use byway_api::transport_discovery::{Metrics, TransportView};
use byway_base::{
    PublicKey, TransportId, UnixTime,
    limits::{LEASE, TRANSPORTS_PER_NODE},
};
use byway_wire::SignedTransportEntry;

use super::{
    Transports,
    held::Held,
    rows::{Rows, Working},
    write::Doing,
    writer::Job,
};
use crate::{StoreError, changes::Kind};

/// What a registration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The transport since then.
    pub transport: TransportView,
    /// Whether the entry is new to the registry; false if it held the same already.
    pub new: bool,
}

/// An entry to be registered.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(super) id: TransportId,
    pub(super) signed: SignedTransportEntry,
    /// The edge that handed it in.
    pub(super) edge: PublicKey,
    pub(super) now: UnixTime,
}

impl Transports<'_> {
    /// Takes an entry that the caller has verified, handed in by `edge`, which is one of its edges.
    ///
    /// A newer entry replaces an older one; the same again only repeats the edge's claim. Both edges signed the
    /// entry, so a fresh one is also the other edge's claim that the transport is up.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if a newer entry is held, or if the transport was deleted after this entry was
    /// issued; [`StoreError::Full`] if the edge has [`TRANSPORTS_PER_NODE`] already.
    pub async fn register(
        &self,
        signed: &SignedTransportEntry,
        edge: &PublicKey,
        now: UnixTime,
    ) -> Result<Registration, StoreError> {
        let wish = Wish { id: signed.entry.id(), signed: signed.clone(), edge: *edge, now };
        self.store.ask(wish, Job::Register).await
    }
}

/// Takes an entry into the rows; answers whether it is new to them.
pub(super) fn register(rows: &mut Rows, wish: &Wish) -> Result<bool, StoreError> {
    let issued = wish.signed.entry.issued;
    if let Some(deleted) = rows.tombstones.get(&wish.id).filter(|deleted| **deleted >= issued) {
        return Err(StoreError::Conflict { newer: deleted.0 });
    }
    let new = match rows.held.get_mut(&wish.id) {
        None => {
            let count = rows.counts.entry(wish.edge).or_default();
            if *count >= TRANSPORTS_PER_NODE {
                return Err(StoreError::Full { limit: TRANSPORTS_PER_NODE });
            }
            *count += 1;
            rows.insert(Held::new(wish.signed.clone(), wish.now));
            true
        }
        Some(Working { held, doing, news }) => match held.view.signed.entry.issued.cmp(&issued) {
            Ordering::Less => {
                held.view.signed = wish.signed.clone();
                if let Doing::Update(before) = *doing {
                    *doing = Doing::Replace(before);
                }
                *news = Some(Kind::Registered);
                true
            }
            Ordering::Equal => false,
            Ordering::Greater => return Err(StoreError::Conflict { newer: held.view.signed.entry.issued.0 }),
        },
    };
    claim(rows, wish, new);
    Ok(new)
}

/// What the registration says of both edges: leases and claims.
fn claim(rows: &mut Rows, wish: &Wish, new: bool) {
    let signed_at = wish.signed.entry.issued.min(wish.now);
    let other_is_fresh = new && signed_at.plus(LEASE) > wish.now;
    for (side, node) in wish.signed.entry.edges.iter().enumerate() {
        let renewed = match (*node == wish.edge, other_is_fresh) {
            (true, _) => wish.now,
            (false, true) => signed_at,
            (false, false) => continue,
        };
        rows.nodes.entry(*node).or_default().renew(renewed);
        let Some(working) = rows.held.get_mut(&wish.id) else { continue };
        let claim = &mut working.held.view.claims[side];
        claim.renewed_at = claim.renewed_at.max(renewed);
        // A new entry means a new link: what was measured on the old one says nothing about it.
        let metrics = if new { Metrics::default() } else { claim.metrics };
        working.claim(side, true, metrics, wish.now);
    }
}

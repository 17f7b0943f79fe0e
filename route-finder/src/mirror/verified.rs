//! Which entries were seen to be signed by both edges.

use std::{collections::BTreeMap, panic, thread};

use byway_api::transport_discovery::TransportView;
use byway_base::{TransportId, UnixTime};
use byway_route_graph::GraphError;
use byway_wire::transport_entry::EntryError;

/// Why an entry does not enter the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The id is not that of the entry's edges and type.
    #[error("the id is that of another transport")]
    Id,
    /// The entry is not one that both edges signed.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The graph has no room for it.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

impl Refusal {
    /// A word for metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Entry(_) => "signature",
            Self::Graph(_) => "room",
        }
    }
}

/// When the entries that were verified were issued.
///
/// That is enough to know them by: the id fixes edges and type, so that another entry of the same id and date does not
/// exist. Whoever repeats it may as well bring no signatures.
#[derive(Debug, Default)]
pub(super) struct Verified {
    issued: BTreeMap<TransportId, UnixTime>,
}

impl Verified {
    /// Whether both edges signed the entry, and it stands under its own id.
    pub(super) fn judge(&self, view: &TransportView) -> Result<(), Refusal> {
        let signed = &view.signed;
        if signed.entry.id() != view.id {
            return Err(Refusal::Id);
        }
        // An entry with its edges in the other order has the same id, but no such entry was ever remembered.
        let in_order = signed.entry.edges[0] < signed.entry.edges[1];
        if in_order && self.issued.get(&view.id) == Some(&signed.entry.issued) {
            return Ok(());
        }
        Ok(signed.verify()?)
    }

    /// [`Self::judge`] for many at once, in their order.
    pub(super) fn judge_all(&self, views: &[TransportView], threads: usize) -> Vec<Result<(), Refusal>> {
        let share = views.len().div_ceil(threads.max(1)).max(1);
        thread::scope(|scope| {
            let judging =
                |share: &[TransportView]| share.iter().map(|view| self.judge(view)).collect::<Vec<_>>();
            let shares: Vec<_> =
                views.chunks(share).map(|share| scope.spawn(move || judging(share))).collect();
            let verdicts = shares
                .into_iter()
                .map(|share| share.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
            verdicts.flatten().collect()
        })
    }

    /// The entry was judged to be right and holds.
    pub(super) fn remember(&mut self, view: &TransportView) {
        self.issued.insert(view.id, view.signed.entry.issued);
    }

    /// The transport is gone.
    pub(super) fn forget(&mut self, id: &TransportId) {
        self.issued.remove(id);
    }
}

//! Which entries were seen to be signed by both edges.

use std::{panic, thread};

use byway_api::transport_discovery::TransportView;
use byway_route_graph::{Graph, GraphError};
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
    /// Every word of [`Self::name`].
    pub(super) const NAMES: [&str; 3] = ["id", "signature", "room"];

    /// A word for metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Entry(_) => "signature",
            Self::Graph(_) => "room",
        }
    }
}

/// Whether both edges signed the entry, and it stands under its own id.
///
/// What the graph holds was verified before, and is known by its date: the id fixes edges and type, so that another entry
/// of the same id and date does not exist. Whoever repeats it may as well bring no signatures.
pub(super) fn judge(graph: &Graph, view: &TransportView) -> Result<(), Refusal> {
    let entry = &view.signed.entry;
    if entry.id() != view.id {
        return Err(Refusal::Id);
    }
    // With its edges in the other order an entry has the same id, but it is not the one that the graph holds.
    if graph.issued(&view.id, &entry.edges, &entry.kind) == Some(entry.issued) {
        return Ok(());
    }
    Ok(view.signed.verify()?)
}

/// [`judge`] for many at once, in their order.
pub(super) fn judge_all(graph: &Graph, views: &[TransportView], threads: usize) -> Vec<Result<(), Refusal>> {
    let share = views.len().div_ceil(threads.max(1)).max(1);
    thread::scope(|scope| {
        let judging =
            |share: &[TransportView]| share.iter().map(|view| judge(graph, view)).collect::<Vec<_>>();
        let shares: Vec<_> = views.chunks(share).map(|share| scope.spawn(move || judging(share))).collect();
        let verdicts =
            shares.into_iter().map(|share| share.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
        verdicts.flatten().collect()
    })
}

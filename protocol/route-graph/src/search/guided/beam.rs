//! The narrow search: hop by hop, only the most promising beginnings go on.
//!
//! It takes over when the exact search has looked at too many beginnings. What it finds satisfies every rule, but a
//! better path may exist.

use std::collections::BTreeMap;

use super::{Beginning, Guide, Rest};
use crate::{
    NodeIndex,
    path::RawPath,
    search::{Exhausted, Scratch},
};

/// Beginnings of each length that go on.
const WIDTH: usize = 512;
/// Of those, how many may stand at the same node: keeps the beam from being variations of one beginning.
const WIDTH_PER_NODE: usize = 4;

/// The best path that comes through. None coming through is no proof that there is none.
pub(super) fn search<R: Rest>(guide: &mut Guide<'_, R>, scratch: &mut Scratch) -> Result<RawPath, Exhausted> {
    let mut best: Option<RawPath> = None;
    let mut layer = vec![0];
    let mut outcome = Ok(());
    while !layer.is_empty() && outcome.is_ok() {
        let mut children = Vec::new();
        for at in layer {
            let before = children.len();
            guide.continue_from(at, &mut children);
            outcome =
                outcome.and_then(|()| (before..children.len()).try_for_each(|_| scratch.visits.count()));
        }
        layer = narrow(guide, children, &mut best);
    }
    best.ok_or(Exhausted)
}

/// Notes complete paths, and keeps of the rest what goes on.
fn narrow<R: Rest>(
    guide: &mut Guide<'_, R>,
    mut children: Vec<Beginning>,
    best: &mut Option<RawPath>,
) -> Vec<usize> {
    children.sort_by_key(|child| child.promise);
    let mut standing: BTreeMap<NodeIndex, usize> = BTreeMap::new();
    let mut layer = Vec::new();
    for child in children {
        let at = guide.beginnings.len();
        if guide.is_complete(&child) {
            guide.beginnings.push(child);
            let path = guide.path(at, false);
            if best.as_ref().is_none_or(|best| path < *best) {
                *best = Some(path);
            }
            continue;
        }
        let here = standing.entry(child.node).or_default();
        if layer.len() < WIDTH && *here < WIDTH_PER_NODE {
            *here += 1;
            guide.beginnings.push(child);
            layer.push(at);
        }
    }
    layer
}

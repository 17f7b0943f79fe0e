//! What each step costs under one metric, and in which order the steps out of a node are best tried.
//!
//! A search that takes the cheapest step of a node first never looks at most of the others: far out, nearly all ways on
//! are dearer than the path that it will find.

use super::{Packed, Span, order::parts};
use crate::{
    graph::Rows,
    metric::{Metric, hop_cost},
};

/// The costs of all steps under one metric.
#[derive(Clone, Copy)]
pub(crate) struct Costs<'a> {
    /// By step.
    each: &'a [u32],
    /// Each node's steps by ascending cost, usable ones and others apart; none if they stand in this order themselves.
    order: Option<&'a [u32]>,
}

/// The costs under a metric that the steps are not ordered by.
pub(super) struct Ordered {
    each: Box<[u32]>,
    order: Box<[u32]>,
}

impl<'a> Costs<'a> {
    pub(super) fn in_order(each: &'a [u32]) -> Self {
        Self { each, order: None }
    }

    /// The cost of a step.
    #[inline]
    pub(crate) fn of(&self, step: usize) -> u32 {
        self.each[step]
    }

    /// The step at a place of the order. The places of a node are the numbers of its steps.
    #[inline]
    pub(crate) fn at(&self, place: usize) -> usize {
        self.order.map_or(place, |order| order[place] as usize)
    }
}

impl Ordered {
    pub(super) fn compute(spans: &[Span], steps: &[Packed], metric: &dyn Metric, rows: &Rows) -> Self {
        let by_row: Vec<u32> = rows.all().map(|row| hop_cost(metric, &row.metrics)).collect();
        let each: Box<[u32]> = steps.iter().map(|step| by_row[step.open().transport.index()]).collect();
        let mut order: Box<[u32]> = (0..).take(each.len()).collect();
        for part in spans.windows(2).flat_map(parts) {
            order[part].sort_unstable_by_key(|step| (each[*step as usize], *step));
        }
        Self { each, order }
    }

    pub(super) fn costs(&self) -> Costs<'_> {
        Costs { each: &self.each, order: Some(&self.order) }
    }
}

//! What answers say about a route.

use std::{collections::BTreeMap, time::Duration};

use byway_wire::Reason;

use super::{HopTrace, RouteEnd, Verdict};

/// Answers as they come, by hop.
#[derive(Debug)]
pub(super) struct Report {
    hops: Vec<Answers>,
    /// Asked and not answered: which hop.
    open: BTreeMap<u64, usize>,
    count: u32,
    told: usize,
    ended: Option<RouteEnd>,
}

#[derive(Debug, Clone, Default)]
struct Answers {
    sent: u32,
    times: Vec<Duration>,
}

impl Report {
    /// Of a route with `hops` hops whose nodes are asked `count` times each.
    pub(super) fn new(hops: usize, count: u32) -> Self {
        Self { hops: vec![Answers::default(); hops], open: BTreeMap::new(), count, told: 0, ended: None }
    }

    /// The node behind `hop`, the first being 0, is asked.
    pub(super) fn sent(&mut self, hop: usize, token: u64) {
        self.hops[hop].sent += 1;
        self.open.insert(token, hop);
    }

    /// An answer came after `time`; one that nobody waits for changes nothing.
    pub(super) fn answered(&mut self, token: u64, time: Duration) {
        if let Some(hop) = self.open.remove(&token) {
            self.hops[hop].times.push(time);
        }
    }

    /// The route is gone.
    pub(super) const fn ended(&mut self, end: RouteEnd) {
        self.ended = Some(end);
    }

    /// Whether nothing more can come.
    pub(super) fn is_over(&self) -> bool {
        self.ended.is_some() || self.hops.iter().all(|hop| self.is_complete(hop))
    }

    fn is_complete(&self, hop: &Answers) -> bool {
        hop.times.len() == self.count as usize
    }

    /// The next hop in order that is complete, or whatever is known of it if the trace is over.
    pub(super) fn next_hop(&mut self, over: bool) -> Option<HopTrace> {
        let hop = self.hops.get(self.told).filter(|hop| over || self.is_complete(hop))?;
        let before = self.hops[..self.told].iter().rev().find_map(median).unwrap_or_default();
        let median = median(hop);
        self.told += 1;
        Some(HopTrace {
            number: self.told,
            sent: hop.sent,
            answered: hop.times.len() as u32,
            least: hop.times.iter().min().copied(),
            median,
            added: median.map(|median| median.saturating_sub(before)),
        })
    }

    /// What it comes to. A transport that a node lost is the hop behind that node, whatever was answered before.
    pub(super) fn verdict(&self) -> Verdict {
        let lost = self.ended.filter(|end| end.reason == Reason::TransportLost);
        let lost = lost.map(|end| usize::from(end.distance) + 1).filter(|hop| *hop <= self.hops.len());
        let answered = self.hops.iter().rposition(|hop| !hop.times.is_empty()).map_or(0, |last| last + 1);
        let silent = (answered < self.hops.len()).then_some(answered + 1);
        Verdict { broken: lost.or(silent), ended: self.ended }
    }
}

fn median(hop: &Answers) -> Option<Duration> {
    let mut times = hop.times.clone();
    times.sort_unstable();
    times.get(times.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A report on which each hop was asked `count` times; token `100 * hop + number`.
    fn asked(hops: usize, count: u32) -> Report {
        let mut report = Report::new(hops, count);
        for number in 0..u64::from(count) {
            (0..hops).for_each(|hop| report.sent(hop, 100 * hop as u64 + number));
        }
        report
    }

    #[test]
    fn hops_are_told_in_order_with_loss_least_median_and_what_each_adds() {
        let mut report = asked(3, 3);
        for (token, time) in [(200, 9), (201, 9), (202, 9), (0, 3), (1, 1), (2, 2), (100, 7), (102, 5)] {
            assert!(!report.is_over());
            report.answered(token, time * MS);
        }
        let first = HopTrace {
            number: 1,
            sent: 3,
            answered: 3,
            least: Some(MS),
            median: Some(2 * MS),
            added: Some(2 * MS),
        };
        assert_eq!((report.next_hop(false), report.next_hop(false)), (Some(first), None));
        let second = report.next_hop(true).unwrap();
        assert_eq!(
            (second.sent, second.answered, second.median, second.added),
            (3, 2, Some(5 * MS), Some(3 * MS))
        );
        let third = report.next_hop(true).unwrap();
        assert_eq!((third.answered, third.added, report.next_hop(true)), (3, Some(4 * MS), None));
        assert_eq!(report.verdict(), Verdict::default());
    }

    #[test]
    fn a_node_that_keeps_silent_breaks_nothing_as_long_as_one_behind_it_answers() {
        let mut report = asked(3, 1);
        report.answered(0, MS);
        report.answered(200, 4 * MS);
        let hops: Vec<_> = std::iter::from_fn(|| report.next_hop(true)).collect();
        assert_eq!((hops[1].answered, hops[1].median, hops[2].added), (0, None, Some(3 * MS)));
        assert_eq!(report.verdict().broken, None);
    }

    #[test]
    fn the_first_hop_behind_which_nobody_answers_is_the_broken_one() {
        for answered in 0..3 {
            let mut report = asked(3, 1);
            (0..answered).for_each(|hop| report.answered(100 * hop as u64, MS));
            assert_eq!(report.verdict().broken, Some(answered + 1));
        }
    }

    #[test]
    fn answers_that_were_not_asked_for_or_come_twice_count_for_nothing() {
        let mut report = asked(2, 2);
        for token in [0, 0, 0, 99, u64::MAX] {
            report.answered(token, MS);
        }
        assert!(!report.is_over());
        assert_eq!(report.next_hop(true).unwrap().answered, 1);
    }

    #[test]
    fn a_lost_transport_is_the_hop_behind_the_node_that_lost_it() {
        let end = |reason, distance| {
            let mut report = asked(3, 1);
            (0..3).for_each(|hop| report.answered(100 * hop, MS));
            report.ended(RouteEnd { reason, distance });
            assert!(report.is_over());
            report.verdict().broken
        };
        assert_eq!(end(Reason::TransportLost, 0), Some(1));
        assert_eq!(end(Reason::TransportLost, 2), Some(3));
        assert_eq!(end(Reason::TransportLost, 3), None);
        assert_eq!(end(Reason::Limit, 1), None);
    }
}

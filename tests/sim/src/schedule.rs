//! What is to happen, in the order of virtual time.

use std::{cmp::Ordering, collections::BinaryHeap};

use byway_base::Moment;

/// Things to come. Those of one moment happen in the order in which they were planned.
#[derive(Debug)]
pub(crate) struct Schedule<T> {
    queue: BinaryHeap<Planned<T>>,
    planned: u64,
}

#[derive(Debug)]
struct Planned<T> {
    at: Moment,
    number: u64,
    what: T,
}

impl<T> Schedule<T> {
    pub(crate) fn new() -> Self {
        Self { queue: BinaryHeap::new(), planned: 0 }
    }

    pub(crate) fn plan(&mut self, at: Moment, what: T) {
        self.planned += 1;
        self.queue.push(Planned { at, number: self.planned, what });
    }

    /// Takes the next thing if it happens by `until`.
    pub(crate) fn next(&mut self, until: Moment) -> Option<(Moment, T)> {
        self.queue.peek().filter(|planned| planned.at <= until)?;
        self.queue.pop().map(|planned| (planned.at, planned.what))
    }
}

// The heap gives its greatest first, so the order is turned around.
impl<T> Ord for Planned<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl<T> PartialOrd for Planned<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Planned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Planned<T> {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn things_happen_in_the_order_of_time_and_of_planning() {
        let at = |ms| Moment::from_origin(Duration::from_millis(ms));
        let mut schedule = Schedule::new();
        for (ms, what) in [(2, 'c'), (1, 'a'), (2, 'd'), (1, 'b'), (9, 'z')] {
            schedule.plan(at(ms), what);
        }
        let happened: String = std::iter::from_fn(|| schedule.next(at(5))).map(|(_, what)| what).collect();
        assert_eq!(happened, "abcd");
    }
}

//! Every break of a route reaches both its ends in bounded time.

use std::{collections::BTreeMap, time::Duration};

use byway_base::{Moment, RouteId};

use crate::breach::Breach;

/// Ends that must hear of a break, with the time until which they may take.
#[derive(Debug, Default)]
pub(crate) struct Endings {
    due: BTreeMap<(RouteId, usize), Due>,
    told: u64,
}

#[derive(Debug, Clone, Copy)]
struct Due {
    since: Moment,
    until: Moment,
}

impl Endings {
    /// The route broke somewhere; the end at `node` must hear of it within `bound`. A later break may interrupt the
    /// news of the first, so it gives that its own time again.
    pub(crate) fn expect(&mut self, now: Moment, route: RouteId, node: usize, bound: Duration) {
        let due = self.due.entry((route, node)).or_insert(Due { since: now, until: now });
        due.until = due.until.max(now + bound);
    }

    /// The end at `node` was told that the route is gone.
    pub(crate) fn told(&mut self, route: RouteId, node: usize) {
        self.told += u64::from(self.due.remove(&(route, node)).is_some());
    }

    /// The node crashed: nobody is left there who could be told.
    pub(crate) fn crashed(&mut self, node: usize) {
        self.due.retain(|(_, at), _| *at != node);
    }

    /// How many ends were told of a break.
    pub(crate) const fn count(&self) -> u64 {
        self.told
    }

    /// Looks for ends whose time is over.
    ///
    /// # Errors
    /// The first of them.
    pub(crate) fn check(&self, now: Moment) -> Result<(), Breach> {
        let late = self.due.iter().find(|(_, due)| due.until < now);
        late.map_or(Ok(()), |(&(route, node), due)| {
            let bound = due.until - due.since;
            Err(Breach::NotTold { node, route, since: due.since.since_origin(), bound })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTE: RouteId = RouteId::from_bytes([1; 16]);

    fn at(seconds: u64) -> Moment {
        Moment::from_origin(Duration::from_secs(seconds))
    }

    #[test]
    fn an_end_that_is_not_told_in_time_is_a_breach_and_one_that_is_told_is_none() {
        let mut endings = Endings::default();
        endings.expect(at(1), ROUTE, 0, Duration::from_secs(2));
        endings.expect(at(1), ROUTE, 9, Duration::from_secs(2));
        endings.told(ROUTE, 0);
        endings.check(at(3)).unwrap();
        assert!(matches!(endings.check(at(4)), Err(Breach::NotTold { node: 9, .. })));
        endings.told(ROUTE, 9);
        endings.check(at(4)).unwrap();
        assert_eq!(endings.count(), 2);
    }

    #[test]
    fn a_second_break_gives_the_news_time_again() {
        let mut endings = Endings::default();
        endings.expect(at(1), ROUTE, 0, Duration::from_secs(2));
        endings.expect(at(2), ROUTE, 0, Duration::from_secs(4));
        endings.check(at(6)).unwrap();
        assert!(endings.check(at(7)).is_err());
    }
}

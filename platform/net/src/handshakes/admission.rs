//! Which handshakes may be under way at once: the pure part of the listener.
//!
//! A listener that refuses newcomers when its slots are full can be shut by anyone who opens that many connections
//! and stays silent. So a full listener takes the newcomer and ends a handshake that had its chance: the *oldest*
//! one, of the same address when that address is at its limit, else of the address that holds most. An honest
//! handshake takes a few round trips and is over long before its turn comes; a silent one is always the oldest.
//! Within one address this matters as well: honest peers share addresses with hostile ones behind one NAT.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, Ipv6Addr},
};

/// Names one handshake; later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// The handshakes under way, by source address, oldest first.
#[derive(Debug)]
pub(super) struct Admission {
    at_once: usize,
    per_source: usize,
    next: u64,
    pending: usize,
    by_source: BTreeMap<IpAddr, VecDeque<Ticket>>,
}

impl Admission {
    /// At most `at_once` in all and `per_source` from one source, each at least one.
    pub(super) fn new(at_once: usize, per_source: usize) -> Self {
        let (at_once, per_source) = (at_once.max(1), per_source.max(1));
        Self { at_once, per_source, next: 0, pending: 0, by_source: BTreeMap::new() }
    }

    /// Takes a newcomer in. Also returns the handshake to end in exchange, if the limits demand one.
    pub(super) fn admit(&mut self, address: IpAddr) -> (Ticket, Option<Ticket>) {
        let source = source_network(address);
        let held = self.by_source.get(&source).map_or(0, VecDeque::len);
        let evicted = if held >= self.per_source {
            self.evict_oldest_of(source)
        } else if self.pending >= self.at_once {
            let most = self.by_source.iter().max_by_key(|(_, tickets)| tickets.len());
            most.map(|(source, _)| *source).and_then(|source| self.evict_oldest_of(source))
        } else {
            None
        };
        let ticket = Ticket(self.next);
        self.next += 1;
        self.pending += 1;
        self.by_source.entry(source).or_default().push_back(ticket);
        (ticket, evicted)
    }

    /// A handshake is over, one way or the other. Evicted ones are gone already; naming them again changes nothing.
    pub(super) fn finish(&mut self, address: IpAddr, ticket: Ticket) {
        let source = source_network(address);
        let Some(tickets) = self.by_source.get_mut(&source) else { return };
        let Ok(place) = tickets.binary_search(&ticket) else { return };
        tickets.remove(place);
        self.pending -= 1;
        if tickets.is_empty() {
            self.by_source.remove(&source);
        }
    }

    fn evict_oldest_of(&mut self, source: IpAddr) -> Option<Ticket> {
        let oldest = *self.by_source.get(&source)?.front()?;
        self.finish(source, oldest);
        Some(oldest)
    }
}

/// What counts as one source. Whoever has an IPv6 address has its whole /64 network.
#[must_use]
pub fn source_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn v4(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn a_source_at_its_limit_loses_its_own_oldest_handshake() {
        let mut admission = Admission::new(10, 2);
        let (other, _) = admission.admit(v4(1));
        let (oldest, _) = admission.admit(v4(2));
        assert_eq!(admission.admit(v4(2)).1, None);
        assert_eq!(admission.admit(v4(2)).1, Some(oldest));
        admission.finish(v4(1), other);
        assert_eq!(admission.pending, 2);
    }

    #[test]
    fn when_all_slots_are_taken_the_source_that_holds_most_pays() {
        let mut admission = Admission::new(3, 3);
        admission.admit(v4(1));
        let (greedy, _) = admission.admit(v4(2));
        admission.admit(v4(2));
        assert_eq!(admission.admit(v4(3)).1, Some(greedy));
        assert_eq!(admission.pending, 3);
    }

    #[test]
    fn a_whole_ipv6_network_counts_as_one_source() {
        let mut admission = Admission::new(10, 1);
        let (first, _) = admission.admit("2001:db8::1".parse().unwrap());
        assert_eq!(admission.admit("2001:db8::2".parse().unwrap()).1, Some(first));
        assert_eq!(admission.admit("2001:db8:0:1::2".parse().unwrap()).1, None);
    }

    #[test]
    fn an_ipv4_address_in_ipv6_form_is_the_same_source() {
        let mut admission = Admission::new(10, 1);
        let (first, _) = admission.admit("::ffff:192.0.2.1".parse().unwrap());
        assert_eq!(admission.admit(v4(1)).1, Some(first));
        assert_eq!(admission.admit("::ffff:192.0.2.2".parse().unwrap()).1, None);
    }

    proptest! {
        #[test]
        fn the_limits_hold_and_every_slot_comes_back(
            steps in proptest::collection::vec((0u8..6, any::<bool>(), any::<prop::sample::Index>()), 1..200),
            at_once in 1usize..8,
            per_source in 1usize..4,
        ) {
            let mut admission = Admission::new(at_once, per_source);
            let mut live: Vec<(IpAddr, Ticket)> = Vec::new();
            for (last, arrives, index) in steps {
                if arrives || live.is_empty() {
                    let (ticket, evicted) = admission.admit(v4(last));
                    live.retain(|(_, ticket)| Some(*ticket) != evicted);
                    live.push((v4(last), ticket));
                } else {
                    let (address, ticket) = live.swap_remove(index.index(live.len()));
                    admission.finish(address, ticket);
                }
                prop_assert_eq!(admission.pending, live.len());
                prop_assert!(live.len() <= at_once);
                let held = live.iter().filter(|(address, _)| *address == v4(last)).count();
                prop_assert!(held <= per_source);
            }
            for (address, ticket) in live {
                admission.finish(address, ticket);
            }
            prop_assert!(admission.by_source.is_empty() && admission.pending == 0);
        }
    }
}

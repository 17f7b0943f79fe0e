//! Each route delivers what was sent on it: in order, once, unchanged, to the right end.

use std::collections::{BTreeMap, VecDeque};

use bytes::{BufMut, Bytes, BytesMut};
use byway_base::{Moment, RouteId};

use super::Direction;
use crate::breach::Breach;

/// Bytes that the checker puts before each payload: the route, the direction, the number.
pub(crate) const STAMP: usize = 16 + 1 + 8;

/// What was sent and not yet delivered, of every route and direction.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    flows: BTreeMap<(RouteId, Direction), Flow>,
    delivered_bytes: u64,
    delivered_packets: u64,
}

#[derive(Debug, Default)]
struct Flow {
    next_sent: u64,
    /// The number of the front of `under_way`.
    next_due: u64,
    under_way: VecDeque<(Moment, Bytes)>,
    bytes: usize,
}

impl Deliveries {
    /// The payload that carries `content` next, for [`Self::sent`] if the forwarder takes it.
    pub(crate) fn stamp(&self, route: RouteId, direction: Direction, content: &[u8]) -> Bytes {
        let number = self.flows.get(&(route, direction)).map_or(0, |flow| flow.next_sent);
        let mut payload = BytesMut::with_capacity(STAMP + content.len());
        payload.put_slice(route.as_bytes());
        payload.put_u8(direction as u8);
        payload.put_u64(number);
        payload.put_slice(content);
        payload.freeze()
    }

    /// Enters a payload that the forwarder took. It is kept by copy, so that nobody can change it unnoticed.
    pub(crate) fn sent(&mut self, now: Moment, route: RouteId, direction: Direction, payload: &[u8]) {
        let flow = self.flows.entry((route, direction)).or_default();
        flow.next_sent += 1;
        flow.bytes += payload.len();
        flow.under_way.push_back((now, Bytes::copy_from_slice(payload)));
    }

    /// Checks and strikes out a payload that came out of the end where `direction` leads. Answers when it was sent.
    ///
    /// # Errors
    /// The promise that it breaks.
    pub(crate) fn delivered(
        &mut self,
        route: RouteId,
        direction: Direction,
        payload: &[u8],
    ) -> Result<Moment, Breach> {
        let never = |what| Breach::NeverSent { route, what };
        let (stamp, _) = payload.split_first_chunk::<STAMP>().ok_or_else(|| never("shorter than a stamp"))?;
        if stamp[..16] != route.as_bytes()[..] || stamp[16] != direction as u8 {
            return Err(Breach::WrongRoute { route });
        }
        let number = u64::from_be_bytes(stamp[17..].try_into().expect("a stamp ends with eight bytes"));
        let flow = self.flows.get_mut(&(route, direction)).ok_or_else(|| never("nothing was sent there"))?;
        if number < flow.next_due {
            return Err(Breach::Duplicate { route, number });
        }
        if number >= flow.next_sent {
            return Err(never("a number of the future"));
        }
        if number > flow.next_due {
            return Err(Breach::Order { route, number, expected: flow.next_due });
        }
        let (sent_at, sent) = flow.under_way.pop_front().ok_or_else(|| never("nothing is under way"))?;
        if sent != payload {
            return Err(never("changed under way"));
        }
        flow.next_due += 1;
        flow.bytes -= sent.len();
        self.delivered_bytes += sent.len() as u64;
        self.delivered_packets += 1;
        Ok(sent_at)
    }

    /// Bytes sent and not delivered.
    pub(crate) fn under_way(&self, route: RouteId, direction: Direction) -> usize {
        self.flows.get(&(route, direction)).map_or(0, |flow| flow.bytes)
    }

    /// Bytes sent and not delivered, of all routes.
    pub(crate) fn all_under_way(&self) -> usize {
        self.flows.values().map(|flow| flow.bytes).sum()
    }

    /// The same in packets.
    pub(crate) fn all_packets_under_way(&self) -> usize {
        self.flows.values().map(|flow| flow.under_way.len()).sum()
    }

    /// The end where `direction` leads was told that the sender had closed the route.
    ///
    /// # Errors
    /// Packets sent before the close are missing.
    pub(crate) fn closed(&self, route: RouteId, direction: Direction) -> Result<(), Breach> {
        let missing = self.flows.get(&(route, direction)).map_or(0, |flow| flow.under_way.len());
        if missing == 0 { Ok(()) } else { Err(Breach::ClosedEarly { route, missing }) }
    }

    /// No end has the route any more: what is under way is lost.
    pub(crate) fn forget(&mut self, route: RouteId) {
        self.flows.remove(&(route, Direction::Forward));
        self.flows.remove(&(route, Direction::Backward));
    }

    pub(crate) const fn totals(&self) -> (u64, u64) {
        (self.delivered_packets, self.delivered_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTE: RouteId = RouteId::from_bytes([1; 16]);
    const OTHER: RouteId = RouteId::from_bytes([2; 16]);

    fn three_sent() -> (Deliveries, Vec<Bytes>) {
        let mut books = Deliveries::default();
        let payloads = (0..3u8).map(|n| {
            let payload = books.stamp(ROUTE, Direction::Forward, &[n; 10]);
            books.sent(Moment::ZERO, ROUTE, Direction::Forward, &payload);
            payload
        });
        let payloads = payloads.collect();
        (books, payloads)
    }

    #[test]
    fn what_was_sent_is_accepted_in_order_and_struck_out() {
        let (mut books, payloads) = three_sent();
        for payload in &payloads {
            books.delivered(ROUTE, Direction::Forward, payload).unwrap();
        }
        assert_eq!(books.all_under_way(), 0);
        books.closed(ROUTE, Direction::Forward).unwrap();
    }

    #[test]
    fn a_second_delivery_is_a_breach() {
        let (mut books, payloads) = three_sent();
        books.delivered(ROUTE, Direction::Forward, &payloads[0]).unwrap();
        let again = books.delivered(ROUTE, Direction::Forward, &payloads[0]);
        assert_eq!(again, Err(Breach::Duplicate { route: ROUTE, number: 0 }));
    }

    #[test]
    fn a_packet_that_overtakes_is_a_breach() {
        let (mut books, payloads) = three_sent();
        let early = books.delivered(ROUTE, Direction::Forward, &payloads[2]);
        assert_eq!(early, Err(Breach::Order { route: ROUTE, number: 2, expected: 0 }));
    }

    #[test]
    fn a_packet_on_another_route_or_back_at_its_sender_is_a_breach() {
        let (mut books, payloads) = three_sent();
        let elsewhere = books.delivered(OTHER, Direction::Forward, &payloads[0]);
        assert_eq!(elsewhere, Err(Breach::WrongRoute { route: OTHER }));
        let returned = books.delivered(ROUTE, Direction::Backward, &payloads[0]);
        assert_eq!(returned, Err(Breach::WrongRoute { route: ROUTE }));
    }

    #[test]
    fn changed_cut_and_invented_bytes_are_breaches() {
        let (mut books, payloads) = three_sent();
        let mut changed = payloads[0].to_vec();
        *changed.last_mut().unwrap() ^= 1;
        let invented = books.stamp(ROUTE, Direction::Forward, b"never sent");
        for forged in [changed, payloads[0][..STAMP].to_vec(), invented.to_vec(), vec![7; 3]] {
            let answer = books.delivered(ROUTE, Direction::Forward, &forged);
            assert!(matches!(answer, Err(Breach::NeverSent { .. })), "{answer:?}");
        }
    }

    #[test]
    fn a_close_before_the_last_packet_is_a_breach() {
        let (mut books, payloads) = three_sent();
        books.delivered(ROUTE, Direction::Forward, &payloads[0]).unwrap();
        let early = books.closed(ROUTE, Direction::Forward);
        assert_eq!(early, Err(Breach::ClosedEarly { route: ROUTE, missing: 2 }));
    }
}

//! Each route delivers datagrams that were sent on it: some of them, each once at most, unchanged, to the right end.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use byway_base::RouteId;

use super::Direction;
use crate::breach::Breach;

/// Bytes that the checker puts before each datagram: the route, the direction, the number.
const STAMP: usize = 16 + 1 + 8;
/// Tells a datagram's stamp from that of data.
const MARK: u8 = 0x80;

/// Datagrams that were sent and have not come, lost or not.
#[derive(Debug, Default)]
pub(crate) struct Datagrams {
    flows: BTreeMap<(RouteId, Direction), Flow>,
    delivered: u64,
}

#[derive(Debug, Default)]
struct Flow {
    next: u64,
    missing: BTreeMap<u64, Bytes>,
}

impl Datagrams {
    /// The datagram that carries `content` next, for [`Self::sent`] if the forwarder takes it.
    pub(crate) fn stamp(&self, route: RouteId, direction: Direction, content: &[u8]) -> Bytes {
        let number = self.flows.get(&(route, direction)).map_or(0, |flow| flow.next);
        let mut payload = BytesMut::with_capacity(STAMP + content.len());
        payload.put_slice(route.as_bytes());
        payload.put_u8(direction as u8 | MARK);
        payload.put_u64(number);
        payload.put_slice(content);
        payload.freeze()
    }

    /// Enters a datagram that the forwarder took, by copy.
    pub(crate) fn sent(&mut self, route: RouteId, direction: Direction, payload: &[u8]) {
        let flow = self.flows.entry((route, direction)).or_default();
        flow.missing.insert(flow.next, Bytes::copy_from_slice(payload));
        flow.next += 1;
    }

    /// Checks a datagram that came out of the end where `direction` leads.
    ///
    /// # Errors
    /// The promise that it breaks.
    pub(crate) fn delivered(
        &mut self,
        route: RouteId,
        direction: Direction,
        payload: &[u8],
    ) -> Result<(), Breach> {
        let never = |what| Breach::NeverSent { route, what };
        let (stamp, _) = payload.split_first_chunk::<STAMP>().ok_or_else(|| never("shorter than a stamp"))?;
        if stamp[..16] != route.as_bytes()[..] || stamp[16] != direction as u8 | MARK {
            return Err(Breach::WrongRoute { route });
        }
        let number = u64::from_be_bytes(stamp[17..].try_into().expect("a stamp ends with eight bytes"));
        let flow = self.flows.get_mut(&(route, direction)).ok_or_else(|| never("nothing was sent there"))?;
        if number >= flow.next {
            return Err(never("a number of the future"));
        }
        let sent = flow.missing.remove(&number).ok_or(Breach::Duplicate { route, number })?;
        if sent != payload {
            return Err(never("changed under way"));
        }
        self.delivered += 1;
        Ok(())
    }

    /// Bytes and packets that have not come.
    pub(crate) fn missing(&self) -> (usize, usize) {
        let missing = || self.flows.values().flat_map(|flow| flow.missing.values());
        (missing().map(Bytes::len).sum(), missing().count())
    }

    /// No end has the route any more.
    pub(crate) fn forget(&mut self, route: RouteId) {
        self.flows.remove(&(route, Direction::Forward));
        self.flows.remove(&(route, Direction::Backward));
    }

    /// How many came.
    pub(crate) const fn count(&self) -> u64 {
        self.delivered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTE: RouteId = RouteId::from_bytes([1; 16]);
    const OTHER: RouteId = RouteId::from_bytes([2; 16]);

    #[test]
    fn datagrams_may_be_lost_and_neither_doubled_nor_misled_nor_invented() {
        let mut books = Datagrams::default();
        let mut sent = Vec::new();
        for content in [b"one", b"two", b"six"] {
            sent.push(books.stamp(ROUTE, Direction::Backward, content));
            books.sent(ROUTE, Direction::Backward, sent.last().unwrap());
        }
        books.delivered(ROUTE, Direction::Backward, &sent[0]).unwrap();
        books.delivered(ROUTE, Direction::Backward, &sent[2]).unwrap();
        let again = books.delivered(ROUTE, Direction::Backward, &sent[0]);
        assert_eq!(again, Err(Breach::Duplicate { route: ROUTE, number: 0 }));
        let elsewhere = books.delivered(OTHER, Direction::Backward, &sent[1]);
        assert_eq!(elsewhere, Err(Breach::WrongRoute { route: OTHER }));
        let returned = books.delivered(ROUTE, Direction::Forward, &sent[1]);
        assert_eq!(returned, Err(Breach::WrongRoute { route: ROUTE }));
        let mut changed = sent[1].to_vec();
        *changed.last_mut().unwrap() ^= 1;
        let changed = books.delivered(ROUTE, Direction::Backward, &changed);
        assert!(matches!(changed, Err(Breach::NeverSent { .. })), "{changed:?}");
        let invented = books.stamp(ROUTE, Direction::Backward, b"new");
        let invented = books.delivered(ROUTE, Direction::Backward, &invented);
        assert!(matches!(invented, Err(Breach::NeverSent { .. })), "{invented:?}");
    }
}

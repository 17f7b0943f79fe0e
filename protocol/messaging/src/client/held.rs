//! Forwarded datagrams that wait until their source's contact record is known.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use byway_base::{Moment, PublicKey};

use super::peer::Hop;

/// Sources waited for at once. Whoever invents sources makes no more look-ups than this.
const SOURCES: usize = 64;
/// Datagrams of one source: what it sends before anybody answers.
const PER_SOURCE: usize = 16;
/// Bytes of one source.
const BYTES_PER_SOURCE: usize = 64 * 1024;
/// A source is waited for this long; its QUIC sends again anyway.
const PATIENCE: Duration = Duration::from_secs(5);

/// What waits, bounded per source and in all.
#[derive(Debug, Default)]
pub(super) struct Held {
    sources: Vec<Source>,
    released: VecDeque<(PublicKey, Bytes)>,
}

#[derive(Debug)]
struct Source {
    key: PublicKey,
    since: Moment,
    bytes: usize,
    datagrams: Vec<(Hop, Bytes)>,
}

impl Held {
    /// Whether a datagram of this source would find room.
    pub(super) fn has_room(&mut self, source: PublicKey, length: usize, now: Moment) -> bool {
        self.sources.retain(|source| now - source.since < PATIENCE);
        match self.sources.iter().find(|known| known.key == source) {
            Some(known) => known.datagrams.len() < PER_SOURCE && known.bytes + length <= BYTES_PER_SOURCE,
            None => self.sources.len() < SOURCES && length <= BYTES_PER_SOURCE,
        }
    }

    /// Holds a datagram; there must be room.
    pub(super) fn hold(&mut self, source: PublicKey, hop: Hop, payload: &[u8], now: Moment) {
        // A copy, since a slice would keep the whole buffer that it arrived in.
        let datagram = (hop, Bytes::copy_from_slice(payload));
        match self.sources.iter_mut().find(|known| known.key == source) {
            Some(known) => {
                known.bytes += payload.len();
                known.datagrams.push(datagram);
            }
            None => {
                let (bytes, datagrams) = (payload.len(), vec![datagram]);
                self.sources.push(Source { key: source, since: now, bytes, datagrams });
            }
        }
    }

    /// Lets go of a source: what came by a hop that is its own is released, the rest dropped. Returns the last such hop.
    pub(super) fn let_go(&mut self, source: PublicKey, is_its_own: impl Fn(Hop) -> bool) -> Option<Hop> {
        let place = self.sources.iter().position(|known| known.key == source)?;
        let mut last = None;
        for (hop, payload) in self.sources.swap_remove(place).datagrams {
            if is_its_own(hop) {
                last = Some(hop);
                self.released.push_back((source, payload));
            }
        }
        last
    }

    /// What was released, in order.
    pub(super) fn poll_released(&mut self) -> Option<(PublicKey, Bytes)> {
        self.released.pop_front()
    }
}

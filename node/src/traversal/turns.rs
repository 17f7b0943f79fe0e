//! Which attempts are under way, one for each peer, and what the last ones came to.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use byway_base::{
    PublicKey,
    limits::{TRANSPORTS_PER_NODE, TRAVERSALS_AT_ONCE},
};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// A peer's offers are taken no sooner than this after its last one: more often, nothing can have changed.
const OFFERS_APART: Duration = Duration::from_secs(1);
/// First pause after an attempt that failed; doubles.
pub(super) const PAUSE: Duration = Duration::from_secs(30);
/// Longest pause.
pub(super) const PAUSE_MAX: Duration = Duration::from_secs(1_800);

/// The attempts of a node. Cheap to clone; clones count together.
#[derive(Clone, Default)]
pub(super) struct Turns {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    under_way: BTreeMap<PublicKey, UnderWay>,
    next: u64,
    /// When offers were taken; those of long ago are forgotten.
    offers: BTreeMap<PublicKey, Instant>,
    tried: BTreeMap<PublicKey, Tried>,
}

struct UnderWay {
    number: u64,
    initiator: bool,
    cancel: CancellationToken,
}

/// What the last attempt with a peer came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tried {
    /// When it ended.
    pub(crate) at: Instant,
    /// Why it failed; none if a way was found.
    pub(crate) why: Option<String>,
    /// As many in a row failed.
    failures: u32,
    /// What was known then of this node's reachability.
    epoch: u64,
}

impl Tried {
    /// Whether another attempt would most likely come to the same: it failed lately, and nothing changed since.
    pub(super) fn rests(&self, epoch: u64, now: Instant) -> bool {
        let pause = PAUSE.saturating_mul(1 << self.failures.saturating_sub(1).min(16)).min(PAUSE_MAX);
        self.failures > 0 && self.epoch == epoch && now.saturating_duration_since(self.at) < pause
    }
}

/// The right to make an attempt with a peer. Ends when dropped.
pub(super) struct Turn {
    peer: PublicKey,
    number: u64,
    /// Another attempt with the peer goes first.
    pub(super) cancelled: CancellationToken,
    turns: Turns,
}

/// Why there is no turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoTurn {
    /// An attempt with this peer is under way and goes first.
    UnderWay,
    /// As many are under way as may be.
    Busy,
    /// The peer offers too often.
    TooSoon,
}

impl Turns {
    /// A turn for an attempt of this node's own.
    pub(super) fn initiate(&self, peer: PublicKey) -> Result<Turn, NoTurn> {
        let mut state = self.state.lock();
        if state.under_way.contains_key(&peer) {
            return Err(NoTurn::UnderWay);
        }
        self.begin(&mut state, peer, true)
    }

    /// A turn for the answer to a peer's offer. Of two offers that cross, that of the smaller key goes first.
    pub(super) fn answer(&self, own: PublicKey, peer: PublicKey, now: Instant) -> Result<Turn, NoTurn> {
        let mut state = self.state.lock();
        state.offers.retain(|_, at| now.saturating_duration_since(*at) < OFFERS_APART);
        if state.offers.contains_key(&peer) {
            return Err(NoTurn::TooSoon);
        }
        if state.under_way.get(&peer).is_some_and(|present| present.initiator && own < peer) {
            return Err(NoTurn::UnderWay);
        }
        if state.offers.len() < TRANSPORTS_PER_NODE {
            state.offers.insert(peer, now);
        }
        // A second offer means that the peer gave the first one up.
        if let Some(present) = state.under_way.remove(&peer) {
            present.cancel.cancel();
        }
        self.begin(&mut state, peer, false)
    }

    fn begin(&self, state: &mut State, peer: PublicKey, initiator: bool) -> Result<Turn, NoTurn> {
        let alike = state.under_way.values().filter(|present| present.initiator == initiator).count();
        if alike >= TRAVERSALS_AT_ONCE {
            return Err(NoTurn::Busy);
        }
        let (number, cancel) = (state.next, CancellationToken::new());
        state.next += 1;
        state.under_way.insert(peer, UnderWay { number, initiator, cancel: cancel.clone() });
        Ok(Turn { peer, number, cancelled: cancel, turns: self.clone() })
    }

    /// Writes down what an attempt came to, under the reachability of that time.
    pub(super) fn tried(&self, peer: PublicKey, why: Option<String>, epoch: u64) {
        let mut state = self.state.lock();
        if state.tried.len() >= TRANSPORTS_PER_NODE && !state.tried.contains_key(&peer) {
            let oldest = state.tried.iter().min_by_key(|(_, tried)| tried.at).map(|(peer, _)| *peer);
            oldest.map(|oldest| state.tried.remove(&oldest));
        }
        let before = state.tried.get(&peer).map_or(0, |tried| tried.failures);
        let failures = if why.is_some() { before.saturating_add(1) } else { 0 };
        state.tried.insert(peer, Tried { at: Instant::now(), why, failures, epoch });
    }

    /// What the last attempt with a peer came to.
    pub(super) fn last(&self, peer: &PublicKey) -> Option<Tried> {
        self.state.lock().tried.get(peer).cloned()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.turns.state.lock();
        if state.under_way.get(&self.peer).is_some_and(|present| present.number == self.number) {
            state.under_way.remove(&self.peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use byway_base::SecretKey;

    use super::*;

    fn key(seed: u8) -> PublicKey {
        SecretKey::from_seed([seed; 32]).public()
    }

    /// Two keys, the smaller one first.
    fn pair() -> (PublicKey, PublicKey) {
        let (a, b) = (key(1), key(2));
        (a.min(b), a.max(b))
    }

    #[test]
    fn of_two_offers_that_cross_that_of_the_smaller_key_goes_first() {
        let (small, large) = pair();
        let (at_small, at_large) = (Turns::default(), Turns::default());
        let kept = at_small.initiate(large).unwrap();
        let yielded = at_large.initiate(small).unwrap();
        assert_eq!(at_small.answer(small, large, Instant::now()).err(), Some(NoTurn::UnderWay));
        let _answer = at_large.answer(large, small, Instant::now()).unwrap();
        assert!(yielded.cancelled.is_cancelled() && !kept.cancelled.is_cancelled());
        drop(yielded);
        assert_eq!(at_large.initiate(small).err(), Some(NoTurn::UnderWay), "the answer's turn is not over");
    }

    #[test]
    fn a_peer_has_one_turn_at_a_time_and_its_newer_offer_replaces_its_older_one() {
        let (own, peer) = pair();
        let turns = Turns::default();
        let now = Instant::now();
        let first = turns.answer(own, peer, now).unwrap();
        assert_eq!(turns.answer(own, peer, now).err(), Some(NoTurn::TooSoon));
        let second = turns.answer(own, peer, now + OFFERS_APART).unwrap();
        assert!(first.cancelled.is_cancelled() && !second.cancelled.is_cancelled());
        drop((first, second));
        assert!(turns.initiate(peer).is_ok());
    }

    #[test]
    fn after_failures_a_peer_is_left_alone_ever_longer_unless_something_changed() {
        let (turns, peer) = (Turns::default(), key(1));
        for failures in 1..10 {
            turns.tried(peer, Some("symmetric NAT on both sides".to_owned()), 7);
            let tried = turns.last(&peer).unwrap();
            let pause = PAUSE.saturating_mul(1 << (failures - 1)).min(PAUSE_MAX);
            assert!(tried.rests(7, tried.at + pause / 2) && !tried.rests(7, tried.at + pause));
            assert!(!tried.rests(8, tried.at));
        }
        turns.tried(peer, None, 7);
        let tried = turns.last(&peer).unwrap();
        assert!(!tried.rests(7, tried.at));
    }

    #[test]
    fn attempts_are_bounded_in_either_direction() {
        let turns = Turns::default();
        let limit = u8::try_from(TRAVERSALS_AT_ONCE).unwrap();
        let own: Vec<_> = (0..limit).map(|seed| turns.initiate(key(seed)).unwrap()).collect();
        assert_eq!(turns.initiate(key(200)).err(), Some(NoTurn::Busy));
        assert!(turns.answer(key(255), key(200), Instant::now()).is_ok());
        drop(own);
        assert!(turns.initiate(key(201)).is_ok());
    }
}

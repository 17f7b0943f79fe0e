//! With whom to attempt a direct way, and when.
//!
//! Of the two edges of a `messaging` transport its dialler attempts: at once, then ever more seldom. Whenever something
//! changed that an attempt depends on, the edge at which it did attempts, whichever it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use byway_base::{PublicKey, TransportType, limits::TRAVERSALS_AT_ONCE};
use tokio::{
    task::{Id, JoinSet},
    time::Instant,
};
use tracing::debug;

use super::{
    Traversal,
    turns::{PAUSE, PAUSE_MAX},
    until,
};
use crate::{
    dialer::is_relayed,
    transports::{Live, Transports},
};

/// Pause after a direct transport was lost: the peer may not know yet.
const LOST: Duration = Duration::from_secs(1);

/// A peer that is only reached through messaging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plan {
    /// This node opened the `messaging` transport, and so it repeats the attempts.
    dialled: bool,
    /// None if it is up to the peer.
    next: Option<Instant>,
    pause: Duration,
}

/// Attempts until dropped.
pub(super) async fn run(traversal: Traversal, transports: Transports) {
    let mut changes = transports.changes();
    let mut reach = traversal.inner.reaches.watch();
    let mut epoch = reach.borrow().epoch;
    let mut plans = Plans::default();
    let mut attempts = JoinSet::new();
    let mut running: BTreeMap<Id, PublicKey> = BTreeMap::new();
    loop {
        let now = Instant::now();
        plans.follow(neighbours(&transports), now);
        let moved = std::mem::replace(&mut epoch, reach.borrow_and_update().epoch) != epoch;
        if moved && reach.borrow().survey.is_some() {
            plans.hurry(now);
        }
        while running.len() < TRAVERSALS_AT_ONCE
            && let Some(peer) = plans.take_due(now, |peer| running.values().any(|other| other == peer))
        {
            let transports = transports.clone();
            let attempt = attempts.spawn(async move {
                let quic = TransportType::new("quic").expect("it is a name of a type");
                if let Err(problem) = transports.open(&quic, peer).await {
                    debug!(peer = %peer.short(), %problem, "transport stays relayed");
                }
            });
            running.insert(attempt.id(), peer);
        }
        let due = plans.due(|peer| running.values().any(|other| other == peer));
        let due = due.filter(|_| running.len() < TRAVERSALS_AT_ONCE);
        tokio::select! {
            () = until(due) => {}
            // The senders live as long as the node.
            Ok(()) = changes.changed() => {}
            Ok(()) = reach.changed() => {}
            Some(done) = attempts.join_next_with_id() => {
                let id = done.map_or_else(|error| error.id(), |(id, ())| id);
                running.remove(&id);
            }
        }
    }
}

/// The peers with `messaging` transports.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    /// Those that have no other, and whether this node opened it.
    pub(crate) relayed: BTreeMap<PublicKey, bool>,
    /// Those that have another too.
    direct: BTreeSet<PublicKey>,
}

/// The peers with `messaging` transports.
pub(crate) fn neighbours(transports: &Transports) -> Neighbours {
    transports.with_table(|table| {
        let mut neighbours = Neighbours::default();
        let is_relayed = |live: &Live| is_relayed(&live.entry.entry.kind);
        for (_, live) in table.iter().filter(|(_, live)| is_relayed(live)) {
            neighbours.relayed.insert(live.peer, live.dialled);
        }
        for (_, live) in table.iter().filter(|(_, live)| !is_relayed(live)) {
            if neighbours.relayed.remove(&live.peer).is_some() {
                neighbours.direct.insert(live.peer);
            }
        }
        neighbours
    })
}

/// When to attempt what.
#[derive(Debug, Default)]
struct Plans {
    peers: BTreeMap<PublicKey, Plan>,
    /// Peers with which nothing is to be attempted, as long as it lasts.
    direct: BTreeSet<PublicKey>,
}

impl Plans {
    /// Takes over who is only reached through messaging now.
    fn follow(&mut self, Neighbours { relayed, direct }: Neighbours, now: Instant) {
        self.peers.retain(|peer, _| relayed.contains_key(peer));
        for (peer, dialled) in relayed {
            let begin = if self.direct.contains(&peer) { now + LOST } else { now };
            let plan = Plan { dialled, next: dialled.then_some(begin), pause: PAUSE };
            self.peers.entry(peer).or_insert(plan);
        }
        self.direct = direct;
    }

    /// Something changed that attempts depend on.
    fn hurry(&mut self, now: Instant) {
        self.peers.values_mut().for_each(|plan| (plan.next, plan.pause) = (Some(now), PAUSE));
    }

    /// The next peer to attempt with that is not `busy`, and plans the attempt after that.
    fn take_due(&mut self, now: Instant, busy: impl Fn(&PublicKey) -> bool) -> Option<PublicKey> {
        let is_due = |plan: &Plan| plan.next.is_some_and(|next| next <= now);
        let due = self.peers.iter_mut().filter(|(peer, plan)| is_due(plan) && !busy(peer));
        let (peer, plan) = due.min_by_key(|(_, plan)| plan.next)?;
        let jitter = rand::random_range(0.75..1.25);
        plan.next = plan.dialled.then(|| now + plan.pause.mul_f64(jitter));
        plan.pause = (plan.pause * 2).min(PAUSE_MAX);
        Some(*peer)
    }

    fn due(&self, busy: impl Fn(&PublicKey) -> bool) -> Option<Instant> {
        let waiting = self.peers.iter().filter(|(peer, _)| !busy(peer));
        waiting.filter_map(|(_, plan)| plan.next).min()
    }
}

#[cfg(test)]
mod tests {
    use byway_base::SecretKey;

    use super::*;

    fn key(seed: u8) -> PublicKey {
        SecretKey::from_seed([seed; 32]).public()
    }

    fn relayed(dialled: bool) -> Neighbours {
        Neighbours { relayed: BTreeMap::from([(key(1), dialled)]), direct: BTreeSet::new() }
    }

    fn direct() -> Neighbours {
        Neighbours { relayed: BTreeMap::new(), direct: BTreeSet::from([key(1)]) }
    }

    #[test]
    fn the_dialler_attempts_at_once_and_then_ever_more_seldom() {
        let (mut plans, mut now) = (Plans::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..12 {
            plans.follow(relayed(true), now);
            assert_eq!(plans.take_due(now, |_| false), Some(key(1)));
            assert_eq!(plans.take_due(now, |_| false), None);
            let due = plans.due(|_| false).unwrap();
            waits.push(due - now);
            now = due;
        }
        assert!(waits[0] < PAUSE * 2 && waits[11] > PAUSE_MAX / 2 && waits[11] < PAUSE_MAX * 2, "{waits:?}");
    }

    #[test]
    fn the_acceptor_attempts_only_when_something_changed() {
        let (mut plans, now) = (Plans::default(), Instant::now());
        plans.follow(relayed(false), now);
        assert_eq!((plans.due(|_| false), plans.take_due(now + PAUSE_MAX * 9, |_| false)), (None, None));
        plans.hurry(now);
        assert_eq!((plans.take_due(now, |_| false), plans.due(|_| false)), (Some(key(1)), None));
    }

    #[test]
    fn while_there_is_a_direct_transport_nothing_is_attempted_and_soon_after_it_is_lost() {
        let (mut plans, now) = (Plans::default(), Instant::now());
        plans.follow(relayed(true), now);
        plans.follow(direct(), now);
        assert_eq!(plans.due(|_| false), None);
        plans.follow(relayed(true), now);
        assert_eq!(plans.due(|_| false), Some(now + LOST));
        plans.follow(Neighbours::default(), now);
        assert_eq!(plans.due(|_| false), None);
    }

    #[test]
    fn a_peer_with_an_attempt_under_way_gets_no_second_one() {
        let (mut plans, now) = (Plans::default(), Instant::now());
        plans.follow(relayed(true), now);
        assert_eq!((plans.take_due(now, |_| true), plans.due(|_| true)), (None, None));
    }
}

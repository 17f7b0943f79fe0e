//! How the trusted setup nodes answered lately, and whom to ask first.

use std::time::{Duration, Instant};

use byway_base::{PublicKey, limits::REDIAL_MAX};

/// A setup node that was not looked at for this long is looked at beside the next request.
const LOOK_INTERVAL: Duration = REDIAL_MAX;

/// What is known of each trusted setup node, in the order of the configuration.
#[derive(Debug)]
pub(super) struct Health(Vec<Known>);

#[derive(Debug)]
struct Known {
    node: PublicKey,
    /// It was asked something and did not answer, and has answered nothing since.
    failed: bool,
    /// How long it takes to answer when it has nothing to do.
    round_trip: Option<Duration>,
    looked_at: Option<Instant>,
}

impl Health {
    pub(super) fn new(trusted: &[PublicKey]) -> Self {
        let unknown =
            |node: &PublicKey| Known { node: *node, failed: false, round_trip: None, looked_at: None };
        Self(trusted.iter().map(unknown).collect())
    }

    /// All setup nodes, the best first: those that answer before those that did not, the near before the far. Round trips
    /// within the same power of two count as equal; then the order of the configuration decides.
    pub(super) fn ranking(&self) -> Vec<PublicKey> {
        let distance = |known: &Known| known.round_trip.map_or(u32::MAX, |rtt| (rtt.as_millis() + 1).ilog2());
        let mut ranked: Vec<_> = self.0.iter().collect();
        ranked.sort_by_key(|known| (known.failed, distance(known)));
        ranked.into_iter().map(|known| known.node).collect()
    }

    /// The setup nodes, other than the one that is asked anyway, that are due for a look; they count as looked at.
    pub(super) fn due(&mut self, now: Instant, asked: PublicKey) -> Vec<PublicKey> {
        let due = |known: &&mut Known| {
            let fresh = known.looked_at.is_some_and(|at| now.saturating_duration_since(at) < LOOK_INTERVAL);
            !fresh && (known.node != asked || known.round_trip.is_none())
        };
        let due = self.0.iter_mut().filter(due);
        due.map(|known| {
            known.looked_at = Some(now);
            known.node
        })
        .collect()
    }

    /// It answered a look after this time.
    pub(super) fn looked(&mut self, node: PublicKey, round_trip: Duration) {
        if let Some(known) = self.known(node) {
            (known.failed, known.round_trip) = (false, Some(round_trip));
        }
    }

    /// It answered a request.
    pub(super) fn answered(&mut self, node: PublicKey) {
        if let Some(known) = self.known(node) {
            known.failed = false;
        }
    }

    /// It did not answer.
    pub(super) fn failed(&mut self, node: PublicKey) {
        if let Some(known) = self.known(node) {
            known.failed = true;
        }
    }

    fn known(&mut self, node: PublicKey) -> Option<&mut Known> {
        self.0.iter_mut().find(|known| known.node == node)
    }
}

#[cfg(test)]
mod tests {
    use byway_base::SecretKey;

    use super::*;

    fn nodes() -> [PublicKey; 3] {
        [1, 2, 3].map(|seed| SecretKey::from_seed([seed; 32]).public())
    }

    #[test]
    fn as_long_as_nothing_is_known_the_configuration_decides() {
        assert_eq!(Health::new(&nodes()).ranking(), nodes());
    }

    #[test]
    fn who_failed_comes_last_until_it_answers_again() {
        let (mut health, [a, b, c]) = (Health::new(&nodes()), nodes());
        health.failed(a);
        assert_eq!(health.ranking(), [b, c, a]);
        health.looked(a, Duration::from_millis(5));
        assert_eq!(health.ranking(), [a, b, c]);
        health.failed(a);
        health.answered(a);
        assert_eq!(health.ranking(), [a, b, c]);
    }

    #[test]
    fn the_near_come_before_the_far_and_small_differences_do_not_count() {
        let (mut health, [a, b, c]) = (Health::new(&nodes()), nodes());
        health.looked(a, Duration::from_millis(80));
        health.looked(b, Duration::from_millis(11));
        health.looked(c, Duration::from_millis(9));
        assert_eq!(health.ranking(), [b, c, a]);
    }

    #[test]
    fn each_is_looked_at_once_in_an_interval() {
        let (mut health, [a, b, c], now) = (Health::new(&nodes()), nodes(), Instant::now());
        assert_eq!(health.due(now, a), [a, b, c]);
        assert!(health.due(now, a).is_empty());
        health.looked(a, Duration::from_millis(1));
        assert_eq!(health.due(now + LOOK_INTERVAL, a), [b, c], "the one that is asked shows how it is");
    }
}

//! Which notices of absent destinations a client was given lately.

use std::{collections::VecDeque, time::Duration};

use byway_base::{Moment, PublicKey};

/// A sender hears at most this often that the same destination is not here.
const NOTICE_INTERVAL: Duration = Duration::from_millis(500);
/// Destinations remembered per sender; whoever asks for more absent ones than this gets some notices twice.
const REMEMBERED: usize = 16;

/// The notices of one sender, oldest first.
#[derive(Debug, Default)]
pub(super) struct GoneNotices {
    sent: VecDeque<(PublicKey, Moment)>,
}

impl GoneNotices {
    /// Whether a notice about `destination` is due; if so it counts as sent.
    pub(super) fn due(&mut self, destination: PublicKey, now: Moment) -> bool {
        if let Some(place) = self.sent.iter().position(|(key, _)| *key == destination) {
            if now - self.sent[place].1 < NOTICE_INTERVAL {
                return false;
            }
            self.sent.remove(place);
        }
        if self.sent.len() == REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back((destination, now));
        true
    }
}

#[cfg(test)]
mod tests {
    use byway_base::SecretKey;

    use super::*;

    #[test]
    fn a_sender_hears_of_an_absent_destination_once_per_interval() {
        let key = |n| SecretKey::from_seed([n; 32]).public();
        let mut notices = GoneNotices::default();
        let start = Moment::ZERO;
        assert!(notices.due(key(1), start));
        assert!(!notices.due(key(1), start));
        assert!(notices.due(key(2), start));
        assert!(notices.due(key(1), start + NOTICE_INTERVAL));
        assert!(!notices.due(key(1), start + NOTICE_INTERVAL));
    }
}

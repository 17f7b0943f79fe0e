//! Which notices of absent destinations a peer was given lately.

use std::{collections::VecDeque, time::Duration};

use byway_base::{Moment, PublicKey};

/// Somebody hears at most this often that the same destination is not there.
const NOTICE_INTERVAL: Duration = Duration::from_millis(500);
/// Destinations remembered per peer; whoever asks for more absent ones than this gets some notices twice.
const REMEMBERED: usize = 16;

/// Who is not there: the destination, with the server it was sought at or the source that sought it, if another.
pub(super) type Absent = (Option<PublicKey>, PublicKey);

/// The notices of one peer, oldest first.
#[derive(Debug, Default)]
pub(super) struct GoneNotices {
    sent: VecDeque<(Absent, Moment)>,
}

impl GoneNotices {
    /// Whether a notice about `absent` is due; if so it counts as sent.
    pub(super) fn due(&mut self, absent: Absent, now: Moment) -> bool {
        if let Some(place) = self.sent.iter().position(|(known, _)| *known == absent) {
            if now - self.sent[place].1 < NOTICE_INTERVAL {
                return false;
            }
            self.sent.remove(place);
        }
        if self.sent.len() == REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back((absent, now));
        true
    }

    /// Forgets what is no longer of use.
    pub(super) fn tidy(&mut self, now: Moment) {
        if self.sent.back().is_some_and(|(_, told)| now - *told >= NOTICE_INTERVAL) {
            self.sent = VecDeque::new();
        }
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
        assert!(notices.due((None, key(1)), start));
        assert!(!notices.due((None, key(1)), start));
        assert!(notices.due((None, key(2)), start));
        assert!(notices.due((Some(key(3)), key(1)), start));
        notices.tidy(start);
        assert!(!notices.due((None, key(1)), start));
        assert!(notices.due((None, key(1)), start + NOTICE_INTERVAL));
        assert!(!notices.due((None, key(1)), start + NOTICE_INTERVAL));
    }
}

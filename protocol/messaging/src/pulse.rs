//! Whether the other end of a messaging link lives: when to ask, and when to give it up.
//!
//! An idle link costs next to nothing: the client asks now and then, and the server only asks a client that missed its
//! time. While something is under way, silence shows within seconds. Both ends use the same machine; time comes in with
//! every call.

use std::time::Duration;

use byway_base::{
    Moment,
    limits::{MESSAGING_LATE, MESSAGING_PING, MESSAGING_SILENCE},
};

/// What a link is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// Nothing: the other end lives, or has time to show it.
    Fine,
    /// Ask with a ping.
    Ping,
    /// The other end answers nothing: the link is over.
    Lost,
}

/// The pulse of one link.
#[derive(Debug, Clone)]
pub struct Pulse {
    /// Silence after which an idle link is asked.
    idle: Duration,
    heard: Moment,
    /// The first that was written since something was heard: an answer is due.
    owed: Option<Moment>,
    pinged: Option<Moment>,
}

impl Pulse {
    /// The client's end of a link that came up `now`: asks when it was idle for [`MESSAGING_PING`].
    #[must_use]
    pub fn client(now: Moment) -> Self {
        Self { idle: MESSAGING_PING, heard: now, owed: None, pinged: None }
    }

    /// The server's end of a link that came up `now`: asks a client that should have asked [`MESSAGING_SILENCE`] ago.
    #[must_use]
    pub fn server(now: Moment) -> Self {
        Self { idle: MESSAGING_PING + MESSAGING_SILENCE, ..Self::client(now) }
    }

    /// Something arrived.
    pub fn heard(&mut self, now: Moment) {
        (self.heard, self.owed, self.pinged) = (now, None, None);
    }

    /// Something was handed to the socket, and an answer may be expected: anything but pongs.
    pub fn wrote(&mut self, now: Moment) {
        self.owed.get_or_insert(now);
    }

    /// Whether an answer is overdue, though not so long that the link is lost: other ways are better now.
    #[must_use]
    pub fn is_late(&self, now: Moment) -> bool {
        self.owed.is_some_and(|owed| now - owed >= 2 * MESSAGING_LATE)
    }

    /// When [`Pulse::handle_timeout`] is due next.
    #[must_use]
    pub fn poll_timeout(&self) -> Moment {
        let lost = self.owed.map(|owed| owed + MESSAGING_SILENCE);
        lost.map_or(self.ask_at(), |lost| lost.min(self.ask_at()))
    }

    /// What is to be done at this time.
    pub fn handle_timeout(&mut self, now: Moment) -> Beat {
        if self.owed.is_some_and(|owed| now - owed >= MESSAGING_SILENCE) {
            return Beat::Lost;
        }
        if now < self.ask_at() {
            return Beat::Fine;
        }
        self.owed.get_or_insert(now);
        self.pinged = Some(now);
        Beat::Ping
    }

    fn ask_at(&self) -> Moment {
        match self.pinged.or(self.owed) {
            Some(unanswered) => unanswered + MESSAGING_LATE,
            None => self.heard + self.idle,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_origin(Duration::from_millis(millis))
    }

    /// What the pulse wants within `millis` if nobody answers, and when.
    fn unanswered(mut pulse: Pulse, millis: u64) -> Vec<(Moment, Beat)> {
        let mut beats = Vec::new();
        while pulse.poll_timeout() <= at(millis) {
            let now = pulse.poll_timeout();
            let beat = pulse.handle_timeout(now);
            beats.push((now, beat));
            if beat == Beat::Lost {
                break;
            }
        }
        beats
    }

    #[test]
    fn an_idle_client_asks_once_and_its_server_never_does() {
        let (mut client, mut server) = (Pulse::client(at(0)), Pulse::server(at(0)));
        let mut pings = 0;
        for millis in (0..86_400_000).step_by(500) {
            let now = at(millis);
            assert_eq!(server.handle_timeout(now), Beat::Fine);
            if client.handle_timeout(now) == Beat::Ping {
                server.heard(now);
                client.heard(now);
                pings += 1;
            }
        }
        let expected = 86_400 / MESSAGING_PING.as_secs();
        assert!((expected - 1..=expected).contains(&pings), "{pings}");
    }

    #[test]
    fn a_silent_end_is_asked_soon_then_late_then_lost() {
        let mut pulse = Pulse::client(at(0));
        pulse.wrote(at(1_000));
        let beats = unanswered(pulse.clone(), 100_000);
        assert_eq!(beats.first(), Some(&(at(1_000) + MESSAGING_LATE, Beat::Ping)));
        assert_eq!(beats.last(), Some(&(at(1_000) + MESSAGING_SILENCE, Beat::Lost)));
        assert!(!pulse.is_late(at(1_000) + MESSAGING_LATE) && pulse.is_late(at(1_000) + 2 * MESSAGING_LATE));
        pulse.heard(at(9_000));
        assert!(!pulse.is_late(at(60_000)));
        assert_eq!(pulse.poll_timeout(), at(9_000) + MESSAGING_PING);
    }

    #[test]
    fn an_idle_end_that_died_is_noticed_after_one_question() {
        let beats = unanswered(Pulse::client(at(0)), 1_000_000);
        assert_eq!(beats.last(), Some(&(at(0) + MESSAGING_PING + MESSAGING_SILENCE, Beat::Lost)));
        let beats = unanswered(Pulse::server(at(0)), 1_000_000);
        assert_eq!(beats.last(), Some(&(at(0) + MESSAGING_PING + 2 * MESSAGING_SILENCE, Beat::Lost)));
    }
}

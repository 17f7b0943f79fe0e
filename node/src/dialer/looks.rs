//! When a session looks for better paths: soon after its node's transports changed, then ever more seldom.

use std::time::Duration;

use tokio::time::Instant;

use super::better::Looked;

/// News of transports come together, and reach the route finder a little later than this node.
const SETTLE: Duration = Duration::from_millis(500);
/// Shortest time between two looks while there are news all the time.
const APART: Duration = Duration::from_secs(5);
/// After so long without news, the next ones are looked at repeatedly and soon: the finder may hear of them late.
const QUIET: Duration = Duration::from_secs(30);
/// A route that was just installed is preferred once its first probe came back.
const ANSWER: Duration = Duration::from_millis(100);
/// Longest wait for a better route that is installed and may not carry the session yet.
const MOVING: Duration = Duration::from_secs(10);
/// Longest pause between looks, which only transports elsewhere can make worth while.
const SELDOM: Duration = Duration::from_secs(300);

/// The next look.
#[derive(Debug)]
pub(super) struct Looks {
    /// False for sessions whose path their user chose.
    may_move: bool,
    due: Instant,
    last: Option<Instant>,
    last_news: Option<Instant>,
    /// Until the look after the next one.
    pause: Duration,
    /// Since a better route is installed.
    moving: Duration,
}

impl Looks {
    pub(super) fn new(may_move: bool, now: Instant) -> Self {
        Self { may_move, due: now + SETTLE, last: None, last_news: None, pause: SETTLE, moving: ANSWER }
    }

    /// When the next look is due, if there is to be one.
    pub(super) fn due(&self) -> Option<Instant> {
        self.may_move.then_some(self.due)
    }

    /// Transports of this node came or went. Says when that may be acted upon.
    pub(super) fn news(&mut self, now: Instant) -> Instant {
        let last_news = self.last_news.replace(now);
        let fresh = last_news.is_none_or(|last| now - last >= QUIET);
        let least = if fresh { SETTLE } else { APART };
        let soon = self.last.map_or(now + SETTLE, |last| (now + SETTLE).max(last + least));
        (self.due, self.pause) = (self.due.min(soon), least);
        soon
    }

    /// A look is over.
    pub(super) fn looked(&mut self, looked: Looked, now: Instant) {
        self.last = Some(now);
        let moving = std::mem::replace(&mut self.moving, ANSWER);
        let wait = match looked {
            Looked::Settled => {
                self.pause = (self.pause * 2).min(SELDOM);
                self.pause
            }
            Looked::Moving => {
                self.moving = (moving * 2).min(MOVING);
                moving
            }
            // Another of its routes may move; that waits in any case.
            Looked::Moved => MOVING,
        };
        self.due = now + wait;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goes to the next look; says how long that takes.
    fn next(looks: &Looks, now: &mut Instant) -> Duration {
        let wait = looks.due().unwrap() - *now;
        *now += wait;
        wait
    }

    fn begin() -> (Looks, Instant) {
        let now = Instant::now();
        (Looks::new(true, now), now)
    }

    #[test]
    fn a_settled_session_looks_ever_more_seldom_and_soon_again_after_news() {
        let (mut looks, mut now) = begin();
        let mut waits = Vec::new();
        for _ in 0..12 {
            waits.push(next(&looks, &mut now));
            looks.looked(Looked::Settled, now);
        }
        assert!(waits.is_sorted() && waits[0] == SETTLE && waits[11] == SELDOM, "{waits:?}");
        now += SELDOM / 2;
        looks.news(now);
        assert_eq!(next(&looks, &mut now), SETTLE);
    }

    #[test]
    fn news_without_end_bring_no_more_than_a_look_every_five_seconds() {
        let (mut looks, mut now) = begin();
        let began = now;
        for _ in 0..20 {
            next(&looks, &mut now);
            looks.looked(Looked::Settled, now);
            looks.news(now);
        }
        assert!(now - began >= APART * 15, "{:?}", now - began);
    }

    #[test]
    fn a_better_route_is_looked_after_at_once_and_then_with_patience() {
        let (mut looks, mut now) = begin();
        next(&looks, &mut now);
        let mut waits = Vec::new();
        for _ in 0..10 {
            looks.looked(Looked::Moving, now);
            waits.push(next(&looks, &mut now));
        }
        assert!(waits[0] == ANSWER && waits[9] == MOVING, "{waits:?}");
    }

    #[test]
    fn a_session_on_a_path_that_its_user_chose_never_looks() {
        let now = Instant::now();
        let mut looks = Looks::new(false, now);
        looks.news(now);
        assert_eq!(looks.due(), None);
    }
}

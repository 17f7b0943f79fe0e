//! The servers to which datagrams are carried: being dialled, up, or not tried again for a while.

use std::{collections::BTreeMap, time::Duration};

use byway_base::{
    Moment, PublicKey,
    limits::{MESSAGING_LINKS_DIALLED, MESSAGING_LINKS_WANTED, REDIAL_MAX, REDIAL_MIN},
};

use super::{SessionId, egress::Egress};

/// A link that lived this long had succeeded; the next pause starts small again.
const LIVED: Duration = Duration::from_secs(10);
/// The first pause after a failure; doubles.
pub(super) const PAUSE: Duration = REDIAL_MIN;

/// What is known of the way to one server.
#[derive(Debug)]
pub(super) enum Link {
    /// It is being dialled; what is for it waits.
    Dialling {
        waiting: Box<Egress>,
        /// Whose datagram it was.
        wanted_by: PublicKey,
        /// The pause if it fails.
        pause: Duration,
    },
    /// It is up.
    Up(SessionId),
    /// It failed lately.
    Away { until: Moment, pause: Duration },
}

/// All of them, bounded.
#[derive(Debug, Default)]
pub(super) struct Links {
    by_server: BTreeMap<PublicKey, Link>,
}

impl Links {
    /// The link to `server` if datagrams for it may be queued; if it is not up, whether it is to be dialled now, for
    /// `client`, is decided here. The flag says that it is.
    pub(super) fn towards(
        &mut self,
        server: PublicKey,
        client: PublicKey,
        most: usize,
        now: Moment,
    ) -> Option<(&mut Link, bool)> {
        let pause = match self.by_server.get(&server) {
            Some(Link::Dialling { .. } | Link::Up(_)) => {
                return self.by_server.get_mut(&server).map(|link| (link, false));
            }
            Some(Link::Away { until, .. }) if *until > now => return None,
            Some(Link::Away { pause, .. }) => *pause,
            None => PAUSE,
        };
        if !self.may_dial(client) || !self.make_room(server, most) {
            return None;
        }
        let link = Link::Dialling { waiting: Box::default(), wanted_by: client, pause };
        self.by_server.insert(server, link);
        self.by_server.get_mut(&server).map(|link| (link, true))
    }

    /// So that neither one client nor all of them make the server dial the world.
    fn may_dial(&self, client: PublicKey) -> bool {
        let (mut all, mut own) = (0, 0);
        for link in self.by_server.values() {
            if let Link::Dialling { wanted_by, .. } = link {
                all += 1;
                own += usize::from(*wanted_by == client);
            }
        }
        all < MESSAGING_LINKS_DIALLED && own < MESSAGING_LINKS_WANTED
    }

    fn make_room(&mut self, server: PublicKey, most: usize) -> bool {
        if self.by_server.len() < most || self.by_server.contains_key(&server) {
            return true;
        }
        let away = self.by_server.iter().filter_map(|(server, link)| match link {
            Link::Away { until, .. } => Some((*until, *server)),
            Link::Dialling { .. } | Link::Up(_) => None,
        });
        let oldest = away.min();
        oldest.is_some_and(|(_, server)| self.by_server.remove(&server).is_some())
    }

    /// The server answered: gives what waits for it, and the pause should the link not last. `None` if it was not being
    /// dialled.
    pub(super) fn up(&mut self, server: PublicKey, id: SessionId) -> Option<(Box<Egress>, Duration)> {
        let link = self.by_server.get_mut(&server)?;
        if !matches!(link, Link::Dialling { .. }) {
            return None;
        }
        match std::mem::replace(link, Link::Up(id)) {
            Link::Dialling { waiting, pause, .. } => Some((waiting, pause)),
            Link::Up(_) | Link::Away { .. } => None,
        }
    }

    /// The server was not reached: gives what waits for it.
    pub(super) fn failed(&mut self, server: PublicKey, now: Moment) -> Option<Box<Egress>> {
        let link = self.by_server.get_mut(&server)?;
        let Link::Dialling { pause, .. } = link else { return None };
        let away = Link::away(*pause, now);
        match std::mem::replace(link, away) {
            Link::Dialling { waiting, .. } => Some(waiting),
            Link::Up(_) | Link::Away { .. } => None,
        }
    }

    /// A link that was up since `since` ended.
    pub(super) fn down(&mut self, server: PublicKey, since: Moment, pause: Duration, now: Moment) {
        if now - since >= LIVED {
            self.by_server.remove(&server);
        } else {
            self.by_server.insert(server, Link::away(pause, now));
        }
    }

    /// How many are up.
    pub(super) fn count_up(&self) -> usize {
        self.by_server.values().filter(|link| matches!(link, Link::Up(_))).count()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_server.len()
    }
}

impl Link {
    fn away(pause: Duration, now: Moment) -> Self {
        Self::Away { until: now + pause, pause: (pause * 2).min(REDIAL_MAX) }
    }
}

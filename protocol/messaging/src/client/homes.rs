//! The servers that a client stays connected to: chosen, replaced, left, and exchanged for better ones.

use std::time::Duration;

use byway_base::{
    Moment, PublicKey,
    limits::{MESSAGING_IDLE, RECORD_ENTRIES},
};

use super::{ClientCore, Effect, LinkState, Server};

/// A home that drains is left this long after its replacement was published, so that peers learn of it first.
pub(super) const LEAVE_AFTER: Duration = Duration::from_secs(2);
/// A server that was left because it drains is not dialled again before this.
pub(super) const DRAINED_AWAY: Duration = Duration::from_secs(30);
/// The first look at servers that are not connected comes at most this long after enough homes are.
const SCOUT_FIRST: Duration = Duration::from_secs(5);
/// The looks after it, and so the moves, are this far apart on average. Who moves costs its peers a look-up each.
const SCOUT_INTERVAL: Duration = Duration::from_secs(30 * 60);
/// Servers looked at each time. With a look every half hour, 65 536 clients ask a server less than 200 times a second.
const SCOUTED: usize = 4;
/// Time for the answers of one look.
const SCOUT_TIME: Duration = Duration::from_secs(6);

/// The search for better homes.
#[derive(Debug, Default)]
pub(super) struct Scout {
    /// When to look next; `None` until enough homes are connected for the first time.
    look: Option<Moment>,
    /// When the answers of the present look are in.
    judge: Option<Moment>,
    /// The move that is under way: a home, and the better one that is being connected.
    moving: Option<(PublicKey, PublicKey)>,
}

impl ClientCore {
    pub(super) fn homes(&self) -> impl Iterator<Item = &Server> {
        self.servers.values().filter(|server| server.home && !server.draining)
    }

    /// When a connected server that is no home is left: once no peer was reached through it for a while.
    pub(super) fn leave_at(&self, server: &Server) -> Moment {
        if server.draining && self.is_settled() {
            return self.published_at + LEAVE_AFTER;
        }
        server.used + MESSAGING_IDLE
    }

    /// Enough homes are connected, or as many as there are.
    fn is_settled(&self) -> bool {
        let up = self.homes().filter(|server| server.is_up()).count();
        up > 0 && (up >= self.wanted || !self.servers.values().any(|server| !server.home && !server.draining))
    }

    /// Brings the links in line with what is wanted, then says what changed. Called after everything that happened.
    pub(super) fn tend(&mut self, now: Moment) {
        self.choose_homes(now);
        self.finish_move(now);
        self.publish(now);
        self.leave_idle(now);
        self.scout(now);
    }

    /// When time asks for something next.
    pub(super) fn tend_at(&self) -> Option<Moment> {
        let lacking = self.homes().count() < self.wanted;
        let times = self.servers.values().filter_map(|server| match server.link {
            LinkState::Down { until } => {
                (lacking && !server.draining && !server.is_full()).then_some(until.max(self.replace_at))
            }
            _ if server.home => None,
            _ => Some(self.leave_at(server)),
        });
        times.chain(self.scout.judge.or(self.scout.look)).min()
    }

    fn choose_homes(&mut self, now: Moment) {
        for server in self.servers.values_mut().filter(|server| server.draining) {
            server.home = false;
        }
        while self.homes().count() < self.wanted {
            let regions: Vec<_> = self.homes().map(|server| server.info.region.as_str()).collect();
            let may_dial =
                |server: &Server| now >= self.replace_at && server.may_dial(now) && !server.is_full();
            let fits = |server: &&Server| {
                (!server.is_down() || may_dial(server)) && !server.home && !server.draining
            };
            // Links that exist for a peer's sake are not preferred: the choice is for long.
            let best =
                self.servers.values().filter(fits).min_by_key(|server| server.rank(&regions, &self.own));
            let Some(key) = best.map(|server| server.info.key) else { return };
            self.dial(key, now);
            self.servers.get_mut(&key).expect("it was just chosen").home = true;
        }
    }

    pub(super) fn dial(&mut self, key: PublicKey, now: Moment) {
        let Some(server) = self.servers.get_mut(&key) else { return };
        server.used = now;
        if server.may_dial(now) {
            server.link = LinkState::Connecting;
            let (tcp, udp) = (server.info.addresses.clone(), server.info.udp.clone());
            self.effects.push_back(Effect::Connect { server: key, tcp, udp });
        }
    }

    fn publish(&mut self, now: Moment) {
        let mut servers: Vec<_> = self.homes().filter(|server| server.is_up()).map(|s| s.info.key).collect();
        servers.truncate(RECORD_ENTRIES);
        // A record without servers helps nobody; the last one expires by itself if no server comes back.
        if servers != self.published && !servers.is_empty() {
            self.published.clone_from(&servers);
            self.published_at = now;
            self.effects.push_back(Effect::Publish { servers });
        }
    }

    fn leave_idle(&mut self, now: Moment) {
        let idle = |server: &&Server| !server.home && !server.is_down() && self.leave_at(server) <= now;
        let keys: Vec<_> = self.servers.values().filter(idle).map(|server| server.info.key).collect();
        for key in keys {
            let server = self.servers.get_mut(&key).expect("it was just found");
            // A server that drained comes back some day, and a configured one has no record that would tell.
            let pause = if server.draining { DRAINED_AWAY } else { Duration::ZERO };
            server.draining = server.info.draining;
            server.link = LinkState::Down { until: now + pause };
            server.failures = 0;
            self.effects.push_back(Effect::Disconnect { server: key });
        }
    }

    /// Looks now and then whether a better server than the present homes is there, and begins to move to it.
    fn scout(&mut self, now: Moment) {
        if self.scout.judge.is_some_and(|at| at <= now) {
            self.scout.judge = None;
            self.begin_move(now);
        }
        match self.scout.look {
            None if self.is_settled() => {
                self.scout.look = Some(now + self.random.between(SCOUT_FIRST / 2, SCOUT_FIRST));
            }
            Some(at) if at <= now => {
                let pause = self.random.between(SCOUT_INTERVAL / 2, SCOUT_INTERVAL * 3 / 2);
                self.scout.look = Some(now + pause);
                self.scout.judge = Some(now + SCOUT_TIME);
                self.look_around(now);
            }
            _ => {}
        }
    }

    /// Has the round trips to a few servers measured: to those whose last measurement is the oldest.
    fn look_around(&mut self, now: Moment) {
        let mut down: Vec<_> = self
            .servers
            .values_mut()
            .filter(|server| server.may_dial(now) && !server.draining && !server.is_full())
            .collect();
        down.sort_by_key(|server| server.probed);
        for server in down.into_iter().take(SCOUTED) {
            server.probed = Some(now);
            let (key, tcp) = (server.info.key, server.info.addresses.clone());
            self.effects.push_back(Effect::Probe { server: key, tcp });
        }
    }

    /// The round trip to a server that is not connected; `None` if it does not answer.
    pub fn probed(&mut self, server: PublicKey, rtt: Option<Duration>) {
        if let Some(server) = self.servers.get_mut(&server) {
            match rtt {
                Some(rtt) => server.measured(rtt),
                None => (server.rtt, server.near) = (None, None),
            }
        }
    }

    fn begin_move(&mut self, now: Moment) {
        if self.scout.moving.is_some() || !self.is_settled() {
            return;
        }
        let Some((from, to)) = self.better_home(now) else { return };
        self.scout.moving = Some((from, to));
        self.dial(to, now);
        self.servers.get_mut(&to).expect("it was just chosen").home = true;
    }

    /// A home, and a server that is clearly better than it.
    fn better_home(&self, now: Moment) -> Option<(PublicKey, PublicKey)> {
        let fits = |server: &&Server| {
            let usable =
                server.is_up() || (server.may_dial(now) && server.probed.is_some() && !server.is_full());
            usable && !server.home && !server.draining && server.near.is_some()
        };
        let others: Vec<_> = self.servers.values().filter(fits).collect();
        self.homes().filter(|home| home.is_up()).find_map(|home| {
            let stay = self.homes().filter(|other| other.info.key != home.info.key);
            let regions: Vec<_> = stay.map(|server| server.info.region.as_str()).collect();
            let better = others.iter().filter(|other| other.is_clearly_better(home, &regions));
            let best = better.min_by_key(|server| server.rank(&regions, &self.own))?;
            Some((home.info.key, best.info.key))
        })
    }

    /// Gives the old home up once the new one is connected. It stays connected while peers are reached through it.
    fn finish_move(&mut self, now: Moment) {
        let Some((from, to)) = self.scout.moving else { return };
        let state = |key| self.servers.get(&key).filter(|server: &&Server| server.home && !server.draining);
        match (state(from), state(to)) {
            (Some(_), Some(new)) if !new.is_up() => return,
            (Some(_), Some(_)) => {
                let old = self.servers.get_mut(&from).expect("it was just seen");
                (old.home, old.used) = (false, now);
            }
            // One of them was lost meanwhile: whatever is left is the choice.
            _ => {}
        }
        self.scout.moving = None;
    }
}

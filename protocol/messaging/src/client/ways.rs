//! Through which server a peer is reached.

use byway_base::{Moment, PublicKey};

use super::{
    ClientCore, Effect, LinkState, Peer,
    peer::{Contact, Hop},
};

/// Links held at once for the sake of single peers, beside those to the client's own servers.
const EXTRA_LINKS: usize = 16;

/// How a datagram for a peer travels at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Through this server.
    Through(PublicKey),
    /// Through two servers, the first of which hands it to the second.
    Relayed {
        /// One of the client's own.
        via: PublicKey,
        /// One of the peer's.
        at: PublicKey,
    },
    /// Not yet: a look-up or a connection is under way.
    Pending,
    /// Not at all.
    None(Unreachable),
}

/// Why there is no way to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// No messaging server is connected.
    #[error("no messaging server is connected")]
    NoServer,
    /// The peer published no contact record, or it has expired.
    #[error("the peer has no contact record")]
    NoRecord,
    /// The servers that the peer should be on say that it is not.
    #[error("the peer is connected to none of its messaging servers")]
    Gone,
    /// None of the servers that the peer is on can be reached.
    #[error("none of the peer's messaging servers can be reached")]
    ServersDown,
}

impl ClientCore {
    /// How a datagram for `peer` travels now. May ask for a look-up or a connection, as an effect.
    ///
    /// A dialler passes `guess: false` and waits while the way is pending: a guess costs it a lost first packet. For a
    /// connection that exists, a guess loses nothing that waiting would save.
    pub fn way(&mut self, key: PublicKey, guess: bool, now: Moment) -> Way {
        if !self.is_connected() {
            let connecting = self.servers.values().any(|server| server.link == LinkState::Connecting);
            return if connecting { Way::Pending } else { Way::None(Unreachable::NoServer) };
        }
        let peer = self.peers.get_or_insert_with(key, Peer::new);
        // Expired records are renewed while they are in use; whatever was heard stays good meanwhile.
        if peer.servers(now).is_empty() && peer.ask(now) {
            self.effects.push_back(Effect::LookUp { key });
        }
        if let Some(hop) = self.best_hop(key, now) {
            if let Hop::Relayed { .. } = hop
                && guess
                && self.peers.get_mut(&key).is_some_and(|peer| peer.is_bulk(now))
            {
                // One server less on the way, for as long as it is used.
                self.reach_out(key, now);
            }
            return self.along(hop, now);
        }
        if self.reach_out(key, now) {
            return Way::Pending;
        }
        self.last_resort(key, guess, now)
    }

    /// The hop that last brought something from the peer, or one that its record gives. One server is better than two,
    /// and any other link better than one over which nothing comes back at present.
    fn best_hop(&mut self, key: PublicKey, now: Moment) -> Option<Hop> {
        let proven = self.proven(key, now);
        if let Some(hop @ Hop::Through(_)) = proven
            && !self.is_late(hop)
        {
            return proven;
        }
        let common = self.common(key, now);
        let known = [common, proven].into_iter().flatten().find(|hop| !self.is_late(*hop));
        if known.is_some() {
            return known;
        }
        let relayed = self.relayed(key, now);
        let others = [proven, common, relayed].into_iter().flatten();
        // The first of those that are equally good.
        others.min_by_key(|hop| self.is_late(*hop))
    }

    fn is_late(&self, hop: Hop) -> bool {
        self.servers.get(&hop.first()).is_some_and(|server| server.late)
    }

    fn proven(&mut self, key: PublicKey, now: Moment) -> Option<Hop> {
        let peer = self.peers.get_mut(&key)?;
        let hop = peer.heard.filter(|hop| !peer.is_gone_from(*hop, now))?;
        self.is_up(&hop.first()).then_some(hop)
    }

    /// The nearest of the peer's servers that is connected.
    fn common(&mut self, key: PublicKey, now: Moment) -> Option<Hop> {
        let peer = self.peers.get_mut(&key)?;
        let named = peer.servers(now).iter().filter(|at| !peer.is_gone_from(Hop::Through(**at), now));
        let known = named.filter_map(|server| self.servers.get(server)).filter(|server| server.is_up());
        let best = known.min_by_key(|server| (server.late, server.draining, server.trip()));
        best.map(|server| Hop::Through(server.info.key))
    }

    /// The nearest own server, and one of the peer's that it can hand datagrams to. The own one is among those that the
    /// client's record names: from others peers do not believe it.
    fn relayed(&mut self, key: PublicKey, now: Moment) -> Option<Hop> {
        let peer = self.peers.get_mut(&key)?;
        let mut own: Vec<_> = self
            .published
            .iter()
            .filter_map(|key| self.servers.get(key))
            .filter(|server| server.is_up())
            .collect();
        own.sort_by_key(|server| (server.late, server.trip()));
        let hops = own.iter().flat_map(|own| {
            let via = own.info.key;
            peer.servers(now)
                .iter()
                .filter(move |at| **at != via)
                .map(move |at| Hop::Relayed { via, at: *at })
        });
        let drains = |at: &PublicKey| self.servers.get(at).is_some_and(|server| server.draining);
        hops.filter(|hop| !peer.is_gone_from(*hop, now)).min_by_key(|hop| match hop {
            Hop::Relayed { at, .. } => drains(at) || peer.is_gone_from(Hop::Through(*at), now),
            Hop::Through(_) => false,
        })
    }

    /// Opens a connection to one of the peer's servers, or looks up where it is. Returns whether one is under way.
    fn reach_out(&mut self, key: PublicKey, now: Moment) -> bool {
        let Some(peer) = self.peers.get_mut(&key) else { return false };
        let is_gone = |server: &PublicKey| peer.is_gone_from(Hop::Through(*server), now);
        let candidates: Vec<_> =
            peer.servers(now).iter().filter(|server| !is_gone(server)).copied().collect();
        let connecting = |server: &PublicKey| {
            self.servers.get(server).is_some_and(|server| server.link == LinkState::Connecting)
        };
        if candidates.iter().any(connecting) {
            return true;
        }
        let extra = self.servers.values().filter(|server| !server.home && !server.is_down()).count();
        for candidate in candidates {
            match self.servers.get(&candidate) {
                Some(server) if server.may_dial(now) && extra < EXTRA_LINKS => {
                    self.dial(candidate, now);
                    return true;
                }
                Some(_) => {}
                None => {
                    let server = self.peers.get_or_insert_with(candidate, Peer::new);
                    let ask = server.ask(now);
                    if ask {
                        self.effects.push_back(Effect::LookUp { key: candidate });
                    }
                    if ask || server.is_asked(now) {
                        return true;
                    }
                }
            }
        }
        false
    }

    /// Neither what was heard nor the record gives a way.
    fn last_resort(&mut self, key: PublicKey, guess: bool, now: Moment) -> Way {
        let Some(peer) = self.peers.get_mut(&key) else { return Way::None(Unreachable::NoRecord) };
        // The record may be older than the peer's last move.
        if peer.ask(now) {
            self.effects.push_back(Effect::LookUp { key });
        }
        let asked = peer.is_asked(now);
        let may_guess = guess || matches!(peer.contact, Contact::Unavailable { .. });
        let reason = match &peer.contact {
            Contact::Absent { .. } => Unreachable::NoRecord,
            _ if peer.is_gone_somewhere(now) => Unreachable::Gone,
            Contact::Known { .. } => Unreachable::ServersDown,
            Contact::Unknown | Contact::Unavailable { .. } => Unreachable::NoRecord,
        };
        if may_guess {
            let untried = |key: &&PublicKey| !peer.is_gone_from(Hop::Through(**key), now);
            let mut up = self.servers.iter().filter(|(_, server)| server.is_up()).map(|(key, _)| key);
            if let Some(server) = up.find(untried).copied() {
                return self.along(Hop::Through(server), now);
            }
        }
        if asked { Way::Pending } else { Way::None(reason) }
    }

    pub(super) fn along(&mut self, hop: Hop, now: Moment) -> Way {
        if let Some(server) = self.servers.get_mut(&hop.first()) {
            server.used = now;
        }
        match hop {
            Hop::Through(server) => Way::Through(server),
            Hop::Relayed { via, at } => Way::Relayed { via, at },
        }
    }
}

//! Through which server a peer is reached.

use std::time::Duration;

use byway_base::{Moment, PublicKey};
use byway_wire::{RecordBody, SignedRecord};

use super::{ClientCore, Contact, EXTRA_LINKS, Effect, LinkState, Peer, ServerInfo};

/// How a datagram for a peer travels at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Through this server.
    Through(PublicKey),
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
        if let Some(server) = self.proven(key, now).or_else(|| self.common(key, now)) {
            return self.through(server, now);
        }
        if self.reach_out(key, now) {
            return Way::Pending;
        }
        self.last_resort(key, guess, now)
    }

    /// The server that last brought something from the peer.
    fn proven(&mut self, key: PublicKey, now: Moment) -> Option<PublicKey> {
        let peer = self.peers.get_mut(&key)?;
        let server = peer.heard.filter(|server| !peer.is_gone_from(server, now))?;
        self.is_up(&server).then_some(server)
    }

    /// The nearest of the peer's servers that is connected.
    fn common(&mut self, key: PublicKey, now: Moment) -> Option<PublicKey> {
        let peer = self.peers.get_mut(&key)?;
        let connected = peer.servers(now).iter().filter(|server| !peer.is_gone_from(server, now));
        let known = connected.filter_map(|server| self.servers.get(server)).filter(|server| server.is_up());
        let best = known.min_by_key(|server| (server.draining, server.rtt.unwrap_or(Duration::MAX)));
        best.map(|server| server.info.key)
    }

    /// Opens a connection to one of the peer's servers, or looks up where it is. Returns whether one is under way.
    fn reach_out(&mut self, key: PublicKey, now: Moment) -> bool {
        let Some(peer) = self.peers.get_mut(&key) else { return false };
        let candidates: Vec<_> =
            peer.servers(now).iter().filter(|server| !peer.is_gone_from(server, now)).copied().collect();
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
            let untried = |key: &&PublicKey| !peer.is_gone_from(key, now);
            let mut up = self.servers.iter().filter(|(_, server)| server.is_up()).map(|(key, _)| key);
            if let Some(server) = up.find(untried).copied() {
                return self.through(server, now);
            }
        }
        if asked { Way::Pending } else { Way::None(reason) }
    }

    fn through(&mut self, server: PublicKey, now: Moment) -> Way {
        if let Some(server) = self.servers.get_mut(&server) {
            server.used = now;
        }
        Way::Through(server)
    }

    /// A datagram from `peer` came through `server`.
    pub fn heard(&mut self, peer: PublicKey, server: PublicKey, now: Moment) {
        self.peers.get_or_insert_with(peer, Peer::new).heard_through(server);
        self.through(server, now);
    }

    /// `server` said that `peer` is not there.
    pub fn gone(&mut self, peer: PublicKey, server: PublicKey, now: Moment) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.gone_from(server, now);
        }
    }

    /// The directory answered a look-up with a record that the shell verified; it is valid until `expires`.
    pub fn record_found(&mut self, signed: &SignedRecord, expires: Moment, now: Moment) {
        let key = signed.record.subject;
        let contact = match &signed.record.body {
            RecordBody::Node { servers, .. } => {
                let (servers, sequence) = (servers.clone(), signed.record.sequence);
                Contact::Known { servers, sequence, since: now, expires }
            }
            RecordBody::Server { .. } | RecordBody::Tombstone {} => Contact::Absent { since: now },
        };
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.answered(contact, now);
        }
        if let Some(info) = ServerInfo::discovered(key, &signed.record.body) {
            self.learn_servers([info], now);
        }
    }

    /// The directory answered that there is no record of `key`.
    pub fn record_absent(&mut self, key: PublicKey, now: Moment) {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.answered(Contact::Absent { since: now }, now);
        }
    }

    /// The directory did not answer about `key`, or there is none. What was known before stays.
    pub fn look_up_failed(&mut self, key: PublicKey, now: Moment) {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.unanswered(now);
        }
    }
}

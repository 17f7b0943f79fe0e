//! What servers and the directory tell about peers.

use bytes::Bytes;
use byway_base::{Moment, PublicKey, limits::MESSAGING_IDLE};
use byway_wire::{RecordBody, SignedRecord};

use super::{
    ClientCore, Effect, Peer, ServerInfo,
    peer::{Contact, Hop},
};

impl ClientCore {
    /// A datagram from `peer` came through `server`.
    pub fn heard(&mut self, peer: PublicKey, server: PublicKey, now: Moment) {
        self.heard_by(peer, Hop::Through(server), now);
    }

    fn heard_by(&mut self, peer: PublicKey, hop: Hop, now: Moment) {
        self.peers.get_or_insert_with(peer, Peer::new).heard_by(hop);
        self.along(hop, now);
    }

    /// `server` said that `peer` is not there.
    pub fn gone(&mut self, peer: PublicKey, server: PublicKey, now: Moment) {
        self.gone_from(peer, Hop::Through(server), now);
    }

    /// The own server `via` said that `peer` cannot be reached by forwarding to its server `at`.
    pub fn gone_at(&mut self, peer: PublicKey, at: PublicKey, via: PublicKey, now: Moment) {
        self.gone_from(peer, Hop::Relayed { via, at }, now);
    }

    fn gone_from(&mut self, key: PublicKey, hop: Hop, now: Moment) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        peer.gone_from(hop, now);
        // The record that named the server may be out of date.
        if peer.ask(now) {
            self.effects.push_back(Effect::LookUp { key });
        }
    }

    /// A datagram that the own server `via` was handed by the server `at`, which says that it is `source`'s. Given back if
    /// it is to be delivered; otherwise it waits, bounded, until the source's contact record is known (see
    /// [`ClientCore::poll_released`]), or is dropped because that names another server.
    pub fn forwarded(
        &mut self,
        source: PublicKey,
        at: PublicKey,
        via: PublicKey,
        payload: Bytes,
        now: Moment,
    ) -> Option<Bytes> {
        let hop = Hop::Relayed { via, at };
        if let Some(peer) = self.peers.get_mut(&source)
            && peer.vouches_for(at, now)
        {
            peer.heard_by(hop);
            if peer.expires_soon(now) && peer.ask(now) {
                self.effects.push_back(Effect::LookUp { key: source });
            }
            self.along(hop, now);
            return Some(payload);
        }
        if !self.held.has_room(source, payload.len(), now) {
            return None;
        }
        // Only for those for whom there is room: nobody makes us remember, or ask about, more sources than that.
        let peer = self.peers.get_or_insert_with(source, Peer::new);
        if peer.ask(now) {
            self.effects.push_back(Effect::LookUp { key: source });
        }
        if peer.is_asked(now) {
            self.held.hold(source, hop, &payload, now);
        }
        None
    }

    /// A datagram that waited and is now to be delivered, with its source.
    pub fn poll_released(&mut self) -> Option<(PublicKey, Bytes)> {
        self.held.poll_released()
    }

    /// The directory answered a look-up with a record that the shell verified; it is valid until `expires`.
    pub fn record_found(&mut self, signed: &SignedRecord, expires: Moment, now: Moment) {
        let (key, sequence) = (signed.record.subject, signed.record.sequence);
        let contact = match &signed.record.body {
            RecordBody::Node { servers, .. } => {
                Contact::Known { servers: servers.clone(), sequence, since: now, expires }
            }
            RecordBody::Server { .. } | RecordBody::Tombstone {} => {
                Contact::Absent { sequence, since: now, expires }
            }
        };
        self.answered(key, contact, now);
        if let Some(info) = ServerInfo::discovered(key, &signed.record.body) {
            self.learn_servers([info], now);
        }
    }

    /// The directory answered that there is no record of `key`.
    pub fn record_absent(&mut self, key: PublicKey, now: Moment) {
        self.answered(key, Contact::Absent { sequence: 0, since: now, expires: now }, now);
    }

    fn answered(&mut self, key: PublicKey, contact: Contact, now: Moment) {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.answered(contact, now);
        }
        self.let_go(key, now);
    }

    /// `key` is to be found on `servers`: what configuration says of a peer for which no directory can be asked.
    pub fn stays_at(&mut self, key: PublicKey, servers: &[PublicKey], now: Moment) {
        let expires = now + MESSAGING_IDLE;
        let servers = servers.to_vec();
        self.answered(key, Contact::Known { servers, sequence: 0, since: now, expires }, now);
    }

    /// The directory did not answer about `key`, or there is none. What was known before stays.
    pub fn look_up_failed(&mut self, key: PublicKey, now: Moment) {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.unanswered(now);
        }
        self.let_go(key, now);
    }

    /// What waited for the record of `key` waits no longer.
    fn let_go(&mut self, key: PublicKey, now: Moment) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let is_its_own = |hop| matches!(hop, Hop::Relayed { at, .. } if peer.vouches_for(at, now));
        if let Some(hop) = self.held.let_go(key, is_its_own) {
            self.heard_by(key, hop, now);
        }
    }
}

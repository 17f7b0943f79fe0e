//! A node: the production cores, and what its shell keeps.

use std::collections::BTreeMap;

use byway_base::{Moment, Port, PublicKey, RouteId, SecretKey, TransportId};
use byway_routing::{Forwarder, RouteKey, TransportSlot};
use byway_setup::{Quotas, RuleBook, Surroundings};

use super::{LinkIx, SessionIx};
use crate::dice::Dice;

/// The one port on which every node listens.
pub(crate) const PORT: Port = Port(80);

/// An end of a route that a session uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RouteEnd {
    pub(crate) route: RouteId,
    pub(crate) session: SessionIx,
    /// The session's life that it belongs to.
    pub(crate) life: u64,
    /// 0 at the source, 1 at the destination.
    pub(crate) side: usize,
}

pub(crate) struct Node {
    pub(crate) secret: SecretKey,
    pub(crate) key: PublicKey,
    pub(crate) forwarder: Forwarder,
    pub(crate) book: RuleBook,
    pub(crate) alive: bool,
    /// Counts restarts.
    pub(crate) life: u64,
    pub(crate) links: BTreeMap<TransportSlot, LinkIx>,
    pub(crate) slots: BTreeMap<TransportId, TransportSlot>,
    /// The other edge of every transport that ever was up.
    pub(crate) peers: BTreeMap<TransportId, PublicKey>,
    pub(crate) ends: BTreeMap<RouteKey, RouteEnd>,
    /// Routes that end here and may not be used yet, with the sessions that wait for them.
    pub(crate) inactive: BTreeMap<RouteId, SessionIx>,
    /// When the forwarder and the book are looked at next.
    pub(crate) timers: [Option<Moment>; 2],
}

impl Node {
    pub(crate) fn new(secret: SecretKey, forwarder: Forwarder, trusted: &[PublicKey]) -> Self {
        let key = secret.public();
        let book = RuleBook::new(key, trusted.iter().copied(), Quotas::default());
        Self {
            secret,
            key,
            forwarder,
            book,
            alive: true,
            life: 0,
            links: BTreeMap::new(),
            slots: BTreeMap::new(),
            peers: BTreeMap::new(),
            ends: BTreeMap::new(),
            inactive: BTreeMap::new(),
            timers: [None; 2],
        }
    }

    /// The rule book, and what it may ask about the node.
    pub(crate) fn book_and_view<'a>(&'a mut self, dice: &'a mut Dice) -> (&'a mut RuleBook, View<'a>) {
        let Self { book, slots, peers, forwarder, .. } = self;
        (book, View { slots, peers, forwarder, dice })
    }
}

/// What a rule book sees of its node.
pub(crate) struct View<'a> {
    slots: &'a BTreeMap<TransportId, TransportSlot>,
    peers: &'a BTreeMap<TransportId, PublicKey>,
    forwarder: &'a Forwarder,
    dice: &'a mut Dice,
}

impl Surroundings for View<'_> {
    fn peer(&self, transport: TransportId) -> Option<PublicKey> {
        self.slots.get(&transport).and_then(|_| self.peers.get(&transport)).copied()
    }

    fn has_listener(&self, port: Port) -> bool {
        port == PORT
    }

    fn was_used(&self, route: RouteId) -> bool {
        self.forwarder.was_used(&route)
    }

    fn draw(&mut self) -> u32 {
        self.dice.roll() as u32
    }
}

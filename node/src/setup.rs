//! Routes as this node takes part in them: it asks setup nodes for its own, and obeys those that it trusts.

mod request;
mod serve;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use byway_base::{Port, PublicKey, RouteId, TransportId};
use byway_clock::unix_now;
use byway_routing::{RouteKey, RouteSide, RouteSpec};
use byway_setup::{Counts, Effect, End, InstalledRoute, RuleBook, Side, Surroundings};
use byway_wire::{
    SignedRouteRequest,
    setup::{Failure, NodeMessage, Reply},
};
use parking_lot::Mutex;
use tracing::debug;

use crate::{
    config::Config, dataplane::Dataplane, group::Group, groups::Groups, listeners::Listeners,
    transports::Transports,
};

pub(crate) use request::SetupNodes;
pub(crate) use serve::serve;

/// The node's obedience: its rule book, and what the book's effects act on.
pub(crate) struct Obedience {
    book: Mutex<RuleBook>,
    trusted: BTreeSet<PublicKey>,
    dataplane: Arc<Dataplane>,
    transports: Transports,
    groups: Groups,
    listeners: Listeners,
    /// Routes that end here and are not confirmed yet. Their groups have them once every node of the path has its rules:
    /// data that overtakes the rules ahead of it ends the route.
    unconfirmed: Mutex<BTreeMap<RouteId, (Arc<Group>, RouteKey)>>,
    /// Whether the node forwards for others at present.
    transit: AtomicBool,
}

impl Obedience {
    pub(crate) fn new(
        own: PublicKey,
        config: &Config,
        dataplane: Arc<Dataplane>,
        transports: Transports,
        groups: Groups,
        listeners: Listeners,
    ) -> Self {
        let trusted: BTreeSet<_> = config.trusted_setup_nodes.iter().copied().collect();
        let book = Mutex::new(RuleBook::new(own, trusted.iter().copied(), config.rule_quotas));
        let transit = AtomicBool::new(true);
        let unconfirmed = Mutex::default();
        let obedience =
            Self { book, trusted, dataplane, transports, groups, listeners, unconfirmed, transit };
        obedience.set_transit(config.transit);
        obedience
    }

    /// Whether a peer is one of the setup nodes that are obeyed.
    pub(crate) fn trusts(&self, peer: &PublicKey) -> bool {
        self.trusted.contains(peer)
    }

    /// Obeys or refuses one message of a peer whose key the connection proved.
    pub(crate) fn handle(&self, from: PublicKey, message: NodeMessage) -> Reply {
        let mut book = self.book.lock();
        let now = self.dataplane.now();
        let (reply, effects) = book.handle(now, unix_now(), from, message, &mut self.view());
        for effect in effects {
            if let Err(failure) = self.apply(&mut book, effect) {
                return Reply::Failed { failure };
            }
        }
        reply
    }

    /// Whether routes between others are carried from now on. If not, those that are there end.
    pub(crate) fn set_transit(&self, transit: bool) {
        self.transit.store(transit, Ordering::Relaxed);
        self.book.lock().set_transit(transit);
        self.dataplane.set_transit(transit);
    }

    /// Whether the node forwards for others at present.
    pub(crate) fn carries_transit(&self) -> bool {
        self.transit.load(Ordering::Relaxed)
    }

    /// Announces a route that this node asks for, so that its rules are accepted.
    pub(crate) fn expect(&self, request: SignedRouteRequest, first: TransportId) {
        self.book.lock().expect(self.dataplane.now(), request, first);
    }

    /// Withdraws what [`Self::expect`] announced, and the rules if they came.
    pub(crate) fn abandon(&self, route: RouteId) {
        let mut book = self.book.lock();
        if let Some(effect) = book.abandon(self.dataplane.now(), route) {
            // Removing cannot fail.
            let _ = self.apply(&mut book, effect);
        }
    }

    /// The data half removed a route.
    pub(crate) fn removed(&self, route: RouteId) {
        let mut book = self.book.lock();
        book.removed(self.dataplane.now(), route);
        self.unconfirmed.lock().remove(&route);
    }

    /// Lets leases run out. Returns when it wants to be called again.
    pub(crate) fn handle_timeout(&self) -> Option<Duration> {
        let mut book = self.book.lock();
        let now = self.dataplane.now();
        for effect in book.handle_timeout(now, &self.view()) {
            let _ = self.apply(&mut book, effect);
        }
        book.poll_timeout().map(|deadline| deadline - now)
    }

    /// Rules held, and messages refused.
    pub(crate) fn counts(&self) -> Counts {
        self.book.lock().counts()
    }

    fn view(&self) -> View<'_> {
        View { obedience: self }
    }

    fn apply(&self, book: &mut RuleBook, effect: Effect) -> Result<(), Failure> {
        match effect {
            Effect::Install(rules) => self.install(book, *rules),
            Effect::Activate { route } => {
                if let Some((group, key)) = self.unconfirmed.lock().remove(&route) {
                    self.groups.attach(&group, route, key, 0);
                }
                Ok(())
            }
            Effect::Remove { route } => {
                self.dataplane.remove_route(&route, byway_wire::Reason::Withdrawn);
                Ok(())
            }
        }
    }

    fn install(&self, book: &mut RuleBook, rules: InstalledRoute) -> Result<(), Failure> {
        let route = rules.route;
        let result = self.put_rules(rules);
        result.map_err(|why| {
            debug!(?route, why, "rules not installed");
            book.removed(self.dataplane.now(), route);
            Failure { code: byway_base::Code::TransportDown, why }
        })
    }

    fn put_rules(&self, rules: InstalledRoute) -> Result<(), String> {
        let side = |side: Option<Side>| side.map(|side| self.route_side(side)).transpose();
        let spec = RouteSpec { route: rules.route, previous: side(rules.previous)?, next: side(rules.next)? };
        let group = match &rules.end {
            None => None,
            Some(End::Source { request }) => {
                let port = request.request.source.port;
                Some(self.groups.outbound(port).ok_or("the route group is gone")?)
            }
            Some(End::Destination { request }) => {
                let request = &request.request;
                Some(self.groups.inbound(request.source, request.destination.port)?)
            }
        };
        let wakers = group.as_ref().map(|group| group.wakers());
        let key = self.dataplane.install(spec, wakers).map_err(|error| error.to_string())?;
        if let (Some(group), Some(End::Destination { .. })) = (group, &rules.end) {
            self.unconfirmed.lock().insert(rules.route, (group, key));
        }
        Ok(())
    }

    fn route_side(&self, side: Side) -> Result<RouteSide, String> {
        let slot = self.transports.with_table(|table| table.get(&side.transport).map(|live| live.slot));
        let transport = slot.ok_or_else(|| format!("transport {} is down", side.transport.short()))?;
        Ok(RouteSide { transport, label_in: side.label_in, label_out: side.label_out })
    }
}

/// What the rule book sees of its node.
struct View<'a> {
    obedience: &'a Obedience,
}

impl Surroundings for View<'_> {
    fn peer(&self, transport: TransportId) -> Option<PublicKey> {
        self.obedience.transports.with_table(|table| table.get(&transport).map(|live| live.peer))
    }

    fn has_listener(&self, port: Port) -> bool {
        self.obedience.listeners.has(port)
    }

    fn was_used(&self, route: RouteId) -> bool {
        self.obedience.dataplane.was_used(&route)
    }

    fn draw(&mut self) -> u32 {
        rand::random()
    }
}

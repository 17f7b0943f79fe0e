//! Routes as this node takes part in them: it asks setup nodes for its own, and obeys those that it trusts.

mod health;
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

use byway_base::{Code, Port, PublicKey, RouteId, RoutingId, TransportId};
use byway_clock::unix_now;
use byway_routing::{InstallError, RouteKey, RouteSide, RouteSpec};
use byway_setup::{Counts, Effect, InstalledRoute, Refusal, RuleBook, Surroundings};
use byway_wire::setup::{Failure, NodeMessage, Reply, Side};
use parking_lot::Mutex;
use tracing::debug;

use crate::{
    config::Config, dataplane::Dataplane, group::Group, groups::Groups, listeners::Listeners,
    transports::Transports,
};

pub(crate) use request::{RouteWanted, SetupNodes};
pub(crate) use serve::serve;

/// The node's obedience: its rule book, and what the book's effects act on.
pub(crate) struct Obedience {
    book: Mutex<RuleBook>,
    trusted: BTreeSet<PublicKey>,
    dataplane: Arc<Dataplane>,
    transports: Transports,
    groups: Groups,
    listeners: Listeners,
    /// Routes that end here and over which nothing has come yet. Their groups get them with the first packet, which
    /// shows that every node of the path has its rules: data that overtakes the rules ahead of it ends the route.
    unused: Mutex<BTreeMap<RouteId, Arc<Group>>>,
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
        let unused = Mutex::default();
        let obedience = Self { book, trusted, dataplane, transports, groups, listeners, unused, transit };
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

    /// Awaits a route that this node asks `setup_node` for. Answers the label under which packets are to come back.
    pub(crate) fn ask(
        &self,
        setup_node: PublicKey,
        route: RouteId,
        first: TransportId,
    ) -> Result<RoutingId, Failure> {
        let mut book = self.book.lock();
        let label = book.ask(self.dataplane.now(), setup_node, route, first, &mut self.view());
        label.map_err(Refusal::failure)
    }

    /// Takes the answer of `setup_node` to what [`Self::ask`] announced, and puts the node's own rule in. The route is
    /// for `group`.
    pub(crate) fn established(
        &self,
        setup_node: PublicKey,
        route: RouteId,
        label_out: RoutingId,
        group: &Arc<Group>,
    ) -> Result<RouteKey, Failure> {
        let mut book = self.book.lock();
        let now = self.dataplane.now();
        let rules = book.established(now, setup_node, route, label_out, &self.view());
        self.install(&mut book, rules.map_err(Refusal::failure)?, Some(group.clone()))
    }

    /// Withdraws what [`Self::ask`] announced, and the rule if it came.
    pub(crate) fn abandon(&self, route: RouteId) {
        let mut book = self.book.lock();
        if let Some(effect) = book.abandon(self.dataplane.now(), route) {
            // Removing cannot fail.
            let _ = self.apply(&mut book, effect);
        }
    }

    /// The first packet came over a route that ends here: its group may use it.
    pub(crate) fn used(&self, route: RouteId, key: RouteKey) {
        // Rules are put in under this lock: a packet may come before the group is noted.
        let _noted = self.book.lock();
        if let Some(group) = self.unused.lock().remove(&route) {
            self.groups.attach(&group, route, key, 0);
        }
    }

    /// The data half removed a route.
    pub(crate) fn removed(&self, route: RouteId) {
        let mut book = self.book.lock();
        book.removed(self.dataplane.now(), route);
        self.unused.lock().remove(&route);
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
            Effect::Install(rules) => self.install(book, *rules, None).map(drop),
            Effect::Remove { route } => {
                self.dataplane.remove_route(&route, byway_wire::Reason::Withdrawn);
                Ok(())
            }
        }
    }

    fn install(
        &self,
        book: &mut RuleBook,
        rules: InstalledRoute,
        own: Option<Arc<Group>>,
    ) -> Result<RouteKey, Failure> {
        let route = rules.route;
        self.put_rules(rules, own).inspect_err(|failure| {
            debug!(?route, why = failure.why, "rules not installed");
            book.removed(self.dataplane.now(), route);
        })
    }

    /// `own` is the group of a route that begins here; that of one that ends here is found or made.
    fn put_rules(&self, rules: InstalledRoute, own: Option<Arc<Group>>) -> Result<RouteKey, Failure> {
        let side = |side: Option<Side>| side.map(|side| self.route_side(side)).transpose();
        let spec = RouteSpec { route: rules.route, previous: side(rules.previous)?, next: side(rules.next)? };
        let inbound = match rules.request {
            Some(signed) => {
                let (from, port) = (signed.request.source, signed.request.destination.port);
                let full = |why| Failure { code: Code::Limit, why };
                Some(self.groups.inbound(from, port).map_err(full)?)
            }
            None => None,
        };
        let wakers = own.as_ref().or(inbound.as_ref()).map(|group| group.wakers());
        let key = self.dataplane.install(spec, wakers).map_err(|error| Failure {
            code: if error == InstallError::Label { Code::Conflict } else { Code::TransportDown },
            why: error.to_string(),
        })?;
        if let Some(group) = inbound {
            self.unused.lock().insert(rules.route, group);
        }
        Ok(key)
    }

    fn route_side(&self, side: Side) -> Result<RouteSide, Failure> {
        let slot = self.transports.with_table(|table| table.get(&side.transport).map(|live| live.slot));
        let transport = slot.ok_or_else(|| Refusal::TransportDown(side.transport).failure())?;
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

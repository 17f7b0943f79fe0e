//! What a node does on the messages of setup nodes, and by itself when they fall silent.

mod entry;
mod installed;
mod labels;
mod quota;
mod refusal;

use std::collections::{BTreeMap, BTreeSet};

use byway_base::{
    Moment, Port, PublicKey, RouteId, RoutingId, TransportId, UnixTime,
    limits::{CLOCK_SKEW, ROUTE_LEASE, ROUTING_ID_QUIET, SETUP_TIMEOUT},
};
use byway_wire::setup::{InitiatorTag, NodeMessage, Reply, Role, Side};

use entry::{Entry, State};
pub use installed::{Effect, InstalledRoute};
use labels::Labels;
pub use quota::Quotas;
use quota::{Claim, Comes, Held};
pub use refusal::Refusal;

/// What the rule book asks about the node that holds it.
pub trait Surroundings {
    /// The other edge of a transport that is up at this node; none if it is not.
    fn peer(&self, transport: TransportId) -> Option<PublicKey>;

    /// Whether an app listens on the port.
    fn has_listener(&self, port: Port) -> bool;

    /// Whether a packet of the route has passed the forwarder since its rules were installed.
    fn was_used(&self, route: RouteId) -> bool;

    /// A uniformly random number for a label; an attacker on another transport must not be able to guess it.
    fn draw(&mut self) -> u32;
}

/// Numbers for `status` and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Rules held, awaited and quiet ones included.
    pub rules: usize,
    /// Messages refused because their sender is no trusted setup node.
    pub refused_untrusted: u64,
    /// Routes refused because the node holds as many rules as it may.
    pub refused_node_quota: u64,
    /// Routes refused because a setup node holds as many rules as one may.
    pub refused_setup_node_quota: u64,
    /// Routes refused because as many routes come from a neighbour as from one may.
    pub refused_peer_quota: u64,
    /// Routes refused because a source has as many routes as one may.
    pub refused_initiator_quota: u64,
    /// Routes refused because the node does not forward for others.
    pub refused_transit: u64,
    /// Messages refused for any other reason.
    pub refused_otherwise: u64,
}

/// The rules of one node, and whose word put them there.
///
/// Every message is obeyed or refused in full. A route of the node's own begins with [`RuleBook::ask`], any other with
/// [`NodeMessage::Install`]. Every route ends in one of four ways: undone by the setup node that installed it, given up by
/// its source, its lease over without a packet, or [`RuleBook::removed`] by the forwarder. Afterwards its labels stay
/// quiet for [`ROUTING_ID_QUIET`], and a destination remembers its id for as long as the request could be replayed.
#[derive(Debug)]
pub struct RuleBook {
    key: PublicKey,
    trusted: BTreeSet<PublicKey>,
    transit: bool,
    labels: Labels,
    held: Held,
    entries: BTreeMap<RouteId, Entry>,
    deadlines: BTreeSet<(Moment, RouteId)>,
    refused: Counts,
}

impl RuleBook {
    /// The empty rule book of the node `key`, which obeys the setup nodes in `trusted`.
    #[must_use]
    pub fn new(key: PublicKey, trusted: impl IntoIterator<Item = PublicKey>, quotas: Quotas) -> Self {
        Self {
            key,
            trusted: trusted.into_iter().collect(),
            transit: true,
            labels: Labels::default(),
            held: Held::new(quotas),
            entries: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            refused: Counts::default(),
        }
    }

    /// Whether routes between others are accepted from now on; they are at first. Those that are there stay.
    pub const fn set_transit(&mut self, transit: bool) {
        self.transit = transit;
    }

    /// Awaits a route of this node's own over its transport `first`, for [`SETUP_TIMEOUT`]; to be called before
    /// `setup_node` is asked for it. Answers the label under which packets are to come back.
    ///
    /// # Errors
    /// [`Refusal`] if the transport is down, the id is known, or a quota used up.
    pub fn ask(
        &mut self,
        now: Moment,
        setup_node: PublicKey,
        route: RouteId,
        first: TransportId,
        surroundings: &mut impl Surroundings,
    ) -> Result<RoutingId, Refusal> {
        if self.entries.contains_key(&route) {
            return Err(Refusal::Replayed);
        }
        surroundings.peer(first).ok_or(Refusal::TransportDown(first))?;
        let claim = Claim { owner: setup_node, rules: 1, comes: None };
        self.held.add(&claim)?;
        let label = self.labels.draw(first, &mut || surroundings.draw());
        let label = label.inspect_err(|_| self.held.subtract(&claim))?;
        self.open(route, claim, vec![(first, label)], State::Awaited, now + SETUP_TIMEOUT, now);
        Ok(label)
    }

    /// Takes the answer of `setup_node` to what [`Self::ask`] announced: all other nodes have their rules, and the first
    /// of them awaits packets under `label_out`. Answers the node's own rule, which is to be put in.
    ///
    /// # Errors
    /// [`Refusal`] if no such route is awaited of this setup node, or its transport is gone.
    pub fn established(
        &mut self,
        now: Moment,
        setup_node: PublicKey,
        route: RouteId,
        label_out: RoutingId,
        surroundings: &impl Surroundings,
    ) -> Result<InstalledRoute, Refusal> {
        let entry = self.owned(setup_node, route)?;
        let (State::Awaited, Some(&(transport, label_in))) = (entry.state, entry.labels.first()) else {
            return Err(Refusal::Replayed);
        };
        if label_out == RoutingId::TRANSPORT {
            return Err(Refusal::Shape);
        }
        surroundings.peer(transport).ok_or(Refusal::TransportDown(transport))?;
        self.enter(route, State::Provisional, Some(now + ROUTE_LEASE));
        let next = Some(Side { transport, label_in, label_out });
        Ok(InstalledRoute { route, previous: None, next, request: None })
    }

    /// Gives up a route of this node's own: the setup node refused or was silent, or the caller lost interest. The effect
    /// takes out what was installed already. The other nodes' rules lapse unused.
    pub fn abandon(&mut self, now: Moment, route: RouteId) -> Option<Effect> {
        self.retire(now, route)
    }

    /// Answers a message that came from `from`, the key that the session proved.
    pub fn handle(
        &mut self,
        now: Moment,
        clock: UnixTime,
        from: PublicKey,
        message: NodeMessage,
        surroundings: &mut impl Surroundings,
    ) -> (Reply, Vec<Effect>) {
        let mut effects = self.handle_timeout(now, surroundings);
        let result = if self.trusted.contains(&from) {
            self.obey(now, clock, from, message, surroundings, &mut effects)
        } else {
            Err(Refusal::Untrusted)
        };
        let reply = result.unwrap_or_else(|refusal| {
            self.count(refusal);
            Reply::Failed { failure: refusal.failure() }
        });
        (reply, effects)
    }

    /// The forwarder took out the rules of a route by itself: idle, or a transport was lost.
    pub fn removed(&mut self, now: Moment, route: RouteId) {
        let _already_known = self.retire(now, route);
    }

    /// When [`Self::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Ends every lease and quiet time that is over.
    pub fn handle_timeout(&mut self, now: Moment, surroundings: &impl Surroundings) -> Vec<Effect> {
        let mut effects = Vec::new();
        while let Some(&(deadline, route)) = self.deadlines.first()
            && deadline <= now
        {
            effects.extend(self.lapse(now, route, surroundings));
        }
        effects
    }

    /// The routes whose rules are in the forwarder.
    pub fn routes(&self) -> impl Iterator<Item = RouteId> {
        self.entries.iter().filter(|(_, entry)| entry.state.has_rules()).map(|(route, _)| *route)
    }

    /// Numbers for `status` and metrics.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { rules: self.held.rules(), ..self.refused }
    }

    fn obey(
        &mut self,
        now: Moment,
        clock: UnixTime,
        from: PublicKey,
        message: NodeMessage,
        surroundings: &mut impl Surroundings,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        match message {
            NodeMessage::Install { route, initiator, previous, role } => {
                let (next, request) = match role {
                    Role::Intermediate { next } => (Some(next), None),
                    Role::Destination { request } => (None, Some(request)),
                };
                let rules = InstalledRoute { route, previous: Some(previous), next, request };
                effects.push(self.install(now, clock, from, initiator, rules, surroundings)?);
                Ok(Reply::Done {})
            }
            NodeMessage::Undo { route } => {
                effects.extend(self.undo(now, from, route)?);
                Ok(Reply::Done {})
            }
            NodeMessage::Inspect { routes } => {
                let holds =
                    |route: &RouteId| self.owned(from, *route).is_ok_and(|entry| entry.state.has_rules());
                Ok(Reply::Held { routes: routes.into_iter().filter(holds).collect() })
            }
        }
    }

    fn install(
        &mut self,
        now: Moment,
        clock: UnixTime,
        from: PublicKey,
        initiator: InitiatorTag,
        rules: InstalledRoute,
        surroundings: &impl Surroundings,
    ) -> Result<Effect, Refusal> {
        let route = rules.route;
        if self.entries.contains_key(&route) {
            return Err(Refusal::Replayed);
        }
        let sides = || rules.previous.iter().chain(&rules.next);
        let zero = |side: &Side| [side.label_in, side.label_out].contains(&RoutingId::TRANSPORT);
        let (back, ahead) =
            (rules.previous.map(|side| side.transport), rules.next.map(|side| side.transport));
        if back == ahead || sides().any(zero) {
            return Err(Refusal::Shape);
        }
        if ahead.is_some() && !self.transit {
            return Err(Refusal::NoTransit);
        }
        let peer = |id| surroundings.peer(id).ok_or(Refusal::TransportDown(id));
        let [came_from, _] = [back.map(peer).transpose()?, ahead.map(peer).transpose()?];
        let replay_until = self.accept(now, clock, &rules, surroundings)?;
        let comes = came_from.map(|peer| Comes { peer, initiator });
        let labels: Vec<_> = sides().map(|side| (side.transport, side.label_in)).collect();
        let claim = Claim { owner: from, rules: labels.len(), comes };
        self.held.add(&claim)?;
        self.labels.take(&labels).inspect_err(|_| self.held.subtract(&claim))?;
        self.open(route, claim, labels, State::Provisional, now + ROUTE_LEASE, replay_until);
        Ok(Effect::Install(Box::new(rules)))
    }

    /// What a destination demands before it is one. Answers until when the request could be replayed here.
    fn accept(
        &self,
        now: Moment,
        clock: UnixTime,
        rules: &InstalledRoute,
        surroundings: &impl Surroundings,
    ) -> Result<Moment, Refusal> {
        let Some(signed) = &rules.request else { return Ok(now) };
        let request = &signed.request;
        let addressed = request.destination.key == self.key && request.source.key != self.key;
        if !addressed || request.route != rules.route {
            return Err(Refusal::NotAddressed);
        }
        signed.verify(clock).map_err(Refusal::Request)?;
        let port = request.destination.port;
        if !surroundings.has_listener(port) {
            return Err(Refusal::NoListener(port));
        }
        Ok(now + request.expires.plus(CLOCK_SKEW).abs_diff(clock))
    }

    fn undo(&mut self, now: Moment, from: PublicKey, route: RouteId) -> Result<Option<Effect>, Refusal> {
        match self.owned(from, route) {
            Ok(_) => Ok(self.retire(now, route)),
            Err(Refusal::Unknown) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    /// The route, if it is `from`'s and not gone.
    fn owned(&self, from: PublicKey, route: RouteId) -> Result<&Entry, Refusal> {
        match self.entries.get(&route) {
            None => Err(Refusal::Unknown),
            Some(entry) if entry.claim.owner != from => Err(Refusal::NotOwner),
            Some(entry) if entry.state == State::Gone => Err(Refusal::Unknown),
            Some(entry) => Ok(entry),
        }
    }

    /// Ends the present state of a route whose deadline has come.
    fn lapse(&mut self, now: Moment, route: RouteId, surroundings: &impl Surroundings) -> Option<Effect> {
        match self.entry_mut(route).state {
            State::Provisional if surroundings.was_used(route) => {
                self.enter(route, State::Settled, None);
                None
            }
            State::Gone => {
                self.erase(route);
                None
            }
            _ => self.retire(now, route),
        }
    }

    /// Takes a route out of use; the effect takes out its rules, if the forwarder has them.
    fn retire(&mut self, now: Moment, route: RouteId) -> Option<Effect> {
        let entry = self.entries.get(&route).filter(|entry| entry.state != State::Gone)?;
        let had_rules = entry.state.has_rules();
        let forget = entry.replay_until.max(now + ROUTING_ID_QUIET);
        self.enter(route, State::Gone, Some(forget));
        had_rules.then_some(Effect::Remove { route })
    }

    /// Begins a route in its first state.
    fn open(
        &mut self,
        route: RouteId,
        claim: Claim,
        labels: Vec<(TransportId, RoutingId)>,
        state: State,
        deadline: Moment,
        replay_until: Moment,
    ) {
        self.entries.insert(route, Entry { claim, state, deadline: None, replay_until, labels });
        self.enter(route, state, Some(deadline));
    }

    /// Changes the state of a route together with its place among the deadlines.
    fn enter(&mut self, route: RouteId, state: State, deadline: Option<Moment>) {
        let entry = self.entry_mut(route);
        let former = std::mem::replace(&mut entry.deadline, deadline);
        entry.state = state;
        former.map(|former| self.deadlines.remove(&(former, route)));
        deadline.map(|deadline| self.deadlines.insert((deadline, route)));
    }

    /// Forgets a route that is gone.
    fn erase(&mut self, route: RouteId) {
        let Some(entry) = self.entries.remove(&route) else { return };
        entry.deadline.map(|deadline| self.deadlines.remove(&(deadline, route)));
        self.labels.release(&entry.labels);
        self.held.subtract(&entry.claim);
    }

    fn entry_mut(&mut self, route: RouteId) -> &mut Entry {
        self.entries
            .get_mut(&route)
            .expect("callers looked the route up, and deadlines name only known routes")
    }

    const fn count(&mut self, refusal: Refusal) {
        let counter = match refusal {
            Refusal::Untrusted => &mut self.refused.refused_untrusted,
            Refusal::NodeQuota => &mut self.refused.refused_node_quota,
            Refusal::SetupNodeQuota => &mut self.refused.refused_setup_node_quota,
            Refusal::PeerQuota => &mut self.refused.refused_peer_quota,
            Refusal::InitiatorQuota => &mut self.refused.refused_initiator_quota,
            Refusal::NoTransit => &mut self.refused.refused_transit,
            _ => &mut self.refused.refused_otherwise,
        };
        *counter += 1;
    }
}

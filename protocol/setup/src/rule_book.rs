//! What a node does on the messages of setup nodes, and by itself when they fall silent.

mod entry;
mod expected;
mod installed;
mod labels;
mod quota;
mod refusal;

use std::collections::{BTreeMap, BTreeSet};

use byway_base::{
    Moment, Port, PublicKey, RouteId, TransportId, UnixTime,
    limits::{CLOCK_SKEW, RESERVATION_LEASE, ROUTING_ID_QUIET},
};
use byway_wire::{
    SignedRouteRequest,
    setup::{InitiatorTag, NodeMessage, Reply, Role},
};

use entry::{Entry, State};
use expected::Expected;
pub use installed::{Effect, End, InstalledRoute, Side};
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
    /// Rules held, reserved and quiet ones included.
    pub rules: usize,
    /// Messages refused because their sender is no trusted setup node.
    pub refused_untrusted: u64,
    /// Reservations refused because the node holds as many rules as it may.
    pub refused_node_quota: u64,
    /// Reservations refused because a setup node holds as many rules as one may.
    pub refused_setup_node_quota: u64,
    /// Reservations refused because as many routes come from a neighbour as from one may.
    pub refused_peer_quota: u64,
    /// Reservations refused because a source has as many routes as one may.
    pub refused_initiator_quota: u64,
    /// Reservations refused because the node does not forward for others.
    pub refused_transit: u64,
    /// Messages refused for any other reason.
    pub refused_otherwise: u64,
}

/// The rules of one node, and whose word put them there.
///
/// Every message is obeyed or refused in full; a refused install also gives up its reservation. Every route ends in one
/// of four ways: undone by the setup node that reserved it, its lease over without confirmation, its lease over without
/// a packet, or [`RuleBook::removed`] by the forwarder. Afterwards its labels stay quiet for [`ROUTING_ID_QUIET`], and a
/// destination remembers its id for as long as the request could be replayed.
#[derive(Debug)]
pub struct RuleBook {
    key: PublicKey,
    trusted: BTreeSet<PublicKey>,
    transit: bool,
    expected: Expected,
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
            expected: Expected::default(),
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

    /// Awaits the route of a request that this node signed, over its transport `first`, for
    /// [`byway_base::limits::SETUP_TIMEOUT`]. To be called before a setup node is asked.
    pub fn expect(&mut self, now: Moment, request: SignedRouteRequest, first: TransportId) {
        self.expected.insert(now, request, first);
    }

    /// Gives up a route of this node's own: the setup node refused or was silent, or the caller lost interest. Awaits it
    /// no more; the effect takes out what was installed already. The other nodes' rules lapse unused.
    pub fn abandon(&mut self, now: Moment, route: RouteId) -> Option<Effect> {
        self.expected.remove(route);
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
        let entries = self.deadlines.first().map(|(deadline, _)| *deadline);
        entries.into_iter().chain(self.expected.poll_timeout()).min()
    }

    /// Ends every lease and quiet time that is over.
    pub fn handle_timeout(&mut self, now: Moment, surroundings: &impl Surroundings) -> Vec<Effect> {
        self.expected.expire(now);
        let mut effects = Vec::new();
        while let Some(&(deadline, route)) = self.deadlines.first()
            && deadline <= now
        {
            effects.extend(self.lapse(now, route, surroundings));
        }
        effects
    }

    /// The routes whose rules are in the forwarder, with whether they are confirmed.
    pub fn routes(&self) -> impl Iterator<Item = (RouteId, bool)> {
        let installed = self.entries.iter().filter(|(_, entry)| entry.state.has_rules());
        installed.map(|(route, entry)| (*route, entry.state != State::Installed))
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
            NodeMessage::Reserve { route, initiator, previous, next } => {
                return self.reserve(now, from, route, initiator, (previous, next), surroundings);
            }
            NodeMessage::Install { route, role } => {
                effects.push(self.install(now, clock, from, route, role, surroundings)?);
            }
            NodeMessage::Confirm { route } => effects.extend(self.confirm(now, from, route)?),
            NodeMessage::Undo { route } => effects.extend(self.undo(now, from, route)?),
        }
        Ok(Reply::Done {})
    }

    fn reserve(
        &mut self,
        now: Moment,
        from: PublicKey,
        route: RouteId,
        initiator: InitiatorTag,
        (previous, next): (Option<TransportId>, Option<TransportId>),
        surroundings: &mut impl Surroundings,
    ) -> Result<Reply, Refusal> {
        if self.entries.contains_key(&route) {
            return Err(Refusal::Replayed);
        }
        if previous == next {
            return Err(Refusal::Shape);
        }
        if let (None, Some(first)) = (previous, next) {
            self.expected.allows(route, first)?;
        }
        if previous.is_some() && next.is_some() && !self.transit {
            return Err(Refusal::NoTransit);
        }
        let peer = |id| surroundings.peer(id).ok_or(Refusal::TransportDown(id));
        let peers = [previous.map(peer).transpose()?, next.map(peer).transpose()?];
        let comes = peers[0].map(|peer| Comes { peer, initiator });
        let claim = Claim { owner: from, rules: peers.into_iter().flatten().count(), comes };
        self.held.add(&claim)?;
        let labels = self.labels.take([previous, next], &mut || surroundings.draw());
        let [forward, backward] = labels.inspect_err(|_| self.held.subtract(&claim))?;
        let entry = Entry {
            claim,
            state: State::Reserved,
            deadline: None,
            replay_until: now,
            previous: previous.zip(forward),
            next: next.zip(backward),
        };
        self.entries.insert(route, entry);
        self.enter(route, State::Reserved, Some(now + RESERVATION_LEASE));
        Ok(Reply::Reserved { forward, backward })
    }

    fn install(
        &mut self,
        now: Moment,
        clock: UnixTime,
        from: PublicKey,
        route: RouteId,
        role: Role,
        surroundings: &impl Surroundings,
    ) -> Result<Effect, Refusal> {
        let entry = self.owned(from, route)?;
        if entry.state != State::Reserved {
            return Err(Refusal::OutOfOrder);
        }
        let (lease, rules) = (entry.deadline, entry.rules(route, role));
        let accepted = rules.and_then(|rules| {
            let replay_until = self.accept(now, clock, &rules, surroundings)?;
            Ok((rules, replay_until))
        });
        match accepted {
            Ok((rules, replay_until)) => {
                self.enter(route, State::Installed, lease);
                self.entry_mut(route).replay_until = replay_until;
                Ok(Effect::Install(Box::new(rules)))
            }
            Err(refusal) => {
                let _nothing_installed = self.retire(now, route);
                Err(refusal)
            }
        }
    }

    /// What the ends demand before they are ends. Answers until when the request could be replayed here.
    fn accept(
        &mut self,
        now: Moment,
        clock: UnixTime,
        rules: &InstalledRoute,
        surroundings: &impl Surroundings,
    ) -> Result<Moment, Refusal> {
        match &rules.end {
            None => Ok(now),
            Some(End::Source { request }) => self.expected.take(rules.route, request).map(|()| now),
            Some(End::Destination { request: signed }) => {
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
        }
    }

    fn confirm(&mut self, now: Moment, from: PublicKey, route: RouteId) -> Result<Option<Effect>, Refusal> {
        match self.owned(from, route)?.state {
            State::Reserved | State::Gone => Err(Refusal::NotReserved),
            State::Confirmed | State::Settled => Ok(None),
            State::Installed => {
                self.enter(route, State::Confirmed, Some(now + RESERVATION_LEASE));
                Ok(Some(Effect::Activate { route }))
            }
        }
    }

    fn undo(&mut self, now: Moment, from: PublicKey, route: RouteId) -> Result<Option<Effect>, Refusal> {
        match self.owned(from, route) {
            Ok(_) => Ok(self.retire(now, route)),
            Err(Refusal::NotReserved) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    /// The route, if `from` reserved it and it is not gone.
    fn owned(&self, from: PublicKey, route: RouteId) -> Result<&Entry, Refusal> {
        match self.entries.get(&route) {
            None => Err(Refusal::NotReserved),
            Some(entry) if entry.claim.owner != from => Err(Refusal::NotOwner),
            Some(entry) if entry.state == State::Gone => Err(Refusal::NotReserved),
            Some(entry) => Ok(entry),
        }
    }

    /// Ends the present state of a route whose deadline has come.
    fn lapse(&mut self, now: Moment, route: RouteId, surroundings: &impl Surroundings) -> Option<Effect> {
        match self.entry_mut(route).state {
            State::Confirmed if surroundings.was_used(route) => {
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
        entry.labels().for_each(|label| self.labels.release(label));
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

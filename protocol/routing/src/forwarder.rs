//! The forwarding table of one node and everything that moves through it.

mod egress;
mod grants;
mod ingress;
mod lifecycle;
mod local;
mod trace;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use byway_base::{Moment, RouteId, RoutingId};
use byway_wire::{Kind, Reason};
use slab::Slab;

use crate::{
    Counters, Event, FlowCounters, ForwarderConfig, Outgoing, RouteKey, TransportSlot, TransportView, Wake,
    cap::Bucket,
    flow::{End, Flow},
    link::Link,
    signal::Signals,
};

pub use local::SendError;

/// The data half of one node.
///
/// After any call, the shell takes [`Self::pop_wake`] and [`Self::pop_event`] until they are empty. All methods run in
/// time independent of the number of rules, but for [`Self::remove_transport`], which touches each of its routes once.
#[derive(Debug, Default)]
pub struct Forwarder {
    config: ForwarderConfig,
    links: Slab<Link>,
    flows: Slab<Flow>,
    routes: Slab<Route>,
    by_id: BTreeMap<RouteId, usize>,
    generation: u32,
    signals: Signals,
    counters: Counters,
    /// Bytes that came from transports and wait.
    held: usize,
    /// By how much windows are larger than at first, all flows together.
    grown: usize,
    /// What is carried for others.
    cap: Bucket,
    /// Flows whose grants the caps delay, in their order.
    delayed: VecDeque<usize>,
    next_grants: Moment,
    /// Counts the batches of arrivals.
    batch: u64,
    /// Flows that had a turn in a batch and may be due a grant. Kept to reuse its memory.
    served: Vec<usize>,
    /// Flows whose queue ran empty and that were to close then. Kept to reuse its memory.
    drained: Vec<usize>,
    /// Where the sweep for idle routes goes on.
    sweep: usize,
    next_sweep: Moment,
    next_token: u64,
}

/// One side of a route at a node: a transport, the label under which its packets arrive here, and the label under which
/// the neighbour expects ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteSide {
    /// The transport.
    pub transport: TransportSlot,
    /// Of this node.
    pub label_in: RoutingId,
    /// Of the neighbour.
    pub label_out: RoutingId,
}

/// A route to install. At an intermediate node both sides are given; at the source there is no `previous`, at the
/// destination no `next`: the missing side is the local session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteSpec {
    /// The route.
    pub route: RouteId,
    /// Towards the source.
    pub previous: Option<RouteSide>,
    /// Towards the destination.
    pub next: Option<RouteSide>,
}

/// Why a route was not installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InstallError {
    /// Neither side is given.
    #[error("a route needs at least one transport")]
    NoSide,
    /// The node carries nothing between others.
    #[error("the node carries no routes between others")]
    NoTransit,
    /// A transport is gone.
    #[error("a transport of the route is gone")]
    TransportGone,
    /// A label is zero or in use on its transport, or both sides are the same transport.
    #[error("a routing ID is zero or in use, or both sides are one transport")]
    Label,
    /// The route is installed already.
    #[error("the route is installed already")]
    Exists,
    /// No rules are left.
    #[error("the node holds as many rules as it may")]
    Full,
}

/// A route as administrators see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteView {
    /// The route.
    pub route: RouteId,
    /// Towards the source.
    pub previous: Option<TransportSlot>,
    /// Towards the destination.
    pub next: Option<TransportSlot>,
    /// Source to destination.
    pub forward: FlowCounters,
    /// Destination to source.
    pub backward: FlowCounters,
    /// When the last packet passed.
    pub last_used: Moment,
    /// Bytes that wait here, in both directions.
    pub waiting: usize,
    /// Windows of the data that comes in, bytes: forward and backward.
    pub windows: (usize, usize),
}

#[derive(Debug)]
struct Route {
    spec: RouteSpec,
    generation: u32,
    forward: usize,
    backward: usize,
    last_used: Moment,
    used: bool,
    /// Probes and traces sent and not answered; nobody else's answers count.
    asked: u32,
}

impl Forwarder {
    /// An empty forwarder.
    #[must_use]
    pub fn new(config: ForwarderConfig) -> Self {
        Self { cap: Bucket::new(config.transit_rate, Moment::ZERO), config, ..Self::default() }
    }

    /// Adds a transport; it is pinged from now on.
    pub fn add_transport(&mut self, now: Moment) -> TransportSlot {
        TransportSlot(self.links.insert(Link::new(now, self.config.peer_rate)))
    }

    /// Whether the node carries routes between others from now on. If not, those that it carries end.
    pub fn set_transit(&mut self, transit: bool) {
        self.config.transit = transit;
        let ends = |(index, route): (usize, &Route)| (!transit && !route.is_local()).then_some(index);
        let ending: Vec<usize> = self.routes.iter().filter_map(ends).collect();
        ending.into_iter().for_each(|index| self.end_route(index, Reason::Limit));
    }

    /// Removes a transport and all routes over it; the other side of each is told.
    pub fn remove_transport(&mut self, slot: TransportSlot) {
        let Some(link) = self.links.get_mut(slot.0) else { return };
        link.dead = true;
        let flows = link.incoming.values().chain(link.outgoing.values());
        let routes: BTreeSet<usize> =
            flows.filter_map(|flow| self.flows.get(*flow)).map(|f| f.route).collect();
        for route in routes {
            self.end_route(route, Reason::TransportLost);
        }
        self.links.remove(slot.0);
    }

    /// Installs both flows of a route.
    ///
    /// # Errors
    /// [`InstallError`]; nothing is installed then.
    pub fn install(&mut self, now: Moment, spec: RouteSpec) -> Result<RouteKey, InstallError> {
        self.check(&spec)?;
        let end = |side: Option<RouteSide>, label: fn(RouteSide) -> RoutingId| match side {
            Some(side) => End::Transport { slot: side.transport.0, label: label(side) },
            None => End::Local,
        };
        let index = self.routes.vacant_key();
        let label_in: fn(RouteSide) -> RoutingId = |side| side.label_in;
        let label_out: fn(RouteSide) -> RoutingId = |side| side.label_out;
        let forward = Flow::new(index, end(spec.previous, label_in), end(spec.next, label_out), now);
        let backward = Flow::new(index, end(spec.next, label_in), end(spec.previous, label_out), now);
        let (forward, backward) = (self.add_flow(forward), self.add_flow(backward));
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        self.routes.insert(Route {
            spec,
            generation,
            forward,
            backward,
            last_used: now,
            used: false,
            asked: 0,
        });
        self.by_id.insert(spec.route, index);
        Ok(RouteKey { index: index as u32, generation })
    }

    fn check(&self, spec: &RouteSpec) -> Result<(), InstallError> {
        if spec.previous.is_none() && spec.next.is_none() {
            return Err(InstallError::NoSide);
        }
        if !self.config.transit && spec.previous.is_some() && spec.next.is_some() {
            return Err(InstallError::NoTransit);
        }
        if self.by_id.contains_key(&spec.route) {
            return Err(InstallError::Exists);
        }
        if self.flows.len() + 2 > byway_base::limits::RULES_PER_NODE {
            return Err(InstallError::Full);
        }
        for side in [spec.previous, spec.next].into_iter().flatten() {
            let link = self.links.get(side.transport.0).ok_or(InstallError::TransportGone)?;
            let zero = side.label_in == RoutingId::TRANSPORT || side.label_out == RoutingId::TRANSPORT;
            let in_use = link.uses_incoming(side.label_in) || link.outgoing.contains_key(&side.label_out);
            if zero || in_use {
                return Err(InstallError::Label);
            }
        }
        let transports = (spec.previous.map(|s| s.transport), spec.next.map(|s| s.transport));
        if transports.0 == transports.1 { Err(InstallError::Label) } else { Ok(()) }
    }

    fn add_flow(&mut self, flow: Flow) -> usize {
        let (input, output) = (flow.input, flow.output);
        let key = self.flows.insert(flow);
        if let End::Transport { slot, label } = input {
            self.links[slot].incoming.insert(label, key);
        }
        if let End::Transport { slot, label } = output {
            self.links[slot].outgoing.insert(label, key);
        }
        key
    }

    /// Removes a route at once; both neighbours are told `reason`. Harmless if it is gone.
    pub fn remove_route(&mut self, route: &RouteId, reason: Reason) {
        if let Some(index) = self.by_id.get(route) {
            self.end_route(*index, reason);
        }
    }

    /// The key of a route that begins or ends here.
    #[must_use]
    pub fn key_of(&self, route: &RouteId) -> Option<RouteKey> {
        let index = *self.by_id.get(route)?;
        Some(RouteKey { index: index as u32, generation: self.routes[index].generation })
    }

    /// Whether a packet ever passed over a route.
    #[must_use]
    pub fn was_used(&self, route: &RouteId) -> bool {
        self.by_id.get(route).is_some_and(|index| self.routes[*index].used)
    }

    /// Takes the next wake; `None` when all are taken.
    pub fn pop_wake(&mut self) -> Option<Wake> {
        self.signals.pop_wake()
    }

    /// Takes the next event; `None` when all are taken.
    pub fn pop_event(&mut self) -> Option<Event> {
        self.signals.pop_event()
    }

    /// Totals since the node started.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Bytes that came from transports and wait in queues, each packet counted with [`crate::credit_cost`].
    #[must_use]
    pub const fn queued(&self) -> usize {
        self.held
    }

    /// A transport did not take a datagram: it was too large, or there was no room.
    pub const fn datagram_refused(&mut self) {
        self.counters.datagrams_refused += 1;
    }

    /// How many rules are installed: two per route.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.flows.len()
    }

    /// A transport's measurements.
    #[must_use]
    pub fn transport(&self, slot: TransportSlot) -> Option<TransportView> {
        self.links.get(slot.0).map(Link::view)
    }

    /// Every route, in the order of their ids.
    pub fn routes(&self) -> impl Iterator<Item = RouteView> {
        self.by_id.values().map(|index| {
            let Route { spec, forward, backward, last_used, .. } = &self.routes[*index];
            RouteView {
                route: spec.route,
                previous: spec.previous.map(|side| side.transport),
                next: spec.next.map(|side| side.transport),
                forward: self.flows[*forward].counters,
                backward: self.flows[*backward].counters,
                last_used: *last_used,
                waiting: self.flows[*forward].waiting() + self.flows[*backward].waiting(),
                windows: (self.flows[*forward].window.limit(), self.flows[*backward].window.limit()),
            }
        })
    }

    fn mark_used(&mut self, index: usize, now: Moment) {
        let route = &mut self.routes[index];
        route.last_used = now;
        if !std::mem::replace(&mut route.used, true) && route.spec.next.is_none() {
            let key = RouteKey { index: index as u32, generation: route.generation };
            self.signals.event(Event::RouteUsed { key, route: route.spec.route });
        }
    }

    fn end_route(&mut self, index: usize, reason: Reason) {
        self.end_route_except(index, reason, 0, None);
    }

    /// Removes a route and tells its neighbours, but for the one on `from`, who told us.
    fn end_route_except(&mut self, index: usize, reason: Reason, distance: u8, from: Option<usize>) {
        let Some(route) = self.routes.try_remove(index) else { return };
        self.by_id.remove(&route.spec.route);
        for key in [route.forward, route.backward] {
            let flow = self.remove_flow(key);
            if let End::Transport { slot, label } = flow.input
                && from != Some(slot)
            {
                self.send_control(slot, Outgoing::ending(Kind::Fault, label, reason, distance));
            }
            if let End::Transport { slot, label } = flow.output
                && from != Some(slot)
            {
                self.send_control(slot, Outgoing::ending(Kind::Close, label, reason, distance));
            }
        }
        let key = RouteKey { index: index as u32, generation: route.generation };
        let local = route.is_local();
        if local {
            self.signals.wake(Wake::Readable(key));
            self.signals.wake(Wake::Writable(key));
            self.signals.wake(Wake::Datagrams(key));
        }
        self.signals.event(Event::RouteEnded { key, route: route.spec.route, local, reason, distance });
    }

    fn remove_flow(&mut self, key: usize) -> Flow {
        let flow = self.flows.remove(key);
        self.held -= flow.held();
        self.grown -= flow.grown();
        if flow.grant_delayed {
            self.delayed.retain(|delayed| *delayed != key);
        }
        if let End::Transport { slot, label } = flow.input {
            self.links[slot].incoming.remove(&label);
        }
        if let End::Transport { slot, label } = flow.output {
            let link = &mut self.links[slot];
            link.outgoing.remove(&label);
            if flow.listed {
                link.turns.retain(|listed| *listed != key);
            }
        }
        flow
    }

    /// Queues a packet that goes before all data.
    fn send_control(&mut self, slot: usize, packet: Outgoing) {
        let link = &mut self.links[slot];
        if link.dead {
            return;
        }
        if link.push_control(packet) {
            self.signal_transport(slot);
        } else {
            link.dead = true;
            self.counters.control_overflows += 1;
            let why = "its control queue is full: the peer does not read";
            self.signals.event(Event::TransportDead { slot: TransportSlot(slot), why });
        }
    }

    fn signal_transport(&mut self, slot: usize) {
        let link = &mut self.links[slot];
        if !link.signalled {
            link.signalled = true;
            self.signals.wake(Wake::Transport(TransportSlot(slot)));
        }
    }
}

impl Route {
    const fn is_local(&self) -> bool {
        self.spec.previous.is_none() || self.spec.next.is_none()
    }
}

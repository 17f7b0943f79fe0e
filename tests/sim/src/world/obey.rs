//! What a node's shell does: obeys setup messages at its forwarder, and passes on what the forwarder signals.

use byway_base::{Code, PublicKey, RouteId};
use byway_routing::{Cause, Event, RouteKey, RouteSide, RouteSpec, Wake};
use byway_setup::{Effect, InstalledRoute};
use byway_wire::{
    Reason,
    setup::{Failure, NodeMessage, Reply, Side},
};

use super::{NodeIx, World, node::RouteEnd};

impl World {
    /// The node of a key; every key in a message is one of the world's.
    pub(super) fn node_of(&self, key: &PublicKey) -> NodeIx {
        self.by_key[key]
    }

    /// Obeys or refuses a setup message.
    pub(super) fn obey(&mut self, node: NodeIx, from: PublicKey, message: NodeMessage) -> Reply {
        let (now, clock) = (self.now, self.clock());
        let (book, mut view) = self.nodes[node.0].book_and_view(&mut self.dice);
        let (reply, effects) = book.handle(now, clock, from, message, &mut view);
        for effect in effects {
            if let Err(why) = self.apply(node, effect) {
                return Reply::Failed { failure: Failure { code: Code::TransportDown, why } };
            }
        }
        self.touch(node);
        reply
    }

    pub(super) fn book_timer(&mut self, node: NodeIx) {
        let (book, view) = self.nodes[node.0].book_and_view(&mut self.dice);
        for effect in book.handle_timeout(self.now, &view) {
            self.apply_at_leisure(node, effect);
        }
    }

    /// Applies an effect that comes of no message: nobody is there to hear that it failed.
    pub(super) fn apply_at_leisure(&mut self, node: NodeIx, effect: Effect) {
        let _only_installing_can_fail = self.apply(node, effect);
        self.touch(node);
    }

    pub(super) fn apply(&mut self, node: NodeIx, effect: Effect) -> Result<(), String> {
        match effect {
            Effect::Install(rules) => {
                let route = rules.route;
                let result = self.put_rules(node, &rules);
                if result.is_err() {
                    self.nodes[node.0].book.removed(self.now, route);
                }
                result
            }
            Effect::Remove { route } => {
                self.nodes[node.0].forwarder.remove_route(&route, Reason::Withdrawn);
                Ok(())
            }
        }
    }

    fn put_rules(&mut self, node: NodeIx, rules: &InstalledRoute) -> Result<(), String> {
        let slots = &self.nodes[node.0].slots;
        let side = |side: Option<Side>| {
            side.map(|Side { transport, label_in, label_out }| {
                let slot = slots.get(&transport).ok_or("the transport is down")?;
                Ok::<_, String>(RouteSide { transport: *slot, label_in, label_out })
            })
            .transpose()
        };
        let spec = RouteSpec { route: rules.route, previous: side(rules.previous)?, next: side(rules.next)? };
        self.nodes[node.0].forwarder.install(self.now, spec).map_err(|error| error.to_string())?;
        self.trace.note(self.now, "install", &[node.into()], rules.route.as_bytes());
        if let Some(record) = self.registry.get_mut(&rules.route) {
            record.installed(node);
        }
        if let Some(request) = &rules.request {
            let source = request.request.source;
            if let Some(session) = self.by_port.get(&(source.key, source.port)).copied() {
                self.nodes[node.0].inactive.insert(rules.route, session);
            }
        }
        Ok(())
    }

    pub(super) fn woken(&mut self, node: NodeIx, wake: Wake) {
        match wake {
            Wake::Transport(slot) => {
                if let Some(link) = self.nodes[node.0].links.get(&slot).copied() {
                    let side = self.links[link.0].side(node);
                    self.pump(link, side);
                }
            }
            Wake::Readable(key) => self.readable(node, key),
            Wake::Datagrams(key) => self.read_datagrams(node, key),
            // Timers are armed after every batch of wakes.
            Wake::Timer => {}
            Wake::Writable(key) => {
                if let Some(end) = self.nodes[node.0].ends.get(&key).copied() {
                    self.push(end.session, end.side);
                }
            }
        }
    }

    pub(super) fn signalled(&mut self, node: NodeIx, event: Event) {
        match event {
            Event::RouteEnded { key, route, reason, distance, .. } => {
                self.route_ended(node, key, route, Cause { reason, distance: Some(distance) });
            }
            Event::RouteUsed { key, route } => {
                // Not before: a packet that overtakes the rules ahead of it ends the route.
                if let Some(session) = self.nodes[node.0].inactive.remove(&route) {
                    self.attach(session, 1, node, route, key);
                }
            }
            Event::ProbeAnswered { key, token } => self.probe_answered(node, key, token),
            Event::RoundTrip { .. } | Event::TraceAnswered { .. } => {}
            Event::TransportDead { slot, .. } => {
                if let Some(link) = self.nodes[node.0].links.get(&slot).copied() {
                    self.trace.note(self.now, "dead", &[node.into(), link.into()], &[]);
                    self.give_up(link, node);
                }
            }
        }
    }

    fn route_ended(&mut self, node: NodeIx, key: RouteKey, route: RouteId, cause: Cause) {
        let reason = cause.reason;
        self.trace.note(self.now, "ended", &[node.into(), reason as u64], route.as_bytes());
        self.nodes[node.0].book.removed(self.now, route);
        self.nodes[node.0].inactive.remove(&route);
        self.left(route, node, reason);
        if let Some(end) = self.nodes[node.0].ends.remove(&key) {
            self.detach(end, key, cause);
        }
        // The book has a quiet time to keep now.
        self.arm(node);
    }

    fn probe_answered(&mut self, node: NodeIx, key: RouteKey, token: u64) {
        let Some(RouteEnd { session, life, side, .. }) = self.nodes[node.0].ends.get(&key).copied() else {
            return;
        };
        if self.sessions[session.0].life == life {
            self.sessions[session.0].groups[side].probe_answered(self.now, key, token);
            self.push(session, side);
        }
    }
}

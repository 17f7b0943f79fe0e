//! What the source does for its session: probes its routes, replaces lost ones, over paths that share nothing with those
//! in use.

use std::{collections::BTreeSet, time::Duration};

use byway_base::{
    Moment, OverlayAddress, Port, RouteId,
    limits::{REDIAL_MAX, REDIAL_MIN, ROUTE_REQUEST_TTL, SETUP_TIMEOUT},
};
use byway_routing::{GroupEvent, RouteKey};
use byway_setup::Effect;
use byway_wire::{
    Hop, Reason, RouteRequest,
    route_request::path_digest,
    setup::{Reply, SourceMessage, encode_message},
};

use super::{
    Happening, LinkIx, NodeIx, SessionIx, SetupIx, World, node::PORT, registry::Record, setup::Message,
};

/// How often a keeper looks after its session when nothing happens.
const TICK: Duration = Duration::from_secs(1);

/// A route that was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    pub(crate) route: RouteId,
    pub(crate) setup: SetupIx,
    /// Given up then.
    pub(crate) until: Moment,
}

impl World {
    pub(super) fn tick(&mut self, ix: SessionIx, life: u64) {
        if self.sessions[ix.0].life != life
            || self.sessions[ix.0].tick_at != self.now
            || (self.sessions[ix.0].closed && self.sessions[ix.0].attempt.is_none())
        {
            return;
        }
        self.trace.note(self.now, "tick", &[ix.into()], &[]);
        let session = &self.sessions[ix.0];
        let lives = self.nodes[session.plan.ends[0].0].alive;
        if lives && !session.closed && session.ends[0].dial_failed(self.now) {
            return self.dial_again(ix);
        }
        for side in [0, 1] {
            self.push(ix, side);
            self.send_datagrams(ix, side);
        }
        self.keep(ix);
        let session = &self.sessions[ix.0];
        let probe = session.groups[0].poll_timeout().filter(|due| *due > self.now);
        let due = probe.map_or(self.now + TICK, |due| due.min(self.now + TICK));
        self.sessions[ix.0].tick_at = due;
        self.plan_at(due, Happening::Tick { session: ix, life });
    }

    /// The keeper looks earlier if the group wants to be looked at earlier.
    pub(super) fn wake_keeper(&mut self, ix: SessionIx) {
        let session = &mut self.sessions[ix.0];
        let due = session.groups[0].poll_timeout().map(|due| due.max(self.now));
        if let Some(due) = due.filter(|due| *due < session.tick_at && session.tick_at > self.now) {
            session.tick_at = due;
            let life = session.life;
            self.plan_at(due, Happening::Tick { session: ix, life });
        }
    }

    /// Looks after a session, if its source lives.
    pub(super) fn keep(&mut self, ix: SessionIx) {
        let source = self.sessions[ix.0].plan.ends[0];
        if !self.nodes[source.0].alive {
            return;
        }
        self.group_events(ix);
        let session = &mut self.sessions[ix.0];
        if let Some(attempt) = session.attempt.filter(|attempt| attempt.until <= self.now) {
            self.gave_up(ix, attempt.route);
        }
        let session = &mut self.sessions[ix.0];
        if session.closed {
            return;
        }
        for (key, token) in session.groups[0].poll_probes(self.now) {
            self.nodes[source.0].forwarder.send_probe(key, token);
            self.touch(source);
        }
        // The session may go over other routes now.
        self.push(ix, 0);
        self.group_events(ix);
        let session = &self.sessions[ix.0];
        let wants = session.groups[0].missing(session.plan.routes) > 0;
        if wants && session.attempt.is_none() && session.retry_at <= self.now {
            self.seek(ix);
        }
    }

    fn group_events(&mut self, ix: SessionIx) {
        for side in [0, 1] {
            while let Some(event) = self.sessions[ix.0].groups[side].pop_event() {
                match event {
                    GroupEvent::Switched { to, cause, .. } => {
                        self.sessions[ix.0].left.extend(cause.map(|cause| cause.reason));
                        let reason = cause.map_or(0, |cause| cause.reason as u64);
                        self.trace.note(self.now, "switched", &[ix.into(), reason], to.as_bytes());
                    }
                    GroupEvent::Broken { cause, .. } => {
                        self.trace.note(self.now, "broken", &[ix.into(), cause.reason as u64], &[]);
                    }
                    GroupEvent::Joined { route } | GroupEvent::SpareReady { route } => {
                        self.trace.note(self.now, "route came", &[ix.into()], route.as_bytes());
                    }
                    GroupEvent::Left { route, cause } | GroupEvent::SpareLost { route, cause } => {
                        self.trace.note(
                            self.now,
                            "route went",
                            &[ix.into(), cause.reason as u64],
                            route.as_bytes(),
                        );
                    }
                    GroupEvent::Silent { route } => {
                        let node = self.sessions[ix.0].plan.ends[side];
                        self.nodes[node.0].forwarder.remove_route(&route, Reason::Silent);
                        self.touch(node);
                    }
                }
            }
        }
    }

    /// Asks for one more route.
    fn seek(&mut self, ix: SessionIx) {
        let [from, to] = self.sessions[ix.0].plan.ends;
        match self.choose(ix, from, to) {
            Some(links) => self.ask(ix, from, to, links),
            None => self.try_later(ix),
        }
    }

    fn choose(&mut self, ix: SessionIx, from: NodeIx, to: NodeIx) -> Option<Vec<LinkIx>> {
        let session = &self.sessions[ix.0];
        if let Some(links) = session.plan.exactly.clone() {
            return links.iter().all(|link| self.links[link.0].is_usable()).then_some(links);
        }
        let in_use = session.groups[0].view();
        let records = in_use.iter().filter_map(|view| self.registry.get(&view.route));
        let (mut nodes, mut links) = (BTreeSet::new(), BTreeSet::new());
        for record in records {
            nodes.extend(record.nodes[1..record.nodes.len() - 1].iter().copied());
            links.extend(record.links.iter().copied());
        }
        self.find_path(from, to, &nodes, &links)
    }

    fn ask(&mut self, ix: SessionIx, from: NodeIx, to: NodeIx, links: Vec<LinkIx>) {
        let route = RouteId::from_bytes(self.dice.id());
        let (hops, nodes) = self.hops(from, &links);
        let source = OverlayAddress { key: self.nodes[from.0].key, port: self.sessions[ix.0].port };
        let destination = OverlayAddress { key: self.nodes[to.0].key, port: PORT };
        let expires = self.clock().plus(ROUTE_REQUEST_TTL);
        let request = RouteRequest { route, source, destination, path: path_digest(&hops), expires };
        let request = request.sign(&self.nodes[from.0].secret);
        let setup = SetupIx(self.dice.below(self.setups.len()));
        let (now, key, first) = (self.now, self.setups[setup.0].key, hops[0].transport);
        let (book, mut view) = self.nodes[from.0].book_and_view(&mut self.dice);
        let Ok(label_in) = book.ask(now, key, route, first, &mut view) else {
            return self.try_later(ix);
        };
        self.registry.insert(route, Record::new(ix, links, nodes));
        self.sessions[ix.0].attempt = Some(Attempt { route, setup, until: self.now + SETUP_TIMEOUT });
        let bytes = encode_message(&SourceMessage::Establish { request, hops, label_in });
        self.post(Message::Ask { setup, from, from_life: self.nodes[from.0].life, bytes });
        self.arm(from);
    }

    fn hops(&self, from: NodeIx, links: &[LinkIx]) -> (Vec<Hop>, Vec<NodeIx>) {
        let (mut nodes, mut hops) = (vec![from], Vec::new());
        for link in links {
            let at = nodes[nodes.len() - 1];
            let next = self.links[link.0].peer(at);
            let (from, to) = (self.nodes[at.0].key, self.nodes[next.0].key);
            hops.push(Hop { transport: self.links[link.0].id, from, to });
            nodes.push(next);
        }
        (hops, nodes)
    }

    /// The setup node's answer reaches the source.
    pub(super) fn told(&mut self, node: NodeIx, life: u64, route: RouteId, bytes: &[u8]) {
        if self.nodes[node.0].life != life {
            return;
        }
        let Some(reply) = self.decode::<Reply>(node, bytes) else { return };
        let Some(ix) = self.registry.get(&route).map(|record| record.session) else { return };
        let Some(attempt) = self.sessions[ix.0].attempt.filter(|attempt| attempt.route == route) else {
            return;
        };
        match self.own_rule(node, attempt, &reply) {
            Some(key) if !self.sessions[ix.0].closed => {
                self.sessions[ix.0].attempt = None;
                self.sessions[ix.0].pause = Duration::ZERO;
                self.attach(ix, 0, node, route, key);
                self.keep(ix);
            }
            _ => self.gave_up(ix, route),
        }
    }

    /// Installs the source's own rule, if the setup node said that all others are there.
    fn own_rule(&mut self, node: NodeIx, attempt: Attempt, reply: &Reply) -> Option<RouteKey> {
        let Reply::Established { label_out } = *reply else { return None };
        let (now, key) = (self.now, self.setups[attempt.setup.0].key);
        let (book, view) = self.nodes[node.0].book_and_view(&mut self.dice);
        let rules = book.established(now, key, attempt.route, label_out, &view).ok()?;
        self.apply(node, Effect::Install(Box::new(rules))).ok()?;
        self.nodes[node.0].forwarder.key_of(&attempt.route)
    }

    /// The route that was asked for does not come, or too late.
    pub(super) fn gave_up(&mut self, ix: SessionIx, route: RouteId) {
        let source = self.sessions[ix.0].plan.ends[0];
        self.sessions[ix.0].attempt = None;
        if let Some(effect) = self.nodes[source.0].book.abandon(self.now, route) {
            self.apply_at_leisure(source, effect);
        }
        self.try_later(ix);
    }

    fn try_later(&mut self, ix: SessionIx) {
        let jitter = self.dice.between(Duration::ZERO, REDIAL_MIN);
        let session = &mut self.sessions[ix.0];
        session.pause = (session.pause * 2).clamp(session.plan.patience, REDIAL_MAX / 4);
        session.retry_at = self.now + session.pause + jitter;
    }

    /// The address of a session's source.
    pub(super) fn forget_port(&mut self, source: NodeIx, port: Port) {
        self.by_port.remove(&(self.nodes[source.0].key, port));
    }
}

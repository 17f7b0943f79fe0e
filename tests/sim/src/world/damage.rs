//! Faults, and how they heal.

use std::time::Duration;

use byway_base::limits::{TRANSPORT_PING_INTERVAL, TRANSPORT_SILENCE};
use byway_routing::Forwarder;

use super::{Happening, LinkIx, NodeIx, Reader, SessionIx, SetupIx, World, node::Node};

/// Something that goes wrong, and heals by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Damage {
    /// A transport is lost; both ends see it at once, or, silent, by nothing but silence.
    Cut { link: LinkIx, silent: bool, heals_after: Duration },
    /// Nothing that `side` sends arrives for a time.
    Stall { link: LinkIx, side: usize, span: Duration },
    /// A node loses everything it knows.
    Crash { node: NodeIx, silent: bool, heals_after: Duration },
    /// A setup node loses its sagas, between whatever steps they are.
    CrashSetup { setup: SetupIx, heals_after: Duration },
    /// An end reads otherwise for a time.
    Reader { session: SessionIx, side: usize, reader: Reader, span: Duration },
    /// The app at an end does not read one of its streams for a time.
    App { session: SessionIx, side: usize, stream: usize, span: Duration },
}

impl Damage {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Cut { silent: false, .. } => "lost transport",
            Self::Cut { silent: true, .. } => "silently lost transport",
            Self::Stall { .. } => "stall",
            Self::Crash { .. } => "crash",
            Self::CrashSetup { .. } => "setup node crash",
            Self::Reader { reader: Reader::Dead, .. } => "dead reader",
            Self::Reader { .. } => "slow reader",
            Self::App { .. } => "stopped app",
        }
    }
}

impl World {
    pub(super) fn damage(&mut self, damage: Damage) {
        self.trace.note(self.now, damage.name(), &[], &[]);
        *self.faults.entry(damage.name()).or_default() += 1;
        match damage {
            Damage::Cut { link, silent, heals_after } => {
                self.lose(link, silent);
                self.plan(heals_after, Happening::Reopen { link });
            }
            Damage::Stall { link, side, span } => {
                let lane = &mut self.links[link.0].lanes[side];
                lane.stalled_until = lane.stalled_until.max(self.now + span);
            }
            Damage::Crash { node, silent, heals_after } => {
                self.crash(node, silent);
                self.plan(heals_after, Happening::Restart { node });
            }
            Damage::CrashSetup { setup, heals_after } => {
                self.setups[setup.0].crash();
                self.plan(heals_after, Happening::SetupRestart { setup });
            }
            Damage::Reader { session, side, reader, span } => {
                self.set_reader(session, side, reader);
                let reader = self.sessions[session.0].plan.readers[side];
                self.plan(span, Happening::Reader { session, side, reader });
            }
            Damage::App { session, side, stream, span } => {
                self.set_app(session, side, stream, false);
                self.plan(span, Happening::App { session, side, stream });
            }
        }
    }

    /// Joins both ends by a transport, if both live; what was left of a former life goes.
    pub(super) fn open(&mut self, ix: LinkIx) {
        let ends = self.links[ix.0].ends;
        if self.links[ix.0].up || !ends.iter().all(|node| self.nodes[node.0].alive) {
            return;
        }
        [0, 1].into_iter().for_each(|side| self.drop_end(ix, side));
        self.trace.note(self.now, "open", &[ix.into()], &[]);
        let link = &mut self.links[ix.0];
        (link.up, link.life) = (true, link.life + 1);
        link.lanes = Default::default();
        for (side, node) in ends.into_iter().enumerate() {
            let slot = self.nodes[node.0].forwarder.add_transport(self.now);
            self.links[ix.0].slots[side] = Some(slot);
            self.nodes[node.0].links.insert(slot, ix);
            self.nodes[node.0].slots.insert(self.links[ix.0].id, slot);
            let peer = self.nodes[ends[1 - side].0].key;
            self.nodes[node.0].peers.insert(self.links[ix.0].id, peer);
            self.touch(node);
        }
    }

    pub(super) fn reopen(&mut self, ix: LinkIx) {
        self.open(ix);
    }

    /// A transport is lost.
    fn lose(&mut self, ix: LinkIx, silent: bool) {
        if !std::mem::replace(&mut self.links[ix.0].up, false) {
            return;
        }
        let unseen = if silent { TRANSPORT_SILENCE + TRANSPORT_PING_INTERVAL } else { Duration::ZERO };
        self.broke(ix, unseen);
        let life = self.links[ix.0].life;
        for side in [0, 1].into_iter().filter(|_| !silent) {
            let after = self.dice.between(Duration::ZERO, Duration::from_millis(20));
            self.plan(after, Happening::Notice { link: ix, life, side });
        }
    }

    pub(super) fn notice(&mut self, ix: LinkIx, life: u64, side: usize) {
        if self.links[ix.0].life == life {
            self.trace.note(self.now, "notice", &[ix.into(), side as u64], &[]);
            self.drop_end(ix, side);
        }
    }

    /// A node gives a transport up by itself; its peer sees the transport close, and it is dialled again.
    pub(super) fn give_up(&mut self, ix: LinkIx, node: NodeIx) {
        let side = self.links[ix.0].side(node);
        self.drop_end(ix, side);
        if self.links[ix.0].up {
            self.lose(ix, false);
            let after = self.redial();
            self.plan(after, Happening::Reopen { link: ix });
        }
    }

    /// One end forgets a transport.
    fn drop_end(&mut self, ix: LinkIx, side: usize) {
        let link = &mut self.links[ix.0];
        let Some(slot) = link.slots[side].take() else { return };
        let (node, id) = (link.ends[side], link.id);
        self.nodes[node.0].links.remove(&slot);
        self.nodes[node.0].slots.remove(&id);
        self.nodes[node.0].forwarder.remove_transport(slot);
        self.touch(node);
    }

    fn crash(&mut self, node: NodeIx, silent: bool) {
        if !self.nodes[node.0].alive {
            return;
        }
        self.gone(node);
        self.endings.crashed(node.0);
        for link in self.adjacent[node.0].clone() {
            let side = self.links[link.0].side(node);
            self.links[link.0].slots[side] = None;
            self.lose(link, silent);
        }
        let trusted: Vec<_> = self.setups.iter().map(|setup| setup.key).collect();
        let old = &self.nodes[node.0];
        let mut new = Node::new(old.secret.clone(), Forwarder::new(self.config), &trusted);
        (new.alive, new.life) = (false, old.life + 1);
        self.nodes[node.0] = new;
    }

    /// A crashed node comes back; its transports are dialled again, its sessions begun anew.
    pub(super) fn restart(&mut self, node: NodeIx) {
        if std::mem::replace(&mut self.nodes[node.0].alive, true) {
            return;
        }
        self.trace.note(self.now, "restart", &[node.into()], &[]);
        for link in self.adjacent[node.0].clone() {
            let after = self.redial();
            self.plan(after, Happening::Reopen { link });
        }
        for ix in (0..self.sessions.len()).map(SessionIx) {
            let session = &self.sessions[ix.0];
            if session.plan.ends.contains(&node) {
                let (source, port) = (session.plan.ends[0], session.port);
                self.forget_port(source, port);
                self.begin_again(ix);
            }
        }
        self.touch(node);
    }
}

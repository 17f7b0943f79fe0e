//! Setup nodes, and the messages between them, sources and nodes: lost, doubled and reordered as the climate says.

use std::{collections::BTreeMap, time::Duration};

use byway_base::{Moment, PublicKey, RouteId};
use byway_setup::{Action, Asked, CallFailure, CallId, Initiators, Outcome, Saga};
use byway_wire::setup::{NodeMessage, Reply, SourceMessage, decode_message, encode_message};

use super::{Happening, NodeIx, SetupIx, World};
use crate::breach::Breach;

/// What becomes of messages of the control plane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Climate {
    /// Of a thousand messages, so many are lost.
    pub(crate) lost: usize,
    /// Of a thousand messages, so many arrive twice.
    pub(crate) doubled: usize,
    /// Least and most time under way; messages overtake each other within it.
    pub(crate) delay: (Duration, Duration),
}

impl Default for Climate {
    fn default() -> Self {
        Self { lost: 0, doubled: 0, delay: (Duration::from_millis(5), Duration::from_millis(50)) }
    }
}

/// A message under way, as bytes.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    /// A source asks a setup node.
    Ask { setup: SetupIx, from: NodeIx, from_life: u64, bytes: Vec<u8> },
    /// A setup node asks a node.
    Call { setup: SetupIx, life: u64, saga: u64, call: CallId, node: NodeIx, bytes: Vec<u8> },
    /// The node answers; without bytes it could not be reached.
    Answer { setup: SetupIx, life: u64, saga: u64, call: CallId, node: NodeIx, bytes: Option<Vec<u8>> },
    /// The setup node tells the source.
    Tell { node: NodeIx, life: u64, route: RouteId, bytes: Vec<u8> },
}

pub(crate) struct SetupNode {
    pub(crate) key: PublicKey,
    pub(crate) alive: bool,
    pub(crate) life: u64,
    sagas: BTreeMap<u64, Running>,
    next: u64,
}

struct Running {
    saga: Saga,
    source: NodeIx,
    source_life: u64,
    answered: bool,
    timer: Option<Moment>,
}

impl SetupNode {
    pub(crate) fn new(key: PublicKey) -> Self {
        Self { key, alive: true, life: 0, sagas: BTreeMap::new(), next: 0 }
    }

    /// Everything it knew is gone.
    pub(super) fn crash(&mut self) {
        (self.alive, self.life) = (false, self.life + 1);
        self.sagas.clear();
    }
}

impl World {
    /// Puts a message under way.
    pub(super) fn post(&mut self, message: Message) {
        let Climate { lost, doubled, delay } = self.climate;
        if self.dice.chance(lost) {
            *self.faults.entry("lost setup message").or_default() += 1;
            return;
        }
        if self.dice.chance(doubled) {
            *self.faults.entry("doubled setup message").or_default() += 1;
            let after = self.dice.between(delay.0, delay.1);
            self.plan(after, Happening::Control(message.clone()));
        }
        let after = self.dice.between(delay.0, delay.1);
        self.plan(after, Happening::Control(message));
    }

    pub(super) fn control(&mut self, message: Message) {
        let (kind, who, bytes) = match &message {
            Message::Ask { setup, bytes, .. } => ("ask", setup.0, &bytes[..]),
            Message::Call { node, bytes, .. } => ("call", node.0, &bytes[..]),
            Message::Answer { node, bytes, .. } => ("answer", node.0, bytes.as_deref().unwrap_or_default()),
            Message::Tell { node, bytes, .. } => ("tell", node.0, &bytes[..]),
        };
        self.trace.note(self.now, kind, &[who as u64], bytes);
        match message {
            Message::Ask { setup, from, from_life, bytes } => self.asked(setup, from, from_life, &bytes),
            Message::Call { setup, life, saga, call, node, bytes } => {
                let bytes = self.called(setup, node, &bytes);
                self.post(Message::Answer { setup, life, saga, call, node, bytes });
            }
            Message::Answer { setup, life, saga, call, node, bytes } => {
                self.answered(setup, life, saga, call, node, bytes);
            }
            Message::Tell { node, life, route, bytes } => self.told(node, life, route, &bytes),
        }
    }

    /// A setup node takes a request.
    fn asked(&mut self, setup: SetupIx, from: NodeIx, from_life: u64, bytes: &[u8]) {
        if !self.setups[setup.0].alive {
            return;
        }
        let Some(message) = self.decode(from, bytes) else { return };
        // Nobody in this world asks how far setup nodes are.
        let SourceMessage::Establish { request, hops, label_in } = message else { return };
        let asked = Asked { caller: self.nodes[from.0].key, request, hops, label_in };
        let initiators = Initiators::new(*self.setups[setup.0].key.as_bytes());
        let (now, clock) = (self.now, self.clock());
        let saga = Saga::new(now, clock, &asked, &initiators, &mut || self.dice.roll() as u32);
        let running = Running { saga, source: from, source_life: from_life, answered: false, timer: None };
        let setup_node = &mut self.setups[setup.0];
        setup_node.next += 1;
        let number = setup_node.next;
        setup_node.sagas.insert(number, running);
        self.drive(setup, number);
    }

    /// A node obeys a setup node, if it lives.
    fn called(&mut self, setup: SetupIx, node: NodeIx, bytes: &[u8]) -> Option<Vec<u8>> {
        if !self.nodes[node.0].alive {
            return None;
        }
        let message: NodeMessage = self.decode(node, bytes)?;
        let reply = self.obey(node, self.setups[setup.0].key, message);
        Some(encode_message(&reply))
    }

    fn answered(
        &mut self,
        setup: SetupIx,
        life: u64,
        saga: u64,
        call: CallId,
        node: NodeIx,
        bytes: Option<Vec<u8>>,
    ) {
        let result = match bytes {
            None => Err(CallFailure::Unreachable),
            Some(bytes) => match self.decode::<Reply>(node, &bytes) {
                Some(reply) => Ok(reply),
                None => return,
            },
        };
        let now = self.now;
        let setup_node = &mut self.setups[setup.0];
        if setup_node.life == life
            && let Some(running) = setup_node.sagas.get_mut(&saga)
        {
            running.saga.handle_reply(now, call, result);
            self.drive(setup, saga);
        }
    }

    pub(super) fn saga_timer(&mut self, setup: SetupIx, life: u64, saga: u64) {
        let now = self.now;
        let setup_node = &mut self.setups[setup.0];
        if setup_node.life == life
            && let Some(running) = setup_node.sagas.get_mut(&saga)
        {
            running.timer = None;
            running.saga.handle_timeout(now);
            self.drive(setup, saga);
        }
    }

    /// Does what a saga wants done.
    fn drive(&mut self, setup: SetupIx, number: u64) {
        let setup_node = &mut self.setups[setup.0];
        let life = setup_node.life;
        let Some(running) = setup_node.sagas.get_mut(&number) else { return };
        let mut out = Vec::new();
        while let Some(Action::Call { call, node, message }) = running.saga.poll_action() {
            out.push((call, node, encode_message(&message)));
        }
        let mut tell = None;
        if let Some(outcome) = running.saga.outcome().filter(|_| !running.answered) {
            running.answered = true;
            let reply = match outcome {
                Outcome::Established { label_out } => Reply::Established { label_out },
                Outcome::Failed(failure) => Reply::Failed { failure },
            };
            let (node, life, route) = (running.source, running.source_life, running.saga.route());
            tell = Some(Message::Tell { node, life, route, bytes: encode_message(&reply) });
        }
        let due = running.saga.poll_timeout().filter(|due| running.timer.is_none_or(|timer| *due < timer));
        running.timer = due.or(running.timer);
        if running.saga.is_finished() {
            setup_node.sagas.remove(&number);
        }
        for (call, key, bytes) in out {
            let node = self.node_of(&key);
            self.post(Message::Call { setup, life, saga: number, call, node, bytes });
        }
        tell.into_iter().for_each(|tell| self.post(tell));
        due.into_iter().for_each(|due| self.plan_at(due, Happening::SagaTimer { setup, life, saga: number }));
    }

    pub(super) fn setup_restart(&mut self, setup: SetupIx) {
        self.trace.note(self.now, "setup restart", &[setup.into()], &[]);
        self.setups[setup.0].alive = true;
    }

    pub(super) fn decode<T: byway_wire::Wire>(&mut self, from: NodeIx, bytes: &[u8]) -> Option<T> {
        let decoded = decode_message(bytes);
        decoded.map_err(|error| self.fail(Breach::Codec { node: from.0, what: error.to_string() })).ok()
    }
}

//! What neighbours are let send: grants, the sizes of windows, and the memory that all queues share.

use std::time::Duration;

use byway_base::{
    Moment,
    limits::{CREDIT_WINDOW, CREDIT_WINDOW_MAX},
};
use byway_wire::Reason;

use super::Forwarder;
use crate::{Outgoing, Wake, flow::End};

/// How often grants that a cap delays are tried again.
const GRANT_INTERVAL: Duration = Duration::from_millis(10);

impl Forwarder {
    /// After a flow passed something on: lets its window follow, then grants its sender what is due.
    pub(super) fn served(&mut self, now: Moment, key: usize) {
        self.tune(now, key);
        self.grant_upstream(now, key);
    }

    fn tune(&mut self, now: Moment, key: usize) {
        let flow = &self.flows[key];
        let rtt = match flow.input {
            End::Transport { slot, .. } => self.links[slot].least_rtt,
            End::Local => Duration::ZERO,
        };
        let free = (self.config.memory / 2).saturating_sub(self.grown);
        let most = (flow.grown() + free).min(CREDIT_WINDOW_MAX - CREDIT_WINDOW) + CREDIT_WINDOW;
        let change = self.flows[key].tune(now, rtt, most);
        self.grown = self.grown.saturating_add_signed(change);
    }

    /// Grants the sender of a flow what was passed on, if it is worth a packet and no cap stands before it.
    fn grant_upstream(&mut self, now: Moment, key: usize) {
        let flow = &mut self.flows[key];
        let End::Transport { slot, label } = flow.input else { return };
        let Some(bytes) = flow.due_grant().filter(|_| !flow.grant_delayed) else { return };
        if flow.is_transit() {
            let peer = &mut self.links[slot].cap;
            if !peer.is_open(now) || !self.cap.is_open(now) {
                flow.delay_grant(now);
                self.counters.grants_delayed += 1;
                if self.delayed.is_empty() {
                    self.next_grants = now + GRANT_INTERVAL;
                    self.signals.wake(Wake::Timer);
                }
                self.delayed.push_back(key);
                return;
            }
            peer.take(bytes);
            self.cap.take(bytes);
        }
        self.flows[key].granted(bytes);
        self.send_control(slot, Outgoing::credit(label, bytes));
    }

    /// When delayed grants are due, if there are any.
    pub(super) fn next_grants(&self) -> Option<Moment> {
        (!self.delayed.is_empty()).then_some(self.next_grants)
    }

    /// Tries each delayed grant once, in their order.
    pub(super) fn grant_delayed(&mut self, now: Moment) {
        if self.next_grants().is_none_or(|due| now < due) {
            return;
        }
        self.next_grants = now + GRANT_INTERVAL;
        for _ in 0..self.delayed.len() {
            let Some(key) = self.delayed.pop_front() else { break };
            self.flows[key].grant_delayed = false;
            self.grant_upstream(now, key);
        }
    }

    /// A flow without traffic falls back to its first window, in both roles, and lets its memory go.
    pub(super) fn rest(&mut self, now: Moment, key: usize) {
        let flow = &mut self.flows[key];
        let (output, idle) =
            (flow.output, flow.counters.bytes - flow.bytes_at_sweep < CREDIT_WINDOW as u64 / 4);
        flow.bytes_at_sweep = flow.counters.bytes;
        if !idle {
            return;
        }
        flow.rest(now);
        if let Some(bytes) = flow.give_back()
            && let End::Transport { slot, label } = output
        {
            self.send_control(slot, Outgoing::credit_return(label, bytes));
        }
        self.grant_upstream(now, key);
    }

    /// The sender of a flow gave some of its window back.
    pub(super) fn take_back(&mut self, now: Moment, key: usize, bytes: u32) {
        let flow = &mut self.flows[key];
        let before = flow.grown();
        flow.given_back(bytes, now);
        self.grown -= before - flow.grown();
        self.grant_upstream(now, key);
    }

    /// Where queues hold more than the node has for them, the route with the largest queue ends: what it holds is most
    /// likely held for a reader that does not read. Looks at every flow, and frees at least an average queue.
    pub(super) fn shed(&mut self) {
        while self.held > self.config.memory {
            let largest = self.flows.iter().max_by_key(|(_, flow)| flow.held());
            let Some((_, flow)) = largest else { return };
            self.counters.overloads += 1;
            self.end_route(flow.route, Reason::Overload);
        }
    }
}

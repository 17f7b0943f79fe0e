//! One transport as the forwarder sees it: its labels, its queues, its liveness.

use std::{collections::VecDeque, time::Duration};

use byway_base::{Moment, RoutingId, limits::CONTROL_QUEUE};

use crate::{Outgoing, cap::Bucket, label_map::LabelMap};

/// Answers of which the smallest counts before smoothing begins: the first ones of a fresh transport measure how busy both
/// ends are with opening it.
const FIRST_PINGS: u64 = 5;

/// Answers that are remembered: a minute's worth.
const SAMPLES: usize = 12;

/// Names a transport within its node while it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransportSlot(pub(crate) usize);

/// A transport's measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportView {
    /// Smoothed round-trip time (RFC 6298 weights, the smallest of the first few); none before the first pong.
    pub rtt: Option<Duration>,
    /// Bytes taken for sending, headers included.
    pub sent_bytes: u64,
    /// Bytes received, headers included.
    pub received_bytes: u64,
    /// Flows that come in or go out here.
    pub flows: usize,
    /// Pings sent, and those of them that were answered.
    pub pings: (u64, u64),
    /// Given up; the shell was told.
    pub dead: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Link {
    /// Flows that come in here, by our label.
    pub(crate) incoming: LabelMap,
    /// Flows that go out here, by the peer's label.
    pub(crate) outgoing: LabelMap,
    /// Packets that go before all data.
    control: VecDeque<Outgoing>,
    /// Flows with something to send and the credit for it, in the order of their turns.
    pub(crate) turns: VecDeque<usize>,
    /// A wake was signalled and not yet answered by a poll.
    pub(crate) signalled: bool,
    pub(crate) dead: bool,
    /// What is carried for others from this peer.
    pub(crate) cap: Bucket,
    pub(crate) last_heard: Moment,
    pub(crate) next_ping: Moment,
    ping_sent: Option<(u64, Moment)>,
    rtt: Option<Duration>,
    /// The last answers, in a ring.
    samples: [Duration; SAMPLES],
    /// The shortest of them; zero before the first. The hop's length without queues.
    pub(crate) least_rtt: Duration,
    pub(crate) sent_bytes: u64,
    pub(crate) received_bytes: u64,
    pings: (u64, u64),
}

impl Link {
    pub(crate) fn new(now: Moment, rate: Option<u64>) -> Self {
        Self { cap: Bucket::new(rate, now), last_heard: now, next_ping: now, ..Self::default() }
    }

    /// Queues a control packet. False if the queue is full: the peer does not read, and the transport is of no use.
    pub(crate) fn push_control(&mut self, packet: Outgoing) -> bool {
        let fits = self.control.len() < CONTROL_QUEUE;
        if fits {
            self.control.push_back(packet);
        }
        fits
    }

    pub(crate) fn pop_control(&mut self) -> Option<Outgoing> {
        self.control.pop_front()
    }

    pub(crate) fn wants_to_send(&self) -> bool {
        !self.control.is_empty() || !self.turns.is_empty()
    }

    /// A ping with a token that only this link expects.
    pub(crate) fn begin_ping(&mut self, now: Moment, token: u64) -> Outgoing {
        self.ping_sent = Some((token, now));
        self.pings.0 += 1;
        Outgoing::liveness(byway_wire::Kind::Ping, token)
    }

    /// The round-trip time that a pong shows, if it answers the last ping.
    pub(crate) fn end_ping(&mut self, now: Moment, token: u64) -> Option<Duration> {
        let (_, sent) = self.ping_sent.take_if(|(expected, _)| *expected == token)?;
        let sample = now - sent;
        self.samples[self.pings.1 as usize % SAMPLES] = sample;
        self.pings.1 += 1;
        let known = SAMPLES.min(self.pings.1 as usize);
        self.least_rtt = self.samples[..known].iter().min().copied().unwrap_or_default();
        let settled = self.pings.1 > FIRST_PINGS;
        let smoothed = |rtt: Duration| if settled { (rtt * 7 + sample) / 8 } else { rtt.min(sample) };
        self.rtt = Some(self.rtt.map_or(sample, smoothed));
        self.rtt
    }

    pub(crate) fn uses_incoming(&self, label: RoutingId) -> bool {
        self.incoming.contains_key(&label)
    }

    pub(crate) fn view(&self) -> TransportView {
        TransportView {
            rtt: self.rtt,
            sent_bytes: self.sent_bytes,
            received_bytes: self.received_bytes,
            flows: self.incoming.len() + self.outgoing.len(),
            pings: self.pings,
            dead: self.dead,
        }
    }
}

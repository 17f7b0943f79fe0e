//! Switches that are linked with each other.

use proptest::prelude::*;

use super::*;
use byway_base::limits::{MESSAGING_LINKS_DIALLED, MESSAGING_LINKS_WANTED, MESSAGING_PAYLOAD_MAX};

fn forward(server: u16, to: u16, length: usize) -> Frame {
    Frame::Forward { server: key(server), destination: key(to), payload: Bytes::from(vec![0; length]) }
}

fn carry(from: u16, to: u16, length: usize) -> Frame {
    Frame::Carry { source: key(from), destination: key(to), payload: Bytes::from(vec![0; length]) }
}

/// A switch with one client and a link to the server 100, up.
fn linked(limits: SwitchLimits) -> (Switch, SessionId, SessionId) {
    let mut switch = switch(limits);
    let client = connect(&mut switch, 1);
    switch.handle_frame(client, forward(100, 2, 0), at(0)).unwrap();
    assert_eq!(switch.poll_dial(), Some(key(100)));
    let link = switch.link_connected(key(100), at(0)).unwrap();
    assert_eq!(writable(&mut switch), [link]);
    assert_eq!(receive(&mut switch, link), [carry(1, 2, 0)]);
    (switch, client, link)
}

#[test]
fn a_datagram_takes_one_link_and_says_which_server_vouches_for_its_source() {
    let (mut near, a, link) = linked(SwitchLimits::default());
    let mut far = switch(SwitchLimits::default());
    let b = connect(&mut far, 2);
    let inbound = far.server_connected(key(99), at(0)).unwrap().id;
    near.handle_frame(a, forward(100, 2, 500), at(0)).unwrap();
    assert_eq!(writable(&mut near), [link]);
    for frame in receive(&mut near, link) {
        far.handle_frame(inbound, frame, at(0)).unwrap();
    }
    let payload = Bytes::from(vec![0; 500]);
    assert_eq!(receive(&mut far, b), [Frame::Forwarded { server: key(99), source: key(1), payload }]);
    assert_eq!((near.counters().carried, far.counters().delivered), (2, 1));
    assert_eq!((near.links(), far.links()), ((1, 0), (0, 1)));
    assert_eq!((near.queued(), far.queued()), (0, 0));
}

#[test]
fn a_carried_datagram_for_somebody_absent_goes_no_further_and_its_sender_hears_it() {
    let (mut near, a, link) = linked(SwitchLimits::default());
    let mut far = switch(SwitchLimits::default());
    let inbound = far.server_connected(key(99), at(0)).unwrap().id;
    far.handle_frame(inbound, carry(1, 2, 10), at(0)).unwrap();
    assert_eq!(far.poll_dial(), None);
    let answers = receive(&mut far, inbound);
    assert_eq!(answers, [Frame::NotHere { source: key(1), destination: key(2) }]);
    for frame in answers {
        near.handle_frame(link, frame, at(0)).unwrap();
    }
    assert_eq!(receive(&mut near, a), [Frame::GoneAt { server: key(100), destination: key(2) }]);
}

#[test]
fn a_server_that_carries_can_speak_for_no_other_server() {
    let mut switch = switch(SwitchLimits::default());
    let victim = connect(&mut switch, 1);
    let hostile = switch.server_connected(key(66), at(0)).unwrap().id;
    // A source that is another client of this very server, and one that is nobody.
    for source in [1, 2] {
        switch.handle_frame(hostile, carry(source, 1, 0), at(0)).unwrap();
    }
    let says = |frame| matches!(frame, Frame::Forwarded { server, .. } if server == key(66));
    let received = receive(&mut switch, victim);
    assert!(received.len() == 2 && received.into_iter().all(says));
}

#[test]
fn a_peer_that_sends_what_is_not_its_to_send_is_cut_off() {
    let frames = [
        send(2, 0),
        forward(9, 2, 0),
        carry(3, 2, 0),
        Frame::NotHere { source: key(1), destination: key(2) },
        Frame::Limited,
        Frame::Receive { source: key(3), payload: Bytes::new() },
        Frame::Forwarded { server: key(9), source: key(3), payload: Bytes::new() },
        Frame::Gone { destination: key(2) },
        Frame::GoneAt { server: key(9), destination: key(2) },
        Frame::Draining,
    ];
    let allowed = |switch: &mut Switch, id| -> Vec<bool> {
        frames.iter().map(|frame| switch.handle_frame(id, frame.clone(), at(0)).is_ok()).collect()
    };
    let (mut switch, client, link) = linked(SwitchLimits::default());
    let server = switch.server_connected(key(66), at(0)).unwrap().id;
    let only = |places: &[usize]| (0..frames.len()).map(|n| places.contains(&n)).collect::<Vec<_>>();
    assert_eq!(allowed(&mut switch, client), only(&[0, 1]));
    assert_eq!(allowed(&mut switch, server), only(&[2]));
    assert_eq!(allowed(&mut switch, link), only(&[3, 4]));
}

#[test]
fn what_waits_for_a_server_is_bounded_and_its_senders_hear_if_it_is_not_reached() {
    let mut switch = switch(SwitchLimits { link_waiting: 50_000, ..Default::default() });
    let (a, b) = (connect(&mut switch, 1), connect(&mut switch, 2));
    for _ in 0..20 {
        switch.handle_frame(a, forward(100, 3, MESSAGING_PAYLOAD_MAX), at(0)).unwrap();
    }
    switch.handle_frame(b, forward(100, 4, 0), at(0)).unwrap();
    assert!(switch.queued() > 0 && switch.queued() <= 50_000);
    assert_eq!((switch.poll_dial(), switch.poll_dial()), (Some(key(100)), None));
    switch.link_failed(key(100), at(10));
    let gone = |to| [Frame::GoneAt { server: key(100), destination: key(to) }];
    assert_eq!((receive(&mut switch, a), receive(&mut switch, b)), (gone(3).to_vec(), gone(4).to_vec()));
    assert_eq!(switch.queued(), 0);
    let counters = switch.counters();
    assert_eq!(counters.dropped_queue + counters.dropped_link, 21);
    assert!(switch.link_connected(key(100), at(20)).is_err(), "nobody waits for it");
}

#[test]
fn a_server_that_is_not_reached_is_dialled_again_after_pauses_that_grow() {
    let mut switch = switch(SwitchLimits::default());
    let a = connect(&mut switch, 1);
    let mut dialled = Vec::new();
    for millis in (0..20_000).step_by(10) {
        switch.handle_frame(a, forward(100, 2, 0), at(millis)).unwrap();
        if switch.poll_dial().is_some() {
            dialled.push(millis);
            switch.link_failed(key(100), at(millis));
        }
        receive(&mut switch, a);
    }
    assert_eq!(dialled, [0, 250, 750, 1_750, 3_750, 7_750, 15_750]);
    // One that works for a moment only is not dialled without end either; one that lasted is dialled at once.
    switch.handle_frame(a, forward(100, 2, 0), at(60_000)).unwrap();
    let link = switch.link_connected(key(100), at(60_000)).unwrap();
    switch.session_gone(link, at(60_001));
    switch.handle_frame(a, forward(100, 2, 0), at(60_100)).unwrap();
    assert_eq!((switch.poll_dial(), switch.poll_dial()), (Some(key(100)), None));
    switch.handle_frame(a, forward(100, 2, 0), at(120_000)).unwrap();
    let link = switch.link_connected(key(100), at(120_000)).unwrap();
    switch.session_gone(link, at(150_000));
    switch.handle_frame(a, forward(100, 2, 0), at(150_000)).unwrap();
    assert_eq!((switch.poll_dial(), switch.poll_dial()), (Some(key(100)), Some(key(100))));
}

#[test]
fn no_client_makes_the_server_dial_many_others_and_all_of_them_not_without_end() {
    let mut switch = switch(SwitchLimits { links: 100, ..Default::default() });
    let a = connect(&mut switch, 1);
    let dials = |switch: &mut Switch| std::iter::from_fn(|| switch.poll_dial()).count();
    for server in 1_000..1_100 {
        switch.handle_frame(a, forward(server, 2, 0), at(0)).unwrap();
    }
    assert_eq!(dials(&mut switch), MESSAGING_LINKS_WANTED);
    assert_eq!(switch.counters().dropped_link as usize, 100 - MESSAGING_LINKS_WANTED);
    for client in 10..60 {
        let id = connect(&mut switch, client);
        for server in 0..8 {
            switch.handle_frame(id, forward(2_000 + 10 * client + server, 2, 0), at(0)).unwrap();
        }
    }
    assert_eq!(dials(&mut switch), MESSAGING_LINKS_DIALLED - MESSAGING_LINKS_WANTED);
    // Failures are forgotten for newer ones, so that no number of them keeps the table full.
    for round in 0..10 {
        for server in 1_000..4_000 {
            switch.link_failed(key(server), at(round));
        }
        for client in 10..60 {
            let id = connect(&mut switch, client);
            switch.handle_frame(id, forward(5_000 + 100 * round as u16 + client, 2, 0), at(round)).unwrap();
        }
        assert!(switch.links.len() <= 100 && dials(&mut switch) == 50);
        for server in 5_000..7_000 {
            switch.link_failed(key(server), at(round));
        }
    }
}

#[test]
fn a_server_says_of_no_more_datagrams_than_it_got_that_nobody_is_there() {
    let (mut switch, client, link) = linked(SwitchLimits::default());
    for to in 10..110 {
        switch.handle_frame(link, Frame::NotHere { source: key(1), destination: key(to) }, at(0)).unwrap();
    }
    assert_eq!(receive(&mut switch, client), [Frame::GoneAt { server: key(100), destination: key(10) }]);
    assert_eq!(switch.counters().dropped_control, 99);
}

#[test]
fn a_flood_over_a_link_delays_no_other_sender() {
    let (mut switch, flooder, link) = linked(SwitchLimits { link_queue: 500_000, ..Default::default() });
    let honest = connect(&mut switch, 3);
    for _ in 0..1_000 {
        switch.handle_frame(flooder, forward(100, 2, 16_000), at(0)).unwrap();
    }
    (0..10).for_each(|_| switch.handle_frame(honest, forward(100, 2, 1_000), at(0)).unwrap());
    let mut out = VecDeque::new();
    switch.poll_transmit(link, 100_000, &mut out);
    let from_honest = |frame: &&Frame| matches!(frame, Frame::Carry { source, .. } if *source == key(3));
    assert_eq!(out.iter().filter(from_honest).count(), 10);
    let dropped = switch.counters().dropped_queue;
    assert!(dropped > 900, "the flood lost {dropped} datagrams, the other sender none");
}

#[test]
fn a_flood_that_a_server_carries_under_many_names_delays_no_client_of_this_one() {
    let mut switch = switch(SwitchLimits { client_queue: 1_000_000, ..Default::default() });
    let (victim, honest) = (connect(&mut switch, 1), connect(&mut switch, 2));
    let hostile = switch.server_connected(key(66), at(0)).unwrap().id;
    for source in 0..2_000 {
        switch.handle_frame(hostile, carry(1_000 + source, 1, 8_000), at(0)).unwrap();
    }
    switch.handle_frame(honest, send(1, 8_000), at(0)).unwrap();
    let mut out = VecDeque::new();
    // Each lane of the server has one turn at most before the client has its own.
    switch.poll_transmit(victim, 17 * 34_000, &mut out);
    assert!(out.iter().any(|frame| matches!(frame, Frame::Receive { .. })));
}

#[test]
fn a_server_over_its_rate_is_told_and_others_are_not_concerned() {
    let rate = Some(Rate { bytes_per_second: 10_000, burst: 10_000 });
    let mut switch = switch(SwitchLimits { link_rate: rate, ..Default::default() });
    let client = connect(&mut switch, 1);
    let servers = [66, 67].map(|n| switch.server_connected(key(n), at(0)).unwrap().id);
    for _ in 0..100 {
        switch.handle_frame(servers[0], carry(3, 1, 1_000), at(0)).unwrap();
    }
    switch.handle_frame(servers[1], carry(4, 1, 1_000), at(0)).unwrap();
    assert_eq!(receive(&mut switch, servers[0]), [Frame::Limited]);
    assert_eq!((receive(&mut switch, servers[1]), receive(&mut switch, client).len()), (vec![], 8));
    assert_eq!(switch.counters().dropped_rate, 93);
}

#[test]
fn draining_is_no_business_of_other_servers_and_what_they_carry_still_arrives() {
    let (mut switch, client, link) = linked(SwitchLimits::default());
    let inbound = switch.server_connected(key(66), at(0)).unwrap().id;
    switch.drain();
    switch.handle_frame(inbound, carry(3, 1, 0), at(0)).unwrap();
    switch.handle_frame(client, forward(100, 2, 0), at(0)).unwrap();
    assert_eq!((receive(&mut switch, inbound), receive(&mut switch, link).len()), (vec![], 1));
    assert_eq!(receive(&mut switch, client).len(), 2);
}

#[test]
fn a_link_is_idle_from_the_last_datagram_and_a_client_never_is() {
    let (mut switch, client, link) = linked(SwitchLimits::default());
    switch.handle_frame(link, Frame::Ping(1), at(5_000)).unwrap();
    assert_eq!(switch.idle_since(link), Some(at(0)));
    switch.handle_frame(client, forward(100, 2, 0), at(7_000)).unwrap();
    assert_eq!((switch.idle_since(link), switch.idle_since(client)), (Some(at(7_000)), None));
}

/// Servers of the model; client `n` is at server `n % SERVERS`.
const SERVERS: u16 = 3;

#[derive(Debug, Clone)]
enum Step {
    /// To a client there if the server is the right one, else to nobody there.
    Forward { from: u16, server: u16, to: u16 },
    /// A server of nobody's network makes something up.
    Forge { at: u16, source: u16, to: u16 },
    /// Everything that one server has for the others goes to them.
    Pump(u16),
    /// A server learns how its dials went.
    Dials { at: u16, succeed: bool },
}

fn any_step() -> impl Strategy<Value = Step> {
    let (server, client) = (0..SERVERS, 0u16..9);
    prop_oneof![
        6 => (client.clone(), server.clone(), client.clone())
            .prop_map(|(from, server, to)| Step::Forward { from, server, to }),
        2 => (server.clone(), client.clone(), client).prop_map(|(at, source, to)| Step::Forge { at, source, to }),
        4 => server.clone().prop_map(Step::Pump),
        3 => (server, prop::bool::weighted(0.8)).prop_map(|(at, succeed)| Step::Dials { at, succeed }),
    ]
}

fn name(server: u16) -> PublicKey {
    key(100 + server)
}

struct Network {
    switches: Vec<Switch>,
    clients: BTreeMap<u16, SessionId>,
    hostile: Vec<SessionId>,
    /// By the server that dialled and the one that was.
    links: BTreeMap<(u16, u16), (SessionId, SessionId)>,
    /// Datagrams made up or sent, each with a number of its own.
    numbers: u64,
    /// How often each of the clients' datagrams crossed a link.
    crossed: BTreeMap<u64, u32>,
    forged: std::collections::BTreeSet<u64>,
    time: u64,
}

impl Network {
    fn new() -> Self {
        let mut switches: Vec<_> = (0..SERVERS).map(|_| switch(SwitchLimits::default())).collect();
        let clients = (0..9).map(|n| (n, connect(&mut switches[usize::from(n % SERVERS)], n))).collect();
        let hostile =
            switches.iter_mut().map(|switch| switch.server_connected(key(66), at(0)).unwrap().id).collect();
        let (links, crossed, forged) = Default::default();
        Self { switches, clients, hostile, links, numbers: 0, crossed, forged, time: 0 }
    }

    fn number(&mut self) -> (u64, Bytes) {
        self.numbers += 1;
        (self.numbers, Bytes::copy_from_slice(&self.numbers.to_be_bytes()))
    }

    fn apply(&mut self, step: Step) {
        self.time += 1_000;
        let now = at(self.time);
        match step {
            Step::Forward { from, server, to } => {
                let (_, payload) = self.number();
                let frame = Frame::Forward { server: name(server), destination: key(to), payload };
                let at = usize::from(from % SERVERS);
                self.switches[at].handle_frame(self.clients[&from], frame, now).unwrap();
            }
            Step::Forge { at, source, to } => {
                let (number, payload) = self.number();
                self.forged.insert(number);
                let frame = Frame::Carry { source: key(source), destination: key(to), payload };
                let id = self.hostile[usize::from(at)];
                self.switches[usize::from(at)].handle_frame(id, frame, now).unwrap();
            }
            Step::Pump(server) => self.pump(server),
            Step::Dials { at, succeed } => {
                while let Some(server) = self.switches[usize::from(at)].poll_dial() {
                    let to = (0..SERVERS).find(|n| name(*n) == server).unwrap();
                    if succeed {
                        let near = self.switches[usize::from(at)].link_connected(server, now).unwrap();
                        let far = self.switches[usize::from(to)].server_connected(name(at), now).unwrap().id;
                        self.links.insert((at, to), (near, far));
                    } else {
                        self.switches[usize::from(at)].link_failed(server, now);
                    }
                }
            }
        }
    }

    fn pump(&mut self, from: u16) {
        let now = at(self.time);
        for ((dialled, to), (near, far)) in self.links.clone() {
            if dialled == from {
                for frame in receive(&mut self.switches[usize::from(from)], near) {
                    if let Frame::Carry { source, payload, .. } = &frame {
                        let number = u64::from_be_bytes(payload[..].try_into().unwrap());
                        *self.crossed.entry(number).or_default() += 1;
                        assert!(!self.forged.contains(&number), "what was carried here is carried on");
                        let at_home = |n: &u16| key(*n) == *source && n % SERVERS == from;
                        assert!((0..9).any(|n| at_home(&n)), "carried for somebody who is not here");
                    }
                    self.switches[usize::from(to)].handle_frame(far, frame, now).unwrap();
                }
            }
            if to == from {
                for frame in receive(&mut self.switches[usize::from(to)], far) {
                    self.switches[usize::from(dialled)].handle_frame(near, frame, now).unwrap();
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn no_datagram_takes_more_than_one_hop_between_servers_whatever_they_are_told(
        steps in prop::collection::vec(any_step(), 1..300),
    ) {
        let mut network = Network::new();
        for step in steps {
            network.apply(step);
        }
        // Until nothing moves any more, which it would not if anything circled.
        for round in 0..6 {
            (0..SERVERS).for_each(|server| network.apply(Step::Dials { at: server, succeed: round < 3 }));
            (0..SERVERS).for_each(|server| network.apply(Step::Pump(server)));
        }
        prop_assert!(network.crossed.values().all(|count| *count == 1));
        for (n, id) in network.clients.clone() {
            for frame in receive(&mut network.switches[usize::from(n % SERVERS)], id) {
                if let Frame::Forwarded { server, payload, .. } = frame {
                    let number = u64::from_be_bytes(payload[..].try_into().unwrap());
                    prop_assert_eq!(server == key(66), network.forged.contains(&number));
                }
            }
        }
        let queued: usize = network.switches.iter().map(Switch::queued).sum();
        prop_assert_eq!(queued, 0);
    }
}

use std::time::Duration;

use bytes::Bytes;
use byway_base::SecretKey;
use proptest::prelude::*;

use super::*;

mod relay;

fn key(n: u16) -> PublicKey {
    let mut seed = [7; 32];
    seed[..2].copy_from_slice(&n.to_be_bytes());
    SecretKey::from_seed(seed).public()
}

fn at(millis: u64) -> Moment {
    Moment::from_origin(Duration::from_millis(millis))
}

fn switch(limits: SwitchLimits) -> Switch {
    Switch::new(limits, at(0))
}

fn connect(switch: &mut Switch, n: u16) -> SessionId {
    switch.client_connected(key(n), at(0)).unwrap().id
}

fn send(to: u16, length: usize) -> Frame {
    Frame::Send { destination: key(to), payload: Bytes::from(vec![0; length]) }
}

fn receive(switch: &mut Switch, id: SessionId) -> Vec<Frame> {
    let mut out = VecDeque::new();
    while switch.poll_transmit(id, usize::MAX, &mut out) {}
    out.into()
}

fn writable(switch: &mut Switch) -> Vec<SessionId> {
    let mut out = Vec::new();
    switch.take_writable(&mut out);
    out
}

#[test]
fn a_datagram_arrives_with_the_source_that_the_switch_knows_and_the_same_memory() {
    let mut switch = switch(SwitchLimits::default());
    let (a, b) = (connect(&mut switch, 1), connect(&mut switch, 2));
    let payload = Bytes::from_static(b"hello");
    let frame = Frame::Send { destination: key(2), payload: payload.clone() };
    switch.handle_frame(a, frame, at(0)).unwrap();
    assert_eq!(writable(&mut switch), [b]);
    let received = receive(&mut switch, b);
    let [Frame::Receive { source, payload: arrived }] = &received[..] else { panic!("{received:?}") };
    assert_eq!((*source, arrived.as_ptr()), (key(1), payload.as_ptr()));
    assert_eq!(switch.queued(), 0);
}

#[test]
fn the_newest_session_of_a_key_wins() {
    let mut switch = switch(SwitchLimits { clients: 2, ..Default::default() });
    let (a, old) = (connect(&mut switch, 1), connect(&mut switch, 2));
    switch.handle_frame(a, send(2, 10), at(0)).unwrap();
    let new = switch.client_connected(key(2), at(0)).unwrap();
    assert_eq!(new.replaced, Some(old));
    switch.session_gone(old, at(0));
    switch.handle_frame(old, send(1, 10), at(0)).unwrap();
    assert!(!switch.is_connected(old) && switch.is_connected(new.id));
    switch.handle_frame(a, send(2, 20), at(0)).unwrap();
    assert_eq!(receive(&mut switch, new.id).len(), 1);
    assert_eq!((receive(&mut switch, a).len(), receive(&mut switch, old).len()), (0, 0));
    assert_eq!(switch.client_connected(key(3), at(0)), Err(Full));
}

#[test]
fn a_sender_hears_that_its_destination_is_gone_but_not_for_every_datagram() {
    let mut switch = switch(SwitchLimits::default());
    let a = connect(&mut switch, 1);
    for _ in 0..100 {
        switch.handle_frame(a, send(2, 10), at(0)).unwrap();
    }
    assert_eq!(receive(&mut switch, a), [Frame::Gone { destination: key(2) }]);
    assert_eq!(switch.counters().dropped_gone, 100);
}

#[test]
fn a_client_over_its_rate_is_told_once_a_second_and_delays_nobody() {
    let rate = Some(Rate { bytes_per_second: 10_000, burst: 10_000 });
    let mut switch = switch(SwitchLimits { client_rate: rate, ..Default::default() });
    let (a, b, c) = (connect(&mut switch, 1), connect(&mut switch, 2), connect(&mut switch, 3));
    for _ in 0..100 {
        switch.handle_frame(a, send(3, 1_000), at(1)).unwrap();
    }
    switch.handle_frame(b, send(3, 1_000), at(1)).unwrap();
    assert_eq!(receive(&mut switch, a), [Frame::Limited]);
    let sources = |frames: Vec<Frame>, n| {
        let from = |frame: &&Frame| matches!(frame, Frame::Receive { source, .. } if *source == key(n));
        frames.iter().filter(from).count()
    };
    let received = receive(&mut switch, c);
    assert_eq!((sources(received.clone(), 1), sources(received, 2)), (7, 1));
    assert_eq!(switch.counters().dropped_rate, 93);
    for _ in 0..100 {
        switch.handle_frame(a, send(3, 1_000), at(1_500)).unwrap();
    }
    assert_eq!(receive(&mut switch, a), [Frame::Limited]);
}

#[test]
fn draining_is_told_to_all_clients_and_to_those_who_still_come() {
    let mut switch = switch(SwitchLimits::default());
    let a = connect(&mut switch, 1);
    switch.drain();
    switch.drain();
    let b = connect(&mut switch, 2);
    assert_eq!(receive(&mut switch, a), [Frame::Draining]);
    assert_eq!(receive(&mut switch, b), [Frame::Draining]);
}

#[test]
fn frames_that_only_servers_send_are_a_violation() {
    let mut switch = switch(SwitchLimits::default());
    let a = connect(&mut switch, 1);
    let forged = Frame::Receive { source: key(2), payload: Bytes::new() };
    for frame in [forged, Frame::Gone { destination: key(2) }, Frame::Draining, Frame::Limited] {
        assert_eq!(switch.handle_frame(a, frame, at(0)), Err(Violation));
    }
}

#[test]
fn clients_that_stop_reading_cannot_use_up_the_memory_of_all() {
    let limits = SwitchLimits { queues: 10_000_000, ..Default::default() };
    let mut switch = switch(limits);
    let a = connect(&mut switch, 0);
    for n in 1..100 {
        connect(&mut switch, n);
        for _ in 0..200 {
            switch.handle_frame(a, send(n, 16_000), at(0)).unwrap();
        }
    }
    assert!(switch.queued() <= limits.queues);
    let late = connect(&mut switch, 100);
    switch.handle_frame(a, send(100, 1_000), at(0)).unwrap();
    assert_eq!(receive(&mut switch, late).len(), 1);
}

/// One step of many clients' lives.
#[derive(Debug, Clone)]
enum Step {
    Connect(u16),
    Leave(u16),
    Send { from: u16, to: u16, length: usize },
    Ping(u16),
    Poll { client: u16, budget: usize },
}

fn any_step() -> impl Strategy<Value = Step> {
    let client = 0u16..12;
    prop_oneof![
        2 => client.clone().prop_map(Step::Connect),
        1 => client.clone().prop_map(Step::Leave),
        12 => (client.clone(), client.clone(), 0usize..16_000)
            .prop_map(|(from, to, length)| Step::Send { from, to, length }),
        1 => client.clone().prop_map(Step::Ping),
        4 => (client, 0usize..200_000).prop_map(|(client, budget)| Step::Poll { client, budget }),
    ]
}

/// What every observer of the switch may rely on, checked against a run of random steps.
#[derive(Default)]
struct Model {
    live: BTreeMap<u16, SessionId>,
    /// Per (source session, destination session): the numbers of the datagrams sent, oldest first.
    sent: BTreeMap<(SessionId, SessionId), VecDeque<u64>>,
    counter: u64,
    awake: std::collections::BTreeSet<SessionId>,
}

impl Model {
    fn send(&mut self, switch: &mut Switch, from: u16, to: u16, length: usize) {
        let Some(&source) = self.live.get(&from) else { return };
        let mut payload = self.counter.to_be_bytes().to_vec();
        payload.resize(8 + length, 0);
        if let Some(&destination) = self.live.get(&to) {
            self.sent.entry((source, destination)).or_default().push_back(self.counter);
        }
        self.counter += 1;
        let frame = Frame::Send { destination: key(to), payload: payload.into() };
        switch.handle_frame(source, frame, at(0)).unwrap();
    }

    /// Datagrams of one pair arrive in order, none twice, none that was not sent to this very session by this source.
    fn poll(&mut self, switch: &mut Switch, client: u16, budget: usize) {
        let Some(&id) = self.live.get(&client) else { return };
        let mut out = VecDeque::new();
        if !switch.poll_transmit(id, budget, &mut out) {
            self.awake.remove(&id);
        }
        for frame in out {
            let Frame::Receive { source, payload } = frame else { continue };
            let number = u64::from_be_bytes(payload[..8].try_into().unwrap());
            let mut pairs = self.sent.iter_mut().filter(|((_, to), _)| *to == id);
            let found = pairs.any(|(_, numbers)| {
                let place = numbers.iter().position(|sent| *sent == number);
                place.is_some_and(|place| numbers.drain(..=place).count() > 0)
            });
            assert!(found, "{number} from {source:?}");
        }
    }

    fn apply(&mut self, switch: &mut Switch, step: Step) {
        match step {
            Step::Connect(n) => {
                let connected = switch.client_connected(key(n), at(0)).unwrap();
                assert_eq!(connected.replaced, self.live.insert(n, connected.id));
            }
            Step::Leave(n) => {
                self.live.remove(&n).into_iter().for_each(|id| switch.session_gone(id, at(0)));
            }
            Step::Send { from, to, length } => self.send(switch, from, to, length),
            Step::Ping(n) => {
                self.live.get(&n).into_iter().for_each(|id| switch.ping(*id, 1, at(0)));
            }
            Step::Poll { client, budget } => self.poll(switch, client, budget),
        }
        self.awake.extend(writable(switch));
    }
}

proptest! {
    #[test]
    fn many_clients_get_what_was_sent_to_them_in_order_and_memory_stays_bounded(
        steps in prop::collection::vec(any_step(), 1..400),
    ) {
        let limits = SwitchLimits { client_queue: 200_000, queues: 600_000, ..Default::default() };
        let mut switch = switch(limits);
        let mut model = Model::default();
        for step in steps {
            model.apply(&mut switch, step);
            prop_assert!(switch.queued() <= limits.queues);
            prop_assert_eq!(switch.clients(), model.live.len());
        }
        // No wake-up is lost: whoever has something waiting was announced.
        for (n, id) in model.live.clone() {
            let waiting = !receive(&mut switch, id).is_empty();
            prop_assert!(!waiting || model.awake.contains(&id), "client {n} sleeps on a full queue");
        }
        prop_assert_eq!(switch.queued(), 0);
    }
}

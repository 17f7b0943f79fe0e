//! Many clients and servers over a network of events in random order: whatever happens, once things are quiet every
//! client is on as many servers as it wants and each pair of clients finds a way.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const SERVERS: u8 = 4;
const CLIENTS: u8 = 6;

struct World {
    now: u64,
    up: BTreeSet<u8>,
    cores: BTreeMap<u8, ClientCore>,
    links: BTreeSet<(u8, PublicKey)>,
    directory: BTreeMap<PublicKey, SignedRecord>,
    /// Servers forward to each other.
    relays: bool,
    relayed: u64,
}

impl World {
    fn new() -> Self {
        let mut cores = BTreeMap::new();
        for n in 100..100 + CLIENTS {
            let mut core = ClientCore::new(key(n), 2, n.into());
            core.learn_servers((0..SERVERS).map(server), at(0));
            cores.insert(n, core);
        }
        let up = (0..SERVERS).collect();
        Self {
            now: 1,
            up,
            cores,
            links: BTreeSet::new(),
            directory: BTreeMap::new(),
            relays: true,
            relayed: 0,
        }
    }

    fn is_up(&self, server: PublicKey) -> bool {
        self.up.iter().any(|n| key(*n) == server)
    }

    fn settle(&mut self) {
        let clients: Vec<u8> = self.cores.keys().copied().collect();
        let mut busy = true;
        while std::mem::take(&mut busy) {
            for client in &clients {
                while let Some(effect) = self.cores.get_mut(client).unwrap().poll_effect() {
                    busy = true;
                    self.carry_out(*client, effect);
                }
            }
        }
    }

    fn carry_out(&mut self, client: u8, effect: Effect) {
        let now = at(self.now);
        match effect {
            Effect::Connect { server, .. } if self.is_up(server) => {
                self.links.insert((client, server));
                self.cores.get_mut(&client).unwrap().link_up(server, now);
            }
            Effect::Connect { server, .. } => {
                self.cores.get_mut(&client).unwrap().link_down(server, now);
            }
            Effect::Probe { server, .. } => {
                let rtt = Duration::from_millis(10 * u64::from(server.as_bytes()[0]));
                let rtt = self.is_up(server).then_some(rtt);
                self.cores.get_mut(&client).unwrap().probed(server, rtt);
            }
            Effect::Disconnect { server } => {
                self.links.remove(&(client, server));
            }
            Effect::Publish { servers } => {
                let body = RecordBody::Node { servers, candidates: Vec::new(), transit: false };
                let record = Record { subject: key(client), sequence: self.now, expires: UnixTime(9), body };
                self.directory.insert(key(client), record.sign(&secret(client)));
            }
            Effect::LookUp { key } => {
                let core = self.cores.get_mut(&client).unwrap();
                match self.directory.get(&key) {
                    Some(record) => core.record_found(record, at(self.now + 60_000), now),
                    None => core.record_absent(key, now),
                }
            }
        }
    }

    fn kill(&mut self, n: u8) {
        self.up.remove(&n);
        let (lost, kept) = self.links.iter().copied().partition(|(_, server)| *server == key(n));
        self.links = kept;
        for (client, server) in lost {
            self.cores.get_mut(&client).unwrap().link_down(server, at(self.now));
        }
    }

    fn pass(&mut self, millis: u64) {
        let until = self.now + millis;
        loop {
            self.settle();
            let next = self.cores.values().filter_map(ClientCore::poll_timeout).min();
            let Some(next) = next.filter(|next| *next <= at(until)) else { break };
            let next = u64::try_from(next.since_origin().as_micros().div_ceil(1_000)).unwrap();
            self.now = next.max(self.now);
            let now = at(self.now);
            for core in self.cores.values_mut().filter(|c| c.poll_timeout().is_some_and(|t| t <= now)) {
                core.handle_timeout(now);
            }
        }
        self.now = until;
    }

    /// Sends until something arrives, as a dialler does. Returns whether it did.
    fn reaches(&mut self, from: u8, to: u8) -> bool {
        for _ in 0..20 {
            let way = self.cores.get_mut(&from).unwrap().way(key(to), false, at(self.now));
            self.settle();
            match way {
                Way::Through(server) if self.links.contains(&(to, server)) => {
                    let now = at(self.now);
                    self.cores.get_mut(&to).unwrap().heard(key(from), server, now);
                    return true;
                }
                Way::Through(server) => {
                    let now = at(self.now);
                    self.cores.get_mut(&from).unwrap().gone(key(to), server, now);
                }
                Way::Relayed { via, at } => {
                    if self.forward(from, via, at, to) {
                        return true;
                    }
                }
                Way::Pending | Way::None(_) => {}
            }
            self.pass(400);
        }
        false
    }

    /// Has one server hand a datagram to another. Returns whether it was delivered.
    fn forward(&mut self, from: u8, via: PublicKey, hand_to: PublicKey, to: u8) -> bool {
        assert!(via != hand_to && self.links.contains(&(from, via)));
        let now = at(self.now);
        if !self.relays || !self.is_up(hand_to) || !self.links.contains(&(to, hand_to)) {
            self.cores.get_mut(&from).unwrap().gone_at(key(to), hand_to, via, now);
            return false;
        }
        self.relayed += 1;
        let receiver = self.cores.get_mut(&to).unwrap();
        if receiver.forwarded(key(from), via, hand_to, Bytes::from_static(b"sealed"), now).is_some() {
            return true;
        }
        self.settle();
        self.cores.get_mut(&to).unwrap().poll_released().is_some()
    }
}

#[derive(Debug, Clone)]
enum Event {
    Kill(u8),
    Revive(u8),
    Drain(u8),
    Talk(u8, u8),
    Pass(u64),
    Relays(bool),
}

fn any_event() -> impl Strategy<Value = Event> {
    let client = 100..100 + CLIENTS;
    prop_oneof![
        (0..SERVERS).prop_map(Event::Kill),
        (0..SERVERS).prop_map(Event::Revive),
        (0..SERVERS).prop_map(Event::Drain),
        (client.clone(), client).prop_map(|(from, to)| Event::Talk(from, to)),
        (1u64..5_000).prop_map(Event::Pass),
        any::<bool>().prop_map(Event::Relays),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn after_any_history_of_failures_every_pair_of_clients_finds_a_way(
        events in prop::collection::vec(any_event(), 0..40),
    ) {
        let mut world = World::new();
        world.settle();
        for event in events {
            match event {
                Event::Kill(n) => world.kill(n),
                Event::Revive(n) => {
                    world.up.insert(n);
                }
                Event::Drain(n) => {
                    let told: Vec<_> = world.links.iter().filter(|(_, s)| *s == key(n)).copied().collect();
                    for (client, server) in told {
                        world.cores.get_mut(&client).unwrap().draining(server, at(world.now));
                    }
                }
                Event::Talk(from, to) => {
                    world.reaches(from, to);
                }
                Event::Pass(millis) => world.pass(millis),
                Event::Relays(relays) => world.relays = relays,
            }
            world.settle();
        }
        world.up = [0, 1].into();
        (2..SERVERS).for_each(|n| world.kill(n));
        (0..2).for_each(|n| { world.kill(n); world.up.insert(n); });
        world.pass(120_000);
        for client in 100..100 + CLIENTS {
            prop_assert_eq!(world.cores[&client].delegated().len(), 2, "client {}", client);
        }
        for (from, to) in (100..99 + CLIENTS).map(|n| (n, n + 1)) {
            prop_assert!(world.reaches(from, to) && world.reaches(to, from), "{} and {}", from, to);
        }
    }
}

#[test]
fn clients_that_share_no_server_reach_each_other_at_once_and_without_further_links() {
    let mut world = World::new();
    for (n, core) in &mut world.cores {
        *core = ClientCore::new(key(*n), 1, u64::from(*n));
        core.learn_servers((0..SERVERS).map(server), at(0));
    }
    world.settle();
    let (before, all) = (world.links.clone(), 100..100 + CLIENTS);
    for (from, to) in all.clone().flat_map(|from| all.clone().map(move |to| (from, to))) {
        assert!(from == to || world.reaches(from, to), "{from} and {to}");
    }
    assert!(world.relayed > 0 && world.links == before);
}

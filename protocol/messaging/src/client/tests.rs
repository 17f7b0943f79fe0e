use byway_base::{SecretKey, UnixTime};
use byway_wire::{Record, RecordBody, SignedRecord};

use super::*;

fn secret(n: u8) -> SecretKey {
    SecretKey::from_seed([n; 32])
}

fn key(n: u8) -> PublicKey {
    secret(n).public()
}

fn at(millis: u64) -> Moment {
    Moment::from_origin(Duration::from_millis(millis))
}

fn server(n: u8) -> ServerInfo {
    ServerInfo::configured(key(n), ([127, 0, 0, 1], 1_000 + u16::from(n)).into())
}

fn effects(core: &mut ClientCore) -> Vec<Effect> {
    std::iter::from_fn(|| core.poll_effect()).collect()
}

fn connects(core: &mut ClientCore) -> Vec<PublicKey> {
    let server = |effect| match effect {
        Effect::Connect { server, .. } => Some(server),
        _ => None,
    };
    effects(core).into_iter().filter_map(server).collect()
}

/// A client that wants two servers and is connected to those of `servers` that it chose.
fn connected(servers: &[ServerInfo]) -> ClientCore {
    let mut core = ClientCore::new(key(100), 2);
    core.learn_servers(servers.to_vec(), at(0));
    for server in connects(&mut core) {
        core.link_up(server, at(0));
    }
    effects(&mut core);
    core
}

fn node_record(n: u8, servers: &[u8]) -> SignedRecord {
    let servers = servers.iter().map(|n| key(*n)).collect();
    let body = RecordBody::Node { servers, candidates: Vec::new(), transit: false };
    Record { subject: key(n), sequence: 1, expires: UnixTime(1_000), body }.sign(&secret(n))
}

const PEER: u8 = 50;

#[test]
fn two_servers_are_dialled_and_published_once_they_are_up() {
    let mut core = ClientCore::new(key(100), 2);
    core.learn_servers([server(1), server(2), server(3)], at(0));
    let dialled = connects(&mut core);
    assert_eq!(dialled.len(), 2);
    core.link_up(dialled[0], at(10));
    assert_eq!(effects(&mut core), [Effect::Publish { servers: vec![dialled[0]] }]);
    core.link_up(dialled[1], at(20));
    let mut both = dialled.clone();
    both.sort();
    assert_eq!(effects(&mut core), [Effect::Publish { servers: both }]);
}

#[test]
fn servers_of_different_regions_and_with_free_places_are_preferred() {
    let region =
        |n, region: &str, clients| ServerInfo { region: region.into(), capacity: 100, clients, ..server(n) };
    let mut core = ClientCore::new(key(100), 2);
    let full = region(4, "south", 100);
    core.learn_servers([region(1, "north", 0), region(2, "north", 0), region(3, "east", 80), full], at(0));
    let dialled = connects(&mut core);
    assert!(dialled.contains(&key(3)) && !dialled.contains(&key(4)), "{dialled:?}");
}

#[test]
fn clients_spread_over_equal_servers() {
    let mut chosen = BTreeMap::<_, u32>::new();
    for n in 0..200 {
        let mut core = ClientCore::new(key(n), 1);
        core.learn_servers((200..204).map(server), at(0));
        *chosen.entry(connects(&mut core)[0]).or_default() += 1;
    }
    assert!(chosen.len() == 4 && chosen.values().all(|count| *count > 20), "{chosen:?}");
}

#[test]
fn a_lost_server_is_replaced_at_once_and_tried_again_after_the_pause() {
    let mut core = connected(&[server(1), server(2), server(3)]);
    let lost = core.delegated()[0];
    core.link_down(lost, Duration::from_millis(500), at(1_000));
    let replacement = connects(&mut core);
    assert!(replacement.len() == 1 && replacement[0] != lost);
    core.link_down(replacement[0], Duration::from_secs(60), at(1_100));
    assert!(connects(&mut core).is_empty());
    assert_eq!(core.poll_timeout(), Some(at(1_500)));
    core.handle_timeout(at(1_500));
    assert_eq!(connects(&mut core), [lost]);
}

#[test]
fn a_draining_server_is_left_after_its_replacement_was_published() {
    let mut core = connected(&[server(1), server(2), server(3)]);
    let drains = core.delegated()[0];
    core.draining(drains, at(1_000));
    // It is withdrawn at once, but left only when the replacement has been known for a while.
    let now = effects(&mut core);
    let Some(Effect::Connect { server: new, .. }) = now.first().cloned() else { panic!("{now:?}") };
    core.link_up(new, at(1_500));
    assert!(!core.delegated().contains(&drains) && core.delegated().contains(&new));
    effects(&mut core);
    let leave = core.poll_timeout().unwrap();
    assert_eq!(leave, at(1_500) + LEAVE_AFTER);
    core.handle_timeout(leave);
    assert_eq!(effects(&mut core), [Effect::Disconnect { server: drains }]);
    assert_eq!(core.poll_timeout(), None);
    // Should a home be lacking later, the server may be back.
    core.link_down(new, Duration::from_secs(600), leave);
    core.handle_timeout(leave + DRAINED_AWAY);
    assert_eq!(connects(&mut core), [drains]);
}

#[test]
fn the_only_server_is_not_left_because_it_drains() {
    let mut core = connected(&[server(1)]);
    core.draining(key(1), at(0));
    core.handle_timeout(at(10_000));
    assert!(effects(&mut core).is_empty() && core.is_connected());
}

#[test]
fn a_dialler_waits_for_the_record_and_then_goes_through_a_common_server() {
    let mut core = connected(&[server(1), server(2)]);
    assert_eq!(core.way(key(PEER), false, at(0)), Way::Pending);
    assert_eq!(effects(&mut core), [Effect::LookUp { key: key(PEER) }]);
    assert_eq!(core.way(key(PEER), false, at(1)), Way::Pending);
    assert!(effects(&mut core).is_empty());
    core.record_found(&node_record(PEER, &[2, 9]), at(60_000), at(2));
    assert_eq!(core.way(key(PEER), false, at(3)), Way::Through(key(2)));
}

#[test]
fn a_peer_without_a_record_is_told_apart_from_one_that_left_its_servers() {
    let mut core = connected(&[server(1), server(2)]);
    core.way(key(PEER), false, at(0));
    core.record_absent(key(PEER), at(1));
    assert_eq!(core.way(key(PEER), false, at(2)), Way::None(Unreachable::NoRecord));
    assert_eq!(core.way(key(PEER), false, at(1_500)), Way::Pending);
    core.record_found(&node_record(PEER, &[1]), at(60_000), at(1_600));
    assert_eq!(core.way(key(PEER), false, at(1_600)), Way::Through(key(1)));
    core.gone(key(PEER), key(1), at(1_700));
    assert_eq!(core.way(key(PEER), false, at(1_700)), Way::None(Unreachable::Gone));
    // The record may be out of date: after a moment it is asked for again, and then believed.
    assert_eq!(core.way(key(PEER), false, at(2_700)), Way::Pending);
    core.record_found(&node_record(PEER, &[2]), at(60_000), at(2_700));
    assert_eq!(core.way(key(PEER), false, at(2_700)), Way::Through(key(2)));
}

#[test]
fn without_a_directory_every_connected_server_is_tried() {
    let mut core = connected(&[server(1), server(2)]);
    core.way(key(PEER), false, at(0));
    core.look_up_failed(key(PEER), at(0));
    let Way::Through(first) = core.way(key(PEER), false, at(1)) else { panic!() };
    core.gone(key(PEER), first, at(2));
    let Way::Through(second) = core.way(key(PEER), false, at(3)) else { panic!() };
    assert_ne!(first, second);
    core.gone(key(PEER), second, at(4));
    assert_eq!(core.way(key(PEER), false, at(5)), Way::None(Unreachable::Gone));
}

#[test]
fn an_answer_goes_back_the_way_the_datagram_came() {
    let mut core = connected(&[server(1), server(2)]);
    core.heard(key(PEER), key(2), at(0));
    assert_eq!(core.way(key(PEER), true, at(0)), Way::Through(key(2)));
    core.heard(key(PEER), key(1), at(1));
    assert_eq!(core.way(key(PEER), true, at(1)), Way::Through(key(1)));
}

#[test]
fn when_a_server_dies_the_way_moves_to_another_common_one() {
    let mut core = connected(&[server(1), server(2)]);
    core.record_found(&node_record(PEER, &[1, 2]), at(60_000), at(0));
    core.heard(key(PEER), key(1), at(0));
    core.link_down(key(1), Duration::from_secs(1), at(10));
    assert_eq!(core.way(key(PEER), true, at(10)), Way::Through(key(2)));
}

#[test]
fn a_peer_on_a_foreign_server_is_reached_by_connecting_there_and_leaving_after_use() {
    let mut core = connected(&[server(1), server(2)]);
    core.way(key(PEER), false, at(0));
    core.record_found(&node_record(PEER, &[3]), at(900_000), at(1));
    effects(&mut core);
    assert_eq!(core.way(key(PEER), false, at(2)), Way::Pending);
    assert_eq!(effects(&mut core), [Effect::LookUp { key: key(3) }]);
    let body = RecordBody::Server {
        addresses: vec![([127, 0, 0, 1], 3).into()],
        udp: Vec::new(),
        capacity: 10,
        clients: 0,
        region: String::new(),
        draining: false,
    };
    let record = Record { subject: key(3), sequence: 1, expires: UnixTime(1_000), body }.sign(&secret(3));
    core.record_found(&record, at(900_000), at(3));
    assert_eq!(core.way(key(PEER), false, at(4)), Way::Pending);
    assert_eq!(connects(&mut core), [key(3)]);
    core.link_up(key(3), at(5));
    assert_eq!(core.way(key(PEER), false, at(6)), Way::Through(key(3)));
    assert!(!core.delegated().contains(&key(3)));
    let idle = core.poll_timeout().unwrap();
    assert_eq!(idle, at(6) + MESSAGING_IDLE);
    core.handle_timeout(idle);
    assert_eq!(effects(&mut core), [Effect::Disconnect { server: key(3) }]);
}

#[test]
fn with_no_server_connected_nothing_is_looked_up() {
    let mut core = ClientCore::new(key(100), 2);
    assert_eq!(core.way(key(PEER), false, at(0)), Way::None(Unreachable::NoServer));
    core.learn_servers([server(1)], at(0));
    assert_eq!(core.way(key(PEER), false, at(0)), Way::Pending);
    assert_eq!(connects(&mut core), [key(1)]);
}

/// Many clients and servers over a network of events in random order: whatever happens, once things are quiet every
/// client is on as many servers as it wants and each pair of clients finds a way.
mod simulation {
    use std::collections::{BTreeMap, BTreeSet};

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
    }

    impl World {
        fn new() -> Self {
            let mut cores = BTreeMap::new();
            for n in 100..100 + CLIENTS {
                let mut core = ClientCore::new(key(n), 2);
                core.learn_servers((0..SERVERS).map(server), at(0));
                cores.insert(n, core);
            }
            let up = (0..SERVERS).collect();
            Self { now: 1, up, cores, links: BTreeSet::new(), directory: BTreeMap::new() }
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
                    let pause = Duration::from_secs(1);
                    self.cores.get_mut(&client).unwrap().link_down(server, pause, now);
                }
                Effect::Disconnect { server } => {
                    self.links.remove(&(client, server));
                }
                Effect::Publish { servers } => {
                    let body = RecordBody::Node { servers, candidates: Vec::new(), transit: false };
                    let record =
                        Record { subject: key(client), sequence: self.now, expires: UnixTime(9), body };
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
                let pause = Duration::from_secs(1);
                self.cores.get_mut(&client).unwrap().link_down(server, pause, at(self.now));
            }
        }

        fn pass(&mut self, millis: u64) {
            let until = self.now + millis;
            loop {
                self.settle();
                let next = self.cores.values().filter_map(ClientCore::poll_timeout).min();
                let Some(next) = next.filter(|next| *next <= at(until)) else { break };
                let next = u64::try_from(next.since_origin().as_millis()).unwrap();
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
                    Way::Pending | Way::None(_) => {}
                }
                self.pass(400);
            }
            false
        }
    }

    #[derive(Debug, Clone)]
    enum Event {
        Kill(u8),
        Revive(u8),
        Drain(u8),
        Talk(u8, u8),
        Pass(u64),
    }

    fn any_event() -> impl Strategy<Value = Event> {
        let client = 100..100 + CLIENTS;
        prop_oneof![
            (0..SERVERS).prop_map(Event::Kill),
            (0..SERVERS).prop_map(Event::Revive),
            (0..SERVERS).prop_map(Event::Drain),
            (client.clone(), client).prop_map(|(from, to)| Event::Talk(from, to)),
            (1u64..5_000).prop_map(Event::Pass),
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
                }
                world.settle();
            }
            world.up = [0, 1].into();
            (2..SERVERS).for_each(|n| world.kill(n));
            (0..2).for_each(|n| { world.kill(n); world.up.insert(n); });
            world.pass(60_000);
            for client in 100..100 + CLIENTS {
                prop_assert_eq!(world.cores[&client].delegated().len(), 2, "client {}", client);
            }
            for (from, to) in (100..99 + CLIENTS).map(|n| (n, n + 1)) {
                prop_assert!(world.reaches(from, to) && world.reaches(to, from), "{} and {}", from, to);
            }
        }
    }
}

//! A server that stops loses all its clients at the same moment. They come back spread over time.

use std::collections::BTreeSet;

use super::*;

const CLIENTS: usize = 1_000;
const WINDOW: Duration = Duration::from_millis(100);

/// A thousand clients in virtual time, and when they dialled whom.
struct Crowd {
    cores: Vec<ClientCore>,
    due: BTreeSet<(Moment, usize)>,
    down: Vec<(u8, Moment)>,
    dialled: Vec<(Moment, PublicKey)>,
}

impl Crowd {
    /// Connected to `wanted` of the servers 1 to `servers`, each of which holds as many clients as there are.
    fn new(servers: u8, wanted: usize) -> Self {
        let clients = u32::try_from(CLIENTS).unwrap();
        let infos = (1..=servers).map(|n| ServerInfo { capacity: 65_536, clients, ..server(n) });
        let cores = (0..CLIENTS).map(|n| {
            let seed = u64::try_from(n).unwrap();
            let own =
                SecretKey::from_seed([n.to_le_bytes()[0], n.to_le_bytes()[1]].repeat(16).try_into().unwrap());
            let mut core = ClientCore::new(own.public(), wanted, seed);
            core.learn_servers(infos.clone(), at(0));
            connects(&mut core).into_iter().for_each(|server| core.link_up(server, at(0)));
            effects(&mut core);
            core
        });
        Self { cores: cores.collect(), due: BTreeSet::new(), down: Vec::new(), dialled: Vec::new() }
    }

    /// Something happens to every client that is connected to a server, at the same moment.
    fn strike(&mut self, n: u8, now: Moment, what: impl Fn(&mut ClientCore)) {
        for n_client in 0..CLIENTS {
            let core = &mut self.cores[n_client];
            if core.is_up(&key(n)) {
                what(core);
            }
            self.follow(n_client, now);
        }
    }

    /// Carries out what a client wants, and notes when time is due for it.
    fn follow(&mut self, n: usize, now: Moment) {
        let core = &mut self.cores[n];
        while let Some(effect) = core.poll_effect() {
            let Effect::Connect { server, .. } = effect else { continue };
            self.dialled.push((now, server));
            match self.down.iter().any(|(down, until)| key(*down) == server && now < *until) {
                true => core.link_down(server, now),
                false => core.link_up(server, now),
            }
        }
        self.due.retain(|(_, client)| *client != n);
        self.due.extend(core.poll_timeout().map(|due| (due, n)));
    }

    fn run(&mut self, until: Moment) {
        while let Some((now, n)) = self.due.first().copied().filter(|(now, _)| *now <= until) {
            self.cores[n].handle_timeout(now);
            self.follow(n, now);
        }
    }

    /// The most attempts within any [`WINDOW`].
    fn peak(&self) -> usize {
        let times = self.dialled.iter().map(|(at, _)| *at);
        let within = |from: Moment| times.clone().filter(|at| *at >= from && *at < from + WINDOW).count();
        times.clone().map(within).max().unwrap_or(0)
    }

    fn connected_to(&self, n: u8) -> usize {
        self.cores.iter().filter(|core| core.is_up(&key(n))).count()
    }
}

#[test]
fn the_clients_of_a_server_that_restarts_come_back_at_a_rate_that_one_core_takes() {
    let mut crowd = Crowd::new(1, 1);
    crowd.down.push((1, at(10_500)));
    crowd.strike(1, at(10_000), |core| core.link_down(key(1), at(10_000)));
    crowd.run(at(15_000));
    assert_eq!(crowd.connected_to(1), CLIENTS);
    assert!(crowd.peak() <= 100, "{} in 100 ms", crowd.peak());
}

#[test]
fn a_server_that_stays_away_is_tried_by_a_thousand_clients_ever_more_rarely_and_never_at_once() {
    let mut crowd = Crowd::new(1, 1);
    crowd.down.push((1, at(130_000)));
    crowd.strike(1, at(10_000), |core| core.link_down(key(1), at(10_000)));
    crowd.run(at(40_000));
    assert!(crowd.peak() <= 130, "{} in 100 ms", crowd.peak());
    crowd.dialled.clear();
    crowd.run(at(200_000));
    assert_eq!(crowd.connected_to(1), CLIENTS);
    assert!(crowd.peak() <= 30, "{} in 100 ms", crowd.peak());
}

#[test]
fn the_clients_of_a_server_that_dies_or_drains_do_not_fall_upon_another_at_the_same_moment() {
    let lost: fn(&mut ClientCore) = |core| core.link_down(key(1), at(10_000));
    let drains: fn(&mut ClientCore) = |core| core.draining(key(1), at(10_000));
    for strike in [lost, drains] {
        let mut crowd = Crowd::new(3, 2);
        let before = crowd.connected_to(1);
        assert!(before > CLIENTS / 2, "{before}");
        crowd.down.push((1, at(60_000)));
        crowd.strike(1, at(10_000), strike);
        crowd.run(at(16_000));
        assert!(crowd.cores.iter().all(|core| core.delegated().len() == 2));
        assert!(crowd.peak() <= 100 && crowd.dialled.len() >= before, "{} in 100 ms", crowd.peak());
    }
}

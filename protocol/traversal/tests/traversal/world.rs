//! Hosts behind NATs, STUN servers, and a network between them that delays, loses and repeats.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use byway_base::Moment;
use byway_traversal::{Attempt, Candidates, Offer, Survey, stun};

use crate::{
    dice::Dice,
    nat::{Kind, Nat},
};

/// What hosts run.
pub(crate) trait Machine {
    fn poll_transmit(&mut self, now: Moment) -> Option<(SocketAddr, Vec<u8>)>;
    fn poll_timeout(&self) -> Option<Moment>;
    fn handle(&mut self, from: SocketAddr, datagram: &[u8], now: Moment) -> bool;
}

macro_rules! machines {
    ($($type:ty),+) => { $(
        impl Machine for $type {
            fn poll_transmit(&mut self, now: Moment) -> Option<(SocketAddr, Vec<u8>)> {
                self.poll_transmit(now)
            }

            fn poll_timeout(&self) -> Option<Moment> {
                self.poll_timeout()
            }

            fn handle(&mut self, from: SocketAddr, datagram: &[u8], now: Moment) -> bool {
                self.handle(from, datagram, now)
            }
        }
    )+ };
}
machines!(Survey, Attempt);

/// How bad the network is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// Datagrams lost, in percent.
    pub(crate) loss: u64,
    /// Datagrams that arrive twice, in percent.
    pub(crate) twice: u64,
    /// A datagram takes 5 ms and up to so many more, each another time: so they overtake each other.
    pub(crate) delay_ms: u64,
}

pub(crate) const CALM: Weather = Weather { loss: 0, twice: 5, delay_ms: 60 };

pub(crate) struct Host {
    /// Its addresses, one per version of IP at most.
    pub(crate) addresses: Vec<SocketAddr>,
    site: usize,
}

pub(crate) struct World {
    pub(crate) now: Moment,
    pub(crate) hosts: Vec<Host>,
    pub(crate) dice: Dice,
    weather: Weather,
    servers: Vec<SocketAddr>,
    /// Each site has a NAT for IPv4; IPv6 passes as it is.
    sites: Vec<Nat>,
    flying: BinaryHeap<Reverse<Datagram>>,
    sent: u64,
}

/// On its way from an outer address to another, ordered by arrival.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Datagram {
    arrives: Moment,
    number: u64,
    from: SocketAddr,
    to: SocketAddr,
    /// It stays within a site.
    within: Option<usize>,
    bytes: Vec<u8>,
}

impl World {
    pub(crate) fn new(weather: Weather, seed: u64) -> Self {
        let servers =
            ["192.0.2.1:3478", "192.0.2.2:3478", "[2001:db8:f::1]:3478"].map(|text| text.parse().unwrap());
        Self {
            now: Moment::ZERO + Duration::from_secs(1),
            hosts: Vec::new(),
            dice: Dice::new(seed),
            weather,
            servers: servers.to_vec(),
            sites: Vec::new(),
            flying: BinaryHeap::new(),
            sent: 0,
        }
    }

    /// A site behind a NAT.
    pub(crate) fn site(&mut self, kind: Kind) -> usize {
        let outer = IpAddr::from([203, 0, 113, 1 + u8::try_from(self.sites.len()).unwrap()]);
        let seed = self.dice.next();
        self.sites.push(Nat::new(kind, outer, seed));
        self.sites.len() - 1
    }

    /// A host in a site, with an address of IPv4.
    pub(crate) fn host(&mut self, site: usize) -> usize {
        let (at, site_number) = (u8::try_from(self.hosts.len()).unwrap() + 2, u8::try_from(site).unwrap());
        let ip = match self.sites[site].kind {
            Kind::Open => [198, 51, 100, at],
            _ => [10, site_number, 0, at],
        };
        self.hosts.push(Host { addresses: vec![SocketAddr::from((ip, 5_000))], site });
        self.hosts.len() - 1
    }

    /// Sends what the machines send and brings them what arrives, until all are over. A machine `starts` at its time; what
    /// comes before is lost on it.
    pub(crate) fn run(&mut self, machines: &mut [(usize, Moment, &mut dyn Machine)]) {
        loop {
            let now = self.now;
            for (host, _, machine) in machines.iter_mut().filter(|(_, starts, _)| *starts <= now) {
                while let Some((to, bytes)) = machine.poll_transmit(now) {
                    self.send(*host, to, bytes);
                }
            }
            let due = |(_, starts, machine): &(usize, Moment, &mut dyn Machine)| {
                machine.poll_timeout().map(|due| due.max(*starts))
            };
            let timeout = machines.iter().filter_map(due).min();
            let arrival = self.flying.peek().map(|Reverse(datagram)| datagram.arrives);
            // Stragglers of machines that are over interest nobody.
            let Some(timeout) = timeout else { return };
            self.now = self.now.max(arrival.map_or(timeout, |arrival| arrival.min(timeout)));
            assert!(self.now < Moment::ZERO + Duration::from_secs(600), "it never ends");
            while self.flying.peek().is_some_and(|Reverse(datagram)| datagram.arrives <= self.now) {
                let Some(Reverse(datagram)) = self.flying.pop() else { break };
                let Some((host, from)) = self.arrive(&datagram) else { continue };
                for (_, _, machine) in
                    machines.iter_mut().filter(|(at, starts, _)| *at == host && *starts <= self.now)
                {
                    machine.handle(from, &datagram.bytes, self.now);
                }
            }
        }
    }

    /// To which host a datagram goes that a host sends now, and from where it seems to come, if the weather permits.
    pub(crate) fn probe(&mut self, host: usize, to: SocketAddr) -> Option<(usize, SocketAddr)> {
        let (from, within) = self.leave(host, to)?;
        let datagram = Datagram { arrives: self.now, number: 0, from, to, within, bytes: vec![] };
        self.arrive(&datagram)
    }

    /// What a host finds out about itself, and offers.
    pub(crate) fn survey(&mut self, host: usize) -> Offer {
        let local = self.hosts[host].addresses.clone();
        let mut survey = Survey::new(&self.servers, &local, self.dice.next(), self.now);
        self.run(&mut [(host, self.now, &mut survey)]);
        assert!(survey.is_over());
        let found = survey.result();
        let candidates = Candidates::new(local.into_iter().chain(found.reflexive()));
        Offer { candidates, mapping: found.mapping() }
    }

    fn send(&mut self, host: usize, to: SocketAddr, bytes: Vec<u8>) {
        let Some((from, within)) = self.leave(host, to) else { return };
        self.fly(from, to, within, bytes);
    }

    fn fly(&mut self, from: SocketAddr, to: SocketAddr, within: Option<usize>, bytes: Vec<u8>) {
        let copies = if self.dice.happens(self.weather.twice) { 2 } else { 1 };
        for _ in 0..copies {
            if self.dice.happens(self.weather.loss) {
                continue;
            }
            self.sent += 1;
            let delay_ms = 5 + self.dice.below(self.weather.delay_ms);
            let arrives = self.now + Duration::from_millis(delay_ms);
            let number = self.sent;
            self.flying.push(Reverse(Datagram { arrives, number, from, to, within, bytes: bytes.clone() }));
        }
    }

    /// From where a datagram comes once it is outside, or that it stays in its site.
    fn leave(&mut self, host: usize, to: SocketAddr) -> Option<(SocketAddr, Option<usize>)> {
        let Host { addresses, site } = &self.hosts[host];
        let inner = *addresses.iter().find(|address| address.is_ipv4() == to.is_ipv4())?;
        let neighbour = |other: &Host| other.site == *site && other.addresses.contains(&to);
        if self.hosts.iter().any(neighbour) {
            return Some((inner, Some(*site)));
        }
        if to.is_ipv6() {
            return (self.sites[*site].kind != Kind::Blocked).then_some((inner, None));
        }
        self.sites[*site].outbound(inner, to).map(|outer| (outer, None))
    }

    /// Which host gets a datagram, and from where. Servers answer theirs.
    fn arrive(&mut self, datagram: &Datagram) -> Option<(usize, SocketAddr)> {
        let (from, to) = (datagram.from, datagram.to);
        if self.servers.contains(&to) {
            if let Some(answer) = stun::answer(&datagram.bytes, from) {
                self.fly(to, from, None, answer);
            }
            return None;
        }
        let owner =
            |world: &Self, address| world.hosts.iter().position(|host| host.addresses.contains(&address));
        if datagram.within.is_some() || to.is_ipv6() {
            return owner(self, to).map(|host| (host, from));
        }
        let nat = self.sites.iter().find(|nat| nat.has(to.ip()));
        let inner = match nat {
            Some(nat) => nat.inbound(to, from)?,
            // Not behind a NAT, or an address that leads nowhere from outside.
            None => to,
        };
        let host = owner(self, inner)?;
        let reached = nat.is_some() || self.sites[self.hosts[host].site].kind == Kind::Open;
        reached.then_some((host, from))
    }
}
